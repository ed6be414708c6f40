"""Looking after an index outside: is it the one we know, is anything wanted, what is pending."""

import contextlib
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from service.core.clock import now
from service.core.database import Database
from service.domain import feeding, tasks
from service.domain.feeding import COMPARE, REBUILD, SOURCES, Drift, Feed, Superseded
from service.jobs.feeding.keeping import Keeper, keeping
from service.jobs.feeding.outside import Outside
from service.jobs.feeding.rebuilding import Rebuilder
from service.jobs.feeding.telling import Replaced, Teller, documents_of, is_late
from service.schemas.search import SearchKind
from service.search.meilisearch.administration import TaskFailed
from service.search.meilisearch.marking import MarkedAdministration
from service.search.port import Facts, Unavailable

MISSING: Final = "The index is missing."
OTHER: Final = "The index is another than the one that was built."
OTHER_SETTINGS: Final = "The index has other settings than it was to have."
EARLIER: Final = "The server went back to an earlier state."
COUNT: Final = "The index does not hold as many documents as it was told."

_ROUNDS: Final = 6
"""Times that what is wanted is looked at again before the rest is left to the next look."""

log = structlog.get_logger(__name__)


class Held(Exception):  # noqa: N818 - it says how the feed is
    """Somebody else tells the engine just now."""


