"""``ancrage audit`` and the daily reading: what they say of a whole trail and of a broken one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from typer.testing import CliRunner

from service.cli import app
from service.core import metrics
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.migrations import migrate
from service.core.settings import Settings, get_settings
from service.domain import audit
from service.jobs.audit import verify_audit
from service.jobs.work import TaskFacts, Work
from tests.audit.support import unguarded, verify, write_chain
from tests.factories import create_territory

Ancrage = Callable[..., tuple[int, str, str]]


@pytest.fixture
def written(new_database: Callable[..., str]) -> str:
    """Return the address of a database with a trail of two chains."""
    url = new_database("audited")

    async def write() -> None:
        engine = create_engine(url)
        await migrate(engine)
        database = Database(engine)
        async with database.transaction() as session:
            territory = await create_territory(session, slug="bassin")
            audit.note(session, actor="system:test", action="thing.done")
        await write_chain(database, 5, territory.id)
        await engine.dispose()

    asyncio.run(write())
    return url


@pytest.fixture
def ancrage(written: str, monkeypatch: pytest.MonkeyPatch) -> Ancrage:
    monkeypatch.setenv("DATABASE_URL", written)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def run(*words: str) -> tuple[int, str, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stdout, result.stderr

    return run


def tamper(url: str, *statements: str) -> None:
    async def work() -> None:
        engine = create_engine(url)
        async with unguarded(Database(engine)) as session:
            for statement in statements:
                await session.execute(text(statement))
        await engine.dispose()

    asyncio.run(work())


def test_a_whole_trail(ancrage: Ancrage) -> None:
    code, said, told = ancrage("audit", "verify")
    assert (code, said) == (0, "")
    assert "6 entries in 2 chains, whole." in told
    code, _, told = ancrage("audit", "verify", "--territory", "bassin")
    assert (code, "5 entries in 1 chains" in told) == (0, True)
    code, _, told = ancrage("audit", "verify", "--territory", "nowhere")
    assert (code, "no trail of `nowhere`" in told) == (1, True)


def test_a_planted_edit_is_found_and_named(ancrage: Ancrage, written: str) -> None:
    tamper(written, "UPDATE audit_entry SET actor = 'person:x' WHERE sequence = 3")
    code, said, told = ancrage("audit", "verify")
    assert code == 1
    assert said.startswith("bassin: entry 3 (thing.done, 2")
    assert "not whole: 1 break" in told


def test_a_trail_cut_with_its_head_is_found_by_the_heads_kept(
    ancrage: Ancrage, written: str, tmp_path: Path
) -> None:
    code, heads, _ = ancrage("audit", "heads")
    assert code == 0
    platform, bassin = sorted(heads.splitlines())
    assert platform.startswith("(platform)  1  ")
    assert bassin.startswith("bassin  5  ")
    kept = tmp_path / "heads.txt"
    kept.write_text(heads)
    assert ancrage("audit", "verify", "--heads", str(kept))[0] == 0
    tamper(
        written,
        "DELETE FROM audit_entry WHERE sequence > 3",
        "UPDATE audit_chain SET length = 3, digest = last.digest FROM audit_entry AS last"
        " WHERE last.chain_id = id AND last.sequence = 3",
    )
    assert ancrage("audit", "verify")[0] == 0
    digest = bassin.split()[-1]
    for option in (("--heads", str(kept)), ("--head", digest), ("--head", digest, "--territory", "bassin")):
        code, said, _ = ancrage("audit", "verify", *option)
        assert code == 1
        assert said == f"{digest}: no entry has this digest: the trail was cut or written anew.\n"
    code, _, told = ancrage("audit", "verify", "--head", "not hexadecimal")
    assert (code, "is not a digest" in told) == (1, True)


async def test_the_daily_reading_logs_the_heads_and_what_is_broken(
    database: Database, settings: Settings
) -> None:
    chain_id = await write_chain(database, 5)
    tick = TaskFacts(id=new_id(), event_id=new_id(), kind="clock.ticked")
    with structlog.testing.capture_logs() as logs:
        await verify_audit(Work(database, settings), tick)
    whole = await verify(database, chain_id)
    assert logs == [
        {
            "event": "audit.head",
            "log_level": "info",
            "chain": str(chain_id),
            "length": 5,
            "digest": whole.digest.hex(),
        }
    ]
    assert metrics.AUDIT_BREAKS._value.get() == 0
    async with unguarded(database) as session:
        await session.execute(text("UPDATE audit_entry SET actor = 'x' WHERE sequence IN (2, 4)"))
    with structlog.testing.capture_logs() as logs:
        await verify_audit(Work(database, settings), tick)
    assert [(entry["log_level"], entry.get("sequence")) for entry in logs] == [
        ("error", 2),
        ("error", 4),
        ("info", None),
    ]
    assert metrics.AUDIT_BREAKS._value.get() == 2
