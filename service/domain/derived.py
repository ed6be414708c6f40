"""Secrets that mails carry, worked out again when the mail is sent: only their hashes are ever stored."""

import uuid
from typing import Final

from service.core.security import Keyring, Kind

CODE_DIGITS: Final = 8


def sign_in_code(keyring: Keyring, sign_in_id: uuid.UUID) -> str:
    """Return the eight digits a person types to sign in."""
    return keyring.derive_digits(CODE_DIGITS, "sign-in code", sign_in_id.bytes)


def sign_in_link(keyring: Keyring, sign_in_id: uuid.UUID) -> str:
    """Return the token in the link a person follows to sign in, or a website exchanges."""
    return keyring.derive(Kind.LINK, "sign-in link", sign_in_id.bytes)


def invitation_link(keyring: Keyring, invitation_id: uuid.UUID) -> str:
    """Return the token in the link of an invitation: it opens the page, and signing in takes the role."""
    return keyring.derive(Kind.LINK, "invitation", invitation_id.bytes)


def guardian_link(keyring: Keyring, consent_id: uuid.UUID) -> str:
    """Return the token in the link by which a parent confirms a consent."""
    return keyring.derive(Kind.LINK, "guardian", consent_id.bytes)


def bounce_token(keyring: Keyring, mail_id: uuid.UUID) -> str:
    """Return what a mail's envelope sender carries, so that only our own bounces count: 16 hex digits."""
    return keyring.sign("bounce", mail_id.bytes)[:8].hex()
