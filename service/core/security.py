"""Keys and tokens: made once, shown once, stored hashed, recognisable by leak scanners."""

import hashlib
import hmac
import secrets
import string
import zlib
from enum import StrEnum

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6


class Kind(StrEnum):
    """What a key or token is, by the prefix everybody may see."""

    SECRET_KEY = "ancrage_sk_"  # noqa: S105 - the public part of every key
    PUBLISHABLE_KEY = "ancrage_pk_"
    ACCESS = "ancrage_at_"
    REFRESH = "ancrage_rt_"
    CONSOLE = "ancrage_ct_"
    LINK = "ancrage_lk_"


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits


def _finish(kind: Kind, body: str) -> str:
    return f"{kind}{body}{_base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)}"


def new_key(kind: Kind) -> str:
    """Return a new key or token: prefix, 32 random base62 characters (190 bits), CRC-32 in base62."""
    return _finish(kind, "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH)))


def new_word() -> str:
    """Return 64 hexadecimal digits (256 bits), for what must only be told apart and never guessed.

    Longer than any provider asks of ``state`` and ``nonce``, and of letters and digits alone.
    """
    return secrets.token_hex(32)


def kind_of(text: str) -> Kind | None:
    """Return what ``text`` is by its prefix, length and checksum, without asking the database."""
    for kind in Kind:
        body = text.removeprefix(kind)
        if body == text:
            continue
        if len(body) != _RANDOM_LENGTH + _CHECKSUM_LENGTH or not body.isascii():
            return None
        return kind if _finish(kind, body[:_RANDOM_LENGTH]) == text else None
    return None


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a high-entropy secret; no slow hash is needed at 190 bits."""
    return hashlib.sha256(secret.encode()).digest()


class Keyring:
    """Keys for one use each, all worked out from the platform's one secret."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    def key(self, use: str) -> bytes:
        """Return the 32-byte key for ``use``."""
        return hmac.digest(self._master, f"ancrage {use}".encode(), "sha256")

    def sign(self, use: str, *parts: str | bytes) -> bytes:
        """Return the HMAC-SHA-256 of ``parts`` under the key for ``use``; their limits count."""
        message = b"".join(
            len(part).to_bytes(4, "big") + part
            for part in (part.encode() if isinstance(part, str) else part for part in parts)
        )
        return hmac.digest(self.key(use), message, "sha256")

    def derive(self, kind: Kind, use: str, *parts: str | bytes) -> str:
        """Return the one token of ``kind`` for ``parts``: worked out again whenever it is needed."""
        number = int.from_bytes(self.sign(use, *parts), "big")
        return _finish(kind, _base62(number, _RANDOM_LENGTH))

    def derive_digits(self, length: int, use: str, *parts: str | bytes) -> str:
        """Return ``length`` decimal digits for ``parts``."""
        return f"{int.from_bytes(self.sign(use, *parts), 'big') % 10**length:0{length}d}"
