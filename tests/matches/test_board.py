"""The board alone: lists computed one by one, all at once, or only those that may differ, agree."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from service.domain.matches import board as board_module
from service.domain.matches.board import Board, Change, Lists, Ranking, Stored
from service.domain.matches.facts import Subjects
from service.matching.bulk import BEST
from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    PostingFacts,
    SkillRarity,
)
from tests.matching.strategies import PATIENT, TODAY, candidates, contexts, postings

Facts = TypeVar("Facts", CandidateFacts, PostingFacts)

REGION, ONE, TWO, INNER = (UUID(int=number) for number in range(1, 5))
LINEAGES = {
    REGION: frozenset({REGION}),
    ONE: frozenset({REGION, ONE}),
    TWO: frozenset({REGION, TWO}),
    INNER: frozenset({REGION, ONE, INNER}),
}
PLACES = st.sampled_from(tuple(LINEAGES))


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep two of each list, so that a few subjects fill them."""
    monkeypatch.setattr(board_module, "BEST", 2)


def subjects(placed: Iterable[tuple[Facts, UUID]]) -> Subjects[Facts]:
    """Return one side of a board from facts and territories; the digest is what was drawn."""
    found: Subjects[Facts] = Subjects({}, {}, {})
    for facts, territory_id in placed:
        found.facts[facts.id] = facts
        found.territories[facts.id] = territory_id
        found.digests[facts.id] = repr(facts)
    return found


crowds = st.lists(st.tuples(candidates(), PLACES), max_size=7, unique_by=lambda placed: placed[0].id)
boards = st.lists(st.tuples(postings(), PLACES), max_size=7, unique_by=lambda placed: placed[0].id)


@st.composite
def before_and_after(draw: st.DrawFn) -> tuple[Board, Board, Change]:
    """Draw two boards of one context, some subjects of the first being others, gone or new in the second."""
    context = draw(contexts())
    people, work, alike = draw(crowds), draw(boards), draw(st.sampled_from(["nobody", "people", "work"]))
    # Many alike make many ties, which the ranks must settle the same way every time.
    if people and alike == "people":
        people += [(replace(people[0][0], id=identifier), people[0][1]) for identifier in _ids(draw, people)]
    if work and alike == "work":
        work += [(replace(work[0][0], id=identifier), work[0][1]) for identifier in _ids(draw, work)]
    later_people = _moved_on(draw, people, candidates())
    later_work = _moved_on(draw, work, postings())
    before = Board(LINEAGES, subjects(people), subjects(work), context)
    after = Board(LINEAGES, subjects(later_people), subjects(later_work), context)
    change = Change(
        _differing(before.candidates, after.candidates), _differing(before.postings, after.postings)
    )
    return before, after, change


def _ids(draw: st.DrawFn, placed: list[tuple[Facts, UUID]]) -> list[UUID]:
    known = {facts.id for facts, _ in placed}
    return draw(st.lists(st.uuids().filter(lambda drawn: drawn not in known), max_size=3, unique=True))


def _moved_on(
    draw: st.DrawFn, placed: list[tuple[Facts, UUID]], others: st.SearchStrategy[Facts]
) -> list[tuple[Facts, UUID]]:
    later = []
    for facts, territory_id in placed:
        fate = draw(st.sampled_from(["stays", "stays", "changes", "goes"]))
        if fate == "changes":
            later.append((replace(draw(others), id=facts.id), territory_id))
        elif fate == "stays":
            later.append((facts, territory_id))
    known = {facts.id for facts, _ in placed}
    newcomer = draw(st.none() | others)
    if newcomer is not None and newcomer.id not in known:
        later.append((newcomer, draw(PLACES)))
    return later


def _differing(before: Subjects[Facts], after: Subjects[Facts]) -> frozenset[UUID]:
    every = before.digests.keys() | after.digests.keys()
    return frozenset(one for one in every if before.digests.get(one) != after.digests.get(one))


