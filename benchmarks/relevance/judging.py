"""What a job seeker would be glad to find for a query: rules over postings, as data.

Nothing of search is used here, neither its words nor its stems: patterns over folded text.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from service.schemas.search import PostingFacts

FOLDER: Final = Path(__file__).parent / "judgements"
GRADES: Final = (3, 2, 1)
RELEVANT: Final = 2
"""The least grade of what a job seeker came for."""

_TRADES: Final = ("trades.toml", "it_trades.toml")
_CLASSES: Final = frozenset(
    """
    abbreviation accents chatter code contract doubled elision employer gender hours hyphen licence place
    plain plural saint several skill slang spelling transposition typo1 typo2
    """.split()  # noqa: SIM905 - a list of words reads best as text
)
_KEYS: Final = frozenset({"text", "class", "trade", "where", "near", *map(str, GRADES)})
_NOT_WORD: Final = re.compile(r"[^a-z0-9+#]+")
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae"})


class Misjudged(Exception):  # noqa: N818 - said of a file, not of the program
    """A judgement file says something that means nothing; the message says where."""


def fold(text: str) -> str:
    """Return ``text`` without accents, capitals and punctuation: letters, figures, + and #, single spaces."""
    bare = unicodedata.normalize("NFD", text.lower().translate(_LIGATURES))
    return _NOT_WORD.sub(" ", "".join(one for one in bare if not unicodedata.combining(one))).strip()


@dataclass(frozen=True, slots=True)
class Seen:
    """A posting as the rules see it: by field, its folded text; codes are as they are."""

    fields: Mapping[str, str]

    @classmethod
    def of(cls, facts: PostingFacts) -> "Seen":
        """Return what the rules look at."""
        prose = (facts.title, facts.description, facts.sector_label, *facts.skills, *facts.details)
        return cls(
            {
                "title": fold(facts.title),
                "text": fold(" ".join(filter(None, prose))),
                "rome": facts.occupation_code or "",
                "place": fold(facts.places[0]) if facts.places else "",
                "dept": facts.departement_code or "",
                "postal": " ".join(facts.postal_codes),
                "employer": fold(facts.employer_name or ""),
                "contract": facts.contract_kind.value if facts.contract_kind else "",
                "time": facts.working_time.value if facts.working_time else "",
                "licence": fold(" ".join(facts.details)),
            }
        )


FIELDS: Final = frozenset(
    {"title", "text", "rome", "place", "dept", "postal", "employer", "contract", "time", "licence"}
)

Rule = Callable[[Seen], bool]


@cache
def rule(written: str) -> Rule:
    """Return the test that ``written`` says: "field:pattern" or "!field:pattern", joined by " & "."""
    conditions: list[tuple[bool, str, re.Pattern[str]]] = []
    for part in written.split(" & "):
        name, colon, pattern = part.partition(":")
        wanted = not name.startswith("!")
        field = name.removeprefix("!").strip()
        if not colon or field not in FIELDS or not pattern:
            message = f"{part!r} in {written!r} is not field:pattern"
            raise Misjudged(message)
        try:
            conditions.append((wanted, field, re.compile(pattern)))
        except re.error as error:
            message = f"{pattern!r} in {written!r}: {error}"
            raise Misjudged(message) from error

    def holds(seen: Seen) -> bool:
        return all(
            (pattern.search(seen.fields[field]) is not None) is wanted
            for wanted, field, pattern in conditions
        )

    return holds


@dataclass(frozen=True, slots=True)
class Scale:
    """The rules of each grade: a posting has the best grade of which any rule holds, else 0."""

    rules: Mapping[int, tuple[str, ...]]

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Scale":
        """Return the scale a table of the files says. Raises :class:`Misjudged`."""
        rules = {grade: tuple(written.get(str(grade), ())) for grade in GRADES}
        for one in (one for many in rules.values() for one in many):
            rule(one)
        if not any(rules[grade] for grade in GRADES if grade >= RELEVANT):
            message = f"nothing is relevant in {dict(written)!r}"
            raise Misjudged(message)
        return cls(rules)

    def grade(self, seen: Seen) -> int:
        """Return the grade of a posting, 0 to 3."""
        return next((grade for grade in GRADES if any(rule(one)(seen) for one in self.rules[grade])), 0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A query, its classes, and what its answers are worth.

    ``where`` must hold besides the scale; of those where it does not, ``near`` ones are worth 1.
    """

    text: str
    classes: tuple[str, ...]
    scale: Scale
    where: str | None = None
    near: str | None = None

    @property
    def held_out(self) -> bool:
        """Whether the query is in the half that nothing was tuned on; it depends on its text alone."""
        return sha256(self.text.encode()).digest()[0] % 2 == 1

    def grade(self, seen: Seen) -> int:
        """Return what ``seen`` is worth to who typed the query."""
        found = self.scale.grade(seen)
        if not found or self.where is None or rule(self.where)(seen):
            return found
        return 1 if self.near is not None and rule(self.near)(seen) else 0


def read(folder: Path = FOLDER) -> tuple[Judged, ...]:
    """Return every judged query of the files, in order. Raises :class:`Misjudged`."""
    trades: dict[str, Scale] = {}
    for name in _TRADES:
        for trade, written in _load(folder / name).items():
            if trade in trades:
                message = f"{name}: {trade} is said twice"
                raise Misjudged(message)
            trades[trade] = Scale.of(written)
    queries: dict[str, Judged] = {}
    used: set[str] = set()
    for path in sorted(folder.glob("*.toml")):
        if path.name in _TRADES:
            continue
        for written in _load(path)["queries"]:
            one = _judged(written, trades)
            if one.text in queries:
                message = f"{path.name}: {one.text!r} is asked twice"
                raise Misjudged(message)
            queries[one.text] = one
            used.add(written.get("trade", ""))
    unused = sorted(trades.keys() - used)
    if unused:
        message = f"no query asks for {', '.join(unused)}"
        raise Misjudged(message)
    return tuple(queries.values())


def _load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _judged(written: Mapping[str, Any], trades: Mapping[str, Scale]) -> Judged:
    classes = tuple(written["class"].split())
    wrong = sorted(({*written} - _KEYS) | ({*classes} - _CLASSES))
    if wrong or not classes:
        message = f"{written['text']!r}: {', '.join(wrong) or 'no class'}"
        raise Misjudged(message)
    trade = written.get("trade")
    if (trade is None) == (not any(str(grade) in written for grade in GRADES)):
        message = f"{written['text']!r} has either a trade or grades of its own"
        raise Misjudged(message)
    if trade is not None and trade not in trades:
        message = f"{written['text']!r}: no trade is called {trade!r}"
        raise Misjudged(message)
    for one in filter(None, (written.get("where"), written.get("near"))):
        rule(one)
    return Judged(
        text=written["text"],
        classes=classes,
        scale=trades[trade] if trade is not None else Scale.of(written),
        where=written.get("where"),
        near=written.get("near"),
    )


def grades(queries: Iterable[Judged], postings: Sequence[Seen]) -> dict[str, list[int]]:
    """Return, for each query's text, the grade of each posting, in the postings' order."""
    return {query.text: [query.grade(seen) for seen in postings] for query in queries}
