"""Why a run failed, in words fit to be stored and shown to an operator: no personal data, no secrets."""

import re
import traceback
from pathlib import Path

from sqlalchemy.exc import DBAPIError

_ROOT = Path(__file__).parents[3]
_LONGEST_MESSAGE = 500
_FRAMES = 6
_SECRETS = (
    # What stands between the scheme and the host of an address.
    (re.compile(r"(?<=://)[^/\s@]+(?=@)"), "***"),
    (re.compile(r"\b(Bearer|Basic)\s+\S+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"\b\w+_sk_\w+"), "***"),
    (
        re.compile(
            r"""(?ix) \b (\w* (?: password|passwd|secret|token|api_?key|authorization) \w*)
            (['"]? \s* [=:] \s*) (?: "[^"]*" | '[^']*' | [^\s,;&)}\]]+ )"""
        ),
        r"\1\2***",
    ),
)


def describe(error: BaseException) -> str:
    """Return the error's type and message and where it was raised, as ``file:line function`` per frame."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = "".join(f"\n  {_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    kind = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = getattr(kind, "pgcode", None) or type(kind).__name__
    return f"{type(error).__name__ if kind is error else f'Database {name}'}: {_message(error)}{where}"


def _message(error: BaseException) -> str:
    # The statement's parameters and PostgreSQL's DETAIL quote rows, which may be about persons.
    message = str(error.orig).partition("\n")[0] if isinstance(error, DBAPIError) else str(error)
    message = message.replace("\x00", "")
    for pattern, replacement in _SECRETS:
        message = pattern.sub(replacement, message)
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"


def _short(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_ROOT):
        return str(path.relative_to(_ROOT))
    return "/".join(path.parts[-2:])
