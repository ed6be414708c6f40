"""Runs: what they keep, what they supersede, what they refuse, and how they begin again."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import candidates
from service.domain.access import system
from service.domain.events import record
from service.domain.matches import match_tree, running, writing
from service.jobs import HANDLERS, SCHEDULE
from service.jobs.matching import match_candidate, match_everything, match_posting
from service.jobs.runner import drain
from service.jobs.work import Daily, Tick, Work
from service.matching.weights import ENGINE_VERSION
from service.models import (
    CandidateProfile,
    Match,
    MatchedInput,
    MatchingBasis,
    OccupationMobility,
    Posting,
    ReferentialRelease,
    Territory,
)
from tests.factories import create_candidate, create_occupation, create_posting, create_territory
from tests.matches.world import ACTOR, BEGINNING, World, current, expected

NIGHT = {"matching": Tick(Daily(hour=0, minute=10), match_everything)}


@pytest.fixture
def work(database: Database, settings: Settings) -> Work:
    """Return what handlers get."""
    return Work(database, settings)


@pytest.fixture
async def territory(session: AsyncSession) -> Territory:
    """Return a territory with two bakers' trades."""
    await create_occupation(session)
    await create_occupation(session, code="D1104", label="Pâtissier / Pâtissière")
    territory = await create_territory(session)
    await session.commit()
    return territory


async def baker(session: AsyncSession, territory: Territory, **changes: Any) -> CandidateProfile:
    """Add a candidate who wants to bake."""
    profile = await create_candidate(session, territory, **{"occupation_codes": ["D1102"]} | changes)
    await session.commit()
    return profile


async def bakery(session: AsyncSession, territory: Territory, **changes: Any) -> Posting:
    """Add an open posting for a baker."""
    posting = await create_posting(session, territory, **{"occupation_code": "D1102"} | changes)
    await session.commit()
    return posting


async def test_what_changed_is_superseded_and_stays_to_be_shown(
    session: AsyncSession, database: Database, territory: Territory
) -> None:
    person, posting = await baker(session, territory), await bakery(session, territory)
    await match_tree(database, territory.id)
    before = (await session.scalars(select(Match))).one()
    assert (before.candidate_rank, before.posting_rank, before.superseded_at) == (1, 1, None)
    assert (before.candidate_version, before.posting_version, before.engine_version) == (1, 1, ENGINE_VERSION)
    words = {line["code"]: line["words"]["candidate"]["fr"] for line in before.explanation}
    posting.occupation_code = None
    posting.suggested_occupation_code, posting.suggestion_confidence = "D1102", 0.5
    posting.version = 2
    await session.commit()
    outcome = await match_tree(database, territory.id)
    assert (outcome.written, outcome.superseded) == (1, 1)
    session.expunge_all()
    old, new = await session.scalars(select(Match).order_by(Match.id))
    assert old.id == before.id
    assert old.superseded_at is not None
    assert {line["code"]: line["words"]["candidate"]["fr"] for line in old.explanation} == words
    assert new.superseded_at is None
    assert (new.candidate_id, new.posting_id, new.posting_version) == (person.id, posting.id, 2)
    assert new.score < old.score


async def test_when_only_the_ranks_move_the_row_stays(
    session: AsyncSession, database: Database, territory: Territory
) -> None:
    await bakery(session, territory)
    first = await baker(session, territory, occupation_codes=["D1104", "D1102"])
    await match_tree(database, territory.id)
    row = (await session.scalars(select(Match))).one()
    await baker(session, territory)
    outcome = await match_tree(database, territory.id)
    assert (outcome.written, outcome.superseded, outcome.moved) == (1, 0, 1)
    session.expunge_all()
    moved = await session.get_one(Match, row.id)
    assert (moved.candidate_id, moved.posting_rank, moved.superseded_at) == (first.id, 2, None)
    assert (moved.computed_at, moved.explanation) == (row.computed_at, row.explanation)


