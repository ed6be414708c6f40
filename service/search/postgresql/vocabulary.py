"""The words that indexed texts hold: known stems, beginnings, and words close to a misspelt one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from rapidfuzz.distance import DamerauLevenshtein
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from service.schemas.search import SearchKind
from service.search.words import LONGEST_WORD, stem

SHORTEST_FUZZY = 4
_TWO_ERRORS_FROM = 8
_SECOND_ERROR_FROM = 6  # Letters, in a word that nothing is close to with one error.
_CLOSE_STEMS = 8
_CLOSE_BEGINNINGS = 20
_OTHER_STEMS = 100

# In one statement and without a unique constraint: two transactions that meet the same new word do
# not wait for each other, whatever else each of them has added before.
_ADD = text("""
    INSERT INTO search_word (kind, word, stem, initial, size, letters)
    SELECT CAST(:kind AS text), new.word, new.stem, left(new.word, 1), new.size, new.letters
    FROM unnest(
        CAST(:words AS text[]), CAST(:stems AS text[]), CAST(:sizes AS int[]), CAST(:letters AS int[])
    ) AS new (word, stem, size, letters)
    WHERE NOT EXISTS (
        SELECT FROM search_word AS known
        WHERE known.kind = CAST(:kind AS text) AND known.word = new.word COLLATE "C"
          AND known.stem = new.stem COLLATE "C" AND known.documents IS DISTINCT FROM 0
    )
""")

# The words behind stems that begin otherwise than the typed beginning ("serveus" → "serveur").
_LOOK_UP = text("""
    SELECT 'stem' AS what, stem, max(coalesce(documents, 1)) AS documents
    FROM search_word
    WHERE kind = ANY(CAST(:kinds AS text[])) AND stem = ANY(CAST(:stems AS text[]))
      AND documents IS DISTINCT FROM 0
    GROUP BY stem
    UNION ALL
    SELECT 'beginning', begun.stem, 0 FROM (
        SELECT DISTINCT stem FROM search_word
        WHERE kind = ANY(CAST(:kinds AS text[])) AND documents IS DISTINCT FROM 0
          AND word >= CAST(:beginning AS text) AND word < CAST(:end AS text)
          AND NOT starts_with(stem, CAST(:beginning AS text))
        LIMIT :limit
    ) AS begun
    UNION ALL
    SELECT 'begun', '', 0 WHERE EXISTS (
        SELECT FROM search_word
        WHERE kind = ANY(CAST(:kinds AS text[])) AND documents IS DISTINCT FROM 0
          AND word >= CAST(:beginning AS text) AND word < CAST(:end AS text)
    )
""")

# An error adds or takes away at most one letter of the alphabet: that bounds what is worth comparing.
_NEAR = text("""
    SELECT asked.number, near.word, near.stem, max(coalesce(near.documents, 1)) AS documents
    FROM unnest(
        CAST(:numbers AS int[]), CAST(:initials AS text[]), CAST(:letters AS int[]), CAST(:errors AS int[]),
        CAST(:lows AS int[]), CAST(:highs AS int[])
    ) AS asked (number, initial, letters, errors, low, high)
    JOIN search_word AS near
      ON near.kind = ANY(CAST(:kinds AS text[])) AND near.initial = asked.initial COLLATE "C"
      AND near.size BETWEEN asked.low AND asked.high
      AND bit_count(CAST(asked.letters & ~near.letters AS bit(32))) <= asked.errors
      AND (asked.high > :longest OR bit_count(CAST(near.letters & ~asked.letters AS bit(32))) <= asked.errors)
    WHERE near.documents IS DISTINCT FROM 0
    GROUP BY asked.number, near.word, near.stem
""")

_ALONE = text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint))")
_LOCK = 0x616E6373  # Two at once would wait for each other's rows.

_COUNT = text("""
    WITH held AS MATERIALIZED (
        SELECT 'postings' AS kind, word AS stem, ndoc FROM ts_stat('SELECT stems FROM posting_words')
        UNION ALL
        SELECT each.kind, counted.word, counted.ndoc
        FROM (SELECT DISTINCT kind FROM search_document) AS each, ts_stat(
            format('SELECT stems FROM search_document WHERE kind = %L', each.kind)
        ) AS counted
    )
    UPDATE search_word AS known
    SET documents = coalesce(held.ndoc, 0)
    FROM search_word AS self LEFT JOIN held ON held.kind = self.kind AND held.stem = self.stem
    WHERE known.id = self.id AND known.documents IS DISTINCT FROM coalesce(held.ndoc, 0)
