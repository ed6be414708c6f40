"""What the pages say, in French and English; dates as each language writes them."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.console.wording import TEXTS

LANGUAGES: Final = ("fr", "en")
NAMES: Final = {"fr": "Français", "en": "English"}
_PARIS: Final = ZoneInfo("Europe/Paris")
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


def text(key: str, language: str, **values: object) -> str:
    """Return the text ``key``. Raises :class:`KeyError` for one there is none of."""
    pair = TEXTS[key]
    return (pair[1] if language == "en" else pair[0]).format(**values)


def day(at: datetime | None, language: str) -> str:
    """Return a day as people write it, in Paris."""
    if at is None:
        return "–"
    local = at.astimezone(_PARIS)
    month = _MONTHS["en" if language == "en" else "fr"][local.month - 1]
    number = "1er" if local.day == 1 and language != "en" else str(local.day)
    return f"{number} {month} {local.year}"


def moment(at: datetime | None, language: str) -> str:
    """Return a day and time as people write them, in Paris."""
    if at is None:
        return "–"
    local = at.astimezone(_PARIS)
    joined = "at" if language == "en" else "à"
    clock = f"{local:%H:%M}" if language == "en" else f"{local.hour} h {local:%M}"
    return f"{day(at, language)} {joined} {clock}"
