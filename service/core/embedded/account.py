"""The system account PostgreSQL runs as, and its right to reach the files it needs."""

import os
import pwd
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SEARCH_OTHERS = stat.S_IXOTH
_READ_OTHERS = stat.S_IROTH


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the server's processes; ``switch`` says that it is not our own."""

    name: str
    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Give ``path`` to the account when it is not ours."""
        if self.switch:
            os.chown(path, self.uid, self.gid)


def choose(data_dir: Path) -> Account:
    """Return the account to run PostgreSQL as: ours, or an ordinary one when we are root.

    Under root: the owner of ``data_dir`` or of the nearest folder above it that exists (so that
    ``sudo make run`` leaves files their user can use), else ``postgres``, else ``nobody``.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(str(uid), uid, os.getegid(), switch=False)
    nearest = data_dir
    while not nearest.exists():
        nearest = nearest.parent
    owner = nearest.stat().st_uid
    known = {entry.pw_uid: entry for entry in pwd.getpwall()}
    by_name = {entry.pw_name: entry for entry in known.values()}
    entry = (known.get(owner) if owner != 0 else None) or by_name.get("postgres") or by_name["nobody"]
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def let_in(account: Account, path: Path, progress: Callable[[str], None]) -> None:
    """Let ``account`` pass through every folder above ``path``: search only, never list or read."""
    if not account.switch:
        return
    for folder in path.parents:
        details = folder.stat()
        if not _may_search(account, details):
            progress(
                f"Letting the account {account.name} pass through {folder} (o+x), "
                "because PostgreSQL refuses to run as root"
            )
            folder.chmod(stat.S_IMODE(details.st_mode) | _SEARCH_OTHERS)


def let_read(account: Account, tree: Path) -> None:
    """Make the files of ``tree`` readable to ``account`` (a wheel installed under umask 077)."""
    if not account.switch or not tree.is_dir():
        return
    for path in (tree, *tree.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | _READ_OTHERS
        if path.is_dir() or mode & stat.S_IXUSR:
            wanted |= _SEARCH_OTHERS
        if wanted != mode:
            path.chmod(wanted)


def _may_search(account: Account, details: os.stat_result) -> bool:
    if details.st_uid == account.uid:
        return bool(details.st_mode & stat.S_IXUSR)
    if details.st_gid == account.gid:
        return bool(details.st_mode & stat.S_IXGRP)
    return bool(details.st_mode & stat.S_IXOTH)
