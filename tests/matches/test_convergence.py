"""Whatever happened, once the tasks are done the matches are what a full computation gives."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select, update

from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.domain.matches import board, facts, match_tree, reading, running, writing
from service.jobs.runner import drain
from service.jobs.work import Work
from service.matching.facts import MatchingContext
from service.matching.scoring import Suggestion, evaluate
from service.models import Match, Territory
from tests.matches.world import BEGINNING, World, current, expected


@pytest.fixture(params=[2, 4])
def best(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Keep fewer than twenty, so that few rows fill the lists, and never give up computing only some."""
    kept: int = request.param
    monkeypatch.setattr(board, "BEST", kept)
    monkeypatch.setattr(writing, "BEST", kept)
    monkeypatch.setattr(running, "MANY_CHANGED", 0)
    monkeypatch.setattr(running, "MANY_AFFECTED", 0)
    return kept


@pytest.mark.parametrize("seed", range(3))
async def test_any_story_ends_with_the_matches_of_a_full_run(
    database: Database, settings: Settings, best: int, seed: int
) -> None:
    world = World(database, Random(seed))  # noqa: S311 - the same story for the same seed
    work = Work(database, settings)
    moment = BEGINNING
    with frozen(moment):
        await world.begin()
        await world.happen(40)
        await drain(work)
    for chapter in range(6):
        # Some chapters begin on another day, which makes every match grow older.
        moment += timedelta(hours=7 if chapter % 3 else 40)
        with frozen(moment):
            happened = await world.happen(1 + chapter % 4)
            await drain(work)
            async with database.transaction() as session:
                found = await current(session)
                wanted = await expected(session, world.root_id, best)
            assert found == wanted, (chapter, happened)


async def test_a_story_at_full_length_ends_with_the_matches_of_a_full_run(
    database: Database, settings: Settings
) -> None:
    world = World(database, Random(11))  # noqa: S311 - the same story for the same seed
    work = Work(database, settings)
    with frozen(BEGINNING):
        await world.begin()
        for _ in range(4):
            await world.happen(60)
            await drain(work)
            async with database.transaction() as session:
                found = await current(session)
                wanted = await expected(session, world.root_id)
            assert found == wanted


async def test_everybody_whom_a_subject_concerns_is_read(database: Database) -> None:
    world = World(database, Random(13))  # noqa: S311 - the same story for the same seed
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(250)
        async with database.transaction() as session:
            await session.execute(update(Territory).values(features=["matching"]))
            root_id, rome = world.root_id, await reading.read_rome(session)
            everyone = reading.select_candidates(root_id), reading.select_postings(root_id, BEGINNING)
            people = facts.candidates((await session.execute(everyone[0])).all())
            work = facts.postings((await session.execute(everyone[1])).all())
            context = MatchingContext(graph=rome.graph, rarity=rome.rarity, as_of=BEGINNING.date())
            outcomes = set()
            for posting in work.facts.values():
                query = reading.concerned_candidates(root_id, rome, [posting])
                read = {row.id for row in await session.execute(query)}
                for candidate in people.facts.values():
                    result = evaluate(candidate, posting, context)
                    if isinstance(result, Suggestion):
                        assert candidate.id in read
                        outcomes.add(result.criteria[0].outcome.removesuffix("_other_choice"))
            for candidate in people.facts.values():
                query = reading.concerned_postings(root_id, BEGINNING, rome, [candidate])
                read = {row.id for row in await session.execute(query)}
                for posting in work.facts.values():
                    if isinstance(evaluate(candidate, posting, context), Suggestion):
                        assert posting.id in read
    # Every way to be concerned occurred, by occupation and by skills alone.
    assert outcomes >= {"same", "near", "far", "none", "unknown"}


async def test_a_second_run_writes_nothing(database: Database, settings: Settings) -> None:
    world = World(database, Random(7))  # noqa: S311 - the same story for the same seed
    with frozen(BEGINNING):
        await world.begin()
        await world.happen(80)
        await drain(Work(database, settings))
        async with database.transaction() as session:
            before = {row.id: row.computed_at for row in await session.scalars(select(Match))}
        again = await match_tree(database, world.root_id, everything=True)
        async with database.transaction() as session:
            after = {row.id: row.computed_at for row in await session.scalars(select(Match))}
    assert before
    assert before == after
    assert again.everything
    assert (again.written, again.superseded, again.moved) == (0, 0, 0)
    assert again.unchanged > 0
