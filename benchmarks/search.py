"""How fast PostgreSQL search indexes and answers: ``python -m benchmarks.search [--help]``.

Starts a PostgreSQL of its own, publishes synthetic postings, then asks what visitors type, one
question after another: no text, a title, a word, a word and a place, a beginning, a misspelling.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time
from typing import Any, Final

from sqlalchemy import event, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.search_postings import Material, material, postings, queries
from service.core import embedded
from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.core.migrations import migrate
from service.core.text import fold
from service.models import Commune, Occupation, Posting, Territory
from service.models.enums import ContractKind, PostingState, TerritoryKind
from service.schemas.search import PostingFacet, PostingFacts, PostingFilters, SearchQuery
from service.search import transactional_engine

BATCH: Final = 500
TWO_FACETS: Final = (PostingFacet.CONTRACT, PostingFacet.OCCUPATION)
EMPTY: Final[dict[str, list[str]]] = {
    name: [] for name in ("skills", "skill_codes", "education", "languages", "licences", "benefits")
}
HOT: Final = ("", "vendeur ", "cdi", "boulanger aubenas", "inf", "mecanicein ")


def main() -> None:
    """Parse the sizes, load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postings", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=1_000)
    parser.add_argument(
        "--repeat", type=int, default=1, help="keep the fastest of so many, on a machine that others use"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--folder", type=Path, help="keep the database here, and use it if it is there")
    parser.add_argument("--explain", action="store_true", help="print the plans of some questions")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary) / "postgres"
        with embedded.start(folder, progress=_tell, durable=False) as postgres:
            asyncio.run(_run(postgres.url, chosen))


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


async def _run(url: str, chosen: argparse.Namespace) -> None:
    bind = create_engine(url)
    await migrate(bind)
    database = Database(bind)
    made_of = material(chosen.seed)
    print(f"material: {'the shared real feeds' if made_of.real else 'invented'}")
    async with database.transaction() as session:
        territory_id = await session.scalar(select(Territory.id))
    if territory_id is None:
        territory_id = await _load(database, made_of, chosen)
        async with bind.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))
    territories = (territory_id,)
    async with database.sessions() as session:
        titles = list(await session.scalars(select(Posting.title).order_by(Posting.id)))
    await _sizes(database)

    def ask(typed: str, facets: tuple[PostingFacet, ...], filters: PostingFilters) -> SearchQuery:
        return SearchQuery(territory_ids=territories, text=typed, facets=facets, filters=filters)

    permanent = PostingFilters(contracts=(ContractKind.PERMANENT,))
    for name, facets, filters in (
        ("without facets", (), PostingFilters()),
        ("two facets", TWO_FACETS, PostingFilters()),
        ("two facets, one filtered", TWO_FACETS, permanent),
        ("all facets", tuple(PostingFacet), PostingFilters()),
    ):
        dice = random.Random(chosen.seed)  # noqa: S311 - a benchmark must repeat
        typed = list(queries(made_of, titles, chosen.questions, dice))
        await _measure(
            database, name, [(kind, ask(one, facets, filters)) for kind, one in typed], chosen.repeat
        )
    await bind.dispose()
    if chosen.explain:
        await _explain(url, [ask(typed, TWO_FACETS, PostingFilters()) for typed in HOT])


@asynccontextmanager
async def _timed(what: str, items: int) -> AsyncIterator[None]:
    started = perf_counter()
    yield
    elapsed = perf_counter() - started
    print(f"{what}: {elapsed:.1f} s, {items / elapsed:,.0f} a second")


async def _load(database: Database, made_of: Material, chosen: argparse.Namespace) -> uuid.UUID:
    territory = Territory(
        id=new_id(), lineage=[], slug="banc", name="Banc", kind=TerritoryKind.DEPARTEMENT, coverage={},
        brand_values=[], colours={}, languages=["fr"], contacts=[], features=[],
    )  # fmt: skip
    territory.lineage = [territory.id]
    async with database.transaction() as session:
        session.add(territory)
        session.add_all(_communes(made_of))
        session.add_all(
            Occupation(code=trade.code, label=trade.label, folded_label=fold(trade.label))
            for trade in made_of.trades
        )
    dice = random.Random(chosen.seed)  # noqa: S311 - a benchmark must repeat
    facts = list(postings(made_of, chosen.postings, territory.id, dice))
    async with _timed("postings inserted", len(facts)):
        for batch in _batches(facts):
            async with database.transaction() as session:
                await _publish(session, batch)
    engine = transactional_engine()
    async with _timed(f"postings indexed, {BATCH} in a transaction", len(facts)):
        for batch in _batches(facts):
            async with database.transaction() as session:
                await engine.index(session, batch)
    async with _timed("words counted and tables measured", 1), database.transaction() as session:
        await engine.maintain(session)
    sample = dice.sample(facts, min(200, len(facts)))
    async with _timed("postings indexed again, one in a transaction, unchanged", len(sample)):
        for one in sample:
            async with database.transaction() as session:
                await engine.index(session, [one])
    return territory.id


