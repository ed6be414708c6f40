"""A file that only grows: one JSON line for each erasure, kept apart from the database and its backups."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path


def append(path: Path, lines: Sequence[str]) -> None:
    """Add lines at the end, whole, on disk when this returns; other processes may do so at once.

    Only this account may read the file. A line that a crash cut short is ended first.
    """
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        begin = b"\n" if size and os.pread(handle, 1, size - 1) != b"\n" else b""
        content = begin + "".join(f"{line}\n" for line in lines).encode()
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> list[str]:
    """Return the lines; none when there is no file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
