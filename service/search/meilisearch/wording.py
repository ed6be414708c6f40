"""What a text asks of Meilisearch: which documents answer, as filters, and by which words they are ranked.

The filter alone decides what is found; the queries given with it find all of that, and rank it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, product
from typing import Final

from service.search.meilisearch.filters import begins, equal, every, one_of, some
from service.search.meilisearch.settings import SEARCHED_WORDS
from service.search.postgresql.reading import (
    ALL_BUT_LOST,
    ALL_BUT_ONE,
    ALL_WORDS,
    ALL_WORDS_ANYWHERE,
    ANY_WORD,
    Reading,
    ReadWord,
)
from service.search.query import ParsedText, TypedWord
from service.search.synonyms import alternatives
from service.search.words import stem

_SHORTEST_BEGINNING: Final = 3
_MOST_QUERIES: Final = 16  # For one list; what none of them ranks comes last.
_AS_TYPED, _OTHERWISE = 1.0, 0.8


@dataclass(frozen=True, slots=True)
class Query:
    """Words that rank: what Meilisearch calls ``q``, and how much its hits weigh."""

    q: str
    weight: float = _AS_TYPED


@dataclass(frozen=True, slots=True)
class Level:
    """How far a text gave way. ``filter`` finds; ``queries`` rank, the words of any one of them together."""

    filter: str
    queries: tuple[Query, ...]


NONE: Final = Level("", ())
"""Of a text without words."""


def spelt(parsed: ParsedText) -> Level:
    """Return what asks for every required word as it is typed, or as the trades say instead.

    The last one may be the beginning of a longer word.
    What it finds is what both its one query and its ``filter`` find: where the query finds too much, the
    filter says what is meant.
    """
    alike = alternatives([word.stem for word in parsed.words])
    required = [word for word in parsed.words if word.required]
    last = _begun(parsed)
    asked: list[str] = []
    conditions: list[str] = []
    for number, word in enumerate(required):
        if word is last or word.stem in alike or number >= SEARCHED_WORDS:
            conditions.append(_typed(word, alike.get(word.stem, ()), open_=word is last))
        if number < SEARCHED_WORDS:
            # Quotes keep Meilisearch from splitting a word or joining it to the next; synonyms, they hide.
            asked.append(word.stem if word is last or word.stem in alike else f'"{word.stem}"')
    # The space after it keeps the last word from being taken for a beginning.
    begins_more = last is not None and len(required) <= SEARCHED_WORDS
    return Level(every(conditions), (Query(" ".join(asked) + ("" if begins_more else " ")),))


def spelt_marks(parsed: ParsedText) -> Callable[[str], bool]:
    """Return the function that tells whether a folded word is to be marked, when all was as typed."""
    typed = [word.stem for word in parsed.words]
    stems = frozenset((*typed, *chain.from_iterable(chain.from_iterable(alternatives(typed).values()))))
    last = _begun(parsed)
    if last is None:
        return lambda word: stem(word) in stems
    return lambda word: stem(word) in stems or word.startswith(last.folded)


def _begun(parsed: ParsedText) -> TypedWord | None:
    """Return the last word if it may be the beginning of a longer one.

    One whose stem is another word's beginning ("serveuse", "travaux") is whole.
    """
    if not parsed.open:
        return None
    last = parsed.words[-1]
    may = last.required and len(last.stem) >= _SHORTEST_BEGINNING and last.folded.startswith(last.stem)
    return last if may else None


def _typed(word: TypedWord, others: Iterable[Iterable[str]], *, open_: bool) -> str:
    conditions = [equal("words", word.stem), *map(_all_of, others)]
    if open_:
        conditions.append(begins("beginnings", word.folded))
    return some(conditions)


def _all_of(stems: Iterable[str]) -> str:
    return f"({every(equal('words', each) for each in stems)})"


def levels(reading: Reading, lost: int) -> dict[int, Level]:
    """Return what to ask for, level by level, until something answers; see ``Reading.levels``."""
    required = [word for word in reading.words if word.typed.required]
    kept = [word for number, word in enumerate(required) if not lost >> number & 1]
    found: dict[int, Level] = {}
    if not reading.unreadable:
        found[ALL_WORDS] = _level([required], wide=False)
        if any(word.beginning for word in required):
            found[ALL_WORDS_ANYWHERE] = _level([required], wide=True)
    if kept and (reading.unreadable or lost):
        found[ALL_BUT_LOST] = _level([kept], wide=True)
    if len(kept) > 2:  # noqa: PLR2004 - of two words, all but one is any
        found[ALL_BUT_ONE] = _level(list(combinations(kept, len(kept) - 1)), wide=True)
    if len(kept) > 1:
        found[ANY_WORD] = _level([[word] for word in kept], wide=True)
    return found


def _level(choices: Sequence[Sequence[ReadWord]], *, wide: bool) -> Level:
    filters = [f"({every(_read(word, wide=wide) for word in words)})" for words in choices]
    share = max(1, _MOST_QUERIES // len(choices))
    queries = chain.from_iterable(islice(_spellings(words), share) for words in choices)
    return Level(some(filters), tuple(islice(queries, _MOST_QUERIES)))


def _read(word: ReadWord, *, wide: bool) -> str:
    """Return the condition that something answers to the word."""
    where = "words" if wide else "beginnings"
    conditions = [one_of("words", dict.fromkeys((word.typed.stem, *word.variants)))]
    if word.beginning and not (wide and word.known):
        conditions.append(begins(where, word.beginning))
        if word.begun:
            conditions.append(one_of(where, word.begun))
    conditions += [_all_of(stems) for stems in word.compounds]
    return some(conditions)


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to ask for a word. ``open``: it is a beginning, and so must come last."""

    parts: tuple[str, ...]
    open: bool = False


def _spellings(words: Sequence[ReadWord]) -> Iterator[Query]:
    """Yield the ways to ask for these words together, the likeliest first."""
    for number, ways in enumerate(product(*map(_ways, words))):
        parts = [part for way in ways for part in way.parts]
        end = "" if ways[-1].open and len(parts) <= SEARCHED_WORDS else " "
        yield Query(" ".join(parts[:SEARCHED_WORDS]) + end, _OTHERWISE if number else _AS_TYPED)


def _ways(word: ReadWord) -> list[_Way]:
    ways: list[_Way] = []
    if word.beginning:
        stem = word.typed.stem
        ways.append(_Way((stem if word.beginning.startswith(stem) else word.beginning,), open=True))
    if word.known or not word.reachable:
        ways.append(_quoted([word.typed.stem]))
    ways += [_quoted([other]) for other in word.variants]
    return ways + [_quoted(stems) for stems in word.compounds]


def _quoted(stems: Iterable[str]) -> _Way:
    return _Way(tuple(f'"{each}"' for each in stems))