async def test_one_more_than_twenty_pushes_the_last_out_and_an_erasure_lets_it_back_in(
    session: AsyncSession, database: Database, territory: Territory, work: Work
) -> None:
    posting = await bakery(session, territory)
    others = [await bakery(session, territory) for _ in range(20)]
    people = [await baker(session, territory) for _ in range(21)]
    await match_tree(database, territory.id)
    ranks = await _posting_ranks(session, posting)
    # Equal scores: the profile made first comes first.
    assert ranks == {person.id: rank for rank, person in enumerate(people[:20], start=1)}
    async with database.transaction() as other:
        await candidates.delete_candidate_profile(other, system("test"), people[4].id)
    assert await drain(work) == 2
    kept = [person for person in people if person is not people[4]]
    assert await _posting_ranks(session, posting) == {
        person.id: rank for rank, person in enumerate(kept, start=1)
    }
    assert len(await _posting_ranks(session, others[-1])) == 20


async def _posting_ranks(session: AsyncSession, posting: Posting) -> dict[Any, int | None]:
    session.expunge_all()
    rows = await session.execute(
        select(Match.candidate_id, Match.posting_rank).where(
            Match.posting_id == posting.id,
            Match.superseded_at.is_(None),
            Match.posting_rank.is_not(None),
        )
    )
    return {row[0]: row[1] for row in rows}


async def test_the_database_refuses_a_score_that_is_not_the_sum(
    session: AsyncSession, database: Database, territory: Territory
) -> None:
    await baker(session, territory)
    await bakery(session, territory)
    await match_tree(database, territory.id)
    with pytest.raises(IntegrityError, match="sum_of_points"):
        await session.execute(update(Match).values(score=Match.score + 1))
    await session.rollback()
    row = (await session.scalars(select(Match))).one()
    stored = {column.key: getattr(row, column.key) for column in Match.__table__.columns}
    for lines in ([], [{"code": "x", "points": 1}] * 17, [{"code": "x", "points": row.score - 1}]):
        values = stored | {"id": new_id(), "explanation": lines, "superseded_at": now()}
        with pytest.raises(IntegrityError, match=r"ck_match_(explanation|sum_of_points)"):
            await session.execute(insert(Match).values(values))
        await session.rollback()
    kept = stored | {"id": new_id(), "superseded_at": now()}
    await session.execute(insert(Match).values(kept))


async def test_no_stored_match_breaks_a_gate_and_every_score_adds_up(
    database: Database, settings: Settings
) -> None:
    world = World(database, Random(5))  # noqa: S311 - the same story for the same seed
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(120)
        await drain(Work(database, settings))
        async with database.transaction() as session:
            rows = await session.execute(
                select(Match, CandidateProfile, Posting)
                .join(CandidateProfile, CandidateProfile.id == Match.candidate_id)
                .join(Posting, Posting.id == Match.posting_id)
                .where(Match.superseded_at.is_(None))
            )
            checked = 0
            for match, profile, posting in rows:
                checked += 1
                assert match.score == sum(line["points"] for line in match.explanation)
                assert all(0 <= line["points"] <= line["max_points"] for line in match.explanation)
                assert set(match.explanation[-1]["words"]) == {"candidate"}
                assert all(
                    set(words) == {"fr", "en"} and all(words.values())
                    for line in match.explanation
                    for words in (*line["words"].values(), line["title"])
                )
                assert profile.active
                assert posting.state == "published"
                assert posting.shown
                assert posting.valid_through is None or posting.valid_through > BEGINNING
                held = set(profile.licences) | ({"B"} if {"C", "CE"} & set(profile.licences) else set())
                held |= {"C"} if "CE" in held else set()
                assert {one["code"] for one in posting.licences if one["required"]} <= held
                if profile.radius_km is not None and posting.remote != "full":
                    (place,) = (line for line in match.explanation if line["code"] == "place")
                    assert place["data"]["distance_km"] <= profile.radius_km
    assert checked > 20


async def test_suggestions_follow_events_and_tasks_of_the_same_batch_find_nothing_left_to_do(
    session: AsyncSession, territory: Territory, work: Work
) -> None:
    await baker(session, territory)
    for _ in range(5):
        posting = await bakery(session, territory)
        record(
            session,
            "posting.published",
            actor=ACTOR.name,
            territory_id=territory.id,
            subject_id=posting.id,
        )
    await session.commit()
    handlers = {"posting.published": [match_posting]}
    assert await drain(work, handlers=handlers) == 5
    basis = await session.get_one(MatchingBasis, territory.id)
    assert basis.revision == 1
    assert await session.scalar(select(func.count()).select_from(Match)) == 5


