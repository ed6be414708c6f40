"""SIRET numbers: check digits, and La Poste's exception."""

import pytest
from hypothesis import given, strategies as st

from service.core.siret import is_siret


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("73282932000074", True),
        ("73282932000075", False),
        ("73282932100074", False),
        ("35600000000048", True),  # La Poste's head office satisfies Luhn
        ("35600000049837", True),  # one of its establishments: digits add up to 45
        ("35600000049838", False),
        ("00000000000000", False),
        ("7328293200007", False),
        ("732829320000744", False),
        ("732 829 320 00074", False),
        ("７３２８２９３２００００７４", False),
        ("", False),
    ],
)
def test_known_numbers(text: str, valid: bool) -> None:
    assert is_siret(text) is valid


@given(st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(place: int, shift: int) -> None:
    digits = list("73282932000074")
    digits[place] = str((int(digits[place]) + shift) % 10)
    assert not is_siret("".join(digits))
