"""Whose account at an OpenID provider is whose: linked once, over an address that was proved."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.ids import new_id
from service.core.reach import elevated
from service.domain.events import record
from service.models import Identity, Person


async def find(session: AsyncSession, *, issuer: str, subject: str) -> Person | None:
    """Return the person whose account ``subject`` at ``issuer`` is, whatever address it gives by now."""
    # Who signs in is not the actor yet.
    async with elevated(session):
        row = (
            await session.execute(
                select(Identity, Person)
                .join(Person, Person.id == Identity.person_id)
                .where(
                    Identity.issuer == issuer,
                    Identity.subject == subject,
                    Person.anonymised_at.is_(None),
                )
            )
        ).one_or_none()
        if row is None:
            return None
        row[0].last_used_at = now()
        await session.flush()
    person: Person = row[1]
    return person


async def link(session: AsyncSession, person: Person, *, provider: str, issuer: str, subject: str) -> bool:
    """Make the account the person's; return False when it is somebody else's already.

    The caller has seen that the person reads mail at their address, or that the provider answers for it.
    """
    identity_id, moment = new_id(), now()
    # As above: nobody acts here but the platform.
    async with elevated(session):
        made = await session.scalar(
            insert(Identity)
            .values(
                id=identity_id,
                person_id=person.id,
                provider=provider,
                issuer=issuer,
                subject=subject,
                created_at=moment,
                last_used_at=moment,
            )
            .on_conflict_do_nothing(index_elements=["issuer", "subject"])
            .returning(Identity.id)
        )
        owner = await session.scalar(
            select(Identity.person_id).where(Identity.issuer == issuer, Identity.subject == subject)
        )
    if made is not None:
        record(
            session,
            "identity.linked",
            actor=f"person:{person.id}",
            subject_id=identity_id,
            data={"person_id": str(person.id), "provider": provider},
        )
    return owner == person.id
