"""Tolerant reading of one JSON item: what cannot be used becomes a note, never an exception."""

import html
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from service.schemas.feed import DESCRIPTION_LENGTH, TEXT_LENGTH, URL_LENGTH, Note

_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_HIDDEN: Final = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BULLET: Final = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/li|/ul|/ol|/h\d|/tr)\b[^<>]*>", re.IGNORECASE)
_TAG: Final = re.compile(
    r"</?(?:a|b|br|div|em|font|h\d|hr|i|img|li|ol|p|span|strong|sub|sup|table|tbody|td|th|tr|u|ul)"
    r"\b[^<>]*>",
    re.IGNORECASE,
)
_SPACES: Final = re.compile(r"[^\S\n]+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_TRUE: Final = frozenset({"true", "oui", "1", "vrai"})
_FALSE: Final = frozenset({"false", "non", "0", "faux"})
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2100


def plain_text(text: str) -> str:
    """Return ``text`` without markup, entities or control characters, spaces collapsed.

    Only known HTML tags go: ``"C < 5 ans"`` and ``"<nom>"`` stay as they are. Line feeds stay,
    at most two in a row. NUL and lone surrogates, which PostgreSQL and UTF-8 refuse, go too.
    """
    for _ in range(2):  # feeds escape their markup twice: "&amp;lt;br&amp;gt;"
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if "<" in text:
        text = _HIDDEN.sub(" ", text)
        text = _TAG.sub("", _BREAK.sub("\n", _BULLET.sub("\n- ", text)))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(
        char if char == "\n" or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} else " "
        for char in unicodedata.normalize("NFC", text)
    )
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def first_address(text: str) -> str | None:
    """Return the first http(s) address found in ``text``, if it is of a storable length."""
    found = _ADDRESS.search(text)
    if found is None:
        return None
    address = found.group().rstrip(".,;)")
    return address if len(address) <= URL_LENGTH else None


class Item:
    """One JSON object of a feed, read field by field, keeping notes of what could not be used.

    ``at`` is the JSON pointer of the object inside the item of the feed.
    """

    def __init__(self, raw: Mapping[str, object], notes: list[Note], at: str = "") -> None:
        """Wrap ``raw``; ``notes`` is shared by the item and all its parts."""
        self.raw = raw
        self.notes = notes
        self.at = at

    def note(self, key: str, reason: str) -> None:
        """Say that the field ``key`` was left out, or changed, and why."""
        pointer = f"{self.at}/{key}" if key else self.at
        self.notes.append(Note(pointer=pointer, reason=reason))

    def part(self, key: str, bare: str | None = None) -> "Item":
        """Return the object under ``key``, empty when missing.

        ``bare`` names the member that a lone string stands for: some feeds send
        ``"salaire": "Horaire de 12 Euros"`` for ``"salaire": {"libelle": …}``.
        """
        value = self.raw.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and bare is not None:
            value = {bare: value}
        if isinstance(value, Mapping):
            return Item(value, self.notes, f"{self.at}/{key}")
        if value not in (None, "", []):
            self.note(key, "expected an object")
        return Item({}, self.notes, f"{self.at}/{key}")

    def parts(self, key: str, bare: str = "libelle") -> Iterator["Item"]:
        """Yield the objects of the list under ``key``; a lone object counts as a list of one."""
        value = self.raw.get(key)
        if isinstance(value, Mapping):
            value = [value]
        if value is None or value == "":
            return
        if not isinstance(value, list):
            self.note(key, "expected a list")
            return
        for index, entry in enumerate(value):
            at = f"{self.at}/{key}/{index}"
            if isinstance(entry, Mapping):
                yield Item(entry, self.notes, at)
            elif isinstance(entry, str):
                yield Item({bare: entry}, self.notes, at)
            elif entry is not None:
                self.note(f"{key}/{index}", "expected an object")

    def text(self, key: str, limit: int = TEXT_LENGTH) -> str | None:
        """Return the one-line text under ``key``; cut at ``limit`` characters, with a note."""
        value = self._string(key)
        if value is None:
            return None
        return self._cut(key, " ".join(plain_text(value).split()), limit)

    def prose(self, key: str, limit: int = DESCRIPTION_LENGTH) -> str | None:
        """Return the text under ``key`` with its lines; cut at ``limit`` characters."""
        value = self._string(key)
        return None if value is None else self._cut(key, plain_text(value), limit)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the distinct texts of the list under ``key``."""
        found = (part.text("libelle") for part in self.parts(key))
        return tuple(dict.fromkeys(text for text in found if text))

    def address(self, key: str) -> str | None:
        """Return the http(s) address under ``key``."""
        value = self.text(key, URL_LENGTH + 1)
        if value is None:
            return None
        address = first_address(value)
        if address is None or not value.startswith(address[:8]):
            self.note(key, "not an http address")
            return None
        return address

    def flag(self, key: str) -> bool | None:
        """Return the true or false under ``key``, also when worded."""
        value = self.raw.get(key)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().casefold()
        if word in _TRUE | _FALSE:
            return word in _TRUE
        if word:
            self.note(key, "neither true nor false")
        return None

    def number(self, key: str, low: float, high: float) -> float | None:
        """Return the number under ``key`` when it lies between ``low`` and ``high``."""
        value = self.raw.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            value = value.strip().replace(",", ".")
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or math.isnan(number):
            self.note(key, "not a number")
            return None
        if not low <= number <= high:
            self.note(key, f"not between {low:g} and {high:g}")
            return None
        return number

    def code(self, key: str, pattern: str, width: int = 0) -> str | None:
        """Return the upper-case code under ``key`` if it matches ``pattern`` whole.

        ``width`` restores leading zeros that a spreadsheet took away.
        """
        value = self._string(key)
        if value is None:
            return None
        code = "".join(value.split()).upper()
        if width and code.isdecimal():
            code = code.zfill(width)
        if re.fullmatch(pattern, code, re.ASCII):
            return code
        if code:
            self.note(key, "not a code of the expected form")
        return None

    def moment(self, key: str) -> datetime | None:
        """Return the UTC moment under ``key``; a day alone or a time without offset is UTC."""
        value = self._string(key)
        if value is None or not value.strip():
            return None
        try:
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.note(key, "not an ISO 8601 date")
            return None
        if not _FIRST_YEAR <= moment.year < _LAST_YEAR:
            self.note(key, "a date out of this century")
            return None
        return moment

    def required(self) -> bool:
        """Say whether the entry is required (``exigence`` E) and not only wished (S)."""
        mark = self._string("exigence") or ""
        return mark.strip().upper().startswith("E")

    def _string(self, key: str) -> str | None:
        value = self.raw.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.note(key, "expected a text")
        return None

    def _cut(self, key: str, text: str, limit: int) -> str | None:
        if len(text) > limit:
            self.note(key, f"cut at {limit} characters")
            text = text[:limit].rstrip()
        return text or None
