"""Employers of a territory."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import Conflict, FieldError, Invalid
from service.core.ids import new_id
from service.domain import audit
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.events import record
from service.models import Commune, Employer, Territory
from service.schemas.employers import EmployerCreate, EmployerRead, EmployerUpdate


async def read(session: AsyncSession, employer: Employer) -> EmployerRead:
    """Return an employer as those who manage it see it."""
    slug = await session.scalar(select(Territory.slug).where(Territory.id == employer.territory_id))
    return _read(employer, slug or "")


def _read(employer: Employer, slug: str) -> EmployerRead:
    own = {name: getattr(employer, name) for name in EmployerRead.model_fields if name != "territory"}
    return EmployerRead.model_validate(own | {"territory": slug})


async def list_employers(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None,
    siret: str | None,
) -> Sequence[EmployerRead]:
    """Return up to ``limit`` employers by id, newest last, after the id ``after``.

    A full list's last item only tells that a page follows: it is not shown, and not audited.
    """
    query = (
        select(Employer, Territory.slug)
        .join(Territory, Territory.id == Employer.territory_id)
        .where(allowed(actor, "employer.read", Employer))
        .order_by(Employer.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Employer.id > after)
    if siret is not None:
        query = query.where(Employer.siret == siret)
    if territory is not None:
        holder = await require_territory(session, actor, "employer.read", territory)
        query = query.where(Territory.lineage.contains([holder.id]))
    rows = (await session.execute(query)).all()
    shown = ((employer.id, employer.territory_id) for employer, _ in rows[: limit - 1])
    audit.read_by_territory(session, actor, "employer", shown)
    return [_read(employer, slug) for employer, slug in rows]


async def get_employer(
    session: AsyncSession, actor: Actor, employer_id: uuid.UUID, to: str = "employer.read"
) -> Employer:
    """Return an employer at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    employer = await obtain(
        session,
        actor,
        Employer,
        employer_id,
        to,
        reading="employer.read",
        missing=f"There is no employer {employer_id} among those you may see.",
    )
    if to == "employer.read":
        audit.read(session, actor, "employer", [employer.id], territory_id=employer.territory_id)
    return employer


async def _check(session: AsyncSession, data: EmployerUpdate) -> None:
    if data.commune_code and await session.get(Commune, data.commune_code) is None:
        message = (
            f"No commune has the INSEE code {data.commune_code}. `GET /v1/communes?q=` finds it by name."
        )
        raise Invalid(message, errors=[FieldError("/commune_code", message, "unknown_code")])


async def create_employer(session: AsyncSession, actor: Actor, data: EmployerCreate) -> Employer:
    """Make an employer. Raises :class:`Conflict` when the territory already has this SIRET."""
    territory = await require_territory(session, actor, "employer.create", data.territory)
    await _check(session, data)
    values = data.model_dump(exclude={"territory"})
    values |= {
        "id": new_id(),
        "territory_id": territory.id,
        "sector_code": data.naf_code[:2] if data.naf_code else None,
        "version": 1,
    }
    created = await session.scalar(
        insert(Employer).values(values).on_conflict_do_nothing().returning(Employer.id)
    )
    if created is None:
        known = await session.scalar(
            select(Employer.id).where(Employer.territory_id == territory.id, Employer.siret == data.siret)
        )
        message = f"The territory already has an employer with SIRET {data.siret}."
        raise Conflict(message, extra={"employer_id": str(known)})
    record(session, "employer.created", actor=actor.name, territory_id=territory.id, subject_id=created)
    return await get_employer(session, actor, created, "employer.create")


async def update_employer(
    session: AsyncSession, actor: Actor, employer: Employer, data: EmployerUpdate
) -> Employer:
    """Change what ``data`` names. What the public reads of the employer's postings follows by event."""
    await _check(session, data)
    if "name" in data.model_fields_set and data.name is None:
        message = "An employer needs a name."
        raise Invalid(message, errors=[FieldError("/name", message, "missing")])
    for name in data.model_fields_set:
        setattr(employer, name, getattr(data, name))
    if "naf_code" in data.model_fields_set:
        employer.sector_code = data.naf_code[:2] if data.naf_code else None
    employer.version += 1
    await session.flush()
    record(
        session,
        "employer.updated",
        actor=actor.name,
        territory_id=employer.territory_id,
        subject_id=employer.id,
    )
    return employer