def _communes(made_of: Material) -> Iterator[Commune]:
    for place in made_of.places:
        yield Commune(
            code=place.code,
            name=place.name,
            folded_name=fold(place.name),
            postal_codes=[place.postal_code],
            departement_code="07",
            departement_name="Ardèche",
            region_code="84",
            region_name="Auvergne-Rhône-Alpes",
            latitude=place.latitude,
            longitude=place.longitude,
        )


def _batches(facts: Sequence[PostingFacts]) -> Iterator[Sequence[PostingFacts]]:
    for start in range(0, len(facts), BATCH):
        yield facts[start : start + BATCH]


async def _publish(session: AsyncSession, batch: Sequence[PostingFacts]) -> None:
    await session.execute(
        insert(Posting),
        [
            {
                "id": facts.id,
                "territory_id": facts.territory_id,
                "title": facts.title,
                "description": facts.description,
                "state": PostingState.PUBLISHED,
                "source": facts.source,
                "source_id": str(facts.id),
                "published_at": facts.published_at,
                **EMPTY,
            }
            for facts in batch
        ],
    )


async def _sizes(database: Database) -> None:
    sizes = text("""
        SELECT relname, pg_size_pretty(pg_table_size(oid)), pg_size_pretty(pg_indexes_size(oid)), reltuples
        FROM pg_class WHERE relname IN ('posting_index', 'posting_words', 'search_word') ORDER BY relname
    """)
    async with database.sessions() as session:
        for name, table, indexes, rows in await session.execute(sizes):
            print(f"{name}: {rows:,.0f} rows, table {table}, indexes {indexes}")


async def _measure(
    database: Database, name: str, asked: Sequence[tuple[str, SearchQuery]], repeat: int
) -> None:
    """Ask every question once to warm up, then ``repeat`` times; print the quickest by kind.

    Beside the time that passed, the processor time of this process and of PostgreSQL's: on a machine
    that others use, it tells what a question costs.
    """
    engine = transactional_engine()
    passed: defaultdict[str, list[float]] = defaultdict(list)
    worked: defaultdict[str, list[float]] = defaultdict(list)
    hits: defaultdict[str, list[int]] = defaultdict(list)
    for kind, query in asked:
        times = []
        for _ in range(repeat + 1):
            async with database.sessions() as session:
                backend = await session.scalar(text("SELECT pg_backend_pid()"))
                work = _processor_time(backend)
                started = perf_counter()
                page = await engine.search(session, query)
                times.append((perf_counter() - started, _processor_time(backend) - work))
        for column in (kind, "all"):
            passed[column].append(1_000 * min(time for time, _ in times[1:]))
            worked[column].append(1_000 * min(work for _, work in times[1:]))
            hits[column].append(page.total)
    print(
        f"\n{name + ', ms':<26}   asked    p50    p95    p99 | processor    p50    p95    p99 | median hits"
    )
    for kind in [*sorted(passed.keys() - {"all"}), "all"]:
        totals = sorted(hits[kind])
        print(
            f"  {kind:<24} {len(totals):7} {_percentiles(passed[kind])} |"
            f"           {_percentiles(worked[kind])} | {totals[len(totals) // 2]:11,}"
        )


def _percentiles(times: Sequence[float]) -> str:
    cuts = quantiles(times, n=100, method="inclusive")
    return " ".join(f"{cuts[percent - 1]:6.1f}" for percent in (50, 95, 99))


def _processor_time(backend: int) -> float:
    """Return seconds spent by this process and by a PostgreSQL process, as Linux counts them."""
    nanoseconds = int(Path(f"/proc/{backend}/schedstat").read_text(encoding="ascii").split()[0])
    return process_time() + nanoseconds / 1e9


async def _explain(url: str, asked: Sequence[SearchQuery]) -> None:
    """Print the plan of every statement that these questions run."""
    bind = create_engine(url)
    engine = transactional_engine()
    ran: list[tuple[str, Any]] = []

    def keep(*arguments: Any) -> None:
        ran.append((arguments[2], arguments[3]))

    async with bind.connect() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", keep)
        for query in asked:
            await engine.search(AsyncSession(connection), query)
            print(f"\n=== {query.text!r}")
            for statement, parameters in tuple(ran):
                plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)
                print("\n".join(plan.scalars()), end="\n\n")
            ran.clear()
    await bind.dispose()


if __name__ == "__main__":
    main()
