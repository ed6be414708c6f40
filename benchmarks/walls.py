"""What row-level security costs a request: the same calls with the second wall and without it.

In one process, on a PostgreSQL of its own: 20 territories, 2,000 employers. Calls alternate, so that whatever
else the machine does falls on both alike.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from service.app import create_app
from service.core import embedded, reach
from service.core.database import AsyncSession, Database, create_engine
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.reach import Reach
from service.core.settings import Settings
from tests.factories import create_employer, create_key, create_territory

TERRITORIES = 20
EMPLOYERS_EACH = 100


async def _no_wall(_session: AsyncSession, _reach: Reach) -> None:
    """Stand in for :func:`reach.apply`: the transaction reaches everywhere."""


async def _fill(database: Database) -> str:
    async with database.transaction() as session:
        territories = [await create_territory(session) for _ in range(TERRITORIES)]
        for territory in territories:
            for number in range(EMPLOYERS_EACH):
                await create_employer(session, territory, name=f"Atelier {number}")
    return await create_key(database, territories[0])


async def _measure(url: str, calls: int) -> None:
    engine = create_engine(url)
    await migrate(engine)
    database = Database(engine)
    key = await _fill(database)
    app = create_app(database, settings=Settings(rate_limits=False))
    walled = reach.apply
    asked = {
        "public: one territory": ("/v1/territories/territoire-1", {}),
        "key: 50 of its 100 employers": ("/v1/employers", {"Authorization": f"Bearer {key}"}),
    }
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client,
    ):
        for name, (path, headers) in asked.items():
            times: dict[str, list[float]] = {"with": [], "without": []}
            ways: dict[str, Callable[..., object]] = {"with": walled, "without": _no_wall}
            for turn in range(2 * calls + 40):
                way = "with" if turn % 2 else "without"
                reach.apply = ways[way]  # type: ignore[assignment] # what is measured is its absence
                begun = time.perf_counter()
                answer = await client.get(path, headers=headers)
                if turn >= 40:  # noqa: PLR2004 - the first calls warm up
                    times[way].append(time.perf_counter() - begun)
                assert answer.status_code == 200, answer.text  # noqa: S101, PLR2004 - a benchmark of errors is none
            with_, without = (statistics.median(times[way]) * 1000 for way in ("with", "without"))
            print(
                f"{name:32} p50 with {with_:6.2f} ms, without {without:6.2f} ms, ratio {with_ / without:.2f}"
            )
    reach.apply = walled
    await engine.dispose()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    arguments = parser.parse_args()
    configure_logging(Settings(log_level="ERROR"))
    with tempfile.TemporaryDirectory(prefix="ancrage-walls-") as folder:
        Path(folder).chmod(0o711)
        with embedded.start(Path(folder) / "postgres", durable=False) as hold:
            asyncio.run(_measure(hold.url, arguments.calls))


if __name__ == "__main__":
    main()
