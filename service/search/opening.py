"""Which engine answers searches in this process, by the settings."""

from service.core.settings import Settings
from service.search.port import SearchEngine
from service.search.postgresql import PostgresqlEngine


def open_search(settings: Settings) -> SearchEngine:
    """Return the engine that answers searches: PostgreSQL, while ``MEILISEARCH_URL`` names no other.

    Nothing is connected before the first search. :func:`close_search` ends what it opened.
    """
    del settings
    return PostgresqlEngine()


async def close_search(engine: SearchEngine) -> None:
    """Close the connections of an engine that :func:`open_search` returned."""
    del engine