""")

_FORGET = text("""
    DELETE FROM search_word AS known
    USING unnest(CAST(:words AS text[]), CAST(:stems AS text[])) AS old (word, stem)
    WHERE known.kind = :kind AND known.word = old.word COLLATE "C"
      AND NOT EXISTS (
          SELECT FROM posting_words AS held
          WHERE known.kind = 'postings' AND held.stems @@ CAST(quote_literal(old.stem) AS tsquery)
      )
      AND NOT EXISTS (
          SELECT FROM search_document AS held
          WHERE held.kind = known.kind AND held.stems @@ CAST(quote_literal(old.stem) AS tsquery)
      )
""")

_REMOVE_DOUBLES = text("""
    DELETE FROM search_word AS double USING search_word AS first
    WHERE first.kind = double.kind AND first.word = double.word AND first.stem = double.stem
      AND first.id < double.id
""")

_STEMS = text("SELECT DISTINCT word, stem FROM search_word WHERE stem <> word")
_REMOVE_STALE = text("""
    DELETE FROM search_word AS known
    USING unnest(CAST(:words AS text[]), CAST(:stems AS text[])) AS stale (word, stem)
    WHERE known.word = stale.word COLLATE "C" AND known.stem = stale.stem COLLATE "C"
""")


@dataclass(frozen=True, slots=True)
class Found:
    """What the vocabulary says: how many documents hold each known stem, and what the last word begins.

    ``other_stems`` are those of words that begin as typed, when the stem itself does not. ``begun``: at
    least one word begins as typed.
    """

    documents: Mapping[str, int]
    other_stems: tuple[str, ...]
    begun: bool


@dataclass(frozen=True, slots=True)
class Close:
    """A word of the vocabulary that may be what was meant."""

    word: str
    stem: str
    documents: int
    errors: int


def errors_allowed(word: str) -> int:
    """Return how many letters of ``word`` may be wrong: none in figures or short words."""
    if len(word) < SHORTEST_FUZZY or not word.isalpha():
        return 0
    return 2 if len(word) >= _TWO_ERRORS_FROM else 1


def _letters(word: str) -> int:
    mask = 0
    for letter in word:
        mask |= 1 << (ord(letter) - ord("a") if "a" <= letter <= "z" else 26)
    return mask


async def add(session: AsyncSession, kind: str, stems: Mapping[str, str]) -> None:
    """Add the words (folded word → stem) that the vocabulary lacks."""
    known = sorted(stems)
    await session.execute(
        _ADD,
        {
            "kind": kind,
            "words": known,
            "stems": [stems[word] for word in known],
            "sizes": [len(word) for word in known],
            "letters": [_letters(word) for word in known],
        },
    )


async def look_up(
    session: AsyncSession, kinds: Sequence[SearchKind], stems: Iterable[str], beginning: str | None
) -> Found:
    """Return which of ``stems`` are known, and the stems of the words that begin with ``beginning``."""
    rows = await session.execute(
        _LOOK_UP,
        {
            "kinds": list(kinds),
            "stems": list(stems),
            # An empty range, unless a beginning is asked for.
            "beginning": beginning or "",
            "end": f"{beginning}~" if beginning else "",
            "limit": _OTHER_STEMS,
        },
    )
    documents: dict[str, int] = {}
    other_stems: list[str] = []
    begun = False
    for what, found, count in rows:
        if what == "stem":
            documents[found] = count
        elif what == "beginning":
            other_stems.append(found)
        else:
            begun = True
    return Found(documents, tuple(sorted(other_stems)), begun)


async def close_to(
    session: AsyncSession, kinds: Sequence[SearchKind], asked: Sequence[str], beginning: str | None
) -> dict[str, tuple[Close, ...]]:
    """Return, for each word of ``asked``, the words nearest to it, the most used first.

    The first letter is taken to be right, or doubled, or swapped with the second; only for words that
    have nothing close under that condition are all words compared, and a second error then allowed in those
    of six letters. ``beginning``, one of ``asked``, is compared with the beginnings of words.
    """
    found = await _closest(session, kinds, asked, beginning, any_initial=False)
    lost = [word for word in asked if word not in found]
    if lost:
        found |= await _closest(session, kinds, lost, beginning, any_initial=True)
    lost = [word for word in lost if word not in found and _SECOND_ERROR_FROM <= len(word) < _TWO_ERRORS_FROM]
    if lost:
        found |= await _closest(session, kinds, lost, None, any_initial=True, more=1)
    return found


async def _closest(
    session: AsyncSession,
    kinds: Sequence[SearchKind],
    asked: Sequence[str],
    beginning: str | None,
    *,
    any_initial: bool,
    more: int = 0,
) -> dict[str, tuple[Close, ...]]:
    conditions = [
        (number, initial, _letters(word), errors, len(word) - errors, high)
        for number, word in enumerate(asked)
        for errors in (errors_allowed(word) + more,)
        for high in (LONGEST_WORD + 1 if word == beginning else len(word) + errors,)
        for initial in (ascii_lowercase if any_initial else dict.fromkeys(word[:2]))
    ]
    if not conditions:
        return {}
    numbers, initials, letters, errors, lows, highs = (
        list(column) for column in zip(*conditions, strict=True)
    )
    rows = await session.execute(
        _NEAR,
        {
            "kinds": list(kinds),
            "numbers": numbers,
            "initials": initials,
            "letters": letters,
            "errors": errors,
            "lows": lows,
            "highs": highs,
            "longest": LONGEST_WORD,
        },
    )
    candidates: dict[str, list[Close]] = defaultdict(list)
    for number, near, near_stem, documents in rows:
        word = asked[number]
        most = errors_allowed(word) + more
        distance = _errors(word, near, most, begins=word == beginning)
        if near_stem != stem(word) and distance <= most:
            candidates[word].append(Close(near, near_stem, documents, distance))
    return {
        word: _best(near, _CLOSE_BEGINNINGS if word == beginning else _CLOSE_STEMS)
        for word, near in candidates.items()
    }


def _errors(typed: str, word: str, most: int, *, begins: bool) -> int:
    """Return the Damerau-Levenshtein distance; with ``begins``, to the nearest beginning of ``word``."""
    if not begins:
        return DamerauLevenshtein.distance(typed, word, score_cutoff=most)
    lengths = range(len(typed) - most, len(typed) + most + 1)
    return min(DamerauLevenshtein.distance(typed, word[:length], score_cutoff=most) for length in lengths)


def _best(near: list[Close], size: int) -> tuple[Close, ...]:
    """Return the words with the fewest errors, one per stem, the most used first."""
    fewest = min(close.errors for close in near)
    best: dict[str, Close] = {}
    for close in sorted(near, key=lambda close: (-close.documents, close.word)):
        if close.errors == fewest:
            best.setdefault(close.stem, close)
    return tuple(best.values())[:size]


async def forget(session: AsyncSession, kind: str, stems: Mapping[str, str]) -> None:
    """Delete words (folded word → stem) whose stem no document holds any more."""
    await session.execute(
        _FORGET, {"kind": kind, "words": list(stems), "stems": [stems[word] for word in stems]}
    )


async def count(session: AsyncSession) -> None:
    """Count the documents of every stem. Does nothing if it is being done.

    Words listed twice are removed, and those under a stem that ``words`` gives them no longer.
    """
    if await session.scalar(_ALONE, {"lock": _LOCK}):
        await session.execute(_REMOVE_DOUBLES)
        stale = [(word, found) for word, found in await session.execute(_STEMS) if stem(word) != found]
        if stale:
            words, stems = (list(column) for column in zip(*stale, strict=True))
            await session.execute(_REMOVE_STALE, {"words": words, "stems": stems})
        await session.execute(_COUNT)