class Tender:
    """One look after one kind's index, under one holding of the feed."""

    def __init__(
        self,
        database: Database,
        engine: MarkedAdministration,
        keeper: Keeper,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._kind = keeper.hold.kind
        self._outside = Outside(engine, keeper, self._kind)
        self._teller = Teller(database, self._outside, keeper.hold)
        self._progress = progress
        self.drift: Drift | None = None
        self.indexed: int | None = None

    async def tend(self, *, wanted: str | None = None) -> None:
        """Bring the index in line, do what is ``wanted`` besides, and let it answer searches.

        Raises :class:`Unavailable` when the server doesn't do its part: it is not to be asked then, and the
        feed says why.
        """
        try:
            if wanted is not None:
                await self._change(wanted=wanted)
            await self._outside.check_version()
            for _ in range(_ROUNDS):
                if await self._round():
                    break
        except (Unavailable, TaskFailed) as failure:
            await self._change(ready=False, trouble=str(failure), checked_at=now())
            log.warning("search.feed_in_trouble", kind=self._kind, reason=str(failure))
            if isinstance(failure, Unavailable):
                raise
            raise Unavailable(str(failure)) from failure
        except Superseded:
            raise
        except Exception as fault:
            # Nobody foresaw it. Unsaid, who lets go would ask for another feed at once, and so for ever.
            with contextlib.suppress(Exception):
                await self._change(ready=False, trouble=tasks.describe(fault), checked_at=now())
            raise

    async def compare(self) -> Drift:
        """Return how far the index has drifted. Nothing is told meanwhile, by anybody."""
        held = await self._outside.walk()
        state = await self._outside.describe()
        drift = await feeding.measure(self._database, self._kind, held, _digests)
        if state is not None:
            drift.foreign = max(0, state.documents - drift.documents)
        return drift

    async def drain(self) -> None:
        """Tell what is pending."""
        await self._teller.drain([self._outside.uid])

    async def _round(self) -> bool:
        """Look, and do one thing that is wanted; tell whether all was well."""
        feed = await self._look()
        try:
            if feed.wanted == REBUILD:
                rebuilder = Rebuilder(self._teller, self._progress)
                self.indexed = await rebuilder.rebuild(usable=feed.ready)
                return False
            await self.drain()
            if feed.wanted == COMPARE:
                await self._repair()
                return False
        except Replaced as replaced:
            log.warning("search.index_replaced", kind=self._kind)
            await self._change(ready=False, trouble=str(replaced), wanted=REBUILD)
            return False
        if (await self._teller.feed()).wanted is not None:
            return False
        if not feed.ready or feed.trouble is not None:
            log.info("search.feed_ready", kind=self._kind)
        await self._change(ready=True, trouble=None, checked_at=now())
        return True

    async def _repair(self) -> None:
        drift = await self.compare()
        state = await self._outside.describe()
        values: dict[str, Any] = {"wanted": None}
        if state is None or state.documents != drift.documents:
            # It holds what a walk does not show: documents that are none of ours.
            values["wanted"] = REBUILD
        else:
            values["documents"] = state.documents
        if self.drift is None:
            self.drift = drift
        async with self._database.transaction() as session:
            await feeding.tell_again(session, self._kind, drift.ids)
            await feeding.change(session, self._keeper.hold, **values)
        if drift.ids:
            log.warning(
                "search.drift",
                kind=self._kind,
                missing=len(drift.missing),
                extra=len(drift.extra),
                different=len(drift.different),
            )

    async def _look(self) -> Feed:
        """Compare the index with what is known of it; note what is wrong, and what is wanted for it."""
        feed = await self._teller.feed()
        state = await self._outside.describe()
        values: dict[str, Any] = {}
        if state is None:
            values = {"ready": False, "trouble": MISSING, "wanted": REBUILD}
        elif state.created_at != feed.created_at:
            if feed.next_created_at is None or state.created_at != feed.next_created_at:
                trouble = OTHER if feed.created_at else feeding.NOT_BUILT
                values = {"ready": False, "trouble": trouble, "wanted": REBUILD}
            else:
                await Rebuilder(self._teller).adopt(certain=False)
                return await self._teller.feed()
        elif feed.settings_digest != await self._outside.settings_of(self._outside.uid):
            values = {"ready": False, "trouble": OTHER_SETTINGS, "wanted": REBUILD}
        elif feed.wanted != REBUILD:
            values = await self._drifted(feed, state.documents)
        if values:
            log.warning("search.index_wrong", kind=self._kind, **values)
            await self._change(**values)
            return await self._teller.feed()
        return feed

    async def _drifted(self, feed: Feed, documents: int) -> dict[str, Any]:
        if await self._outside.newest_task() < feed.last_task:
            return {"ready": False, "trouble": EARLIER, "wanted": REBUILD}
        strays = [
            each
            for each in await self._outside.written_after(feed.last_task)
            if each.task not in self._outside.known
        ]
        if any(is_late(each, feed) for each in strays):
            last = max(each.task for each in strays)
            # Of one document or the other an older state is found; nothing is missing for it.
            return {"wanted": COMPARE, "last_task": last}
        if strays or feed.wanted == COMPARE:
            # They have changed the number, and what they wrote is told again.
            return {}
        if documents != feed.documents:
            return {"ready": False, "trouble": COUNT, "wanted": COMPARE}
        if feed.pending == 0 and await self._lacking(documents, feed.refused):
            return {"ready": False, "trouble": COUNT, "wanted": COMPARE}
        return {}

    async def _lacking(self, documents: int, refused: int) -> bool:
        async with self._database.transaction() as session:
            public = await SOURCES[self._kind].count(session)
            feed = await feeding.read(session, self._kind)
        # Nothing pending after the count was taken: nothing changed in between.
        return feed is not None and feed.pending == 0 and abs(public - documents) > refused

    async def _change(self, **values: Any) -> None:
        async with self._database.transaction() as session:
            await feeding.change(session, self._keeper.hold, **values)


async def _digests(page: Sequence[Facts]) -> dict[uuid.UUID, str]:
    made = await documents_of(page)
    return {facts.id: str(one["digest"]) for facts, one in zip(page, made, strict=True)}


async def tend(
    database: Database,
    engine: MarkedAdministration,
    kind: SearchKind,
    *,
    wanted: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tender:
    """Look after one kind's index once. Raises :class:`Held` and :class:`Unavailable`."""
    async with keeping(database, kind) as keeper:
        if keeper is None:
            raise Held(f"Somebody else tells the engine of {kind}.")
        tender = Tender(database, engine, keeper, progress)
        try:
            await tender.tend(wanted=wanted)
        except Superseded as superseded:
            raise Held(str(superseded)) from superseded
        return tender


async def verify(database: Database, engine: MarkedAdministration, kind: SearchKind) -> Drift:
    """Tell what is pending, then return how far the index has drifted; nothing is repaired.

    Raises :class:`Held` and :class:`Unavailable`.
    """
    async with keeping(database, kind) as keeper:
        if keeper is None:
            raise Held(f"Somebody else tells the engine of {kind}.")
        tender = Tender(database, engine, keeper)
        try:
            await tender.drain()
            return await tender.compare()
        except Replaced as replaced:
            raise Unavailable(str(replaced)) from replaced
        except TaskFailed as failure:
            raise Unavailable(str(failure)) from failure
        except Superseded as superseded:
            raise Held(str(superseded)) from superseded