async def test_a_draft_that_changes_wakes_nobody(
    session: AsyncSession, territory: Territory, work: Work
) -> None:
    await baker(session, territory)
    await match_tree(work.database, territory.id)
    draft = await bakery(session, territory, state="draft")
    record(session, "posting.changed", actor=ACTOR.name, territory_id=territory.id, subject_id=draft.id)
    await session.commit()
    await drain(work, handlers={"posting.changed": [match_posting]})
    assert (await session.get_one(MatchingBasis, territory.id)).revision == 1


async def test_every_event_that_matters_has_its_handler() -> None:
    for kind in ("published", "changed", "paused", "filled", "withdrawn", "expired"):
        assert match_posting in HANDLERS[f"posting.{kind}"]
    for kind in ("created", "changed", "deleted"):
        assert match_candidate in HANDLERS[f"candidate.{kind}"]
    assert match_everything in HANDLERS["referential.imported"]
    assert SCHEDULE["matching"].handler is match_everything
    assert match_posting.coalesce
    assert match_candidate.coalesce


async def test_a_posting_grows_older_with_the_night(
    session: AsyncSession, territory: Territory, work: Work
) -> None:
    with frozen(BEGINNING):
        await baker(session, territory)
        await bakery(session, territory, published_at=BEGINNING - timedelta(days=7))
        await match_tree(work.database, territory.id)
        await drain(work, handlers={}, schedule=NIGHT)
    fresh = (await session.scalars(select(Match))).one()
    with frozen(BEGINNING + timedelta(days=1)):
        assert await drain(work, handlers={}, schedule=NIGHT) == 1
    session.expunge_all()
    old, new = await session.scalars(select(Match).order_by(Match.id))
    assert old.superseded_at is not None
    assert old.id == fresh.id
    assert new.score < old.score
    assert (old.as_of, new.as_of) == (BEGINNING.date(), (BEGINNING + timedelta(days=1)).date())
    with frozen(BEGINNING + timedelta(days=2)):
        await drain(work, handlers={}, schedule=NIGHT)
    session.expunge_all()
    basis = await session.get_one(MatchingBasis, territory.id)
    assert basis.as_of == (BEGINNING + timedelta(days=2)).date()
    # The same band, the same words: nothing to write down.
    assert await session.scalar(select(func.count()).select_from(Match)) == 2


async def test_another_rome_makes_everything_be_matched_again(
    session: AsyncSession, territory: Territory, work: Work
) -> None:
    await baker(session, territory)
    await bakery(session, territory, occupation_code="D1104")
    session.add(ReferentialRelease(referential="rome", version="1", checksum="one", counts={}))
    await session.commit()
    await match_tree(work.database, territory.id)
    assert (await session.scalars(select(Match))).all() == []
    session.add(OccupationMobility(from_code="D1102", to_code="D1104", rank=1))
    await session.flush()
    session.add(ReferentialRelease(referential="rome", version="2", checksum="two", counts={}))
    record(session, "referential.imported", actor=ACTOR.name, data={"referential": "rome"})
    await session.commit()
    await drain(work, handlers={"referential.imported": [match_everything]})
    row = (await session.scalars(select(Match))).one()
    assert next(line["outcome"] for line in row.explanation if line["code"] == "occupation") == "near"


async def test_facts_that_contradict_each_other_leave_the_others_alone(
    session: AsyncSession, database: Database, territory: Territory
) -> None:
    """A radius whose commune lost its place on the map, an amount no wage ever was."""
    person = await baker(session, territory)
    await session.execute(
        text(
            "INSERT INTO commune (code, name, folded_name, postal_codes, departement_code, departement_name, "
            "region_code, region_name) VALUES ('07999', 'x', 'x', '{}', '07', 'x', '84', 'x')"
        )
    )
    lost = await baker(session, territory, commune_code="07999", radius_km=10)
    odd = await bakery(session, territory, salary_min=5_000_000_000, salary_unit="month")
    await match_tree(database, territory.id)
    row = (await session.scalars(select(Match))).one()
    assert (row.candidate_id, row.posting_id) == (person.id, odd.id)
    salary = next(line for line in row.explanation if line["code"] == "salary")
    assert salary["outcome"] == "unknown"
    # It is not tried again until it changes.
    assert await session.get(MatchedInput, lost.id) is not None


