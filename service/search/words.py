"""Words of a text, as search understands them: folded, without noise, reduced to a stem.

The same functions read postings, queries and the texts to highlight, so the three always agree.
PostgreSQL's own French stemmer is not used: it needs accents, and on folded words it separates what a
visitor takes for one word (``infirmier`` → ``infirmi``, ``infirmière`` → ``infirmier``; ``serveur``,
``serveuse`` → ``serveux``) and merges ``boulangère`` with ``boulangerie``.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from service.core.text import fold

LONGEST_WORD = 40
_SHORTEST_STEM = 3

# Words that say nothing of a posting. Single letters go too: elisions, and marks such as (H/F).
STOP_WORDS = frozenset(
    """
    a ai as au aucun aucune aujourd aussi autre autres aux avec avez avoir avons car ce ceci cela celle celles
    celui ces cet cette ceux chaque chez ci comme comment dans de depuis des donc dont du elle elles en encore
    entre es est et etaient etait etant etes etre eu eux fait faire hui il ils je jusqu jusque la laquelle
    le lequel les lesquelles lesquels leur leurs lors lorsqu lorsque lui ma mais me meme memes mes moi mon ne
    ni non nos notre nous on ont or ou par parmi pas peu peut plus plusieurs pour pourquoi pouvez puis puisqu
    puisque qu quand que quel quelle quelles quels quelque quelques qui quoi quoique sa sans se selon sera
    serez ses si sien soi soit son sont sous suis sur ta tandis te tel telle telles tels tes toi ton tous tout
    toute toutes tres tu un une vers via voici voila vos votre vous y
    """.split()  # noqa: SIM905 - a list of words reads best as text
) - {"as", "car"}  # aide-soignant, autocar

# What remains of "H/F", "F.H.X", "Directeur(trice)", "conseiller.ère", "technicien(ne)".
_GENDER_MARKS = frozenset(
    "hf fh mf fm hfx fhx mfd ere iere euse trice rice ice ne nne ienne ve se te er eur".split()  # noqa: SIM905 - as above
)

# A letter or figure after these is part of the word: permis B, bac +2, Caces 3.
_LEADS = frozenset({"bac", "permis", "caces", "categorie"})

_PLURALS = (("eaux", "eau"), ("aux", "al"), ("eux", "eur"), ("x", ""), ("ss", "ss"), ("s", ""))
_FEMININES = (
    ("trice", "teur"),
    ("euse", "eur"),
    ("tresse", "tre"),
    ("tesse", "te"),
    ("ive", "if"),
    ("woman", "man"),
    ("ee", "e"),
)
_SPELLINGS = {
    "st": "saint",
    "ste": "sainte",
    "sts": "saints",
    "stes": "saintes",
    "travaux": "travail",
    "paye": "paie",
    # Pairs of ROME's titles ("Manager / Manageuse") that no rule of endings brings together.
    "agreee": "agree",
    "ambassadrice": "ambassadeur",
    "banderilla": "banderillo",
    "barmaid": "barman",
    "bookeuse": "booker",
    "designeuse": "designer",
    "dispatcher": "dispatcheur",
    "manageuse": "manager",
    "pizzaiola": "pizzaiolo",
    "privee": "prive",
    "publique": "public",
    "reportrice": "reporter",
    "rewriteuse": "rewriter",
    "torera": "torero",
}
_INVARIABLE = frozenset({"caces"})

_WORD = re.compile(r"[0-9a-zœæß\x01]+(?:[+#]+(?![0-9a-zœæß\x01]))?")
_KEPT = {"œ": "oe", "æ": "ae", "ß": "ss", "\x01": ""}
_KEPT_CHARACTERS = re.compile("[œæß\x01]")


class Word(NamedTuple):
    """A word of a text: its folded form, its stem, and where it stands in the text."""

    folded: str
    stem: str
    start: int
    end: int


class _OneToOne(dict[int, str]):
    r"""Folds characters one for one, so that offsets in the folded text are those of the text.

    Ligatures stay ligatures and combining marks become ``\x01`` until the word is cut out. Rare
    characters that fold to several letters (``ﬁ``, ``№``) become a space.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        lowered = character.lower()
        if lowered in _KEPT:
            folded = lowered
        elif unicodedata.combining(character):
            folded = "\x01"
        else:
            folded = fold(character)
            if len(folded) != 1:
                folded = " "
        self[code] = folded
        return folded


