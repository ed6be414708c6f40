"""SIRET: the 14 digits that identify an establishment, the last of each part checking the rest.

Source: INSEE, "Répertoire Sirene": the SIREN (first nine digits) and the SIRET (all fourteen) both
satisfy Luhn's formula, except La Poste's establishments, whose SIRET digits add up to a multiple
of five.
"""

import re
from typing import Final

_FOURTEEN_DIGITS: Final = re.compile(r"[0-9]{14}")
_LA_POSTE: Final = "356000000"
_SIREN_LENGTH: Final = 9
_LARGEST_DIGIT: Final = 9


def is_siret(text: str) -> bool:
    """Say whether ``text`` is fourteen digits, without spaces, whose check digits are right."""
    if not _FOURTEEN_DIGITS.fullmatch(text) or not int(text):
        return False
    siren = text[:_SIREN_LENGTH]
    if not _satisfies_luhn(siren):
        return False
    if siren == _LA_POSTE and sum(map(int, text)) % 5 == 0:
        return True
    return _satisfies_luhn(text)


def _satisfies_luhn(digits: str) -> bool:
    doubled = (2 * int(digit) for digit in digits[-2::-2])
    carried = sum(value - 9 if value > _LARGEST_DIGIT else value for value in doubled)
    return (carried + sum(map(int, digits[-1::-2]))) % 10 == 0
