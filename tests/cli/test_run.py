"""``ancrage run`` as a person meets it: from an empty folder to curl, killed, started again, stopped."""

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Self

import httpx
import psutil
import pytest
from sqlalchemy import text

from service.core.database import create_engine
from service.core.migrations import migrate

ROOT = Path(__file__).parents[2]
LISTENING = "Ctrl-C stops everything"


class Run:
    """A running ``ancrage run``, with what it has said so far."""

    def __init__(self, **environment: str) -> None:
        self.said: list[str] = []
        self._lines: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "run"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LOG_LEVEL": "WARNING"} | environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip())
        self._lines.put(None)

    def wait_for(self, words: str, seconds: float = 90) -> str:
        """Return the line that holds ``words``; fail with all that was said when it does not come."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except Empty:
                line = None
            if line is None:
                pytest.fail(f"never said {words!r}: {self.said}")
            self.said.append(line)
            if words in line:
                return line

    def ends(self) -> tuple[int, list[str]]:
        """Wait for the end; return exit code and everything said."""
        code = self.process.wait(60)
        while (line := self._lines.get(timeout=10)) is not None:
            self.said.append(line)
        return code, self.said


def _servers(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or []) and "postgres" in process.info["cmdline"][0]
    ]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def folder(servers_folder: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="run-", dir=servers_folder))
    path.chmod(0o755)
    yield path
    assert _servers(path) == []


def test_from_an_empty_folder_to_curl_and_back_after_a_kill(folder: Path, port: int) -> None:
    with Run(DATA_DIR=str(folder), PORT=str(port)) as first:
        first.wait_for(LISTENING)
        curls = [shlex.split(line)[1] for line in first.said if line.strip().startswith("curl")]
        assert len(curls) == 3
        for url in curls:
            answer = httpx.get(url)
            assert answer.status_code == 200
            assert answer.json().get("items", [1])
        (console,) = [line.split()[-1] for line in first.said if line.strip().startswith("Console")]
        page = httpx.get(console, follow_redirects=True, headers={"Accept": "text/html"})
        assert (page.status_code, page.url.path) == (200, "/sign-in")
        assert any("person operator" in line for line in first.said)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(10)
    with Run(DATA_DIR=str(folder), PORT=str(port)) as second:
        second.wait_for(LISTENING)
        assert not any("demo territory" in line for line in second.said)
        assert httpx.get(curls[1]).json()["total"] > 0
        second.process.send_signal(signal.SIGINT)
        assert second.ends()[0] == 0


def test_a_taken_port_is_one_clear_sentence(folder: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        Run(DATA_DIR=str(folder), PORT=str(taken.getsockname()[1])) as run,
    ):
        code, said = run.ends()
    assert code == 1
    assert len(said) == 1
    assert re.match(r"ancrage: cannot listen on 127\.0\.0\.1:\d+ .* choose another port", said[0])
    assert not (folder / "postgres").exists()


def test_an_unusable_data_folder_is_one_clear_sentence(tmp_path: Path, port: int) -> None:
    (tmp_path / "file").write_text("not a folder")
    with Run(DATA_DIR=str(tmp_path / "file"), PORT=str(port)) as run:
        code, said = run.ends()
    assert code == 1
    assert said[-1].startswith("ancrage: ")
    assert "Traceback" not in "\n".join(said)


def test_a_database_newer_than_the_code_is_one_clear_sentence(
    new_database: Callable[..., str], port: int
) -> None:
    url = new_database("newer")

    async def make_newer() -> None:
        engine = create_engine(url)
        await migrate(engine)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await engine.dispose()

    asyncio.run(make_newer())
    with Run(DATABASE_URL=url, PORT=str(port)) as run:
        code, said = run.ends()
    assert code == 1
    assert "migrated by a newer one" in said[-1]
    assert "Traceback" not in "\n".join(said)


@pytest.mark.parametrize(("name", "value"), [("PORT", "many"), ("DATABASE_URL", "mysql://localhost/x")])
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with Run(**{name: value}) as run:
        code, said = run.ends()
    assert code == 1
    assert said[-1].startswith(f"ancrage: {name} is not acceptable")