_ONE_TO_ONE = _OneToOne()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the part of a folded word that its plural and its feminine share.

    ``infirmieres`` and ``infirmier`` → ``infirmier``; ``serveuses`` → ``serveur``; ``directrice`` →
    ``directeur``; ``commerciaux`` → ``commercial``. Families of words stay apart: ``boulangerie`` is
    not ``boulanger``.
    """
    word = _SPELLINGS.get(word) or _SPELLINGS.get(word.removesuffix("s"), word)
    if len(word) <= _SHORTEST_STEM or not word.isalpha() or word in _INVARIABLE:
        return word
    for ending, singular in _PLURALS:
        if word.endswith(ending):
            word = _with(word, ending, singular)
            break
    for ending, masculine in _FEMININES:
        if word.endswith(ending):
            word = _with(word, ending, masculine)
            break
    word = _with(word, "e", "")
    if word[-1] == word[-2]:
        word = word[:-1]
    # "commise" has just become "commis", whose own s went as a plural.
    return _with(word, "s", "")


def _with(word: str, ending: str, replacement: str) -> str:
    """Return ``word`` with its ending replaced, unless too little of it would be left."""
    if not word.endswith(ending) or len(word) - len(ending) + len(replacement) < _SHORTEST_STEM:
        return word
    return word[: len(word) - len(ending)] + replacement


def _clean(token: str) -> str:
    """Return a word cut out of a folded text without what only kept its place."""
    return _KEPT_CHARACTERS.sub(lambda kept: _KEPT[kept[0]], token)


def _as_it_is(token: str) -> str:
    return token


def _folded(text: str) -> tuple[str, Callable[[str], str]]:
    """Return ``text`` folded one for one, and what to do to each word cut out of it."""
    folded = text.translate(_ONE_TO_ONE)
    return folded, _clean if _KEPT_CHARACTERS.search(folded) else _as_it_is


def words(text: str) -> Iterator[Word]:
    """Yield the words of ``text`` in order, noise left out.

    ``start`` and ``end`` are offsets in ``text`` itself. A letter or figure after ``permis`` or
    ``bac`` gives a word of its own, joined to it: ``permis B`` yields ``permis`` and ``permisb``.
    """
    lead: tuple[str, int] | None = None
    whole, clean = _folded(text)
    for match in _WORD.finditer(whole):
        folded = clean(match[0])
        if len(folded) == 1:
            if lead is not None:
                yield Word(lead[0] + folded, lead[0] + folded, lead[1], match.end())
            continue
        if folded in STOP_WORDS or folded in _GENDER_MARKS or not folded or len(folded) > LONGEST_WORD:
            continue
        yield Word(folded, stem(folded), *match.span())
        lead = (folded, match.start()) if folded in _LEADS else None


class Remembered:
    """Which words are wanted, each found out once for all the texts of a page."""

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self._wanted = wanted
        self._yes: set[str] = set()
        self._no: set[str] = set()

    def __call__(self, word: str) -> bool:
        """Tell whether ``word`` is wanted."""
        return self._wanted(word)

    def among(self, words: set[str]) -> set[str]:
        """Return those of ``words`` that are wanted."""
        for word in words - self._no - self._yes:
            (self._yes if self._wanted(word) else self._no).add(word)
        return words & self._yes


def occurrences(text: str, wanted: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Return where the words of ``text`` stand whose folded form is ``wanted``.

    Much quicker than :func:`words` on a long text: each distinct word is looked at once.
    """
    whole, clean = _folded(text)
    tokens = set(_WORD.findall(whole))
    if clean is _as_it_is and isinstance(wanted, Remembered):
        found = wanted.among(tokens)
    else:
        found = {token for token in tokens if wanted(clean(token))}
    if not found:
        return []
    return [match.span() for match in _WORD.finditer(whole) if match[0] in found]


def title_key(text: str) -> str:
    """Return the stems of a title in order, each once: what makes two titles the same.

    ``"Serveur / Serveuse de restaurant (H/F)"`` → ``"serveur restaurant"``.
    """
    return " ".join(dict.fromkeys(word.stem for word in words(text)))
