"""Where somebody is known: which territories an erasure would reach into."""

import uuid

from sqlalchemy import exists, func, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.privacy.conditions import Known, is_about, spellings
from service.domain.privacy.traces import By, traces
from service.models import ApiClient, CandidateProfile, Consent, Person, PersonSession, RoleGrant, Territory


async def known_at(session: AsyncSession, person: Person | None, email: str) -> list[list[uuid.UUID]]:
    """Return the lineages of every territory in which somebody is known; an empty one for the platform."""
    known = Known(person.id if person is not None else None, spellings(email))
    ids: set[uuid.UUID | None] = set()
    for trace in traces():
        if trace.by is By.ADDRESS and "territory_id" in trace.rows.c:
            found = await session.scalars(select(trace.rows.c.territory_id).where(is_about(trace, known)))
            # A mail in the platform's name, or an own sign-in, ties nobody to another territory.
            ids |= {each for each in found if each is not None}
    if person is not None:
        standing = RoleGrant.person_id == person.id, RoleGrant.revoked_at.is_(None)
        ids |= set(await session.scalars(select(RoleGrant.territory_id).where(*standing)))
        for owned in (
            select(CandidateProfile.territory_id).where(CandidateProfile.person_id == person.id),
            # One for everywhere is the platform's, and so is signing in to its own pages.
            select(Consent.territory_id).where(
                Consent.person_id == person.id, Consent.withdrawn_at.is_(None)
            ),
            select(null()).where(
                exists().where(PersonSession.person_id == person.id, PersonSession.client_id.is_(None))
            ),
        ):
            ids |= set(await session.scalars(owned))
        # Whose website they signed in at knows them, long after the mail with the code is gone.
        ids |= set(
            await session.scalars(
                select(func.unnest(ApiClient.territory_ids))
                .join(PersonSession, PersonSession.client_id == ApiClient.id)
                .where(PersonSession.person_id == person.id)
            )
        )
    lineages = await session.scalars(select(Territory.lineage).where(Territory.id.in_(ids - {None})))
    return [*lineages, *([[]] if None in ids else [])]
