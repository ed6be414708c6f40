"""The engines that are asked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from service.core.database import Database
from service.schemas.search import PostingFacts
from service.search import SearchEngine, transactional_engine


@asynccontextmanager
async def engines(
    _database: Database, _facts: Sequence[PostingFacts], _wanted: Sequence[str] | None
) -> AsyncIterator[list[SearchEngine]]:
    """Yield the engines."""
    yield [transactional_engine()]
