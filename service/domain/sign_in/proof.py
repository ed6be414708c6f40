"""What is stored of the secrets a mail carries."""

import uuid

from service.core.security import Keyring


def code_digest(keyring: Keyring, sign_in_id: uuid.UUID, code: str) -> bytes:
    """Return what is stored of a code: keyed, for eight digits alone are soon tried through."""
    return keyring.sign("sign-in code digest", sign_in_id.bytes, code)
