"""The folder that stands for a mail server on a laptop: one ``.eml`` file a mail."""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

_SUFFIX = ".eml"


@dataclass(frozen=True, slots=True)
class LocalMail:
    """A mail as its reader would see it. ``raw`` is the file; ``text`` and ``html`` say the same."""

    id: UUID
    sent_at: datetime | None
    sender: str
    to: str
    subject: str
    text: str
    html: str
    raw: bytes


def write(folder: Path, mail_id: UUID, content: bytes) -> bool:
    """Put a mail into ``folder``, whole or not at all; return False when it is there already.

    Only this account may read the folder and its files. A file that exists is never changed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A link gives the finished file its name, unless something has that name; 0600 is mkstemp's own mode.
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{mail_id}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            Path(folder / f"{mail_id}{_SUFFIX}").hardlink_to(temporary)
        except FileExistsError:
            return False
        return True
    finally:
        Path(temporary).unlink()


def local_mails(folder: Path, *, limit: int = 200) -> list[LocalMail]:
    """Return the mails in ``folder``, the newest first."""
    # A mail's id begins with the moment it was asked for.
    found = (local_mail(folder, mail_id) for mail_id in sorted(held(folder), reverse=True)[:limit])
    return [mail for mail in found if mail is not None]


def local_mail(folder: Path, mail_id: UUID) -> LocalMail | None:
    """Return one mail in ``folder``, or None when it is not there."""
    try:
        raw = (folder / f"{mail_id}{_SUFFIX}").read_bytes()
    except FileNotFoundError:
        return None
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    return LocalMail(
        id=mail_id,
        sent_at=message["date"].datetime if message["date"] is not None else None,
        sender=str(message["from"] or ""),
        to=str(message["to"] or ""),
        subject=str(message["subject"] or ""),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        raw=raw,
    )


def held(folder: Path) -> list[UUID]:
    """Return the ids of the mails in ``folder``."""
    return [mail_id for path in folder.glob(f"*{_SUFFIX}") if (mail_id := _id(path.stem)) is not None]


def remove(folder: Path, mail_ids: Iterable[UUID]) -> int:
    """Delete the files of these mails, unfinished ones too; return how many there were."""
    count = 0
    for mail_id in mail_ids:
        for path in (folder / f"{mail_id}{_SUFFIX}", *folder.glob(f".{mail_id}.*")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                count += 1
    return count


def _id(name: str) -> UUID | None:
    with contextlib.suppress(ValueError):
        return UUID(name)
    return None


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
