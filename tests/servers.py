"""Real servers for tests: where a run keeps them, and how one is started, stopped and cleaned up."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import redis
import redis.exceptions

from service.core import embedded

RUN_FOLDER_VARIABLE = "ANCRAGE_TEST_SERVERS"
_RUN_FOLDER_PREFIX = "ancrage-tests-"


class RunFolder:
    """The folder of one test run, shared by its xdist workers, removed when the run ends.

    A lock held as long as the run lives tells the next run which folders a killed run left behind.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_RUN_FOLDER_PREFIX))
        # Under root PostgreSQL runs as another account, which must pass through.
        self.path.chmod(0o711)
        self._lock = os.open(self.path / "run.lock", os.O_RDONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Stop every server that still runs in the folder and delete it."""
        _remove(self.path)
        os.close(self._lock)


def remove_leftovers() -> None:
    """Stop the servers and delete the folders of earlier runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_RUN_FOLDER_PREFIX}*"):
        try:
            lock = os.open(path / "run.lock", os.O_RDONLY)
        except OSError:
            # Another account's, or a run that is just making or deleting it.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            _remove(path)
        finally:
            os.close(lock)


def _remove(path: Path) -> None:
    embedded.stop_if_unheld(path / "postgres")
    for file in path.glob("redis-*/redis.pid"):
        content = file.read_text().strip()
        if content and psutil.pid_exists(int(content)):
            process = psutil.Process(int(content))
            if process.name().startswith("redis") and Path(process.cwd()) == file.parent:
                process.kill()
    shutil.rmtree(path, ignore_errors=True)


def redis_executable() -> str:
    """Return the Redis server to use: the one ``make`` brought into the environment, else the machine's."""
    own = Path(sys.prefix) / "bin" / "redis-server"
    found = str(own) if own.exists() else shutil.which("redis-server") or shutil.which("valkey-server")
    if not found:
        message = "No Redis for the tests: run them with make test, or install redis-server."
        raise RuntimeError(message)
    return found


class RedisServer:
    """A Redis of one test, on a unix socket in its own folder; it keeps nothing over a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-", dir=folder))
        self.socket = self.folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, or None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server, empty, and return when it answers."""
        with (self.folder / "redis.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    redis_executable(),
                    *("--port", "0", "--unixsocket", str(self.socket)),
                    *("--dir", str(self.folder), "--save", "", "--appendonly", "no"),
                    *("--pidfile", str(self.folder / "redis.pid"), "--loglevel", "warning"),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._process = process
        for _ in range(500):
            try:
                code = process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                if self._answers():
                    return
            else:
                message = f"redis-server ended with code {code}: {(self.folder / 'redis.log').read_text()}"
                raise RuntimeError(message)
        self.kill()
        message = "redis-server did not answer within 10 s"
        raise RuntimeError(message)

    def stop(self) -> None:
        """Ask the server to end, and wait for it; without effect when it is stopped."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def kill(self) -> None:
        """End the server as a crash would (``kill -9``)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)
            self._process = None

    def restart(self) -> None:
        """Stop and start: every key and every connection is lost."""
        self.stop()
        self.start()

    def flush(self) -> None:
        """Delete every key."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.socket)) as client:
                return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
            return False
