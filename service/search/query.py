"""What a visitor typed, cut into words. Nothing here knows an engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.core.text import fold
from service.schemas.search import MAX_WORDS
from service.search.words import LONGEST_WORD, title_key, words

LONGEST_TEXT = 1_000
"""Characters of a query that are read."""

_WRITTEN = re.compile(r"[^\W_]+")

# Said to any job board, whatever is looked for: they help to rank and are never required.
_WEAK_STEMS = frozenset(
    word.stem
    for word in words("emploi emplois offre offres job jobs annonce recrutement recrute cherche recherche")
)


@dataclass(frozen=True, slots=True)
class TypedWord:
    """A word to look for. ``required`` is false for what everybody types, such as "emploi"."""

    typed: str
    folded: str
    stem: str
    required: bool


@dataclass(frozen=True, slots=True)
class ParsedText:
    """The words of a text.

    ``unreadable`` are words no posting is indexed by: in other scripts, or endless. ``open``: the last
    word may be the beginning of a longer one. ``key`` is what the text would be as a title. ``cut``:
    too long, its end was left out.
    """

    words: tuple[TypedWord, ...]
    unreadable: tuple[str, ...]
    open: bool
    key: str
    cut: bool

    @property
    def searches(self) -> bool:
        """Whether the text restricts what is found: "offre d'emploi" does not."""
        return bool(self.unreadable) or any(word.required for word in self.words)


def _unreadable(text: str) -> Iterator[str]:
    for match in _WRITTEN.finditer(text):
        folded = fold(match[0])
        if not folded or len(folded) > LONGEST_WORD:
            yield match[0][:LONGEST_WORD]


def parse(text: str) -> ParsedText:
    """Return the words of ``text``, each once. Any text will do."""
    read = text[:LONGEST_TEXT]
    found: dict[str, TypedWord] = {}
    last: tuple[str, int] | None = None
    for word in words(read):
        last = (word.stem, word.end)
        found.setdefault(
            word.stem,
            TypedWord(read[word.start : word.end], word.folded, word.stem, word.stem not in _WEAK_STEMS),
        )
    kept = tuple(found.values())[:MAX_WORDS]
    return ParsedText(
        words=kept,
        unreadable=tuple(dict.fromkeys(_unreadable(read)))[:MAX_WORDS],
        open=bool(kept) and last == (kept[-1].stem, len(text)),
        key=title_key(read),
        cut=len(found) > MAX_WORDS or len(read) < len(text),
    )
