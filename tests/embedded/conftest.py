"""A data folder of its own for each test, and processes that hold the server in it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from service.core import embedded

_ROOT = Path(__file__).parents[2]
_HOLD = """
import sys
from pathlib import Path
from service.core import embedded
hold = embedded.start(Path(sys.argv[1]), durable=False)
try:
    print(hold.pid, flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    pass
print(hold.stop(), flush=True)
"""


@pytest.fixture
def data_dir(servers_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="embedded-", dir=servers_folder))
    folder.chmod(0o711)
    path = folder / "postgres"
    yield path
    embedded.stop_if_unheld(path)


def ended(process: psutil.Process) -> bool:
    """Say whether a process has ended; PID 1 may take its time to bury it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class Holder:
    """Another process that holds the server until its input is closed."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, data_dir],
            cwd=_ROOT,
            env={"PATH": os.defpath, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def server(self) -> psutil.Process:
        """Wait until it holds, and return the server's process."""
        assert self.process.stdout is not None
        return psutil.Process(int(self.process.stdout.readline()))

    def leave(self) -> bool:
        """Let it end in order; return whether it was the last and stopped the server."""
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return output.strip() == "True"

    def kill(self) -> None:
        """End it with ``kill -9``."""
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def holders(data_dir: Path) -> Iterator[Callable[[], Holder]]:
    made: list[Holder] = []

    def make() -> Holder:
        made.append(Holder(data_dir))
        return made[-1]

    yield make
    for holder in made:
        holder.kill()


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Give up root's rights over files for the test, when it runs as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)
