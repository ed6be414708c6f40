"""Starting, sharing and stopping the embedded server."""

import asyncio
import atexit
import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import psutil
from sqlalchemy import URL

from service.core.embedded import cluster
from service.core.embedded.account import choose
from service.core.embedded.cluster import EmbeddedDatabaseError, Layout

_TELL_EVERY_SECONDS = 5.0
_STOP_SECONDS = 60.0
_IMMEDIATE_STOP_SECONDS = 20.0
_ORPHANS_SECONDS = 60.0
# pg_ctl wants a limit; replaying the journal of a large database has none.
_NO_LIMIT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """A running server, from the ``postmaster.pid`` of its cluster."""

    process: psutil.Process
    socket_dir: Path
    status: str

    def alive(self) -> bool:
        try:
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def usable(self) -> bool:
        """Say whether connections can reach it: a cleaner of temporary files may take its socket."""
        return (self.socket_dir / ".s.PGSQL.5432").exists()


class EmbeddedPostgres:
    """One hold on the embedded server: its address, and ``stop()`` to let go.

    ``url`` is for SQLAlchemy with asyncpg, as the database's owner, who is no superuser: what works
    here works on a hosted server. ``admin_url`` is the superuser's.
    """

    def __init__(self, layout: Layout, postmaster: _Postmaster, holder: int) -> None:
        self.data_dir = layout.data_dir
        self.socket_dir = postmaster.socket_dir
        self.pid = postmaster.process.pid
        self.url = self.url_of(cluster.DATABASE)
        self.admin_url = self.url_of(cluster.DATABASE, cluster.SUPERUSER)
        self._layout = layout
        self._holder: int | None = holder
        # A forked child shares the lock; its exit must not let go of it.
        self._pid = os.getpid()
        atexit.register(self.stop)

    def url_of(self, database: str, user: str = cluster.OWNER) -> str:
        """Return the address of any database of this server."""
        query = {"host": str(self.socket_dir), "port": "5432"}
        url = URL.create("postgresql+asyncpg", username=user, database=database, query=query)
        return url.render_as_string()

    def stop(self) -> bool:
        """Let go of the server, once; return whether this was the last hold and stopped it."""
        if self._holder is None or os.getpid() != self._pid:
            return False
        atexit.unregister(self.stop)
        holder, self._holder = self._holder, None
        if not self.data_dir.exists():
            os.close(holder)
            return False
        with _alone(self.data_dir, _silent):
            os.close(holder)
            return _stop_if_last(self._layout)

    def __enter__(self) -> Self:
        """Return the hold itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.stop()


def start(
    data_dir: Path,
    progress: Callable[[str], None] | None = None,
    *,
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> EmbeddedPostgres:
    """Start the server of ``data_dir``, or join it when it runs, and return a hold on it.

    The folder and the database ``ancrage`` are created when missing. ``progress`` receives one
    sentence per long step. ``durable=False`` trades safety against a crash of the machine for speed
    (tests); ``settings`` are PostgreSQL's own and count when this call is the one that starts it.
    Blocks while the server starts or recovers, however long; call it in a thread from async code.
    Raises :class:`EmbeddedDatabaseError`.
    """
    tell = progress or _silent
    layout = cluster.prepare(data_dir, tell)
    with _alone(layout.data_dir, tell):
        postmaster = _running(layout)
        if postmaster is not None:
            postmaster = _adopt(layout, postmaster, tell)
        if postmaster is None:
            if not (layout.cluster / "PG_VERSION").exists():
                cluster.create(layout, tell, durable=durable)
            postmaster = _launch(layout, settings or {}, tell, durable=durable)
        hold = EmbeddedPostgres(layout, postmaster, _hold(layout.data_dir))
    try:
        _run_apart(_ensure_database(hold))
    except BaseException:
        hold.stop()
        raise
    return hold


def stop_if_unheld(data_dir: Path) -> bool:
    """Stop a server whose holders have all died; return whether there was one."""
    if not (data_dir / "cluster").exists():
        return False
    data_dir = data_dir.resolve()
    with _alone(data_dir, _silent):
        return _stop_if_last(Layout(data_dir, choose(data_dir)))


def _silent(_: str) -> None:
    """Tell nobody."""


def _open_lock(data_dir: Path, name: str) -> int:
    # Read-only is enough for flock, and the file may belong to root.
    return os.open(data_dir / name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


@contextlib.contextmanager
def _alone(data_dir: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time start or stop the server; the lock dies with its holder."""
    lock = _open_lock(data_dir, cluster.LOCK)
    try:
        waited = _Clock(progress, "Waiting for another process that is starting or stopping PostgreSQL")
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited.pause(0.05)
        yield
    finally:
        os.close(lock)


def _hold(data_dir: Path) -> int:
    holder = _open_lock(data_dir, ".holders")
    fcntl.flock(holder, fcntl.LOCK_SH)
    return holder


