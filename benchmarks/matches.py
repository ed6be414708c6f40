"""Matching in the database: ``python -m benchmarks.matches [--candidates N] [--postings N]``.

On a durable PostgreSQL of its own and an invented market: a first run of everything, the same run again,
then one posting that opens and one profile that changes, by the background tasks, and a batch of postings
imported at once.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks import market
from service.core import embedded
from service.core.clock import frozen
from service.core.database import Database, create_engine
from service.core.logging import configure_logging
from service.core.migrations import migrate
from service.core.settings import Settings
from service.core.text import fold
from service.domain.events import record
from service.domain.matches import count_current, match_tree
from service.jobs.matching import match_candidate, match_posting
from service.jobs.runner import drain
from service.jobs.work import Work
from service.matching.facts import CandidateFacts, Point, PostingFacts
from service.models import (
    CandidateProfile,
    Commune,
    Occupation,
    OccupationMobility,
    OccupationSkill,
    Posting,
    ReferentialRelease,
    Skill,
    Territory,
)
from service.models.enums import OccupationOrigin, PostingState, TerritoryKind

HANDLERS = {kind: [match_posting] for kind in ("posting.published", "posting.changed", "posting.paused")} | {
    "candidate.changed": [match_candidate]
}
TODAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
SAMPLE = 10


def main() -> None:
    """Parse the sizes, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=5_000)
    parser.add_argument("--postings", type=int, default=5_000)
    parser.add_argument("--imported", type=int, default=500)
    chosen = parser.parse_args()
    configure_logging(Settings(log_level="ERROR"))
    with frozen(TODAY):
        asyncio.run(run(chosen.candidates, chosen.postings, chosen.imported))


async def run(candidates: int, postings: int, imported: int) -> None:
    """Measure a territory of this size and print the table."""
    async with _database() as database:
        root, facts = await _invent(database, candidates, postings, imported)
        work = Work(database, Settings())
        for name in ("first run of everything", "the same run again"):
            started = time.perf_counter()
            outcome = await match_tree(database, root.id, everything=True)
            show(f"{name}: {outcome.written:,} matches written", time.perf_counter() - started)
        async with database.transaction() as session:
            current = await count_current(session, [root.id])
            size = await session.scalar(select(func.pg_total_relation_size("match")))
        sys.stdout.write(f"{current:,} matches current, {(size or 0) / 2**20:,.0f} MiB with indexes\n")
        await _one_at_a_time(work, root)
        async with database.transaction() as session:
            await _insert_postings(session, root, facts)
            for posting in facts:
                _tell(session, root, "posting.published", posting.id)
        started = time.perf_counter()
        tasks = await drain(work, handlers=HANDLERS)
        show(f"{imported:,} postings imported at once: {tasks:,} tasks", time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{'peak memory of the process':<66} {peak:8.0f} MiB\n")


async def _one_at_a_time(work: Work, root: Territory) -> None:
    changes: dict[str, tuple[type[Posting | CandidateProfile], str, dict[str, Any]]] = {
        "one posting changes": (Posting, "posting.changed", {"version": Posting.version + 1}),
        "one posting closes": (Posting, "posting.paused", {"state": PostingState.PAUSED}),
        "one profile changes": (
            CandidateProfile,
            "candidate.changed",
            {"version": CandidateProfile.version + 1},
        ),
    }
    for name, (table, kind, values) in changes.items():
        taken = []
        for _ in range(SAMPLE):
            async with work.database.transaction() as session:
                subject_id = await session.scalar(select(table.id).order_by(func.random()).limit(1))
                await session.execute(update(table).where(table.id == subject_id).values(values))
                _tell(session, root, kind, subject_id)
            started = time.perf_counter()
            await drain(work, handlers=HANDLERS)
            taken.append((time.perf_counter() - started) * 1000)
        sys.stdout.write(
            f"{name:<66} {statistics.median(taken):8.0f} ms median {max(taken):8.0f} ms longest\n"
        )


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o711)  # noqa: ASYNC240 - nothing else runs yet
        hold = await asyncio.to_thread(embedded.start, path / "postgres")
        engine = create_engine(hold.url)
        await migrate(engine)
        try:
            yield Database(engine)
        finally:
            await engine.dispose()
            await asyncio.to_thread(hold.stop)


async def _invent(
    database: Database, candidates: int, postings: int, imported: int
) -> tuple[Territory, list[PostingFacts]]:
    place = market.market(2026)
    everything = list(market.postings(place, postings + imported, 2028))
    root = Territory(
        slug="region",
        name="Région",
        kind=TerritoryKind.REGION,
        coverage={},
        brand_values=[],
        colours={},
        languages=["fr"],
        contacts=[],
        features=["postings", "matching"],
    )
    async with database.transaction() as session:
        root.lineage = []
        session.add(root)
        await session.flush()
        root.lineage = [root.id]
        communes = await _insert_referentials(session, place)
        people = market.candidates(place, candidates, 2027)
        await session.execute(
            insert(CandidateProfile), [_profile(root, person, communes) for person in people]
        )
        await _insert_postings(session, root, everything[:postings])
    async with database.transaction() as session:
        await session.execute(text("ANALYZE"))
    return root, everything[postings:]


