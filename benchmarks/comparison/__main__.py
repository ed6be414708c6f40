"""Measure everything that has a goal, beside its peers, and write docs/benchmarks.md: ``make bench``.

Starts a PostgreSQL and a Redis of its own, a Meilisearch where there is one, and every server that is
compared; seeds them; then goes round by round, a slice of each case in every round, so that whatever else
the machine does falls on all alike.
"""

import argparse
import asyncio
import gc
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import asyncpg
import httpx
from sqlalchemy.engine import make_url

from benchmarks.comparison import charts, machine, report, seeding
from benchmarks.comparison.figures import Measured, Slice
from benchmarks.comparison.outside import Outside
from benchmarks.comparison.processes import Worker
from benchmarks.comparison.relevance import Relevance
from benchmarks.comparison.web import Case, Web
from benchmarks.search_postings import material
from benchmarks.tasks import settings_for
from service.core import embedded
from service.core.logging import configure_logging
from tests.servers import RedisServer, redis_executable

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_THREADS: Final = 2
_QUICK: Final = 0.3


def main() -> None:
    """Parse the sizes, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postings", type=int, default=20_000, help="that are searched and listed")
    parser.add_argument("--candidates", type=int, default=100_000, help="that are matched")
    parser.add_argument("--matched", type=int, default=50_000, help="postings that are matched")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each case in a round")
    parser.add_argument("--tasks", type=int, default=1_500, help="tasks of each case in a round")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", default="", help="parts, such as web,matching,tasks,relevance")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where benchmarks.md and its charts go")
    chosen = parser.parse_args()
    configure_logging(settings_for(""))
    # Told to stop, it ends what it started all the same.
    signal.signal(signal.SIGTERM, _told_to_stop)
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ancrage-benchmark-")))
        # PostgreSQL may run as another account, which must pass through.
        folder.chmod(0o711)
        bench = Bench(stack, folder, chosen)
        bench.prepare()
        bench.measure()
        bench.relevance()
        bench.ran_for = time.monotonic() - begun
        found = bench.found()
    print(report.terminal(found))
    if not chosen.only:
        charts.draw(found, chosen.docs / "benchmarks")
        (chosen.docs / "benchmarks.md").write_text(report.document(found), encoding="utf-8")
        tell(f"Written after {bench.ran_for / 60:.0f} minutes: benchmarks.md and its charts.")


def _told_to_stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


def tell(sentence: str) -> None:
    """Say how far it is."""
    print(sentence, file=sys.stderr, flush=True)


class Bench:
    """One run."""

    def __init__(self, stack: ExitStack, folder: Path, chosen: argparse.Namespace) -> None:
        self._stack, self._folder, self._chosen = stack, folder, chosen
        self._parts = set(filter(None, chosen.only.split(","))) or {"web", "matching", "tasks", "relevance"}
        self._cases: list[Case] = []
        self._measured: dict[str, Measured] = {}
        self._facts: dict[str, Any] = {}
        self._relevance: Relevance | None = None
        self._served: Web | None = None
        self.ran_for = 0.0

    def prepare(self) -> None:
        """Start and seed everything."""
        hold = self._stack.enter_context(embedded.start(self._folder / "postgres", tell))
        redis = None
        # Made first: they need no server, and the largest leaves memory to the others when it is done.
        sides = self._matching() if "matching" in self._parts else None
        if "web" in self._parts:
            self._web(hold)
        if "tasks" in self._parts:
            redis = RedisServer(self._folder)
            redis.start()
            self._stack.callback(redis.stop)
            self._tasks(_database(hold, "tasks"), redis.url)
        if sides is not None:
            self._match(*sides)
        self._facts["versions"] = machine.versions(
            redis_executable() if redis else None, self._facts.get("meilisearch")
        )
        self._facts["machine"] = machine.machine()

    def _web(self, hold: embedded.EmbeddedPostgres) -> None:
        chosen = self._chosen
        tell(f"Publishing {chosen.postings:,} postings")
        self._facts["real"] = asyncio.run(seeding.seed(hold.url, chosen.postings, chosen.seed, tell))
        made_of = material(chosen.seed)
        titles = asyncio.run(seeding.titles(hold.url))
        # Copied while nobody is connected to it.
        copied = _database(hold, "outside", template=True)
        tell("Starting the servers, and comparing their answers")
        web = Web(self._stack, self._folder, hold.url, made_of, chosen.seed)
        self._facts["body_bytes"] = web.body_bytes
        self._served = web
        self._cases += web.cases()
        self._cases += web.searches(made_of, titles, chosen.seed)
        outside = Outside.found(self._stack, self._folder)
        if outside is None:
            self._facts["no_meilisearch"] = "no server was found"
            tell("No Meilisearch: its rows will say so (set MEILISEARCH_TEST_URL, or put it on PATH)")
            return
        self._facts["meilisearch"] = outside.version
        outside.database_url = copied
        tell("Filling Meilisearch")
        try:
            self._cases += web.outside(outside)
        except (RuntimeError, httpx.HTTPError) as error:
            # The rest is worth measuring all the same; the page says why this is missing.
            self._facts["no_meilisearch"] = "Ancrage did not come to answer from it"
            tell(f"Without Meilisearch: {error}")

    def _matching(self) -> tuple[Worker, Worker]:
        chosen = self._chosen
        tell(f"Inventing {chosen.candidates:,} candidates and {chosen.matched:,} postings to match")
        sizes = ["--candidates", str(chosen.candidates), "--postings", str(chosen.matched)]
        sides = [
            Worker(
                "matching", self._folder, side, *sizes, "--seed", str(chosen.seed), name=f"matching-{side}"
            )
            for side in ("ours", "peer")
        ]
        for side in sides:
            self._stack.callback(side.stop)
            side.begin("memory")
        for side in sides:
            side.answer(600)
        return sides[0], sides[1]

    def _match(self, ours: Worker, peer: Worker) -> None:
        def one(seconds: float) -> Slice:
            times = ours.ask("one", seconds=seconds)["times"]
            return Slice(tuple(times), 1000 * len(times) / sum(times))

        def all_of(side: Worker, seconds: float, **options: int) -> Slice:
            # Too long to do for nothing.
            return Slice(()) if seconds < _QUICK else Slice(tuple(side.ask("everything", **options)["times"]))

        self._cases += [
            Case("match.one", "one posting, all candidates", one, ours),
            Case("match.all", "Ancrage, exact, both ways, with the gates", partial(all_of, ours), ours),
            Case(
                "match.all.peer",
                f"sparse_dot_topn alone, {_THREADS} threads, one way",
                partial(all_of, peer, threads=_THREADS),
                peer,
            ),
        ]

    def _tasks(self, url: str, redis: str) -> None:
        worker = Worker("tasks", self._folder, url, redis, str(self._folder))
        self._stack.callback(worker.stop)
        worker.ask("prepare")
        most = self._chosen.tasks

        def starts(what: str, seconds: float) -> Slice:
            return Slice(tuple(worker.ask(what, events=max(5, int(seconds * 40)))["times"]))

        def rate(kind: str, seconds: float) -> Slice:
            count = most if seconds >= _QUICK else 100
            return Slice((), worker.ask("throughput", kind=kind, count=count)["rate"])

        def arq(seconds: float) -> Slice:
            told = worker.ask("arq", count=most // 3 if seconds >= _QUICK else 50, apart=int(seconds * 4))
            return Slice(tuple(told["times"]), told["rate"])

        self._cases += [
            Case("start.inside", "commit to start, worker inside", partial(starts, "in_process")),
            Case("start.redis", "commit to start, worker woken by arq", partial(starts, "through_redis")),
            Case("tasks", "tasks that do nothing", partial(rate, "nothing.done"), worker),
            Case("tasks.effect", "tasks that write a row", partial(rate, "row.inserted"), worker),
            Case("tasks.arq", "arq alone at its defaults", arq),
        ]

    def measure(self) -> None:
        """Go round by round; a short one first, that does not count."""
        self._measured = {case.key: Measured(case.name) for case in self._cases}
        self._round("Warming up", _QUICK / 2, 0, keep=False)
        for number in range(self._chosen.rounds):
            self._round(
                f"Round {number + 1} of {self._chosen.rounds}", self._chosen.seconds, number, keep=True
            )
        if self._served is not None:
            self._facts["answered"] = self._served.answered()

    def _round(self, name: str, seconds: float, turn: int, *, keep: bool) -> None:
        tell(name)
        # Nobody is always first, nor always after the same one's disturbance.
        place = turn * 5 % len(self._cases)
        for case in self._cases[place:] + self._cases[:place]:
            with _undisturbed():
                measured = case.run(seconds)
            if not keep:
                continue
            into = self._measured[case.key]
            into.slices.append(measured)
            if case.process is not None:
                into.memory = max(into.memory or 0, _memory(case))

    def relevance(self) -> None:
        """Run the judgement set, whose figures are no matter of time."""
        if "relevance" in self._parts:
            tell("Asking the judgement set")
            self._relevance = Relevance.measured(self._folder)

    def found(self) -> report.Found:
        """Return all of it."""
        return report.Found(
            measured=self._measured,
            relevance=self._relevance,
            chosen=vars(self._chosen),
            ran_for=self.ran_for,
            **{"real": False, "body_bytes": 0, "meilisearch": None, "no_meilisearch": "", "answered": {}}
            | self._facts,
        )


def _memory(case: Case) -> int:
    assert case.process is not None  # noqa: S101 - asked of those that have one
    if case.key.startswith("match"):
        # The most it ever had, its preparation included.
        return int(case.process.ask("memory")["peak"])  # type: ignore[attr-defined] # a Worker
    return case.process.memory()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Collect garbage between the slices, not in them."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _database(hold: embedded.EmbeddedPostgres, name: str, *, template: bool = False) -> str:
    """Make a database beside the first, empty or a copy of it; return its address."""
    url = make_url(hold.url)
    copied = f'TEMPLATE "{url.database}"' if template else ""

    async def make() -> None:
        admin = make_url(hold.admin_url).set(drivername="postgresql", database="postgres")
        connection = await asyncpg.connect(admin.render_as_string(hide_password=False))
        try:
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{url.username}" {copied}')
        finally:
            await connection.close()

    asyncio.run(make())
    return hold.url_of(name)


if __name__ == "__main__":
    main()
