"""What a text asks of the index: for each word the stems that answer, and how far to give way."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from sqlalchemy.ext.asyncio import AsyncSession

from service.schemas.search import Correction
from service.search.postgresql import vocabulary
from service.search.query import ABBREVIATIONS, ParsedText, TypedWord
from service.search.words import Word, stem

_RARE = 2  # Documents. A word this rare may be a misspelling that a text holds too…
_MEANT = 10  # …of a word at least so many times more frequent.
_SHORTEST_PART = 3
_SHORTEST_BEGINNING = 3  # A shorter known word is taken as it is: "as", "07".


@dataclass(frozen=True, slots=True)
class ReadWord:
    """A word and what it may be found as.

    ``stem`` answers fully. ``beginning`` (of stems) and the stems of ``variants`` answer less; each of
    ``compounds`` answers by all its stems together. ``known``: a document holds it.
    """

    typed: TypedWord
    known: bool
    beginning: str | None = None
    variants: tuple[str, ...] = ()
    compounds: tuple[tuple[str, ...], ...] = ()
    corrections: tuple[str, ...] = ()

    @property
    def reachable(self) -> bool:
        """Whether anything can answer to it."""
        return self.known or bool(self.beginning or self.variants or self.compounds)

    @property
    def exact(self) -> str:
        """The tsquery of the word as it is."""
        return _quote(self.typed.stem)

    def lesser(self) -> tuple[str, ...]:
        """Return the tsqueries of single stems that answer less than the word itself."""
        others = dict.fromkeys(
            other
            for other in (*self.variants, *(part for parts in self.compounds for part in parts))
            if other != self.typed.stem
        )
        begun = (f"{_quote(self.beginning)}:*",) if self.beginning else ()
        return (*begun, *(_quote(other) for other in others))

    def match(self) -> str:
        """Return the tsquery of everything that answers to the word."""
        compounds = (" & ".join(_quote(part) for part in parts) for parts in self.compounds)
        return _any([self.exact, *self._single(), *(f"({compound})" for compound in compounds)])

    def _single(self) -> Iterable[str]:
        if self.beginning:
            yield f"{_quote(self.beginning)}:*"
        for variant in self.variants:
            yield _quote(variant)


def _quote(lexeme: str) -> str:
    # Stems hold only letters, figures, + and #: nothing in them can end a quoted lexeme.
    return f"'{lexeme}'"


def _any(queries: Iterable[str]) -> str:
    return f"({' | '.join(queries)})"


def _all(queries: Iterable[str]) -> str:
    return f"({' & '.join(queries)})"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read against the vocabulary."""

    words: tuple[ReadWord, ...]
    unreadable: tuple[str, ...]
    key: str

    @property
    def ranked(self) -> tuple[ReadWord, ...]:
        """The words that can make a posting rank higher."""
        return tuple(word for word in self.words if word.reachable)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The words nothing answers to, as typed."""
        lost = (word.typed.typed for word in self.words if word.typed.required and not word.reachable)
        return (*lost, *self.unreadable)

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """The words read as others."""
        return tuple(
            Correction(typed=word.typed.typed, read_as=word.corrections)
            for word in self.words
            if word.corrections
        )

    def levels(self) -> Mapping[int, str]:
        """Return what to ask for, level by level, until something answers.

        0: all the words; 1: all that anything answers to; 2: all but one of these; 3: any of these.
        """
        required = [word for word in self.words if word.typed.required]
        reachable = [word.match() for word in required if word.reachable]
        levels: dict[int, str] = {}
        if not self.unreadable:
            # Also when a word seems unknown: the count of a vocabulary may lag behind the index.
            levels[0] = _all(word.match() for word in required)
        if reachable and (self.unreadable or len(reachable) < len(required)):
            levels[1] = _all(reachable)
        if len(reachable) > 2:  # noqa: PLR2004 - of two words, all but one is any
            levels[2] = _any(_all(kept) for kept in combinations(reachable, len(reachable) - 1))
        if len(reachable) > 1:
            levels[3] = _any(reachable)
        return levels

    def matcher(self) -> Callable[[Word], bool]:
        """Return the function that tells whether a word of a text is one of those looked for."""
        stems = {stem for word in self.words for stem in (word.typed.stem, *word.variants)}
        stems.update(stem for word in self.words for parts in word.compounds for stem in parts)
        beginnings = tuple(word.beginning for word in self.words if word.beginning)

        def matches(word: Word) -> bool:
            return word.stem in stems or (bool(beginnings) and word.folded.startswith(beginnings))

        return matches


async def read(session: AsyncSession, kind: str, parsed: ParsedText) -> Reading:
    """Read a text that searches. One or two look-ups in the vocabulary."""
    joined = {
        (first.stem, second.stem): stem(first.folded + second.folded)
        for first, second in pairwise(parsed.words)
    }
    last = parsed.words[-1] if parsed.open else None
    found = await vocabulary.look_up(
        session,
        kind,
        {
            *(word.stem for word in parsed.words),
            *joined.values(),
            *(part for word in parsed.words for part in ABBREVIATIONS.get(word.stem, ())),
        },
        last.folded if last else None,
    )
    documents = found.documents
    if last and len(last.folded) < _SHORTEST_BEGINNING and last.stem in documents:
        last = None

    doubtful = [
        word.folded
        for word in parsed.words
        if vocabulary.errors_allowed(word.folded)
        and documents.get(word.stem, 0) <= _RARE
        and not (word is last and found.begun)
    ]
    beginning = last.folded if last and not found.begun else None
    close = await vocabulary.close_to(session, kind, doubtful, beginning) if doubtful else {}
    parts = await _parts(
        session,
        kind,
        [
            word.folded
            for word in parsed.words
            if word.stem not in documents and word.folded not in close and word is not last
        ],
    )

    read_words = []
    for word in parsed.words:
        held = documents.get(word.stem, 0)
        meant = [near for near in close.get(word.folded, ()) if not held or near.documents >= held * _MEANT]
        compounds = [
            stems
            for stems in (ABBREVIATIONS.get(word.stem, ()), parts.get(word.folded, ()))
            if stems and all(part in documents or word.folded in parts for part in stems)
        ]
        together = [whole for pair, whole in joined.items() if word.stem in pair and whole in documents]
        begins = word is last and found.begun
        read_words.append(
            ReadWord(
                typed=word,
                known=bool(held),
                beginning=word.folded if begins else None,
                variants=tuple(
                    dict.fromkeys(
                        [*together, *(found.other_stems if begins else ()), *(near.stem for near in meant)]
                    )
                ),
                compounds=tuple(compounds),
                corrections=tuple(near.word for near in meant) if not held else (),
            )
        )
    return Reading(tuple(read_words), parsed.unreadable, parsed.key)


async def _parts(session: AsyncSession, kind: str, unknown: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return, for each unknown word made of two known ones, their stems ("weekend", "autoecole")."""
    halves = {
        word: [
            (stem(word[:cut]), stem(word[cut:]))
            for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
        ]
        for word in unknown
        if word.isalpha()
    }
    asked = {half for pairs in halves.values() for pair in pairs for half in pair}
    if not asked:
        return {}
    documents = (await vocabulary.look_up(session, kind, asked, None)).documents
    best = {}
    for word, pairs in halves.items():
        whole = [pair for pair in pairs if pair[0] in documents and pair[1] in documents]
        if whole:
            best[word] = max(whole, key=lambda pair: min(documents[pair[0]], documents[pair[1]]))
    return best
