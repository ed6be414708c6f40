"""Rows for tests, made with sensible values; every argument overrides one."""

from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.core.ids import new_id
from service.core.security import Kind, hash_secret, new_key
from service.core.text import fold
from service.domain.access import SCOPES
from service.models import (
    ApiClient,
    ApiKey,
    CandidateProfile,
    Commune,
    Employer,
    Occupation,
    Partner,
    Person,
    PersonSession,
    Posting,
    RoleGrant,
    Skill,
    Territory,
    Token,
)
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
    """Make an API client on ``territories``, as rows, and return its secret key: nothing is recorded."""
    secret = new_key(Kind.SECRET_KEY)
    async with database.transaction() as session:
        client = ApiClient(
            id=new_id(),
            name=overrides.get("name", "Test"),
            territory_ids=[territory.id for territory in territories],
            scopes=sorted(SCOPES if scopes is None else scopes),
        )
        session.add(client)
        await session.flush()
        session.add(
            ApiKey(
                client_id=client.id,
                digest=hash_secret(secret),
                hint=secret[-4:],
                expires_at=overrides.get("expires_at"),
            )
        )
    return secret


async def create_person(session: AsyncSession, **overrides: Any) -> Person:
    """Add a person with a verified address, as a row: nothing is recorded, no role is given."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": new_id(),
        "email": f"personne-{number}@example.org",
        "given_name": "Camille",
        "family_name": f"Exemple-{number}",
        "language": "fr",
        "last_seen_at": now(),
    } | overrides
    person = Person(**values)
    session.add(person)
    await session.flush()
    return person


async def create_role(
    session: AsyncSession,
    person: Person,
    role: str,
    place: Territory | Employer | Partner | None = None,
    **overrides: Any,
) -> RoleGrant:
    """Give a person a role: at a territory, an employer, a partner; at none for an operator."""
    inside = place.territory_id if isinstance(place, Employer | Partner) else place.id if place else None
    values: dict[str, Any] = {
        "person_id": person.id,
        "role": role,
        "territory_id": inside,
        "employer_id": place.id if isinstance(place, Employer) else None,
        "partner_id": place.id if isinstance(place, Partner) else None,
        "given_by": "system:test",
    } | overrides
    grant = RoleGrant(**values)
    session.add(grant)
    await session.flush()
    return grant


async def sign_in_as(
    session: AsyncSession,
    person: Person | None = None,
    role: str | None = None,
    place: Territory | Employer | Partner | None = None,
    **overrides: Any,
) -> str:
    """Sign a person in (a new one, unless told) and return the access token, for ``client.with_key``.

    With ``role`` they are given it at ``place`` first. ``overrides`` are the session's.
    """
    person = person or await create_person(session)
    if role is not None:
        await create_role(session, person, role, place)
    moment = now()
    values: dict[str, Any] = {
        "id": new_id(),
        "person_id": person.id,
        "kind": "api",
        "created_at": moment,
        "last_used_at": moment,
        "expires_at": moment + timedelta(days=90),
    } | overrides
    session.add(PersonSession(**values))
    await session.flush()
    token = new_key(Kind.ACCESS)
    session.add(
        Token(
            kind="access",
            digest=hash_secret(token),
            session_id=values["id"],
            scopes=[],
            created_at=moment,
            expires_at=moment + timedelta(minutes=15),
        )
    )
    await session.flush()
    return token
