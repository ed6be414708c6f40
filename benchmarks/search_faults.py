"""An engine outside that fails in every way: ``make search-faults``.

Starts a PostgreSQL and a Meilisearch (``meilisearch`` on the PATH) of its own, and a proxy between that fails
one request in a hundred. While postings are edited and searched at random, the engine is killed, hung, wiped,
made to answer 503 and garbage, and rebuilt; the worker that feeds it is killed (``kill -9``) in the middle of
each. Then everything is compared. Exits with 1 if anything was lost, a search failed or found nothing.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from service.core import embedded
from service.core.database import Database, create_engine
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings, get_settings
from tests.search.meilisearch_server.real import executable
from tests.search.toxic import ToxicProxy
from tests.search_feed.faults import FAULTS, Storm, Told, working
from tests.search_feed.market import Market
from tests.search_feed.servers import Real

_HEALING_SECONDS: Final = 300.0


def main() -> None:
    """Parse the sizes; run both scenarios, or the worker of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=10_000, help="in the storm of faults")
    parser.add_argument("--postings", type=int, default=2_000, help="published when the storm begins")
    parser.add_argument("--reindexed", type=int, default=20_000, help="published when the reindex begins")
    parser.add_argument("--rounds", type=int, default=2, help="how often every fault comes")
    parser.add_argument("--minutes", type=float, default=15.0, help="of edits, per scenario, at most")
    parser.add_argument("--only", choices=("storm", "reindex"))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        asyncio.run(_work())
    elif executable() is None:
        sys.exit("There is no `meilisearch` on the PATH: nothing was tried.")
    else:
        configure_logging(Settings(log_level="ERROR"))
        with tempfile.TemporaryDirectory() as folder:
            # Under root PostgreSQL runs as another account, which must pass through.
            Path(folder).chmod(0o711)
            for name in ("storm", "reindex"):
                (Path(folder) / name).mkdir(mode=0o711)
            sys.exit(asyncio.run(_run(Path(folder), chosen)))


async def _work() -> None:
    """Feed the engine until killed."""
    settings = get_settings()
    engine = create_engine(str(settings.database_url))
    async with working(Database(engine), settings):
        await asyncio.Event().wait()


async def _run(folder: Path, chosen: argparse.Namespace) -> int:
    failures = []
    if chosen.only in {None, "storm"}:
        faults = FAULTS * chosen.rounds
        failures += await _scenario(folder / "storm", chosen, "storm", chosen.postings, chosen.edits, faults)
    if chosen.only in {None, "reindex"}:
        failures += await _scenario(
            folder / "reindex", chosen, "reindex", chosen.reindexed, 400, ("rebuild", "rebuild")
        )
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


async def _scenario(
    folder: Path, chosen: argparse.Namespace, name: str, postings: int, edits: int, faults: tuple[str, ...]
) -> list[str]:
    server = Real(folder)
    hold = await asyncio.to_thread(embedded.start, folder / "postgres", _tell, durable=False)
    try:
        engine = create_engine(hold.url)
        await migrate(engine)
        market = Market(Database(engine))
        await market.open(postings)
        await server.start()
        async with ToxicProxy(server.url) as proxy:
            settings = Settings(
                database_url=hold.url,
                meilisearch_url=proxy.url,
                meilisearch_key=SecretStr(server.key),
                log_level="ERROR",
            )
            storm = Storm(market, settings, server, proxy)
            storm.deadline = time.monotonic() + chosen.minutes * 60
            async with _workers(settings, folder) as workers:
                await _ready(market)
                proxy.failure_rate = 0.01
                if name == "storm":
                    storm.on_fault = workers.replace
                begun = time.monotonic()
                told = await storm.run(edits, faults)
                seconds = time.monotonic() - begun
                await storm.heal(_HEALING_SECONDS)
        _print(name, postings, told, seconds, workers.killed)
        await engine.dispose()
        return [f"{name}: {each}" for each in _failures(told)]
    finally:
        await server.kill()
        await asyncio.to_thread(hold.stop)


class _Workers:
    """A process that feeds the engine, killed and started again."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.killed = 0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.search_faults", "--worker"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    async def replace(self) -> None:
        await asyncio.to_thread(self.kill)
        self.killed += 1
        self.start()


@asynccontextmanager
async def _workers(settings: Settings, folder: Path) -> AsyncIterator[_Workers]:
    assert settings.meilisearch_key is not None  # noqa: S101 - for mypy
    environment = dict(os.environ) | {
        "DATABASE_URL": str(settings.database_url),
        "MEILISEARCH_URL": str(settings.meilisearch_url),
        "MEILISEARCH_KEY": settings.meilisearch_key.get_secret_value(),
        "LOG_LEVEL": "WARNING",
        "WORKER_LEASE_SECONDS": "5",
    }
    workers = _Workers(environment, folder / "worker.log")
    workers.start()
    try:
        yield workers
    finally:
        await asyncio.to_thread(workers.kill)


async def _ready(market: Market) -> None:
    async with asyncio.timeout(_HEALING_SECONDS):
        await market.until_ready()


def _failures(told: Told) -> list[str]:
    found = []
    if told.failed_edits:
        found.append(f"{told.failed_edits} edits failed")
    if told.failed_searches or told.empty_searches:
        found.append(f"{told.failed_searches} searches failed, {told.empty_searches} found nothing")
    if told.drift is None or len(told.drift):
        found.append(f"drift after healing: {told.drift}")
    return found + told.errors[:5]


def _print(name: str, postings: int, told: Told, seconds: float, killed: int) -> None:
    faults = ", ".join(f"{count} {each}" for each, count in told.faults.items())
    drift = "not measured" if told.drift is None else f"{len(told.drift)} of {told.drift.documents} documents"
    print(f"{name}: {postings} postings, {told.edits} edits in {seconds:.0f} s ({told.failed_edits} failed)")
    print(f"  faults: {faults}; {told.injected} requests of the engine failed; worker killed {killed} times")
    print(
        f"  {told.searches} searches: {told.failed_searches} failed, {told.empty_searches} empty, "
        f"{told.degraded_searches} from PostgreSQL; slowest {told.slowest_search * 1000:.0f} ms"
    )
    if told.fewest is not None:
        print(
            f"  rebuilt with {told.rebuilt} documents; never fewer than {told.fewest} in the index meanwhile"
        )
    print(f"  healed by itself in {told.healed_in:.1f} s; drift {drift}")


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    main()
