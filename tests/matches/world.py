"""An invented region that lives: people and postings come, change and go, by the verbs or as imports do."""

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.domain import candidates
from service.domain.access import system
from service.domain.events import record
from service.domain.matches import facts, reading
from service.domain.matches.board import Pair
from service.domain.matches.comparing import digest
from service.matching.bulk import BEST
from service.matching.facts import MatchingContext, PostingFacts
from service.matching.scoring import Suggestion, evaluate
from service.models import (
    CandidateProfile,
    Match,
    OccupationMobility,
    OccupationSkill,
    Posting,
    Territory,
)
from service.models.enums import (
    ContractKind,
    PostingState,
    RemoteKind,
    SalaryUnit,
    TerritoryKind,
    WorkingTime,
)
from service.schemas.candidates import CandidateProfileCreate, CandidateProfileUpdate
from tests.factories import create_commune, create_occupation, create_posting, create_skill, create_territory

T = TypeVar("T")
Row = tuple[int, int | None, int | None, str]
"""Score, rank for the candidate, rank for the posting, digest."""

ACTOR = system("test")
BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OCCUPATIONS = ("D1102", "D1104", "F1602", "G1602", "J1501", "N4101")
SKILLS = ("100023", "100063", "120992", "300361", "300426", "124377")
COMMUNES = (("07019", 44.62, 4.39), ("07186", 44.73, 4.60), ("26362", 44.93, 4.89))
LICENCES = ("B", "C", "CE")


