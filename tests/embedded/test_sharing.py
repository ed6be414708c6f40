"""Several processes share one server; the last to leave stops it; none leaves a trace that hurts."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from service.core import embedded
from tests.embedded.conftest import Holder, ended


async def _query(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_last_hold_stops_the_server(data_dir: Path) -> None:
    said: list[str] = []
    first = embedded.start(data_dir, said.append, durable=False)
    second = embedded.start(data_dir, said.append, durable=False)
    assert said == [f"Creating the database in {data_dir}", "Starting PostgreSQL"]
    assert second.pid == first.pid
    assert not first.stop()
    assert await _query(second.url, "SELECT current_database()") == "ancrage"
    server = psutil.Process(second.pid)
    assert second.stop()
    assert ended(server)
    assert not second.stop()


async def test_owner_is_an_ordinary_role(data_dir: Path) -> None:
    with embedded.start(data_dir, durable=False) as hold:
        query = "SELECT current_setting('is_superuser')"
        assert await _query(hold.url, query) == "off"
        assert await _query(hold.admin_url, query) == "on"
        assert await _query(hold.url, "SHOW fsync") == "off"
    with embedded.start(data_dir) as hold:
        assert await _query(hold.url, "SHOW fsync") == "on"
        assert await _query(hold.url, "SHOW synchronous_commit") == "on"
        assert await _query(hold.url, "SHOW max_connections") == "100"


def test_first_starts_at_once_make_one_server(holders: Callable[[], Holder]) -> None:
    together = [holders() for _ in range(3)]
    assert len({holder.server().pid for holder in together}) == 1
    assert sorted(holder.leave() for holder in together) == [False, False, True]


async def test_killed_only_holder_leaves_a_server_the_next_start_adopts(
    data_dir: Path, holders: Callable[[], Holder]
) -> None:
    holder = holders()
    server = holder.server()
    holder.kill()
    assert not ended(server)
    hold = embedded.start(data_dir, durable=False)
    assert hold.pid == server.pid
    assert hold.stop()
    assert ended(server)


def test_killed_holder_does_not_count_any_more(data_dir: Path, holders: Callable[[], Holder]) -> None:
    holder = holders()
    holder.server()
    with embedded.start(data_dir, durable=False) as hold:
        holder.kill()
        assert hold.stop()


async def test_killed_server_recovers_what_was_committed(
    data_dir: Path, holders: Callable[[], Holder]
) -> None:
    with embedded.start(data_dir) as hold:
        holder = holders()
        server = holder.server()
        await _query(hold.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        holder.kill()
        server.kill()
    with embedded.start(data_dir) as hold:
        assert hold.pid != server.pid
        assert await _query(hold.url, "SELECT answer FROM kept") == 42
    assert "automatic recovery in progress" in (data_dir / "postgres.log").read_text()


def test_stale_process_number_of_a_stranger_is_ignored(data_dir: Path) -> None:
    with embedded.start(data_dir, durable=False) as hold:
        stale = (data_dir / "cluster" / "postmaster.pid").read_text()
    # The number was given to another process meanwhile: here, this one.
    lines = [str(os.getpid()), *stale.splitlines()[1:]]
    (data_dir / "cluster" / "postmaster.pid").write_text("\n".join(lines))
    with embedded.start(data_dir, durable=False) as hold:
        assert hold.pid != os.getpid()


async def test_lost_socket_restarts_the_server(data_dir: Path, holders: Callable[[], Holder]) -> None:
    server = holders().server()
    (data_dir / "run" / ".s.PGSQL.5432").unlink()
    said: list[str] = []
    with embedded.start(data_dir, said.append, durable=False) as hold:
        assert hold.pid != server.pid
        assert await _query(hold.url, "SELECT 1") == 1
    assert any("socket has disappeared" in sentence for sentence in said)


def test_terminal_interrupt_reaches_the_holder_alone(data_dir: Path, holders: Callable[[], Holder]) -> None:
    holder = holders()
    server = holder.server()
    with embedded.start(data_dir, durable=False) as hold:
        assert os.getsid(server.pid) == server.pid
        # What Ctrl-C does: the signal goes to the whole foreground group.
        os.killpg(holder.process.pid, signal.SIGINT)
        assert not holder.leave()
        assert not ended(server)
        assert hold.stop()
    assert ended(server)


def test_terminal_interrupt_of_the_only_holder_stops_the_server(holders: Callable[[], Holder]) -> None:
    holder = holders()
    server = holder.server()
    os.killpg(holder.process.pid, signal.SIGINT)
    assert holder.leave()
    assert ended(server)


def test_unheld_server_can_be_stopped_without_starting(data_dir: Path, holders: Callable[[], Holder]) -> None:
    assert not embedded.stop_if_unheld(data_dir)
    holder = holders()
    server = holder.server()
    assert not embedded.stop_if_unheld(data_dir)
    holder.kill()
    assert embedded.stop_if_unheld(data_dir)
    assert ended(server)
    assert not embedded.stop_if_unheld(data_dir)


async def test_dropped_database_is_created_again(data_dir: Path) -> None:
    with embedded.start(data_dir, durable=False) as hold:
        await _query(hold.url_of("postgres", "postgres"), 'DROP DATABASE "ancrage"')
        with embedded.start(data_dir, durable=False) as again:
            assert await _query(again.url, "SELECT count(*) FROM pg_class WHERE relname = 'kept'") == 0


async def test_callers_environment_does_not_reach_the_server(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "LC_ALL": "tr_TR", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with embedded.start(data_dir, durable=False) as hold:
        assert await _query(hold.url, "SELECT upper('i') || lower('É')") == "Ié"
        assert await _query(hold.url, "SHOW lc_messages") == "C"
