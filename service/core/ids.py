"""Identifiers: UUIDv7, made in Python, so that keys sort by time of creation."""

from uuid import UUID

from uuid_utils import compat


def new_id() -> UUID:
    """Return a new UUIDv7."""
    return compat.uuid7()
