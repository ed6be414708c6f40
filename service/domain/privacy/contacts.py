"""Somebody as the contact of an organisation: taken out by the verbs of each, so that all that follows does.

Their address in a text goes too; what else the text says of them nobody can tell.
"""

from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain import publication
from service.domain.access import Actor
from service.domain.events import record
from service.domain.postings import PAUSE, changes, move
from service.domain.postings.completeness import missing
from service.domain.privacy.conditions import Known, is_about, without
from service.domain.privacy.traces import traces_of
from service.domain.territories import bump_public_versions
from service.models import Base, Employer, Partner, Posting, Territory
from service.models.enums import PostingState
from service.models.posting import OWN_SOURCE
from service.schemas.search import SearchKind
from service.search import transactional_engine

_APPLY: Final = ("apply_email", "apply_contact", "apply_phone")
_ERASED: Final = ["…", "…"]
"""In a history, in the place of what was there before and after."""
Row = TypeVar("Row", bound=Base)


def _about(model: type[Base], known: Known, before: datetime | None) -> ColumnElement[bool]:
    """Return the condition that a row of ``model`` is about somebody."""
    return or_(*(is_about(trace, known, before=before) for trace in traces_of(model.__tablename__)))


def _locked(model: type[Row], condition: ColumnElement[bool]) -> Select[Row]:
    """Return the rows of ``model``, as they are now, locked in order of id."""
    return (
        select(model)
        .where(condition)
        .order_by(model.__table__.c.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def forget_contact(
    session: AsyncSession, actor: Actor, known: Known, *, before: datetime | None = None
) -> int:
    """Take somebody out of every posting, employer, partner and territory; return how many rows changed.

    With ``before`` only out of rows that are older. The session reaches everywhere.
    """
    return (
        await _postings(session, actor, known, before)
        + await _organisations(session, actor, known, before)
        + await _territories(session, actor, known, before)
    )


def _is_theirs(address: str | None, known: Known) -> bool:
    return address is not None and address.lower() in known.spellings


async def _postings(session: AsyncSession, actor: Actor, known: Known, before: datetime | None) -> int:
    postings = list(await session.scalars(_locked(Posting, _about(Posting, known, before))))
    texts = False
    for posting in postings:
        contact = dict.fromkeys(_APPLY) if _is_theirs(posting.apply_email, known) else {}
        changed = changes.apply(posting, contact)
        scrubbed = _scrub_posting(posting, known)
        texts = texts or bool(scrubbed)
        end_posting_contact(session, actor, posting, changed | scrubbed)
    # Whatever was rendered of one that is no longer public goes too.
    await publication.refresh(session, postings)
    if texts:
        # The words of the address are nobody's now; those that others use stay.
        await session.flush()
        await transactional_engine().forget(session, SearchKind.POSTINGS, " ".join(known.spellings))
    return len(postings)


def _scrub_posting(posting: Posting, known: Known) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if (
        posting.description is not None
        and (text := without(posting.description, known)) != posting.description
    ):
        posting.description = text
        changed["description"] = _ERASED
    if posting.source_data is not None:
        facts = orjson.loads(without(orjson.dumps(posting.source_data).decode(), known))
        if facts != posting.source_data:
            posting.source_data = facts
            changed["source_data"] = _ERASED
    return changed


def end_posting_contact(
    session: AsyncSession, actor: Actor, posting: Posting, changed: dict[str, Any]
) -> None:
    """Note that a posting lost its contact; one that nobody can apply to any more is paused."""
    if not changed:
        return
    posting.updated_at = now()
    changes.note(session, posting, "erased", actor.name, changed)
    record(
        session,
        "posting.changed",
        actor=actor.name,
        territory_id=posting.territory_id,
        subject_id=posting.id,
        data={"version": posting.version, "fields": sorted(changed)},
    )
    unreachable = posting.source == OWN_SOURCE and any(
        error.pointer == "/apply" for error in missing(posting)
    )
    if unreachable and posting.state is PostingState.PUBLISHED:
        move(session, actor, posting, PAUSE)


async def _organisations(session: AsyncSession, actor: Actor, known: Known, before: datetime | None) -> int:
    employers = await session.scalars(_locked(Employer, _about(Employer, known, before)))
    partners = await session.scalars(_locked(Partner, _about(Partner, known, before)))
    organisations: list[Employer | Partner] = [*employers, *partners]
    for row in organisations:
        if _is_theirs(row.contact_email, known):
            row.contact_name = row.contact_email = row.contact_phone = None
        if row.description is not None:
            row.description = without(row.description, known)
        row.version += 1
        row.updated_at = now()
        record(
            session,
            f"{row.__tablename__}.updated",
            actor=actor.name,
            territory_id=row.territory_id,
            subject_id=row.id,
        )
    await session.flush()
    return len(organisations)


async def _territories(session: AsyncSession, actor: Actor, known: Known, before: datetime | None) -> int:
    ids = list(await session.scalars(select(Territory.id).where(_about(Territory, known, before))))
    if not ids:
        return 0
    # Locks them in the order every publication takes.
    await bump_public_versions(session, ids)
    for territory in await session.scalars(_locked(Territory, Territory.id.in_(ids))):
        territory.contacts = [_contact(contact, known) for contact in territory.contacts]
        territory.version += 1
        record(
            session,
            "territory.updated",
            actor=actor.name,
            territory_id=territory.id,
            subject_id=territory.id,
            data={"fields": ["brand"]},
        )
    await session.flush()
    return len(ids)


def _contact(contact: dict[str, Any], known: Known) -> dict[str, Any]:
    """Return a territory's contact without the address, and without the telephone that goes with it."""
    if _is_theirs(contact.get("email"), known):
        contact = contact | {"email": None, "phone": None}
    return {
        name: without(value, known) if isinstance(value, str) else value for name, value in contact.items()
    }
