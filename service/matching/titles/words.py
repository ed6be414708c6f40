"""Words of a job title, reduced to what distinguishes trades.

A posting's title carries much else: gender marks ("H/F", "Serveur(se)"), the contract, the schedule.
Feminine, masculine, plural and inclusive spellings of one trade give the same words.
"""

import re
from functools import lru_cache
from typing import Final

from service.core.text import fold

# "Technicien(ne)", "Serveur(se)", "chargé·e", "Développeur.se", "Assistant/trice", "Chef-fe".
_FEMININE: Final = (
    r"euses?|eresses?|atrice|rices?|trices?|iere|ere|ienne|enne|onne|esse|elle|ives?"
    r"|nes?|ses?|fe|ve|te|le|re|es?"
)
_INCLUSIVE: Final = re.compile(
    rf"(?<=[a-z])(?: ?\((?:{_FEMININE})(?:/s|s)?\)|[.·•∙/-](?:{_FEMININE})(?:[.·•∙-]?s)?(?![a-z]))"
)
_GENDER_MARKS: Final = re.compile(r"\b(?:[hfmwdxn](?: [hfmwdxn]){1,3}|homme femme|femme homme)\b")
_SMALL_WORDS: Final = (
    "a ai an au aux avec chez ce d dans de des du e en es et f h il j l la le les leur m n ne nos notre on "
    "ou par pour qu que qui s sa se ses son sur t the to un une vos votre x y"
)
_OF_THE_CONTRACT: Final = (
    "cdi cdd interim alternance alternant alternante apprenti apprentie apprentissage stage stagiaire "
    "freelance junior senior confirme confirmee experimente experimentee debutant debutante urgent urgence "
    "recherche recherchons recrute recrutement poste pourvoir secteur plein partiel h24 35h 39h"
)
_NOISE: Final = frozenset((*_SMALL_WORDS.split(), *_OF_THE_CONTRACT.split()))
_ENDINGS: Final = (
    ("trice", "teur"),
    ("euse", "eur"),
    ("iere", "ier"),
    ("ere", "er"),
    ("ienne", "ien"),
    ("onne", "on"),
    ("elle", "el"),
    ("ive", "if"),
    ("aux", "al"),
    ("esse", ""),
)
_SHORTEST_STEM: Final = 3
_UNACCENTED: Final = str.maketrans("àâäéèêëîïôöùûüç", "aaaeeeeiioouuuc")


def words(title: str) -> list[str]:
    """Return the stems of the telling words of ``title``, in order.

    ``"Serveur(se) en salle H/F - CDI"`` gives ``["serveur", "sall"]``.
    """
    return [stem(word) for word in telling_words(title)]


def telling_words(title: str) -> list[str]:
    """Return the folded words of ``title`` without gender marks, contract words and small words."""
    # Accents must go before the inclusive endings are looked for, punctuation only after.
    text = _INCLUSIVE.sub("", title.lower().translate(_UNACCENTED))
    text = _GENDER_MARKS.sub(" ", fold(text))
    return [word for word in text.split() if word not in _NOISE and not word.isdigit()]


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return a form shared by the feminine, masculine and plural of a folded French word."""
    if len(word) > _SHORTEST_STEM + 1 and word[-1] == "s" and word[-2] != "s":
        word = word[:-1]
    for ending, replacement in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM - 1:
            return word[: len(word) - len(ending)] + replacement
    if len(word) > _SHORTEST_STEM and word[-1] == "x":
        word = word[:-1]
    if len(word) > _SHORTEST_STEM and word[-1] == "e":
        word = word[:-1]
    return word
