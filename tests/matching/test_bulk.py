"""Bulk: the same pairs, scores and ranks as scoring every pair one by one."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from benchmarks import market
from service.matching import bulk, everything, faces, ranking, rectangles
from service.matching.bulk import (
    Ranked,
    RankedPair,
    best_both_ways,
    best_for_candidate,
    best_for_posting,
)
from service.matching.columns import CandidateColumns, PostingColumns
from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    PostingFacts,
    SkillRarity,
)
from service.matching.gates import obstacle
from service.matching.scoring import Suggestion, evaluate
from tests.matching.strategies import (
    PATIENT,
    TODAY,
    boards,
    candidates,
    contexts,
    crowds,
    postings,
    suggestible,
)

ks = st.integers(1, 4)


def order(posting: PostingFacts) -> tuple[int, UUID]:
    """Sort the fresher posting first, those without a date last, then by id."""
    published = posting.published_on
    return (0 if published is None else -published.toordinal(), posting.id)


def by_hand_for_candidate(
    candidate: CandidateFacts, board: list[PostingFacts], context: MatchingContext, k: int
) -> list[Ranked]:
    """Score every posting one by one, sort, keep ``k``."""
    scored = [
        (posting, result.score)
        for posting in board
        if isinstance(result := evaluate(candidate, posting, context), Suggestion)
    ]
    scored.sort(key=lambda pair: (-pair[1], order(pair[0])))
    return [
        Ranked(id=posting.id, score=score, rank=rank)
        for rank, (posting, score) in enumerate(scored[:k], start=1)
    ]


def by_hand_for_posting(
    posting: PostingFacts, crowd: list[CandidateFacts], context: MatchingContext, k: int
) -> list[Ranked]:
    """Score every candidate one by one, sort, keep ``k``."""
    scored = [
        (candidate.id, result.score)
        for candidate in crowd
        if isinstance(result := evaluate(candidate, posting, context), Suggestion)
    ]
    scored.sort(key=lambda pair: (-pair[1], pair[0]))
    return [
        Ranked(id=identity, score=score, rank=rank)
        for rank, (identity, score) in enumerate(scored[:k], start=1)
    ]


def by_hand_both_ways(
    crowd: list[CandidateFacts], board: list[PostingFacts], context: MatchingContext, k: int
) -> list[RankedPair]:
    """Join the best of every candidate and of every posting."""
    ours = {
        (candidate.id, one.id): one
        for candidate in crowd
        for one in by_hand_for_candidate(candidate, board, context, k)
    }
    theirs = {
        (one.id, posting.id): one
        for posting in board
        for one in by_hand_for_posting(posting, crowd, context, k)
    }
    return [
        RankedPair(
            candidate_id=pair[0],
            posting_id=pair[1],
            score=(ours.get(pair) or theirs[pair]).score,
            candidate_rank=ours[pair].rank if pair in ours else None,
            posting_rank=theirs[pair].rank if pair in theirs else None,
        )
        for pair in sorted(ours.keys() | theirs.keys())
    ]


@PATIENT
@given(suggestible())
def test_columns_score_a_pair_as_the_reference_does(
    pair: tuple[CandidateFacts, PostingFacts, MatchingContext],
) -> None:
    candidate, posting, context = pair
    result = evaluate(candidate, posting, context)
    assert isinstance(result, Suggestion)
    [for_candidate] = best_for_candidate(candidate, [posting], context)
    [for_posting] = best_for_posting(posting, [candidate], context)
    assert for_candidate == Ranked(id=posting.id, score=result.score, rank=1)
    assert for_posting == Ranked(id=candidate.id, score=result.score, rank=1)


@PATIENT
@given(candidates(), boards, contexts(), ks)
def test_best_for_candidate_is_exact(
    candidate: CandidateFacts, board: list[PostingFacts], context: MatchingContext, k: int
) -> None:
    expected = by_hand_for_candidate(candidate, board, context, k)
    assert best_for_candidate(candidate, board, context, k) == expected


@PATIENT
@given(postings(), crowds, contexts(), ks)
def test_best_for_posting_is_exact(
    posting: PostingFacts, crowd: list[CandidateFacts], context: MatchingContext, k: int
) -> None:
    expected = by_hand_for_posting(posting, crowd, context, k)
    assert best_for_posting(posting, crowd, context, k) == expected


@PATIENT
@given(crowds, boards, contexts(), ks)
def test_best_both_ways_is_exact_and_breaks_no_gate(
    crowd: list[CandidateFacts], board: list[PostingFacts], context: MatchingContext, k: int
) -> None:
    pairs = list(best_both_ways(crowd, board, context, k))
    assert pairs == by_hand_both_ways(crowd, board, context, k)
    people = {candidate.id: candidate for candidate in crowd}
    work = {posting.id: posting for posting in board}
    for pair in pairs:
        assert obstacle(people[pair.candidate_id], work[pair.posting_id], context) is None


@PATIENT
@given(crowds, boards, contexts(), ks, st.randoms())
def test_the_order_of_inputs_never_matters(
    crowd: list[CandidateFacts],
    board: list[PostingFacts],
    context: MatchingContext,
    k: int,
    random: Random,
) -> None:
    before = list(best_both_ways(crowd, board, context, k))
    random.shuffle(crowd)
    random.shuffle(board)
    assert list(best_both_ways(crowd, board, context, k)) == before


@PATIENT
@given(crowds, boards, contexts(), ks)
def test_sifting_early_and_often_changes_nothing(
    crowd: list[CandidateFacts], board: list[PostingFacts], context: MatchingContext, k: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_BUFFER", 2)
        patch.setattr(bulk, "_YIELDED", 3)
        pairs = list(best_both_ways(crowd, board, context, k))
    assert pairs == by_hand_both_ways(crowd, board, context, k)


@PATIENT
@given(crowds, boards, contexts(), ks, st.integers(1, 3))
def test_small_blocks_rectangles_and_strips_change_nothing(
    crowd: list[CandidateFacts], board: list[PostingFacts], context: MatchingContext, k: int, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(everything, "_ROWS", size)
        patch.setattr(everything, "_FEW_ROWS", size - 1)
        patch.setattr(everything, "_PAIRS", size)
        patch.setattr(everything, "_FEW", size - 1)
        patch.setattr(rectangles, "_STRIP", 8)
        patch.setattr(rectangles, "_KEPT_LISTS", 1)
        patch.setattr(faces, "_TABLE", size)
        pairs = list(best_both_ways(crowd, board, context, k))
    assert pairs == by_hand_both_ways(crowd, board, context, k)


def test_a_whole_market_gives_what_one_by_one_gives() -> None:
    place = market.market(1, trades=40)
    crowd, board = list(market.candidates(place, 600, 2)), list(market.postings(place, 400, 3))
    rarity = SkillRarity.from_postings(board)
    context = MatchingContext(graph=place.graph, rarity=rarity, as_of=market.AS_OF)
    people, work = CandidateColumns.build(crowd), PostingColumns.build(board, context)
    ours: dict[UUID, list[Ranked]] = {candidate.id: [] for candidate in crowd}
    theirs: dict[UUID, list[Ranked]] = {posting.id: [] for posting in board}
    for pair in best_both_ways(people, work, context, 5):
        if pair.candidate_rank is not None:
            ours[pair.candidate_id].append(Ranked(pair.posting_id, pair.score, pair.candidate_rank))
        if pair.posting_rank is not None:
            theirs[pair.posting_id].append(Ranked(pair.candidate_id, pair.score, pair.posting_rank))
    for candidate in crowd:
        best = sorted(ours[candidate.id], key=lambda one: one.rank)
        assert best == best_for_candidate(candidate, work, context, 5)
    for posting in board:
        best = sorted(theirs[posting.id], key=lambda one: one.rank)
        assert best == best_for_posting(posting, people, context, 5)


def test_equal_scores_go_to_the_fresher_posting_then_to_the_lower_id() -> None:
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    candidate = CandidateFacts(id=UUID(int=1), version=1, wanted_occupations=("G1602",))
    board = [
        PostingFacts(
            id=UUID(int=number),
            version=1,
            open=True,
            occupation="G1602",
            published_on=TODAY.replace(day=day),
        )
        for number, day in ((3, 1), (4, 2), (2, 1))
    ]
    best = best_for_candidate(candidate, board, context)
    assert [one.id.int for one in best] == [4, 2, 3]
    assert len({one.score for one in best}) == 1


def test_one_candidate_and_more_postings_than_are_kept() -> None:
    """A rectangle of one column turned round is the same memory: sorting it must not move the postings."""
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    candidate = CandidateFacts(id=UUID(int=1), version=1, wanted_occupations=("G1602", "A1101"))
    board = [
        PostingFacts(id=UUID(int=number), version=1, open=True, occupation=occupation)
        for number, occupation in enumerate(("G1602", "A1101", "A1101", "G1602", "A1101"), start=2)
    ]
    pairs = list(best_both_ways([candidate], board, context, 1))
    assert pairs == by_hand_both_ways([candidate], board, context, 1)


def test_columns_built_once_serve_many_questions() -> None:
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    crowd = [
        CandidateFacts(id=UUID(int=number), version=1, wanted_occupations=("G1602",))
        for number in range(1, 4)
    ]
    board = [
        PostingFacts(id=UUID(int=number), version=1, open=True, occupation="G1602")
        for number in range(10, 13)
    ]
    people, work = CandidateColumns.build(iter(crowd)), PostingColumns.build(iter(board), context)
    assert (len(people), len(work)) == (3, 3)
    assert best_for_posting(board[0], people, context) == best_for_posting(board[0], crowd, context)
    assert best_for_candidate(crowd[0], work, context) == best_for_candidate(crowd[0], board, context)


def test_progress_counts_every_posting() -> None:
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    board = [PostingFacts(id=UUID(int=number), version=1, open=True) for number in range(3)]
    seen: list[tuple[int, int]] = []
    pairs = best_both_ways([], board, context, progress=lambda *done: seen.append(done))
    assert list(pairs) == []
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)


def test_progress_ends_even_where_nothing_is_open() -> None:
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    seen: list[tuple[int, int]] = []
    closed = PostingFacts(id=UUID(int=1), version=1, open=False)
    assert list(best_both_ways([], [closed], context, progress=lambda *done: seen.append(done))) == []
    assert seen == [(1, 1)]


def test_columns_refuse_another_context_and_a_repeated_id() -> None:
    context = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    other = MatchingContext(graph=OccupationGraph(), rarity=SkillRarity(), as_of=TODAY)
    candidate = CandidateFacts(id=UUID(int=1), version=1)
    posting = PostingFacts(id=UUID(int=2), version=1, open=True)
    with pytest.raises(ValueError, match="another context"):
        best_for_candidate(candidate, PostingColumns.build([posting], other), context)
    with pytest.raises(ValueError, match="given twice"):
        best_for_posting(posting, [candidate, candidate], context)
    with pytest.raises(ValueError, match="given twice"):
        best_for_candidate(candidate, [posting, posting], context)
    with pytest.raises(ValueError, match="at least one"):
        best_for_candidate(candidate, [posting], context, k=0)
