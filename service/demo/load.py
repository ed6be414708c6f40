"""Loading the demo territory once, through the same verbs as everybody else."""

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core import clock
from service.core.database import Database
from service.demo.content import (
    CANDIDATES,
    CONTRACTS,
    EMPLOYERS,
    PLACES,
    SHOWN,
    TERRITORIES,
    TRADES,
    DemoEmployer,
    Trade,
)
from service.demo.referentials import load_demo_referentials
from service.domain import candidates, employers, postings, territories
from service.domain.access import Actor, system
from service.models import OccupationMobility, OccupationSkill, Skill, Territory
from service.models.enums import ContractKind, RemoteKind, SalaryUnit, WorkingTime
from service.schemas.candidates import CandidateProfileCreate
from service.schemas.employers import EmployerCreate
from service.schemas.postings import (
    Apply,
    Contract,
    Experience,
    Licence,
    Place,
    PostingCreate,
    PostingSkill,
    Salary,
)
from service.schemas.territories import TerritoryCreate

_SKILLS_SHOWN = 12
# Drafts, pauses and hires among the eighty, so that every state has something to show.
_LEFT_AS_DRAFT = {11, 37, 63}
_PAUSED = {19, 52, 70}
_FILLED = {5, 44}


async def load_demo(database: Database, say: Callable[[str], None]) -> str | None:
    """Load the demo into an empty platform; return the slug to show, or None when others run theirs here.

    The territory is made in one transaction: it is there whole or not at all.
    """
    async with database.transaction() as session:
        known = set(await session.scalars(select(Territory.slug)))
    if known:
        return SHOWN if SHOWN in known else None
    say("Loading the demo territory…")
    await load_demo_referentials(database)
    async with database.transaction() as session:
        # Two processes that start at once must not both load it.
        await session.execute(select(func.pg_advisory_xact_lock(0x64656D6F)))
        known = set(await session.scalars(select(Territory.slug)))
        if known:
            return SHOWN if SHOWN in known else None
        actor = system("demo")
        for values in TERRITORIES:
            data = TerritoryCreate.model_validate({"parent": values["parent"] or "none"} | _given(values))
            create = territories.create_territory if values["parent"] else territories.create_root
            await create(session, actor, data)
        skills = await _skills(session)
        made = await _load_postings(session, actor, skills)
        people = await _load_candidates(session, actor, skills)
        say(f"  {len(EMPLOYERS)} employers, {made} postings, {people} candidates: all of them invented.")
    return SHOWN


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


async def _skills(session: AsyncSession) -> dict[str, list[str]]:
    """Return the skill codes of each demo trade, those at the heart of the trade first."""
    rows = await session.execute(
        select(OccupationSkill.occupation_code, OccupationSkill.skill_code)
        .join(Skill, Skill.code == OccupationSkill.skill_code)
        .where(OccupationSkill.occupation_code.in_(TRADES))
        .order_by(
            OccupationSkill.occupation_code,
            OccupationSkill.importance.is_(None),
            OccupationSkill.skill_code,
        )
    )
    found: dict[str, list[str]] = {code: [] for code in TRADES}
    for occupation, skill in rows:
        if len(found[occupation]) < _SKILLS_SHOWN:
            found[occupation].append(skill)
    return found


def _openings() -> Iterator[tuple[DemoEmployer, str, Trade, int]]:
    """Yield each opening: its employer, trade code, trade, and number within the trade."""
    for code, trade in TRADES.items():
        hiring = cycle([employer for employer in EMPLOYERS if code in employer.trades])
        for number in range(trade.postings):
            yield next(hiring), code, trade, number


def _posting(
    employer: DemoEmployer, code: str, trade: Trade, number: int, index: int, skills: list[str]
) -> dict[str, Any]:
    kind, months = CONTRACTS[(index + number) % len(CONTRACTS)]
    apprentice = kind is ContractKind.APPRENTICESHIP
    low, high = trade.pay
    hours = trade.hours[number % len(trade.hours)]
    step = (high - low) // max(trade.postings, 1)
    asked = [skills[(number + offset) % len(skills)] for offset in range(min(5, len(skills)))]
    return {
        "title": trade.titles[number % len(trade.titles)],
        "description": "\n\n".join(
            [trade.texts[number % len(trade.texts)], employer.description, employer.welcome]
        ),
        "occupation_code": code,
        "contract": Contract(
            kind=kind,
            months=months,
            working_time=WorkingTime.PART_TIME if "partiel" in hours else WorkingTime.FULL_TIME,
            hours_label=hours,
            start_date=(clock.now() + timedelta(days=20 + 3 * (index % 20))).date(),
        ),
        # One in five says nothing of pay, as in life.
        "salary": None
        if apprentice or index % 5 == 3  # noqa: PLR2004 - any fifth
        else Salary(
            min=Decimal(low + step * number),
            max=Decimal(low + step * number + 180),
            unit=SalaryUnit.MONTH,
        ),
        "place": Place(
            commune_code=employer.commune_code if number % 2 == 0 else PLACES[index % len(PLACES)]
        ),
        "remote": RemoteKind.NONE,
        "positions": 2 if index % 9 == 0 else 1,
        "skills": [
            PostingSkill(code=skill, required=position < 2)  # noqa: PLR2004 - the first two
            for position, skill in enumerate(dict.fromkeys(asked))
        ],
        "experience": Experience(kind=trade.experience),
        "licences": [Licence(code=trade.licence, label=f"Permis {trade.licence}", required=True)]
        if trade.licence
        else [],
        "benefits": [employer.welcome],
        "apprenticeship": apprentice,
        "apply": Apply(email=f"recrutement@{_domain(employer.name)}.example.org"),
    }


