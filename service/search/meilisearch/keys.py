"""The key of processes that search and do nothing else."""

import uuid
from typing import Final

from service.search.meilisearch.administration import Administration
from service.search.meilisearch.engine import PREFIX
from service.search.port import Unavailable

SEARCH_KEY: Final = uuid.UUID("0b5ad1f4-6b0e-4f0c-9b52-8f6e1f6a7c31")
"""The key's uid: the same on every server, so that it is made once."""

_FORBIDDEN: Final = ("HTTP 401", "HTTP 403")


class NoKeys(Exception):  # noqa: N818 - it says what a key may not do
    """The key that is held may not make keys."""


async def search_key(administration: Administration) -> str:
    """Return a key that may search Ancrage's indexes, as `MeilisearchEngine` does, and nothing else.

    Raises :class:`NoKeys`, and what :class:`Administration` raises.
    """
    try:
        return await administration.key(
            SEARCH_KEY, "Ancrage: search", actions=["search"], indexes=[f"{PREFIX}-*"]
        )
    except Unavailable as unavailable:
        if is_forbidden(unavailable):
            raise NoKeys(unavailable.reason) from unavailable
        raise


def is_forbidden(unavailable: Unavailable) -> bool:
    """Tell whether it is the key that does not allow what was asked."""
    return unavailable.reason.startswith(_FORBIDDEN)
