"""Keeping the lease of a feed while what is told is on its way."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from service.core.cancelling import cancel
from service.core.database import Database
from service.domain import feeding, tasks
from service.domain.feeding import LEASE_SECONDS, Hold, Superseded
from service.schemas.search import SearchKind

_LONGEST_CALL_SECONDS = 25.0
"""No single call to the engine takes longer: what is sent within the lease has arrived, or never will."""

log = structlog.get_logger(__name__)


class Keeper:
    """The lease of one holding, extended four times per lease by :func:`keeping`."""

    def __init__(self, database: Database, hold: Hold) -> None:
        self.database = database
        self.hold = hold
        self._extended = time.monotonic()
        self._lost = False

    async def extend(self) -> None:
        """Hold on for another lease from now on. Raises :class:`Superseded`."""
        begun = time.monotonic()
        try:
            async with self.database.transaction() as session:
                await feeding.keep(session, self.hold)
        except Superseded:
            self._lost = True
            raise
        self._extended = begun

    async def certain(self) -> None:
        """Return when the lease lasts longer than any call to the engine. Raises :class:`Superseded`.

        To be called right before each write: a process that was paused finds out here.
        """
        if self._lost or time.monotonic() - self._extended > LEASE_SECONDS - _LONGEST_CALL_SECONDS:
            await self.extend()

    async def beat(self) -> None:
        """Extend the lease until cancelled, or until it is lost."""
        while not self._lost:
            await asyncio.sleep(LEASE_SECONDS / 4)
            try:
                await self.extend()
            except Superseded as lost:
                log.warning("search.feed_lost", reason=str(lost))
            except Exception as error:  # noqa: BLE001 - the next beat may reach the database again
                log.warning("search.feed_heartbeat_failed", error=tasks.describe(error))


@asynccontextmanager
async def keeping(database: Database, kind: SearchKind) -> AsyncIterator[Keeper | None]:
    """Yield the lease of the feed, kept for as long as the block runs; ``None`` while another holds it."""
    holder = feeding.new_holder()
    async with database.transaction() as session:
        hold = await feeding.take(session, kind, holder)
    if hold is None:
        yield None
        return
    keeper = Keeper(database, hold)
    heart = asyncio.create_task(keeper.beat(), name=f"lease of the feed of {kind}")
    try:
        yield keeper
    finally:
        await cancel([heart])
        # If the database can't be reached, the lease runs out by itself.
        with contextlib.suppress(Exception):
            async with database.transaction() as session:
                await feeding.let_go(session, hold)
