"""The processes of a run: started, asked, measured and ended by their own id."""

import json
import os
import re
import secrets
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from service.core.settings import Settings

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 20.0
_ADDRESS: Final = re.compile(r"answers at http://127\.0\.0\.1:(\d+)")
_UNLIMITED: Final = "1000000000"
# What this shell sets must not decide what is measured.
_SETTINGS: Final = frozenset(name.upper() for name in Settings.model_fields)


class Process:
    """A child. ``stop`` ends it, and it alone; its output lies in a file beside the data."""

    def __init__(
        self, name: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        inherited = {key: value for key, value in os.environ.items() if key not in _SETTINGS}
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                command,
                env=inherited | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self.speaks else log,
                stderr=log,
                cwd=Path(__file__).resolve().parents[2],
                # Ctrl-C reaches the benchmark, which ends its children one by one.
                start_new_session=True,
            )

    speaks = False
    """Whether its standard output is for the benchmark, not for the log."""

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._popen.pid

    def memory(self) -> int:
        """Return its resident memory and that of its own children, in bytes."""
        process = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])

    def ended(self) -> bool:
        """Tell whether it is over."""
        return self._popen.poll() is not None

    def stop(self) -> None:
        """Ask it to end, then end it."""
        if self.ended():
            return
        self._popen.terminate()
        try:
            self._popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(_STOP_SECONDS)

    def failed(self, what: str) -> RuntimeError:
        """Return an error that tells the end of the log."""
        said = self.log.read_text(errors="replace")[-2000:]
        return RuntimeError(f"{self.name} {what}; it last said:\n{said}")


class Server(Process):
    """A child that listens on ``port`` of the loopback address once ``wait`` returns."""

    port = 0

    def wait(self) -> None:
        """Return when it accepts connections. Raises ``RuntimeError`` when it does not."""
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self.ended():
                raise self.failed("ended at once")
            found = self.found()
            if found:
                with socket.socket() as attempt:
                    if attempt.connect_ex(("127.0.0.1", found)) == 0:
                        self.port = found
                        return
            time.sleep(0.05)
        raise self.failed("did not listen in time")

    def found(self) -> int:
        """Return its port, 0 while it is not known."""
        return self.port


class Ancrage(Server):
    """``ancrage run`` itself, whose rate limits count as ever and never refuse."""

    def __init__(self, name: str, url: str, folder: Path, **settings: str) -> None:
        data = folder / f"{name}-data"
        data.mkdir()
        environment = {
            "DATABASE_URL": url.replace("postgresql+asyncpg://", "postgresql://"),
            "DATA_DIR": str(data),
            "PORT": "0",
            "LOG_FORMAT": "json",
            "LIMIT_NETWORK_PER_MINUTE": _UNLIMITED,
            "LIMIT_CALLER_PER_MINUTE": _UNLIMITED,
        } | settings
        program = str(Path(sys.executable).with_name("ancrage"))
        super().__init__(name, [program, "run", "--no-demo"], folder, environment)

    def found(self) -> int:
        """Read the port from its welcome."""
        said = _ADDRESS.search(self.log.read_text(errors="replace"))
        return int(said.group(1)) if said else 0


class Peer(Server):
    """One of ``benchmarks.comparison.peers`` under uvicorn."""

    def __init__(self, peer: str, folder: Path, *, name: str = "", **environment: str) -> None:
        command = [sys.executable, "-m", "benchmarks.comparison.serving", peer]
        super().__init__(name or peer, command, folder, environment)

    def found(self) -> int:
        """Read the port it printed."""
        return int(self.log.read_text(errors="replace").partition("\n")[0] or 0)


class RestFramework(Server):
    """Django REST Framework under gunicorn: one process, threads enough for the load's connections."""

    def __init__(self, folder: Path, threads: int, **environment: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "gthread"]
        command += ["--threads", str(threads), "--keep-alive", "60", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--no-control-socket", "benchmarks.comparison.peers.rest_framework:application"]
        super().__init__("rest_framework", command, folder, environment)


class Meilisearch(Server):
    """A Meilisearch from the machine's PATH, with its data in the run's folder."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self.key = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{self.port}"
        command = [program, "--db-path", str(folder / "meilisearch"), "--no-analytics"]
        command += ["--dump-dir", str(folder / "dumps"), "--snapshot-dir", str(folder / "snapshots")]
        command += ["--http-addr", f"127.0.0.1:{self.port}", "--log-level", "ERROR"]
        super().__init__("meilisearch", command, folder, {"MEILI_MASTER_KEY": self.key})

    @staticmethod
    def program() -> str | None:
        """Return the program, if the machine has one."""
        return shutil.which("meilisearch")


def meilisearch_version(url: str, key: str) -> str:
    """Return the version of the server at ``url``."""
    answer = httpx.get(f"{url}/version", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["pkgVersion"])


class Worker(Process):
    """A child that does one thing at a time when asked: a line of JSON in, a line of JSON back."""

    speaks = True

    def __init__(
        self,
        module: str,
        folder: Path,
        *arguments: str,
        name: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", f"benchmarks.comparison.{module}", *arguments]
        super().__init__(name or module, command, folder, environment)

    def ask(self, what: str, *, patience: float = 300.0, **options: Any) -> dict[str, Any]:
        """Have it do something and return what it measured; ``RuntimeError`` after ``patience`` seconds."""
        self.begin(what, **options)
        return self.answer(patience)

    def begin(self, what: str, **options: Any) -> None:
        """Ask, and do not wait."""
        assert self._popen.stdin is not None  # noqa: S101 - opened above
        self._popen.stdin.write(json.dumps({"do": what} | options).encode() + b"\n")
        self._popen.stdin.flush()

    def answer(self, patience: float = 300.0) -> dict[str, Any]:
        """Wait for what was begun."""
        assert self._popen.stdout is not None  # noqa: S101 - opened above
        if not select.select([self._popen.stdout], [], [], patience)[0]:
            raise self.failed("did not answer in time")
        line = self._popen.stdout.readline()
        if not line:
            raise self.failed("ended")
        told: dict[str, Any] = json.loads(line)
        return told


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port
