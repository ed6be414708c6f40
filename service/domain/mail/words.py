"""How mails write moments, names and kinds of things, in French and English."""

import re
import unicodedata
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.domain.labels import LANGUAGES

_ZONE: Final = ZoneInfo("Europe/Paris")
_MONTHS: Final = {
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}
# Letters that join others in Arabic and Indian scripts; every other invisible sign may hide or turn text.
_JOINERS: Final = frozenset("\u200c\u200d")
# Mail readers make links of such words: a name must not lead anywhere.
_LEADS_SOMEWHERE: Final = re.compile(r"[/@\\<>]|https?:|www\.|\w\.\w{2,}", re.IGNORECASE)
_LONGEST_NAME: Final = 80

PRIVACY_KINDS: Final[dict[str, tuple[str, str]]] = {
    "access": ("accéder à vos données", "access to your data"),
    "rectification": ("faire corriger vos données", "correction of your data"),
    "erasure": ("faire effacer vos données", "erasure of your data"),
    "restriction": ("faire limiter l'usage de vos données", "limited use of your data"),
    "portability": ("recevoir vos données pour les emporter", "your data to take elsewhere"),
    "objection": ("vous opposer à l'usage de vos données", "objection to the use of your data"),
}
PRIVACY_TITLES: Final[dict[str, tuple[str, str]]] = {
    "access": ("accès", "access"),
    "rectification": ("rectification", "rectification"),
    "erasure": ("effacement", "erasure"),
    "restriction": ("limitation", "restriction"),
    "portability": ("portabilité", "portability"),
    "objection": ("opposition", "objection"),
}


def language_of(tag: str) -> str:
    """Return the language of mails to a reader of ``tag`` (``en-GB``): French when it is none of ours."""
    base = tag.lower().partition("-")[0]
    return base if base in LANGUAGES else LANGUAGES[0]


def in_words(pairs: dict[str, tuple[str, str]], code: str, language: str) -> str:
    """Return the words for ``code``, or the code itself."""
    return pairs[code][LANGUAGES.index(language)] if code in pairs else code


def day(moment: datetime, language: str) -> str:
    """Return the day of ``moment`` in Paris: ``1er mars 2026``, ``1 March 2026``."""
    local = moment.astimezone(_ZONE)
    number = "1er" if language == "fr" and local.day == 1 else str(local.day)
    return f"{number} {_MONTHS[language][local.month - 1]} {local.year}"


def one_line(text: str) -> str:
    """Return ``text`` on one line, without signs that cannot be seen, and fit for a header.

    ``=?`` begins an encoded word: Python's own writer of headers would decode it, line ends included.
    """
    visible = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or character in _JOINERS or unicodedata.category(character)[0] != "C"
    )
    return " ".join(visible.split()).replace("=?", "= ?")


def name_of(*parts: str | None) -> str | None:
    """Return a person's name on one line; None when there is none, or it is something else than a name."""
    name = one_line(" ".join(part for part in parts if part))
    if not name or len(name) > _LONGEST_NAME or _LEADS_SOMEWHERE.search(name):
        return None
    return name
