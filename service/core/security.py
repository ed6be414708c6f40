"""Secret keys: made once, shown once, stored hashed, recognisable by leak scanners."""

import hashlib
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
SECRET_PREFIX = "ancrage_sk_"  # noqa: S105 - the public part of every key


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits


def new_secret_key() -> str:
    """Return a new secret key: prefix, 32 random base62 characters (190 bits), CRC-32 in base62."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"{SECRET_PREFIX}{body}{_base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)}"


def looks_like_secret_key(text: str) -> bool:
    """Tell whether ``text`` has a key's prefix, length and checksum, without asking the database."""
    body = text.removeprefix(SECRET_PREFIX)
    if body == text or len(body) != _RANDOM_LENGTH + _CHECKSUM_LENGTH or not body.isascii():
        return False
    random, checksum = body[:_RANDOM_LENGTH], body[_RANDOM_LENGTH:]
    return _base62(zlib.crc32(random.encode()), _CHECKSUM_LENGTH) == checksum


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a high-entropy secret; no slow hash is needed at 190 bits."""
    return hashlib.sha256(secret.encode()).digest()
