"""An engine outside that is killed, hung, wiped and spoilt in the middle of random edits and searches."""

import asyncio
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from service.core.database import Database
from service.core.settings import Settings
from service.domain import feeding
from service.domain.feeding import Drift
from service.jobs.feeding import Held, tend, verify
from service.jobs.runner import Runner
from service.jobs.search import feed_search, patrol_search
from service.jobs.work import Every, Tick, Work
from service.schemas.search import PostingFacet, SearchQuery
from service.search.meilisearch.administration import TaskFailed
from service.search.meilisearch.marking import MarkedAdministration
from service.search.opening import close_search, open_search
from service.search.port import SearchEngine, Unavailable
from tests.search.toxic import Mode, ToxicProxy
from tests.search_feed.market import KIND, TRADES, Market
from tests.search_feed.servers import Real, Server

T = TypeVar("T")

INDEX: Final = "ancrage-postings"
FAULTS: Final = ("kill", "unavailable", "hang", "garbage", "drop", "empty", "cut", "lose", "rebuild")


@dataclass(slots=True)
class Told:
    """What happened while faults followed one another. Times are in seconds."""

    edits: int = 0
    failed_edits: int = 0
    searches: int = 0
    failed_searches: int = 0
    empty_searches: int = 0
    degraded_searches: int = 0
    slowest_search: float = 0.0
    injected: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    rebuilt: int = 0
    fewest: int | None = None
    healed_in: float = 0.0
    drift: Drift | None = None
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Storm:
    """Edits, searches and faults at the same time, each fault for so many edits."""

    def __init__(
        self, market: Market, settings: Settings, server: Server, proxy: ToxicProxy, *, seed: int = 1
    ) -> None:
        self.market = market
        self.server = server
        self.proxy = proxy
        self.told = Told()
        self.deadline: float | None = None
        """Of ``time.monotonic``: when edits end, done or not."""
        self.on_fault: Callable[[], Awaitable[None]] | None = None
        """Called in the middle of every fault."""
        self._settings = settings
        self._direct = MarkedAdministration(server.url, server.key)
        self._random = random.Random(seed)  # noqa: S311 - it chooses searches
        self._over = asyncio.Event()

    async def run(self, edits: int, faults: Sequence[str] = FAULTS, *, searchers: int = 1) -> Told:
        """Make ``edits``, with every fault in turn spread evenly over them; then return what happened."""
        spans = max(1, edits // (2 * len(faults) + 1))
        searching = [asyncio.create_task(self._search()) for _ in range(searchers)]
        try:
            await self._edit(spans)
            for name in faults:
                async with self._fault(name):
                    await self._edit(spans // 2)
                    if self.on_fault is not None:
                        await self.on_fault()
                    await self._edit(spans - spans // 2)
                self.told.faults[name] += 1
                await self._edit(spans)
            await self._edit(max(0, edits - self.told.edits))
        finally:
            self._over.set()
            await asyncio.gather(*searching)
        self.told.injected = self.proxy.failed
        return self.told

    async def heal(self, seconds: float) -> None:
        """Let nothing fail any more; wait until the engine is in line by itself, then compare everything."""
        self.proxy.failure_rate = 0.0
        begun = time.monotonic()
        async with asyncio.timeout(seconds):
            while True:
                feed = await self.market.feed()
                if feed.ready and feed.pending == 0 and feed.wanted is None and not feed.held:
                    break
                await asyncio.sleep(0.1)
            self.told.healed_in = time.monotonic() - begun
            self.told.drift = await self._patiently(
                lambda: verify(self.market.database, self._direct_now(), KIND)
            )

    async def _edit(self, count: int) -> None:
        for _ in range(count):
            if self.over():
                return
            try:
                await self.market.edit()
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
                self.told.failed_edits += 1
                self.told.errors.append(f"edit: {error!r}"[:300])
            self.told.edits += 1

    async def _search(self) -> None:
        engine = open_search(self._settings)
        ids = tuple(territory.id for territory in self.market.territories)
        try:
            while not self._over.is_set():
                await self._ask(engine, ids)
                # Visitors come one after the other; those who edit need the processor too.
                await asyncio.sleep(0.02)
        finally:
            await close_search(engine)

    async def _ask(self, engine: SearchEngine, ids: tuple[uuid.UUID, ...]) -> None:
        text = self._random.choice(("", *TRADES))
        query = SearchQuery(territory_ids=ids, text=text, facets=(PostingFacet.CONTRACT,))
        begun = time.monotonic()
        try:
            async with self.market.database.transaction() as session:
                page = await engine.search(session, query)
        except Exception as error:  # noqa: BLE001 - counted, whatever it is
            self.told.failed_searches += 1
            self.told.errors.append(f"search: {error!r}"[:300])
        else:
            self.told.empty_searches += not page.hits
            self.told.degraded_searches += page.degraded
        self.told.searches += 1
        self.told.slowest_search = max(self.told.slowest_search, time.monotonic() - begun)

    def over(self) -> bool:
        """Tell whether time is up: nothing is edited any more."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def _direct_now(self) -> MarkedAdministration:
        return MarkedAdministration(self.server.url, self.server.key)

    @asynccontextmanager
    async def _fault(self, name: str) -> AsyncIterator[None]:
        """Let one thing be wrong for as long as the block runs; what it spoilt stays spoilt."""
        match name:
            case "kill" | "lose":
                await (self.server.kill() if name == "kill" else self.server.lose())
                await self.proxy.refuse()
                yield
                await self.server.start()
                self.proxy.target = self.server.url
                await self.proxy.accept()
            case "hang":
                async with self._hung():
                    yield
            case "unavailable" | "garbage" | "cut":
                self.proxy.mode = Mode(name)
                yield
                self.proxy.mode = Mode.PASS
            case "rebuild":
                rebuilding = asyncio.create_task(self._rebuild())
                yield
                while not rebuilding.done() and not self.over():
                    await self._edit(1)
                await rebuilding
            case _:
                await self._spoil(name)
                yield

    @asynccontextmanager
    async def _hung(self) -> AsyncIterator[None]:
        if isinstance(self.server, Real) and self.server.pid is not None:
            os.kill(self.server.pid, signal.SIGSTOP)
            try:
                yield
            finally:
                os.kill(self.server.pid, signal.SIGCONT)
        else:
            self.proxy.mode = Mode.HANG
            yield
            self.proxy.mode = Mode.PASS

    async def _spoil(self, name: str) -> None:
        engine = self._direct_now()
        try:
            if name == "drop":
                await engine.drop(INDEX)
            else:
                present = [uuid.UUID(each) for each in await self.market.expected()]
                await engine.wait(await engine.delete(INDEX, present))
        except (TaskFailed, Unavailable) as error:
            # There was nothing to spoil: what came before had not healed yet.
            self.told.notes.append(f"{name}: {error!r}"[:300])

    async def _rebuild(self) -> None:
        """Rebuild through the proxy, as ``ancrage reindex`` does, and watch what is held meanwhile."""
        engine = MarkedAdministration(self.proxy.url, self.server.key)
        rebuild = asyncio.create_task(
            self._patiently(lambda: tend(self.market.database, engine, KIND, wanted=feeding.REBUILD))
        )
        while not rebuild.done():
            state = await self._direct_now().describe(INDEX)
            if state is not None and (await self.market.feed()).ready:
                held = state.documents
                self.told.fewest = held if self.told.fewest is None else min(held, self.told.fewest)
            await asyncio.wait((rebuild,), timeout=0.05)
        self.told.rebuilt += (await rebuild).indexed or 0

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call that waits for whoever tells the engine, and for the engine."""
        while True:
            try:
                return await call()
            except (Held, Unavailable):
                await asyncio.sleep(0.2)


@asynccontextmanager
async def working(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Let a worker of this process feed the engine and look after it once a second."""
    quick = Settings.model_validate(settings.model_dump() | {"worker_poll_seconds": 0.2})
    schedule = {"search feed": Tick(Every(1), patrol_search)}
    runner = Runner(
        Work(database, quick),
        handlers={"search.outdated": (feed_search,)},
        schedule=schedule,
        grace_seconds=1,
    )
    database.wake = runner.wake
    async with runner.running():
        yield
