"""What the pages say, in French and English; dates as each language writes them."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.console.wording import TEXTS
from service.domain.mail import words

LANGUAGES: Final = ("fr", "en")
_BEFORE_SIGN: Final = re.compile(r" (?=[:;?!])")
_ZONE: Final = ZoneInfo("Europe/Paris")


def text(key: str, language: str, **values: object) -> str:
    """Return the text ``key``. Raises :class:`KeyError` for one there is none of."""
    pair = TEXTS[key]
    return spaced(pair[1] if language == "en" else pair[0], language).format(**values)


def spaced(words: str, language: str) -> str:
    """Return French words with the spaces before ``: ; ? !`` that no line breaks at; others as they are."""
    return words if language == "en" else _BEFORE_SIGN.sub("\u00a0", words)


def first(keys: Iterable[str], language: str) -> str:
    """Return the text of the first key there is one of. Raises :class:`StopIteration` when there is none."""
    return text(next(key for key in keys if key in TEXTS), language)


def roles(language: str) -> dict[str, str]:
    """Return what each role is for, in words."""
    prefix = "does."
    return {key.removeprefix(prefix): text(key, language) for key in TEXTS if key.startswith(prefix)}


def day(at: datetime, language: str) -> str:
    """Return a day as people write it, in Paris."""
    return words.day(at, language)


def moment(at: datetime | None, language: str) -> str:
    """Return a day and time as people write them, in Paris; a dash for none."""
    if at is None:
        return "–"
    local = at.astimezone(_ZONE)
    clock = f"at {local:%H:%M}" if language == "en" else f"à {local.hour} h {local:%M}"
    return f"{day(at, language)} {clock}"
