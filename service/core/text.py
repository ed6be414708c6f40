"""French text folded for comparison: one rule shared by search, suggestion, feeds and matching."""

import re
import unicodedata

_LIGATURES = str.maketrans(
    {"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "’": " ", "'": " ", "ʼ": " ", "`": " "}
)
_NOT_WORD = re.compile(r"[^0-9a-z+#]+")


def fold(text: str) -> str:
    """Return ``text`` in lower case, without accents, ligatures, apostrophes or punctuation.

    Words are separated by one space: ``"L'Aide-soignante (H/F) à Œuilly"`` becomes
    ``"l aide soignante h f a oeuilly"``. ``+`` and ``#`` stay, for C++ and C#.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", bare.lower()).strip()
