"""How well search finds what a job seeker means: ``python -m benchmarks.relevance [--help]``.

Imports the shared real postings into a PostgreSQL of its own, asks every engine each query of the judgement
set, and prints recall@10, nDCG@10 and MRR of each, and how far they agree. docs/relevance.md says what is
measured and how it is judged.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TextIO

from benchmarks.places import SHARED
from benchmarks.relevance import market
from benchmarks.relevance.engines import engines
from benchmarks.relevance.judging import RELEVANT, Judged, Seen, read
from benchmarks.relevance.measures import DEPTH
from benchmarks.relevance.report import Asked, apart, table, totals, worst
from service.core import embedded
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.schemas.search import PostingFacts, SearchQuery
from service.search import SearchEngine


def main() -> None:
    """Parse what is wanted, load, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--worst", type=int, default=0, metavar="N", help="show the N worst queries of each engine"
    )
    parser.add_argument("--folder", type=Path, help="keep the database here, and use it if it is there")
    parser.add_argument("--half", choices=("tuned", "held-out"), help="show the worst of this half only")
    parser.add_argument("--only", help="ask only the queries that hold this text")
    parser.add_argument("--check", action="store_true", help="only check that every query has an answer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--fail-under", type=float, metavar="RECALL", help="exit 1 below this recall@10")
    chosen = parser.parse_args()
    if not SHARED.is_dir():
        missing = "the shared data folder is not beside the repository"
        _write(chosen.json, {"missing": missing})
        sys.exit(missing)
    judged = [one for one in read() if not chosen.only or chosen.only in one.text]
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary) / "postgres"
        with embedded.start(folder, progress=market.tell, durable=False) as postgres:
            sys.exit(asyncio.run(_run(postgres.url, judged, chosen, sys.stdout)))


async def _run(url: str, judged: Sequence[Judged], chosen: argparse.Namespace, out: TextIO) -> int:
    bind = create_engine(url)
    await migrate(bind)
    database = Database(bind)
    try:
        territory_id = await market.territory(database)
        facts = await market.public(database)
        market.tell("Judging")
        seen = [Seen.of(one) for one in facts]
        grades: dict[str, dict[Hashable, int]] = {
            query.text: {one.id: query.grade(field) for one, field in zip(facts, seen, strict=True)}
            for query in judged
        }
        empty = [text for text, given in grades.items() if max(given.values()) < RELEVANT]
        print(f"{len(judged)} queries over {len(facts)} public postings", file=out)
        if empty:
            print(f"no posting answers to: {', '.join(map(repr, empty))}", file=out)
            return 1
        if chosen.check:
            return 0
        if chosen.folder:
            await market.index_again(database)
        return await _measure(database, territory_id, facts, grades, judged, chosen, out)
    finally:
        await database.close()


async def _measure(
    database: Database,
    territory_id: uuid.UUID,
    facts: Sequence[PostingFacts],
    grades: dict[str, dict[Hashable, int]],
    judged: Sequence[Judged],
    chosen: argparse.Namespace,
    out: TextIO,
) -> int:
    pages: dict[str, dict[str, list[uuid.UUID]]] = {}
    async with engines(database) as found:
        for engine in found:
            market.tell(f"Asking {engine.name}")
            pages[engine.name] = {
                one.text: await _ask(database, engine, territory_id, one.text) for one in judged
            }
    asked = [
        Asked(one, grades[one.text], {name: answers[one.text] for name, answers in pages.items()})
        for one in judged
    ]
    print("\n".join(table(asked, list(pages))), file=out)
    titles: dict[Hashable, str] = {
        one.id: f"{one.title} · {', '.join(one.places[:1])} · {one.employer_name or ''}" for one in facts
    }
    shown = [one for one in asked if chosen.half is None or one.query.held_out is (chosen.half == "held-out")]
    for engine_name in pages if chosen.worst else ():
        print(f"\nworst of {engine_name}", file=out)
        print("\n".join(worst(shown, engine_name, chosen.worst, titles)), file=out)
    if chosen.worst and len(pages) > 1:
        print("\nwhere the engines agree least", file=out)
        print("\n".join(apart(shown, chosen.worst)), file=out)
    figures = totals(asked, list(pages))
    _write(chosen.json, figures)
    if chosen.fail_under is None:
        return 0
    return int(min(each["recall@10"] for each in figures["engines"].values()) < chosen.fail_under)


def _write(path: Path | None, figures: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, indent=2), encoding="utf-8")


async def _ask(
    database: Database, engine: SearchEngine, territory_id: uuid.UUID, text: str
) -> list[uuid.UUID]:
    query = SearchQuery(territory_ids=(territory_id,), text=text, limit=DEPTH, highlight=False)
    async with database.sessions() as session:
        return [hit.id for hit in (await engine.search(session, query)).hits]


if __name__ == "__main__":
    main()
