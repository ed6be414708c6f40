"""A real Meilisearch for tests: the one ``MEILISEARCH_TEST_URL`` names, or one started from a binary."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import httpx

KEY: Final = "a-key-for-tests-only"
_STARTS: Final = 3
_LOOKS: Final = 1000


def executable() -> str | None:
    """Return the server on this machine's ``PATH``, if there is one."""
    return shutil.which("meilisearch")


def named() -> tuple[str, str] | None:
    """Return address and key of the server that the environment names."""
    url = os.environ.get("MEILISEARCH_TEST_URL")
    return (url.rstrip("/"), os.environ.get("MEILISEARCH_TEST_KEY", "")) if url else None


def version(url: str, key: str) -> str:
    """Return the version of the server at ``url``."""
    answer = httpx.get(f"{url}/version", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    return str(answer.raise_for_status().json()["pkgVersion"])


class MeilisearchServer:
    """A Meilisearch of a test or of a worker, in its own folder, on a port of loopback.

    What it holds outlives :meth:`stop` and :meth:`kill`; :meth:`wipe` loses it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meilisearch-", dir=folder))
        self.key = KEY
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where to ask, without a slash at the end. It stays the same over a restart, if nobody took it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server and return when it answers."""
        program = executable()
        assert program is not None, "no meilisearch on this machine"
        for _ in range(_STARTS):
            self._port = self._port or _free_port()
            if self._start(program):
                return
            # Somebody else took the port.
            self._port = 0
        message = f"meilisearch did not start: {(self.folder / 'log').read_text()[-2000:]}"
        raise RuntimeError(message)

    def _start(self, program: str) -> bool:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    program,
                    *("--db-path", str(self.folder / "data"), "--dump-dir", str(self.folder / "dumps")),
                    *("--http-addr", f"127.0.0.1:{self._port}", "--master-key", self.key),
                    *("--no-analytics", "--env", "development", "--log-level", "WARN"),
                    *("--max-indexing-threads", "1", "--max-indexing-memory", "256MiB"),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        (self.folder / "meilisearch.pid").write_text(str(process.pid))
        self._process = process
        for _ in range(_LOOKS):
            try:
                process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                if self._answers():
                    return True
            else:
                self._process = None
                return False
        self.kill()
        return False

    def stop(self) -> None:
        """Ask the server to end, and wait for it; without effect when it is stopped."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def kill(self) -> None:
        """End the server as a crash would (``kill -9``)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def wipe(self) -> None:
        """Kill the server and lose everything it held; it is not started again."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