class World:
    """A région with two EPCIs and a commune in one of them, and everything that can happen there."""

    def __init__(self, database: Database, chance: Random) -> None:
        self.database = database
        self.chance = chance
        self.territories: list[Territory] = []

    async def begin(self) -> None:
        """Make the referentials and territories."""
        async with self.database.transaction() as session:
            for code, latitude, longitude in COMMUNES:
                await create_commune(session, code=code, name=code, latitude=latitude, longitude=longitude)
            for code in OCCUPATIONS:
                await create_occupation(session, code=code, label=f"Métier {code}")
            for code in SKILLS:
                await create_skill(session, code=code, label=f"Savoir {code}")
            for occupation in OCCUPATIONS:
                for skill in self.chance.sample(SKILLS, 3):
                    session.add(OccupationSkill(occupation_code=occupation, skill_code=skill))
                for rank, target in enumerate(self.chance.sample(OCCUPATIONS, 2), start=5):
                    if target != occupation:
                        session.add(OccupationMobility(from_code=occupation, to_code=target, rank=rank + 1))
            region = await create_territory(session, slug="region", kind=TerritoryKind.REGION)
            one = await create_territory(session, slug="un", parent=region)
            two = await create_territory(session, slug="deux", parent=region)
            inner = await create_territory(session, slug="dedans", parent=one, kind=TerritoryKind.COMMUNE)
            self.territories = [region, one, two, inner]

    @property
    def root_id(self) -> UUID:
        """The région's id."""
        return self.territories[0].id

    async def happen(self, times: int) -> list[str]:
        """Let ``times`` things happen, each in a transaction of its own; return what they were."""
        actions: list[tuple[Callable[[AsyncSession], Coroutine[Any, Any, object]], int]] = [
            (self.candidate_comes, 5),
            (self.candidate_changes, 4),
            (self.candidate_leaves, 1),
            (self.posting_opens, 5),
            (self.posting_changes, 4),
            (self.posting_closes, 2),
            (self.posting_is_hidden_or_shown, 1),
            (self.territory_switches, 1),
        ]
        done = []
        for action, _ in self.chance.choices(actions, [weight for _, weight in actions], k=times):
            async with self.database.transaction() as session:
                await action(session)
            done.append(action.__name__)
        return done

    async def candidate_comes(self, session: AsyncSession) -> None:
        on = [territory for territory in self.territories if "matching" in territory.features]
        if on:
            data = {"territory": self._one(on).slug, **self._wishes()}
            await candidates.create_candidate_profile(
                session, ACTOR, CandidateProfileCreate.model_validate(data)
            )

    async def candidate_changes(self, session: AsyncSession) -> None:
        profile = await self._any(session, CandidateProfile)
        if profile is not None:
            data = {"active": self.chance.random() < 0.8, **self._wishes()}
            await candidates.update_candidate_profile(
                session, ACTOR, profile, CandidateProfileUpdate.model_validate(data)
            )

    async def candidate_leaves(self, session: AsyncSession) -> None:
        profile = await self._any(session, CandidateProfile)
        if profile is not None:
            await candidates.delete_candidate_profile(session, ACTOR, profile.id)

    async def posting_opens(self, session: AsyncSession) -> None:
        posting = await create_posting(session, self._one(self.territories), **self._work())
        self._tell(session, posting, "posting.published")

    async def posting_changes(self, session: AsyncSession) -> None:
        posting = await self._any(session, Posting)
        if posting is not None:
            for name, value in self._work().items():
                setattr(posting, name, value)
            posting.version += 1
            self._tell(session, posting, "posting.changed")

    async def posting_closes(self, session: AsyncSession) -> None:
        posting = await self._any(session, Posting)
        if posting is not None:
            if posting.state is not PostingState.PUBLISHED:
                posting.state, kind = PostingState.PUBLISHED, "posting.published"
            else:
                state = self._one([PostingState.PAUSED, PostingState.FILLED, PostingState.WITHDRAWN])
                posting.state, kind = state, f"posting.{state}"
            posting.version += 1
            self._tell(session, posting, kind)

    async def posting_is_hidden_or_shown(self, session: AsyncSession) -> None:
        posting = await self._any(session, Posting)
        if posting is not None:
            posting.shown = not posting.shown
            self._tell(session, posting, "posting.changed")

    async def territory_switches(self, session: AsyncSession) -> None:
        territory = await session.merge(self._one(self.territories))
        territory.features = ["postings"] if "matching" in territory.features else ["postings", "matching"]
        record(
            session,
            "territory.updated",
            actor=ACTOR.name,
            territory_id=territory.id,
            subject_id=territory.id,
        )
        self.territories = [territory if one.id == territory.id else one for one in self.territories]

    def _tell(self, session: AsyncSession, posting: Posting, kind: str) -> None:
        record(session, kind, actor=ACTOR.name, territory_id=posting.territory_id, subject_id=posting.id)

    def _one(self, values: list[T]) -> T:
        return values[self.chance.randrange(len(values))]

    async def _any(self, session: AsyncSession, kind: type[T]) -> T | None:
        found = list(await session.scalars(select(kind)))
        return self._one(sorted(found, key=lambda row: row.id)) if found else None  # type: ignore[attr-defined]  # every table has an id

    def _some(self, values: tuple[T, ...], most: int) -> list[T]:
        return self.chance.sample(values, self.chance.randrange(most + 1))

    def _maybe(self, value: T) -> T | None:
        return value if self.chance.random() < 0.5 else None

    def _day(self) -> date:
        return now().date() + timedelta(days=self.chance.randrange(-60, 120))

    def _wishes(self) -> dict[str, Any]:
        commune = self._maybe(self.chance.choice(COMMUNES)[0])
        wish = self._maybe(Decimal(self.chance.randrange(1500, 3000, 100)))
        return {
            "occupation_codes": self._some(OCCUPATIONS, 3) or [self.chance.choice(OCCUPATIONS)],
            "skill_codes": self._some(SKILLS, 4),
            "contract_kinds": self._some(tuple(ContractKind), 3),
            "working_time": self._maybe(self.chance.choice(tuple(WorkingTime))),
            "salary_wish": wish,
            "salary_unit": None if wish is None else SalaryUnit.MONTH,
            "commune_code": commune,
            "radius_km": None if commune is None else self._maybe(self.chance.choice([10, 40, 100])),
            "available_from": self._maybe(self._day()),
            "languages": self._some(("fr", "en", "uk"), 2),
            "licences": self._some(LICENCES, 2),
            "remote": self._maybe(self.chance.choice(tuple(RemoteKind))),
        }

    def _work(self) -> dict[str, Any]:
        place = self._maybe(self.chance.choice(COMMUNES))
        low = self._maybe(Decimal(self.chance.randrange(1500, 3000, 100)))
        suggested = self.chance.random() < 0.3
        code = self._maybe(self.chance.choice(OCCUPATIONS))
        return {
            "occupation_code": None if suggested else code,
            "suggested_occupation_code": code if suggested else None,
            "suggestion_confidence": self.chance.random() if suggested else None,
            "skills": [
                {"code": skill, "label": None, "required": self.chance.random() < 0.5}
                for skill in self._some(SKILLS, 4)
            ],
            "contract_kind": self._maybe(self.chance.choice(tuple(ContractKind))),
            "working_time": self._maybe(self.chance.choice(tuple(WorkingTime))),
            "salary_min": low,
            "salary_unit": None if low is None else SalaryUnit.MONTH,
            "latitude": place[1] if place else None,
            "longitude": place[2] if place else None,
            "remote": self._maybe(self.chance.choice(tuple(RemoteKind))),
            "licences": [
                {"code": licence, "label": None, "required": self.chance.random() < 0.3}
                for licence in self._some(LICENCES, 1)
            ],
            "languages": [{"code": "fr", "label": None, "required": True}] if suggested else [],
            "published_at": now() - timedelta(days=self.chance.randrange(100)),
            "start_date": self._maybe(self._day()),
            "valid_through": self._maybe(now() + timedelta(days=self.chance.randrange(1, 60))),
        }


