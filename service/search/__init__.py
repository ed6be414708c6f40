"""The search port, its documents and its engines."""

from service.search.port import Progress, Reader, SearchEngine
from service.search.postgresql import PostgresqlEngine

__all__ = ["Progress", "Reader", "SearchEngine", "transactional_engine"]

_POSTGRESQL = PostgresqlEngine()


def transactional_engine() -> SearchEngine:
    """Return the engine that a verb writes to in its own transaction."""
    return _POSTGRESQL
