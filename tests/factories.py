"""Rows for tests, made with sensible values; every argument overrides one."""

from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.core.ids import new_id
from service.core.text import fold
from service.domain import clients
from service.domain.access import SCOPES
from service.models import CandidateProfile, Commune, Employer, Occupation, Posting, Skill, Territory
from service.models.enums import PostingState, TerritoryKind

_numbers = count(1)


async def create_commune(session: AsyncSession, **overrides: Any) -> Commune:
    """Add a commune: Aubenas, unless told otherwise."""
    values: dict[str, Any] = {
        "code": "07019",
        "name": "Aubenas",
        "postal_codes": ["07200"],
        "population": 12_500,
        "departement_code": "07",
        "departement_name": "Ardèche",
        "region_code": "84",
        "region_name": "Auvergne-Rhône-Alpes",
        "epci_code": "200073245",
        "epci_name": "CC du Bassin d'Aubenas",
        "latitude": 44.62,
        "longitude": 4.39,
    } | overrides
    values.setdefault("folded_name", fold(values["name"]))
    commune = Commune(**values)
    session.add(commune)
    await session.flush()
    return commune


async def create_occupation(session: AsyncSession, **overrides: Any) -> Occupation:
    """Add an occupation: baker, unless told otherwise."""
    values: dict[str, Any] = {"code": "D1102", "label": "Boulanger / Boulangère"} | overrides
    values.setdefault("folded_label", fold(values["label"]))
    occupation = Occupation(**values)
    session.add(occupation)
    await session.flush()
    return occupation


async def create_territory(session: AsyncSession, **overrides: Any) -> Territory:
    """Add a territory; ``parent`` is another one that holds it."""
    parent: Territory | None = overrides.pop("parent", None)
    territory_id = new_id()
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": territory_id,
        "parent_id": parent.id if parent else None,
        "lineage": [*(parent.lineage if parent else []), territory_id],
        "slug": f"territoire-{number}",
        "name": f"Territoire {number}",
        "kind": TerritoryKind.EPCI,
        "coverage": {"regions": [], "departements": ["07"], "epcis": [], "communes": []},
        "brand_values": [],
        "colours": {},
        "languages": ["fr", "en"],
        "contacts": [],
        "features": ["postings", "matching"],
    } | overrides
    territory = Territory(**values)
    session.add(territory)
    await session.flush()
    return territory


async def create_employer(session: AsyncSession, territory: Territory, **overrides: Any) -> Employer:
    """Add an employer of a territory."""
    values: dict[str, Any] = {"territory_id": territory.id, "name": "Fournil des Sources"} | overrides
    employer = Employer(**values)
    session.add(employer)
    await session.flush()
    return employer


async def create_skill(session: AsyncSession, **overrides: Any) -> Skill:
    """Add a skill: kneading, unless told otherwise."""
    values: dict[str, Any] = {"code": "104385", "label": "Pétrir une pâte", "kind": "competence"} | overrides
    values.setdefault("folded_label", fold(values["label"]))
    skill = Skill(**values)
    session.add(skill)
    await session.flush()
    return skill


async def create_posting(session: AsyncSession, territory: Territory, **overrides: Any) -> Posting:
    """Add a published posting, as a row: nothing is rendered, indexed or recorded."""
    values: dict[str, Any] = {
        "id": new_id(),
        "territory_id": territory.id,
        "state": PostingState.PUBLISHED,
        "title": "Boulanger / Boulangère",
        "skills": [],
        "skill_codes": [],
        "education": [],
        "languages": [],
        "licences": [],
        "benefits": [],
        "published_at": now(),
    } | overrides
    posting = Posting(**values)
    session.add(posting)
    await session.flush()
    return posting


async def create_candidate(session: AsyncSession, territory: Territory, **overrides: Any) -> CandidateProfile:
    """Add a candidate profile, as a row: nothing is recorded."""
    values: dict[str, Any] = {
        "id": new_id(),
        "territory_id": territory.id,
        "occupation_codes": [],
        "skill_codes": [],
        "contract_kinds": [],
        "languages": [],
        "licences": [],
    } | overrides
    profile = CandidateProfile(**values)
    session.add(profile)
    await session.flush()
    return profile


async def create_key(
    database: Database, *territories: Territory, scopes: list[str] | None = None, **overrides: Any
) -> str:
    """Make an API client on ``territories`` and return its secret key."""
    async with database.transaction() as session:
        _, secret = await clients.create_client(
            session,
            name=overrides.get("name", "Test"),
            territory_slugs=[territory.slug for territory in territories],
            scopes=scopes if scopes is not None else list(SCOPES),
            expires_at=overrides.get("expires_at"),
        )
    return secret
