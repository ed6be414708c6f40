"""What a text asks of the index: for each word the stems that answer, and how far to give way."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations, pairwise

from sqlalchemy.ext.asyncio import AsyncSession

from service.schemas.search import Correction, SearchKind
from service.search.postgresql import vocabulary
from service.search.query import ParsedText, TypedWord
from service.search.synonyms import alternatives
from service.search.words import stem

_RARE = 2  # Documents. A word this rare may be a misspelling that a text holds too…
_MEANT = 10  # …of a word at least so many times more frequent.
_SHORTEST_PART = 3
_SHORTEST_BARE = 5
_ARTICLES = ("l", "d", "la", "le", "les", "de", "du", "des")
_SHORTEST_BEGINNING = 3  # A shorter known word is taken as it is: "as", "07".

NAMED = "^"  # Before a stem, in the index: some name of the posting holds it.

ALL_WORDS, ALL_WORDS_ANYWHERE, ALL_BUT_LOST, ALL_BUT_ONE, ANY_WORD = range(5)


@dataclass(frozen=True, slots=True)
class ReadWord:
    """A word and what it may be found as.

    The word itself answers fully. Less do: stems that begin with ``beginning``, the stems ``begun`` (of
    words that begin so), those of ``variants``, and each of ``compounds``, by all its stems together.
    ``known``: a document holds the word.
    """

    typed: TypedWord
    known: bool
    beginning: str | None = None
    begun: tuple[str, ...] = ()
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
            for other in (*self.begun, *self.variants, *(part for parts in self.compounds for part in parts))
            if other != self.typed.stem
        )
        beginnings = (f"{_quote(self.beginning)}:*",) if self.beginning else ()
        return (*beginnings, *(_quote(other) for other in others))

    def match(self, *, wide: bool) -> str:
        """Return the tsquery of everything that answers to the word.

        What a typed beginning may become is looked for among names (titles, trades, places,
        employers), where it means something; ``wide``, in every text, unless it is a word by itself.
        """
        mark = "" if wide else NAMED
        singles = [self.exact]
        if self.beginning and not (wide and self.known):
            singles.append(f"{_quote(mark + self.beginning)}:*")
            singles += [_quote(mark + stem) for stem in self.begun]
        singles += [_quote(stem) for stem in self.variants]
        return _any([*singles, *(_all(map(_quote, parts)) for parts in self.compounds)])


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

    @property
    def lost(self) -> int:
        """Which required words nothing answers to: bit n for the nth of them."""
        return sum(1 << number for number, word in enumerate(self._required) if not word.reachable)

    @property
    def _required(self) -> list[ReadWord]:
        return [word for word in self.words if word.typed.required]

    def levels(self, lost: int) -> Mapping[int, str]:
        """Return what to ask for, level by level, until something answers.

        First all the words, then without the ``lost`` ones, then without one more, then any of them.
        """
        required = [word.match(wide=True) for word in self._required]
        kept = [match for number, match in enumerate(required) if not lost >> number & 1]
        levels: dict[int, str] = {}
        if not self.unreadable:
            # Also when a word seems unknown: the counts of a vocabulary may lag behind the index.
            levels[ALL_WORDS] = _all(word.match(wide=False) for word in self._required)
            if any(word.beginning for word in self._required):
                levels[ALL_WORDS_ANYWHERE] = _all(required)
        if kept and (self.unreadable or lost):
            levels[ALL_BUT_LOST] = _all(kept)
        if len(kept) > 2:  # noqa: PLR2004 - of two words, all but one is any
            levels[ALL_BUT_ONE] = _any(_all(fewer) for fewer in combinations(kept, len(kept) - 1))
        if len(kept) > 1:
            levels[ANY_WORD] = _any(kept)
        return levels

    def wanted(self) -> Callable[[str], bool]:
        """Return the function that tells whether a folded word is one of those looked for."""
        stems = {
            stem
            for word in self.words
            for stem in (word.typed.stem, *word.begun, *word.variants, *chain(*word.compounds))
        }
        beginnings = tuple(word.beginning for word in self.words if word.beginning)

        @cache
        def wanted(word: str) -> bool:
            return stem(word) in stems or (bool(beginnings) and word.startswith(beginnings))

        return wanted


async def read(session: AsyncSession, kinds: Sequence[SearchKind], parsed: ParsedText) -> Reading:
    """Read a text that searches, by the words of all ``kinds``. One or two look-ups in the vocabulary."""
    joined = {
        (first.stem, second.stem): stem(first.folded + second.folded)
        for first, second in pairwise(parsed.words)
    }
    alike = alternatives([word.stem for word in parsed.words])
    bare = {word.stem: _without_article(word.folded) for word in parsed.words}
    last = parsed.words[-1] if parsed.open else None
    found = await vocabulary.look_up(
        session,
        kinds,
        {
            *(word.stem for word in parsed.words),
            *joined.values(),
            *chain.from_iterable(bare.values()),
            *(part for others in alike.values() for other in others for part in other),
        },
        last.folded if last else None,
    )
    documents = found.documents
    if last and len(last.folded) < _SHORTEST_BEGINNING and last.stem in documents:
        last = None
    alike = {
        typed: held
        for typed, others in alike.items()
        if (held := tuple(other for other in others if all(part in documents for part in other)))
    }
    begun = last.stem if last and found.begun else None
    bare = {
        typed: whole
        for typed, others in bare.items()
        if typed not in documents
        and typed != begun
        and (whole := [one for one in others if one in documents])
    }
    meant = await _meant(session, kinds, parsed, found, begun, {*alike, *bare})
    # What stands for the word that was meant stands for the misspelt one.
    right = {
        word.stem: meant[word.stem][0].stem if word.stem in meant else word.stem for word in parsed.words
    }
    if meant:
        alike = alternatives([*right.values()]) | alike
    parts = await _parts(
        session,
        kinds,
        [
            word.folded
            for word in parsed.words
            if word.stem not in {*documents, *alike, *bare, *meant} and word.stem != begun
        ],
    )

    read_words = []
    for word in parsed.words:
        near = meant.get(word.stem, [])
        together = [whole for pair, whole in joined.items() if word.stem in pair and whole in documents]
        others = (*together, *bare.get(word.stem, ()), *(one.stem for one in near))
        compounds = alike.get(right[word.stem], ())
        known = word.stem in documents
        read_words.append(
            ReadWord(
                typed=word,
                known=known,
                beginning=word.folded if word.stem == begun else None,
                begun=found.other_stems if word.stem == begun else (),
                variants=tuple(dict.fromkeys(others)),
                compounds=(*compounds, parts[word.folded]) if word.folded in parts else compounds,
                corrections=() if known else tuple(one.word for one in near),
            )
        )
    return Reading(tuple(read_words), parsed.unreadable, parsed.key)


async def _meant(
    session: AsyncSession,
    kinds: Sequence[SearchKind],
    parsed: ParsedText,
    found: vocabulary.Found,
    begun: str | None,
    understood: Container[str],
) -> dict[str, list[vocabulary.Close]]:
    """Return, for each stem that may be misspelt, the words close to it that were meant.

    That is a stem no document holds, or next to none while something close to it is frequent, unless it is
    ``understood`` otherwise. ``begun`` is the stem of the last word, where longer words begin so.
    """
    documents = found.documents
    doubtful = [
        word
        for word in parsed.words
        if vocabulary.errors_allowed(word.folded)
        and documents.get(word.stem, 0) <= _RARE
        and word.stem not in understood
        and (word.stem != begun or word.stem in documents)
    ]
    if not doubtful:
        return {}
    last = parsed.words[-1]
    beginning = last.folded if parsed.open and not found.begun else None
    close = await vocabulary.close_to(session, kinds, [word.folded for word in doubtful], beginning)
    return {
        word.stem: near
        for word in doubtful
        for least in (documents.get(word.stem, 0) * _MEANT,)
        if (near := [one for one in close.get(word.folded, ()) if one.documents >= least])
    }


def _without_article(word: str) -> list[str]:
    """Return the stems of ``word`` without what may be an article written with it: "dentretien"."""
    return [
        stem(rest)
        for article in _ARTICLES
        if word.startswith(article) and len(rest := word[len(article) :]) >= _SHORTEST_BARE
    ]


async def _parts(
    session: AsyncSession, kinds: Sequence[SearchKind], unknown: Iterable[str]
) -> dict[str, tuple[str, str]]:
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
    documents = (await vocabulary.look_up(session, kinds, asked, None)).documents
    best = {}
    for word, pairs in halves.items():
        whole = [pair for pair in pairs if pair[0] in documents and pair[1] in documents]
        if whole:
            best[word] = max(whole, key=lambda pair: min(documents[pair[0]], documents[pair[1]]))
    return best