def stored(lists: Lists, change: Change, best: int = 2) -> Stored:
    """Return what the database would say of ``lists``."""
    ranked: dict[tuple[UUID, UUID], tuple[int | None, int | None]] = {}
    for candidate_id, ranking in lists.of_candidates.items():
        for posting_id, (_, rank) in ranking.items():
            ranked[candidate_id, posting_id] = (rank, None)
    for posting_id, ranking in lists.of_postings.items():
        for candidate_id, (_, rank) in ranking.items():
            pair = (candidate_id, posting_id)
            ranked[pair] = (ranked.get(pair, (None, None))[0], rank)
    return Stored(
        ranked={
            pair: ranks
            for pair, ranks in ranked.items()
            if pair[0] in change.candidates or pair[1] in change.postings
        },
        last_of_candidates=_last(lists.of_candidates, best),
        last_of_postings=_last(lists.of_postings, best),
    )


def _last(lists: Mapping[UUID, Ranking], best: int) -> dict[UUID, int]:
    return {
        owner: score for owner, ranking in lists.items() for score, rank in ranking.values() if rank == best
    }


def kept(lists: Mapping[UUID, Ranking]) -> dict[UUID, Ranking]:
    """Return the lists that hold anything."""
    return {owner: ranking for owner, ranking in lists.items() if ranking}


@PATIENT
@given(before_and_after())
def test_lists_that_are_not_affected_stay_as_they_were(drawn: tuple[Board, Board, Change]) -> None:
    before, after, change = drawn
    earlier = before.everything()
    owners = after.affected(change, stored(earlier, change))
    computed = after.some(owners)
    whole = after.everything()
    assert kept(earlier.of_candidates | computed.of_candidates) == kept(whole.of_candidates)
    assert kept(earlier.of_postings | computed.of_postings) == kept(whole.of_postings)


@settings(PATIENT, max_examples=25)
@given(before_and_after())
def test_one_by_one_or_all_at_once_lists_are_the_same(drawn: tuple[Board, Board, Change]) -> None:
    board, _, _ = drawn
    everyone = Change(frozenset(board.candidates.facts), frozenset(board.postings.facts))
    one_by_one, at_once = board.some(everyone), board.everything()
    assert one_by_one.of_candidates == at_once.of_candidates
    assert one_by_one.of_postings == at_once.of_postings
    assert one_by_one.pairs_scored == 2 * at_once.pairs_scored


@settings(PATIENT, max_examples=25)
@given(before_and_after())
def test_nobody_meets_the_territory_next_door(drawn: tuple[Board, Board, Change]) -> None:
    board, _, _ = drawn
    for candidate_id, ranking in board.everything().of_candidates.items():
        here = board.candidates.territories[candidate_id]
        for posting_id in ranking:
            there = board.postings.territories[posting_id]
            assert here in LINEAGES[there] or there in LINEAGES[here]


def test_a_newcomer_as_good_as_the_last_of_a_full_list_takes_its_place_when_it_sorts_first() -> None:
    wish = CandidateFacts(id=UUID(int=100), version=1, wanted_occupations=("D1102",))
    same = PostingFacts(
        id=UUID(int=200), version=1, open=True, occupation="D1102", published_on=TODAY - timedelta(days=3)
    )
    full = [(replace(same, id=UUID(int=number)), ONE) for number in (201, 202)]
    fresher = replace(same, published_on=TODAY)
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    earlier = Board(LINEAGES, subjects([(wish, ONE)]), subjects(full), context).everything()
    board = Board(LINEAGES, subjects([(wish, ONE)]), subjects([*full, (fresher, ONE)]), context)
    change = Change(frozenset(), frozenset({fresher.id}))
    owners = board.affected(change, stored(earlier, change))
    assert owners.candidates == {wish.id}
    best = board.some(owners).of_candidates[wish.id]
    assert {posting_id: rank for posting_id, (_, rank) in best.items()} == {fresher.id: 1, full[0][0].id: 2}


def test_the_lists_kept_are_of_twenty() -> None:
    assert BEST == 20


def test_progress_reaches_the_number_of_pairs_scored() -> None:
    told: list[tuple[int, int]] = []
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    people = [(CandidateFacts(id=UUID(int=100 + number), version=1), ONE) for number in range(3)]
    work = [(PostingFacts(id=UUID(int=200 + number), version=1, open=True), REGION) for number in range(2)]
    board = Board(LINEAGES, subjects(people), subjects(work), context)
    lists = board.everything(lambda done, total: told.append((done, total)))
    assert lists.pairs_scored == 6
    assert told[-1] == (6, 6)