async def current(session: AsyncSession) -> dict[Pair, Row]:
    """Return what the current matches say, by pair."""
    rows = await session.execute(
        select(
            Match.candidate_id,
            Match.posting_id,
            Match.score,
            Match.candidate_rank,
            Match.posting_rank,
            Match.digest,
        ).where(Match.superseded_at.is_(None))
    )
    return {(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in rows}


async def expected(session: AsyncSession, root_id: UUID, best: int = BEST) -> dict[Pair, Row]:
    """Return what the current matches should say: every pair scored alone, sorted, the best kept."""
    moment = now()
    lineages = await reading.read_lineages(session, root_id)
    people = facts.candidates((await session.execute(reading.select_candidates(root_id))).all())
    work = facts.postings((await session.execute(reading.select_postings(root_id, moment))).all())
    rome = await reading.read_rome(session)
    context = MatchingContext(graph=rome.graph, rarity=rome.rarity, as_of=facts.day_of(moment))
    scored: dict[Pair, Suggestion] = {}
    for candidate_id, candidate in people.facts.items():
        for posting_id, posting in work.facts.items():
            here, there = people.territories[candidate_id], work.territories[posting_id]
            if here in lineages[there] or there in lineages[here]:
                result = evaluate(candidate, posting, context)
                if isinstance(result, Suggestion):
                    scored[candidate_id, posting_id] = result
    ranks: dict[Pair, list[int | None]] = {pair: [None, None] for pair in scored}
    for candidate_id in people.facts:
        mine = [pair for pair in scored if pair[0] == candidate_id]
        mine.sort(key=lambda pair: (-scored[pair].score, _freshest_first(work.facts[pair[1]])))
        for rank, pair in enumerate(mine[:best], start=1):
            ranks[pair][0] = rank
    for posting_id in work.facts:
        mine = [pair for pair in scored if pair[1] == posting_id]
        mine.sort(key=lambda pair: (-scored[pair].score, pair[0]))
        for rank, pair in enumerate(mine[:best], start=1):
            ranks[pair][1] = rank
    return {
        pair: (scored[pair].score, candidate_rank, posting_rank, digest(scored[pair]))
        for pair, (candidate_rank, posting_rank) in ranks.items()
        if candidate_rank is not None or posting_rank is not None
    }


def _freshest_first(posting: PostingFacts) -> tuple[int, UUID]:
    return (-posting.published_on.toordinal() if posting.published_on else 0, posting.id)
