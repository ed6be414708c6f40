"""``ancrage match`` as a person runs it."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.core.clock import now
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import get_settings
from tests.factories import create_candidate, create_occupation, create_posting, create_territory


@pytest.fixture
def match(
    new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Return the command on a database with a région, an EPCI in it, 3 candidates and 4 postings."""
    url = new_database("match")

    async def prepare() -> None:
        engine = create_engine(url)
        await migrate(engine)
        async with Database(engine).transaction() as session:
            await create_occupation(session)
            region = await create_territory(session, slug="region")
            inside = await create_territory(session, slug="dedans", parent=region)
            for territory in (region, inside, inside):
                await create_candidate(session, territory, occupation_codes=["D1102"])
            for age in range(4):
                await create_posting(
                    session, inside, occupation_code="D1102", published_at=now() - timedelta(days=age)
                )
        await engine.dispose()

    asyncio.run(prepare())
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def run(slug: str) -> tuple[int, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, ["match", "--territory", slug])
        get_settings.cache_clear()
        return result.exit_code, result.stdout + result.stderr

    return run


def test_a_territory_is_matched_counted_and_then_left_as_it_is(
    match: Callable[..., tuple[int, str]],
) -> None:
    code, said = match("region")
    assert code == 0, said
    assert "12 pairs scored" in said
    assert "12 matches current for the candidates of" in said
    assert "12 written, 0 superseded, 0 of another rank, 0 unchanged" in said
    assert re.search(r"Done in \d+\.\d s\.", said)
    code, said = match("dedans")
    assert code == 0
    assert "8 matches current" in said
    assert "0 written, 0 superseded, 0 of another rank, 12 unchanged" in said


def test_an_unknown_territory_is_one_sentence(match: Callable[..., tuple[int, str]]) -> None:
    code, said = match("nulle-part")
    assert code == 1
    assert "There is no territory `nulle-part`" in said
