"""The pages that may call with a key: the origins that active publishable keys name."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.core.reach import EVERYWHERE
from service.models import ApiClient, ApiKey

log = structlog.get_logger(__name__)

# A new key counts, and a revoked one no longer, after this long at most.
FRESH_SECONDS: Final = 1.0
# What a preflight waits for at most; the origins known before serve on.
_READ_SECONDS: Final = 2.0


async def list_origins(session: AsyncSession) -> frozenset[str]:
    """Return every origin that a publishable key names which may be used now, as browsers send it."""
    moment = now()
    usable = (
        select(ApiKey.id)
        .where(
            ApiKey.client_id == ApiClient.id,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > moment),
        )
        .exists()
    )
    origins = await session.scalars(
        select(func.unnest(ApiClient.origins))
        .where(ApiClient.kind == "publishable", ApiClient.revoked_at.is_(None), usable)
        .distinct()
    )
    return frozenset(origins)


class KnownOrigins:
    """The origins in memory, read again at most once a second, and only when somebody asks.

    ``clock`` gives seconds from any start. While the database does not answer, the last ones known count:
    whether a key may be used from a page is decided again with every request that sends it.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.database = database
        self._clock = clock
        self._origins: frozenset[str] = frozenset()
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def include(self, origin: str) -> bool:
        """Tell whether some active publishable key names ``origin``."""
        if not self._fresh():
            async with self._reading:
                # Whoever held the lock before may have read them meanwhile.
                if not self._fresh():
                    await self._read()
        return origin in self._origins

    def _fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < FRESH_SECONDS

    async def _read(self) -> None:
        try:
            async with (
                asyncio.timeout(_READ_SECONDS),
                # No request's: everybody's keys count, whoever asks.
                self.database.transaction(EVERYWHERE) as session,
            ):
                self._origins = await list_origins(session)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("origins.not_read", error=type(error).__name__, consequence="the last known count")
        self._read_at = self._clock()