async def test_codes_of_every_spelling_meet_and_the_posting_names_skills_rome_does_not_know(
    session: AsyncSession, database: Database, territory: Territory
) -> None:
    await baker(session, territory, skill_codes=["999999"], languages=["fr"], licences=["CE"])
    await baker(session, territory, licences=["B"])
    posting = await bakery(
        session,
        territory,
        skills=[
            {"code": "999999", "label": "Enfourner au feu de bois", "required": True},
            {"code": None, "label": "Sourire", "required": True},
        ],
        languages=[{"code": "fr-FR", "label": "Français", "required": True}],
        licences=[{"code": "c+e", "label": None, "required": True}, {"code": "B", "required": False}],
        source="france-travail",
        source_id="1",
        source_created_at=now() - timedelta(days=200),
        published_at=now(),
    )
    await match_tree(database, territory.id)
    row = (await session.scalars(select(Match).where(Match.posting_id == posting.id))).one()
    lines = {line["code"]: line for line in row.explanation}
    assert lines["skills"]["outcome"] == "all"
    assert "Enfourner au feu de bois" in lines["skills"]["words"]["employer"]["fr"]
    assert (lines["languages"]["outcome"], lines["licences"]["outcome"]) == ("all", "all")
    # As old as it is at its source, not as here.
    assert lines["freshness"]["outcome"] == "older"


class _CrashError(Exception):
    """The process ends in the middle of a run."""


async def test_a_run_that_ends_half_way_is_made_good_by_the_next(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(database, Random(3))  # noqa: S311 - the same story for the same seed
    monkeypatch.setattr(running, "BATCH", 3)
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(60)
        await drain(Work(database, settings))
        await world.happen(40)

        def crash() -> AbstractAsyncContextManager[AsyncSession]:
            raise _CrashError

        with pytest.raises(_CrashError):
            await match_tree(database, world.root_id, finishing=crash)
        async with database.transaction() as session:
            basis = await session.get_one(MatchingBasis, world.root_id)
            assert basis.as_of is None
            assert await current(session) != await expected(session, world.root_id)
        outcome = await match_tree(database, world.root_id)
        assert outcome.everything
        async with database.transaction() as session:
            assert await current(session) == await expected(session, world.root_id)


async def test_progress_is_told_for_both_phases(
    session: AsyncSession, database: Database, territory: Territory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH", 4)
    for _ in range(3):
        await baker(session, territory)
        await bakery(session, territory)
    told: list[tuple[str, int, int]] = []
    await match_tree(database, territory.id, everything=True, tell=lambda *step: told.append(step))
    assert told[-1] == ("written", 9, 9)
    assert ("scored", 9, 9) in told
    assert [step for step in told if step[0] == "written"] == [
        ("written", 4, 9),
        ("written", 8, 9),
        ("written", 9, 9),
    ]


async def test_someone_faster_makes_the_run_begin_again(
    session: AsyncSession, database: Database, territory: Territory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await baker(session, territory)
    await bakery(session, territory)
    taken = writing.take_turn
    turns = 0

    async def overtaken(session: AsyncSession, root_id: Any, revision: int, **basis: Any) -> None:
        nonlocal turns
        turns += 1
        # The first time someone else has just written; the second time nobody has.
        await taken(session, root_id, revision + (1 if turns == 1 else 0), **basis)

    monkeypatch.setattr(writing, "take_turn", overtaken)
    outcome = await match_tree(database, territory.id)
    assert (turns, outcome.written) == (2, 1)

    async def never(_session: AsyncSession, _root_id: Any, _revision: int, **_basis: Any) -> None:
        raise writing.MovedOnError

    monkeypatch.setattr(writing, "take_turn", never)
    await bakery(session, territory)
    with pytest.raises(writing.MovedOnError):
        await match_tree(database, territory.id)
