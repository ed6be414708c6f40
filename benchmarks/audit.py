"""What the audit trail costs: an import, a request, many writers of one chain; and how fast it is verified.

In one process, on a PostgreSQL of its own that waits for the disk as in production. Runs with the trail and
without it alternate, so that whatever else the machine does falls on both alike.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import text

from service.app import create_app
from service.core import embedded
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings
from service.domain import audit, events
from service.domain.audit import writing
from tests.factories import create_employer, create_key, create_territory
from tests.imports.invented import batch_of, create_feed, create_world, items, take

WITH, WITHOUT = "with", "without"
WARM_UP = 20


@contextmanager
def _trail(way: str) -> Iterator[None]:
    """Keep the audit trail, or not."""
    kept = writing.note
    if way == WITHOUT:
        writing.note = events.note = lambda *_, **__: None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        writing.note = events.note = kept  # type: ignore[attr-defined]


async def _alternate(name: str, rounds: int, act: Callable[[], Awaitable[None]]) -> None:
    """Do ``act`` with and without the trail ``rounds`` times each; print the lower quartiles.

    They move least when the machine does other things too.
    """
    times: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    for turn in range(2 * rounds):
        # Which comes first alternates too.
        way = (WITH, WITHOUT)[(turn + turn // 2) % 2]
        with _trail(way):
            begun = time.perf_counter()
            await act()
            times[way].append(time.perf_counter() - begun)
    kept, bare = (statistics.quantiles(times[way], n=4)[0] for way in (WITH, WITHOUT))
    print(f"{name:44} with {kept * 1000:9.1f} ms, without {bare * 1000:9.1f} ms, {kept / bare - 1:+.1%}")


async def _imports(database: Database, count: int, rounds: int) -> None:
    async with database.transaction() as session:
        territory = await create_world(session)
    raw = items(*range(count))
    names = iter(range(1000))

    async def again() -> None:
        feed = await create_feed(database, territory, f"feed {next(names)}")
        await take(database, feed, batch_of(raw))
        async with database.transaction() as session:
            # Every round begins with as many postings: none.
            await session.execute(text("TRUNCATE posting, posting_index, employer, event, task CASCADE"))

    await again()
    await _alternate(f"import of {count} new postings", rounds, again)


async def _requests(database: Database, calls: int) -> None:
    async with database.transaction() as session:
        territory = await create_territory(session)
        employer = await create_employer(session, territory)
    key = await create_key(database, territory)
    # The same caller asks again and again.
    app = create_app(database, settings=Settings(rate_limits=False))
    address = f"/v1/employers/{employer.id}"
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://localhost",
            headers={"Authorization": f"Bearer {key}"},
        ) as client,
    ):

        async def read() -> None:
            (await client.get(address)).raise_for_status()

        async def write() -> None:
            found = await client.get(address)
            match = {"If-Match": found.headers["ETag"]}
            (await client.patch(address, json={"name": "Fournil"}, headers=match)).raise_for_status()

        for act in (read, write):
            for _ in range(WARM_UP):
                await act()
        await _alternate("GET of an employer", calls, read)
        await _alternate("GET, then PATCH, of an employer", calls, write)


async def _writers(database: Database, transactions: int) -> None:
    for chains in (1, 20):
        ids = [new_id() for _ in range(chains)]
        turns = iter(range(transactions))

        async def work(ids: list[uuid.UUID] = ids, turns: Iterator[int] = turns) -> None:
            for turn in turns:
                async with database.transaction() as session:
                    audit.note(
                        session,
                        actor="system:benchmark",
                        action="thing.done",
                        territory_id=ids[turn % len(ids)],
                    )

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(20)))
        rate = transactions / (time.perf_counter() - begun)
        print(f"20 writers on {chains:2} chains: {rate:,.0f} transactions a second")


async def _verify(database: Database, length: int) -> None:
    chain_id = new_id()
    for start in range(0, length, 5000):
        async with database.transaction() as session:
            for number in range(start, min(length, start + 5000)):
                audit.note(
                    session,
                    actor="person:0199c0de-0000-7000-8000-000000000001",
                    action="candidate.read",
                    object_kind="candidate",
                    object_id=chain_id,
                    territory_id=chain_id,
                    data={"number": number},
                )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    async with database.transaction() as session:
        found = await audit.verify(session, chain_id)
    seconds = time.perf_counter() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"verified {found.length:,} entries in {seconds:.1f} s ({found.length / seconds:,.0f} a second), "
        f"{found.broken} breaks; peak memory grew by {grown / 1024:.0f} MB"
    )
    async with database.transaction() as session:
        size = await session.scalar(text("SELECT pg_total_relation_size('audit_entry')"))
        count = await session.scalar(text("SELECT count(*) FROM audit_entry"))
    print(f"{count:,} entries take {size / 2**20:,.0f} MB with their indexes, {size / count:,.0f} bytes each")


async def _measure(url: str, arguments: argparse.Namespace) -> None:
    engine = create_engine(url, pool_size=20)
    await migrate(engine)
    database = Database(engine)
    await _imports(database, arguments.postings, arguments.rounds)
    await _requests(database, arguments.calls)
    await _writers(database, arguments.transactions)
    await _verify(database, arguments.entries)
    await engine.dispose()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postings", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--transactions", type=int, default=2000)
    parser.add_argument("--entries", type=int, default=200_000)
    arguments = parser.parse_args()
    configure_logging(Settings(log_level="ERROR"))
    with tempfile.TemporaryDirectory(prefix="ancrage-audit-") as folder:
        Path(folder).chmod(0o711)
        with embedded.start(Path(folder) / "postgres") as hold:
            asyncio.run(_measure(hold.url, arguments))


if __name__ == "__main__":
    main()