async def _insert_referentials(session: AsyncSession, place: market.Market) -> dict[Point, str]:
    communes = {point: f"{57000 + number}" for number, point in enumerate(place.communes)}
    await session.execute(
        insert(Commune),
        [
            {
                "code": code,
                "name": code,
                "folded_name": code,
                "postal_codes": [],
                "departement_code": "57",
                "departement_name": "Moselle",
                "region_code": "44",
                "region_name": "Grand Est",
                "latitude": point.latitude,
                "longitude": point.longitude,
            }
            for point, code in communes.items()
        ],
    )
    labels = {code: f"Métier inventé numéro {code}" for code in place.occupations}
    await session.execute(
        insert(Occupation),
        [{"code": code, "label": label, "folded_label": fold(label)} for code, label in labels.items()],
    )
    skills = sorted({skill for known in place.skills.values() for skill in known})
    labels = {code: f"Savoir faire la chose inventée {code}" for code in skills}
    await session.execute(
        insert(Skill),
        [
            {"code": code, "label": label, "folded_label": fold(label), "kind": "competence"}
            for code, label in labels.items()
        ],
    )
    links = [
        {"occupation_code": code, "skill_code": skill}
        for code, known in place.skills.items()
        for skill in known
    ]
    await session.execute(insert(OccupationSkill), links)
    moves = [
        {"from_code": code, "to_code": target, "rank": rank}
        for code in place.occupations
        for order, targets in ((1, place.graph.near.get(code, ())), (7, place.graph.far.get(code, ())))
        for rank, target in enumerate(sorted(targets), start=order)
    ]
    await session.execute(insert(OccupationMobility), moves)
    session.add(ReferentialRelease(referential="rome", version="invented", checksum="", counts={}))
    return communes


def _profile(root: Territory, person: CandidateFacts, communes: dict[Point, str]) -> dict[str, Any]:
    return {
        "id": person.id,
        "territory_id": root.id,
        "occupation_codes": list(person.wanted_occupations),
        "skill_codes": sorted(person.skills),
        "contract_kinds": sorted(person.contract_kinds),
        "working_time": person.working_time,
        "salary_wish": person.salary_amount,
        "salary_unit": person.salary_unit,
        "commune_code": None if person.point is None else communes[person.point],
        "radius_km": None if person.radius_km is None else int(person.radius_km),
        "available_from": person.available_from,
        "languages": sorted(person.languages),
        "licences": sorted(person.licences),
        "remote": person.remote,
    }


async def _insert_postings(session: AsyncSession, root: Territory, facts: list[PostingFacts]) -> None:
    await session.execute(insert(Posting), [_posting(root, posting) for posting in facts])


def _posting(root: Territory, posting: PostingFacts) -> dict[str, Any]:
    suggested = posting.occupation_origin is OccupationOrigin.SUGGESTED
    asked = [(code, True) for code in posting.required_skills]
    asked += [(code, False) for code in posting.wished_skills]
    licences = [(code, True) for code in posting.required_licences]
    licences += [(code, False) for code in posting.wished_licences]
    point = posting.point
    published = posting.published_on
    return {
        "id": posting.id,
        "territory_id": root.id,
        "state": PostingState.PUBLISHED,
        "title": "Métier inventé",
        "occupation_code": None if suggested else posting.occupation,
        "suggested_occupation_code": posting.occupation if suggested else None,
        "suggestion_confidence": (posting.occupation_confidence or 0) / 100 if suggested else None,
        "contract_kind": posting.contract_kind,
        "working_time": posting.working_time,
        "salary_min": posting.salary_minimum,
        "salary_max": posting.salary_maximum,
        "salary_unit": posting.salary_unit,
        "latitude": point.latitude if point else None,
        "longitude": point.longitude if point else None,
        "remote": posting.remote,
        "skills": [{"code": code, "label": None, "required": required} for code, required in asked],
        "skill_codes": [],
        "education": [],
        "languages": [{"code": code, "label": None, "required": True} for code in posting.languages],
        "licences": [{"code": code, "label": None, "required": required} for code, required in licences],
        "benefits": [],
        "published_at": datetime.combine(published, datetime.min.time(), UTC) + timedelta(hours=9)
        if published
        else None,
        "start_date": posting.starts_on,
    }


def _tell(session: AsyncSession, root: Territory, kind: str, subject_id: Any) -> None:
    record(session, kind, actor="benchmark", territory_id=root.id, subject_id=subject_id)


def show(what: str, seconds: float) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<66} {seconds:8.2f} s\n")


if __name__ == "__main__":
    main()
