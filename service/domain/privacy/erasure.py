"""Erasing somebody: every trace of them, in one transaction; what is left is a row without a name."""

import uuid
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Text, cast, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.circumstances import UNKNOWN, circumstances
from service.core.clock import now
from service.core.email_address import normalise
from service.core.ids import new_id
from service.core.reach import elevated
from service.core.security import Keyring
from service.domain import candidates, mail
from service.domain.access import Actor, system
from service.domain.events import record
from service.domain.privacy.conditions import GONE, Known, is_about, spellings
from service.domain.privacy.contacts import forget_contact
from service.domain.privacy.traces import By, Ending, Special, Trace, traces, traces_of
from service.models import CandidateProfile, Erasure, Person

Because = Literal["asked", "dormant", "retention", "replayed"]
_USE: Final = "erasure address"


def address_digest(keyring: Keyring, address: str) -> bytes:
    """Return what the record of an erasure keeps of a normalised address: nobody can be found from it."""
    return keyring.sign(_USE, address)


async def erase_person(
    session: AsyncSession,
    keyring: Keyring,
    actor: Actor,
    person_id: uuid.UUID,
    *,
    because: Because,
    territory_id: uuid.UUID | None = None,
) -> Erasure | None:
    """Erase all that is known of a person, wherever it is; None when there is nobody to erase.

    Who ``asked`` gets one last mail, in the name of ``territory_id``. What cannot be undone in the
    transaction, files and the record kept outside the database, follows by event.
    """
    if actor.person_id == person_id:
        # The trail keeps that they did it, not from where.
        circumstances.set(UNKNOWN)
    # All of a person is nobody's to reach: it lies in tables of other tenants and of the platform.
    async with elevated(session):
        await session.flush()
        person = await session.get(Person, person_id, with_for_update=True, populate_existing=True)
        if person is None or person.email is None:
            return None
        email, language, known = person.email, person.language, Known.of(person)
        await _forget(session, actor, known)
        # As it is now: what was deleted around it is no longer looked at.
        await session.refresh(person)
        for trace in traces_of("person"):
            if trace.by is By.SELF:
                for name, value in _values(trace).items():
                    setattr(person, name, value)
        person.anonymised_at = person.updated_at = now()
        person.version += 1
        erasure = _note(session, actor, keyring, "person", person_id, email, because)
        if because == "asked":
            mail.request(
                session,
                template="erasure_done",
                to=email,
                language=language,
                territory_id=territory_id,
                actor=actor.name,
            )
        await session.flush()
    return erasure


async def erase_address(
    session: AsyncSession,
    keyring: Keyring,
    actor: Actor,
    email: str,
    *,
    because: Because,
    subject_id: uuid.UUID | None = None,
    territory_id: uuid.UUID | None = None,
    language: str | None = None,
) -> Erasure:
    """Erase all that is known of an address nobody signed in with; ``subject_id`` names why, else a new id.

    With ``language`` a last mail goes to the address.
    """
    address = normalise(email)
    async with elevated(session):
        await session.flush()
        await _forget(session, actor, Known(None, spellings(address)))
        erasure = _note(session, actor, keyring, "address", subject_id or new_id(), address, because)
        if language is not None:
            mail.request(
                session,
                template="erasure_done",
                to=address,
                language=language,
                territory_id=territory_id,
                actor=actor.name,
            )
        await session.flush()
    return erasure


async def erase_again(session: AsyncSession, actor: Actor, known: Known, *, before: datetime) -> int:
    """Erase what a restore brought back of somebody, but nothing newer than ``before``; return the rows."""
    async with elevated(session):
        return await _forget(session, actor, known, before=before)


def _note(
    session: AsyncSession,
    actor: Actor,
    keyring: Keyring,
    kind: str,
    subject_id: uuid.UUID,
    address: str,
    because: Because,
) -> Erasure:
    erasure = Erasure(
        id=new_id(),
        subject_kind=kind,
        subject_id=subject_id,
        email_digest=address_digest(keyring, address),
        because=because,
        erased_at=now(),
    )
    session.add(erasure)
    record(
        session,
        f"{kind}.erased",
        actor=actor.name,
        subject_id=subject_id,
        data={"because": because, "erasure_id": str(erasure.id)},
    )
    return erasure


async def _forget(
    session: AsyncSession, actor: Actor, known: Known, *, before: datetime | None = None
) -> int:
    """Follow every trace of somebody but their own row; return how many rows were changed or deleted."""
    count = await _candidates(session, known)
    count += await forget_contact(session, actor, known, before=before)
    await session.flush()
    for trace in traces():
        if trace.by is not By.SELF:
            count += await _follow(session, trace, known, before)
    return count


async def _candidates(session: AsyncSession, known: Known) -> int:
    profiles = (
        list(
            await session.scalars(
                select(CandidateProfile.id)
                .where(CandidateProfile.person_id == known.person_id)
                .order_by(CandidateProfile.id)
            )
        )
        if known.person_id is not None
        else []
    )
    for profile_id in profiles:
        await candidates.delete_candidate_profile(session, system("erasure"), profile_id)
    return len(profiles)


async def _follow(session: AsyncSession, trace: Trace, known: Known, before: datetime | None) -> int:
    table = trace.rows
    condition = is_about(trace, known, before=before)
    key = table.primary_key.columns.values()[0]
    match trace.ending:
        case Ending.DELETE:
            statement: Any = delete(table).where(condition)
        case Ending.BLANK:
            statement = update(table).where(condition).values(_values(trace) | _next_version(trace))
        case Ending.SCRUB:
            column = table.c[trace.column]
            scrubbed = func.regexp_replace(cast(column, Text), known.pattern, GONE, "gi")
            statement = update(table).where(condition).values({trace.column: cast(scrubbed, column.type)})
        case Ending.VERB | Ending.FOLLOWS:
            return 0
    return len((await session.execute(statement.returning(key))).all())


def _values(trace: Trace) -> dict[str, Any]:
    moment = now()
    return {name: moment if value is Special.NOW else value for name, value in trace.empty.items()}


def _next_version(trace: Trace) -> dict[str, Any]:
    return {"version": trace.rows.c.version + 1} if "version" in trace.rows.c else {}