def _stop_if_last(layout: Layout) -> bool:
    holders = _open_lock(layout.data_dir, ".holders")
    try:
        fcntl.flock(holders, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(holders)
    postmaster = _running(layout)
    if postmaster is None:
        return False
    _terminate(postmaster)
    if postmaster.socket_dir.name.startswith(cluster.SOCKET_FOLDER_PREFIX):
        with contextlib.suppress(OSError):
            postmaster.socket_dir.rmdir()
    return True


class _Clock:
    """Waits in small steps and says from time to time that it is still waiting."""

    def __init__(self, progress: Callable[[str], None], sentence: str) -> None:
        self.started = time.monotonic()
        self._progress = progress
        self._sentence = sentence
        self._told = self.started

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def tell(self) -> None:
        """Repeat the sentence when the last time is long enough ago."""
        if time.monotonic() - self._told >= _TELL_EVERY_SECONDS:
            self._told = time.monotonic()
            self._progress(f"{self._sentence} ({self.elapsed:.0f} s)")

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self.tell()


def _running(layout: Layout) -> _Postmaster | None:
    """Return the live server of this cluster; the process id alone may be a stranger's by now."""
    try:
        lines = (layout.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cluster.unusable(layout.data_dir, error) from error
    if not lines or not lines[0].strip().isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
            return None
        if Path(process.cwd()) != layout.cluster:
            return None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    lines += [""] * 8
    return _Postmaster(process, Path(lines[4].strip()), lines[7].strip())


def _adopt(layout: Layout, postmaster: _Postmaster, progress: Callable[[str], None]) -> _Postmaster | None:
    """Wait until a server found running is ready; return None when it ended or had to be ended."""
    waited = _Clock(progress, "Waiting for the running PostgreSQL to be ready")
    current: _Postmaster | None = postmaster
    while current is not None and current.status != "ready":
        waited.pause(0.1)
        current = _running(layout)
    if current is not None and not current.usable():
        progress("Restarting PostgreSQL, whose socket has disappeared")
        _terminate(current)
        return None
    return current


def _launch(
    layout: Layout, settings: Mapping[str, str], progress: Callable[[str], None], *, durable: bool
) -> _Postmaster:
    socket_dir = cluster.socket_folder(layout, progress)
    for lock in (layout.cluster / "postmaster.pid", socket_dir / ".s.PGSQL.5432.lock"):
        _remove_if_misleading(lock)
    cluster.configure(layout, socket_dir, settings, durable=durable)
    progress("Starting PostgreSQL")
    orphans = _Clock(progress, "Waiting for processes of a killed PostgreSQL to end")
    while True:
        log_start = layout.log.stat().st_size
        if _pg_ctl_start(layout, progress) == 0:
            break
        output = layout.log_tail(log_start)
        # After a kill -9 of the postmaster alone its children need a moment to notice.
        if "shared memory block" not in output or orphans.elapsed > _ORPHANS_SECONDS:
            raise cluster.refused(layout, "could not start", output)
        orphans.pause(0.5)
    postmaster = _running(layout)
    if postmaster is None:
        raise cluster.refused(layout, "ended right after its start", layout.log_tail(log_start))
    return postmaster


def _remove_if_misleading(lock: Path) -> None:
    """Remove a dead server's lock file whose process number lives on as a stranger's.

    PostgreSQL would refuse to start. In any other case it judges the file better than we do.
    """
    first = lock.read_text().partition("\n")[0].strip() if lock.exists() else ""
    if first.isdigit() and psutil.pid_exists(int(first)):
        lock.unlink()


def _pg_ctl_start(layout: Layout, progress: Callable[[str], None]) -> int:
    """Run ``pg_ctl start`` to its end and return its exit code.

    pg_ctl detaches the server into a session of its own, and stops it if interrupted meanwhile.
    """
    process = subprocess.Popen(
        # The data folder goes by environment and the log by relative name: pg_ctl passes both
        # through a shell without quoting.
        [cluster.executable("pg_ctl"), "start", "-w", "-t", str(_NO_LIMIT_SECONDS), "-l", layout.log.name],
        **cluster.process_options(layout),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    waited = _Clock(progress, "PostgreSQL is recovering from an unclean stop")
    try:
        while True:
            try:
                return process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                waited.tell()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _terminate(postmaster: _Postmaster) -> None:
    """Stop the server: open transactions are rolled back, committed ones are on disk."""
    for sign, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS)):
        with contextlib.suppress(psutil.NoSuchProcess):
            postmaster.process.send_signal(sign)
        waited = _Clock(_silent, "")
        while waited.elapsed < seconds:
            if not postmaster.alive():
                return
            waited.pause(0.02)
    message = f"PostgreSQL (process {postmaster.process.pid}) does not stop: end that process by hand."
    raise EmbeddedDatabaseError(message)


def _run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end in a thread of its own, whether or not this thread has a loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, work).result()


async def _ensure_database(hold: EmbeddedPostgres) -> None:
    """Create the owner and the database when missing."""
    connection = await asyncpg.connect(
        host=str(hold.socket_dir), port=5432, user=cluster.SUPERUSER, database="postgres"
    )
    try:
        # Two first starts may meet here.
        await connection.execute("SELECT pg_advisory_lock(20181018)")
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", cluster.OWNER):
            await connection.execute(f'CREATE ROLE "{cluster.OWNER}" LOGIN CREATEROLE CREATEDB')
        found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", cluster.DATABASE)
        if not found:
            await connection.execute(f'CREATE DATABASE "{cluster.DATABASE}" OWNER "{cluster.OWNER}"')
    except asyncpg.DiskFullError as error:
        raise cluster.refused(hold._layout, "could not be created", str(error)) from error  # noqa: SLF001
    finally:
        await connection.close()
