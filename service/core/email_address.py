"""E-mail addresses in one form: two spellings of one mailbox name one person."""

import unicodedata
from typing import Final

MAX_LENGTH: Final = 254
_MAX_LOCAL: Final = 64
_MAX_LABEL: Final = 63
# RFC 5322 atext beside letters and digits.
_ATEXT: Final = frozenset("!#$%&'*+-/=?^_`{|}~.")
# IDNA 2003, which Python speaks, takes these for other letters than registries do today.
_AMBIGUOUS: Final = frozenset("ßς\u200c\u200d")
_LETTERS: Final = frozenset("LMN")


def normalise(text: str) -> str:
    """Return ``text`` as one address: NFC, in lower case, its domain in ASCII (IDNA).

    Raises :class:`ValueError` with what is wrong, in words that do not repeat the address.
    """
    address = unicodedata.normalize("NFC", text.strip()).lower()
    local, at, domain = address.rpartition("@")
    if not at or "@" in local:
        message = "must be one e-mail address, with one @"
        raise ValueError(message)
    # Lower case may have taken it out of the form.
    local = unicodedata.normalize("NFC", local)
    if not 1 <= len(local) <= _MAX_LOCAL or local.startswith(".") or local.endswith(".") or ".." in local:
        message = (
            f"must have 1 to {_MAX_LOCAL} characters before the @, no dot at either end and no two in a row"
        )
        raise ValueError(message)
    if any(
        character not in _ATEXT and unicodedata.category(character)[0] not in _LETTERS for character in local
    ):
        message = "must not contain spaces, quotes, brackets, commas or invisible characters before the @"
        raise ValueError(message)
    whole = f"{local}@{_domain(domain)}"
    if len(whole) > MAX_LENGTH:
        message = f"must have at most {MAX_LENGTH} characters"
        raise ValueError(message)
    return whole


def _domain(text: str) -> str:
    message = "must end in a domain name, such as example.org"
    if not _AMBIGUOUS.isdisjoint(text):
        raise ValueError(message + "; write this one in its ASCII form (xn--…)")
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError(message) from None
    labels = name.split(".")
    well_formed = all(
        1 <= len(label) <= _MAX_LABEL
        and not label.startswith("-")
        and not label.endswith("-")
        and label.replace("-", "").isalnum()
        for label in labels
    )
    if len(labels) < 2 or not well_formed or labels[-1].isdigit():  # noqa: PLR2004 - a name and its top domain
        raise ValueError(message)
    return name