def _domain(name: str) -> str:
    from service.core.text import fold  # noqa: PLC0415 - only here

    return "-".join(fold(name).split()[:4])


async def _load_postings(session: AsyncSession, actor: Actor, skills: dict[str, list[str]]) -> int:
    ids = {}
    for employer in EMPLOYERS:
        made = await employers.create_employer(
            session,
            actor,
            EmployerCreate(
                territory=employer.territory,
                siret=employer.siret,
                name=employer.name,
                naf_code=employer.naf_code,
                commune_code=employer.commune_code,
                description=employer.description,
                url=f"https://{_domain(employer.name)}.example.org",
            ),
        )
        ids[employer.siret] = made.id
    now = clock.now()
    count = 0
    for index, (employer, code, trade, number) in enumerate(_openings()):
        # Published over the last ten weeks, and standing for as long again.
        with clock.frozen(now - timedelta(days=(index * 7) % 70, hours=index % 11)):
            values = _posting(employer, code, trade, number, index, skills[code])
            values["valid_through"] = now + timedelta(days=30 + (index * 11) % 60)
            posting = await postings.create_posting(
                session, actor, PostingCreate(employer_id=ids[employer.siret], **values)
            )
            count += 1
            if index in _LEFT_AS_DRAFT:
                continue
            await postings.change_state(session, actor, posting, postings.PUBLISH)
        if index in _PAUSED:
            await postings.change_state(session, actor, posting, postings.PAUSE)
        elif index in _FILLED:
            await postings.change_state(session, actor, posting, postings.FILL)
    return count


async def _load_candidates(session: AsyncSession, actor: Actor, skills: dict[str, list[str]]) -> int:
    mobilities: dict[str, list[str]] = {code: [] for code in TRADES}
    for origin, target in await session.execute(
        select(OccupationMobility.from_code, OccupationMobility.to_code)
        .where(OccupationMobility.from_code.in_(TRADES))
        .order_by(OccupationMobility.from_code, OccupationMobility.rank)
    ):
        mobilities[origin].append(target)
    chance = random.Random(2026)  # noqa: S311 - the same demo everywhere, no secret
    codes = list(TRADES)
    today: date = clock.now().date()
    for number in range(CANDIDATES):
        code = codes[number % len(codes)]
        trade = TRADES[code]
        wanted = [code, *(mobilities[code][:1] if number % 3 == 0 else [])]
        near = number % 2 == 0
        pay = trade.pay[0] + 10 * chance.randrange(0, 30)
        await candidates.create_candidate_profile(
            session,
            actor,
            CandidateProfileCreate(
                territory=SHOWN,
                reference=f"demo-{number + 1:02}",
                occupation_codes=wanted,
                skill_codes=sorted(chance.sample(skills[code], k=min(len(skills[code]), 3 + number % 5))),
                contract_kinds=[ContractKind.PERMANENT]
                if number % 4
                else [ContractKind.PERMANENT, ContractKind.FIXED_TERM, ContractKind.SEASONAL],
                working_time=WorkingTime.PART_TIME if number % 7 == 0 else WorkingTime.FULL_TIME,
                salary_wish=Decimal(pay) if number % 3 else None,
                salary_unit=SalaryUnit.MONTH if number % 3 else None,
                commune_code=PLACES[number % len(PLACES)] if near else None,
                radius_km=chance.choice([10, 15, 25, 40]) if near else None,
                available_from=today + timedelta(days=chance.randrange(0, 180)),
                languages=["fr"] if number % 5 else ["fr", "uk"],
                licences=["B", "C"] if code == "N4101" else (["B"] if number % 6 else []),
            ),
        )
    return CANDIDATES
