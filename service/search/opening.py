"""Which engine answers searches in this process, by the settings."""

from typing import Final

from service.core.settings import Settings
from service.search.fallback import Fallback
from service.search.port import SearchEngine
from service.search.postgresql import PostgresqlEngine

WITHIN: Final = 0.6
"""Seconds that Meilisearch has for one search. PostgreSQL, asked after it, has the rest of the second."""


def open_search(settings: Settings) -> SearchEngine:
    """Return the engine that answers searches.

    PostgreSQL; or, when ``MEILISEARCH_URL`` is set, Meilisearch with PostgreSQL behind it. Nothing is
    connected before the first search. :func:`close_search` ends what was opened.
    """
    if settings.meilisearch_url is None:
        return PostgresqlEngine()
    # Nobody else need load what asks over the network.
    from service.search.meilisearch.asking import Timeouts  # noqa: PLC0415 - as said
    from service.search.meilisearch.engine import MeilisearchEngine  # noqa: PLC0415 - as said

    patience = Timeouts(connect=0.2, read=WITHIN, pool=0.1, total=WITHIN)
    key = settings.meilisearch_key
    outside = MeilisearchEngine(
        settings.meilisearch_url, key.get_secret_value() if key else None, timeouts=patience
    )
    return Fallback(outside, PostgresqlEngine())


async def close_search(engine: SearchEngine) -> None:
    """Close the connections of an engine that :func:`open_search` returned."""
    if isinstance(engine, Fallback):
        await engine.aclose()
