"""Reading postings: those an actor manages, and those the public finds."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Gone, NotFound
from service.core.reach import elevated
from service.domain import audit
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.postings.changes import parts
from service.domain.postings.states import CLOSED
from service.models import Posting, PostingChange, PostingDocument, Territory
from service.models.enums import PostingState
from service.schemas.postings import PostingRead

_NESTED = ("territory", "contract", "salary", "place", "experience", "apply")


def _read(posting: Posting, slug: str) -> PostingRead:
    values = {name: getattr(posting, name) for name in PostingRead.model_fields if name not in _NESTED}
    return PostingRead.model_validate(values | parts(posting) | {"territory": slug})


async def read(session: AsyncSession, posting: Posting) -> PostingRead:
    """Return a posting as those who manage it see it."""
    slug = await session.scalar(select(Territory.slug).where(Territory.id == posting.territory_id))
    return _read(posting, slug or "")


async def list_postings(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None = None,
    employer_id: uuid.UUID | None = None,
    state: PostingState | None = None,
    source: str | None = None,
) -> Sequence[PostingRead]:
    """Return up to ``limit`` postings the actor manages, newest first, after the id ``after``.

    A full list's last item only tells that a page follows: it is not shown, and not audited.
    """
    query = (
        select(Posting, Territory.slug)
        .join(Territory, Territory.id == Posting.territory_id)
        .where(allowed(actor, "posting.read", Posting))
        .order_by(Posting.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(Posting.id < after)
    if territory is not None:
        holder = await require_territory(session, actor, "posting.read", territory)
        query = query.where(Territory.lineage.contains([holder.id]))
    if employer_id is not None:
        query = query.where(Posting.employer_id == employer_id)
    if state is not None:
        query = query.where(Posting.state == state)
    if source is not None:
        query = query.where(Posting.source == source)
    rows = (await session.execute(query)).all()
    shown = ((posting.id, posting.territory_id) for posting, _ in rows[: limit - 1])
    audit.read_by_territory(session, actor, "posting", shown)
    return [_read(posting, slug) for posting, slug in rows]


async def get_posting(
    session: AsyncSession, actor: Actor, posting_id: uuid.UUID, to: str = "posting.read"
) -> Posting:
    """Return a posting at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    posting = await obtain(
        session,
        actor,
        Posting,
        posting_id,
        to,
        reading="posting.read",
        missing=f"There is no posting {posting_id} among those you may see.",
    )
    if to == "posting.read":
        # Whom to write to is part of what those who manage it read.
        audit.read(session, actor, "posting", [posting.id], territory_id=posting.territory_id)
    return posting


async def list_changes(
    session: AsyncSession, posting: Posting, *, after: uuid.UUID | None, limit: int
) -> Sequence[PostingChange]:
    """Return up to ``limit`` entries of a posting's history, oldest first."""
    query = (
        select(PostingChange)
        .where(PostingChange.posting_id == posting.id)
        .order_by(PostingChange.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(PostingChange.id > after)
    return list(await session.scalars(query))


async def public_documents(
    session: AsyncSession, ids: Sequence[uuid.UUID], language: str
) -> dict[uuid.UUID, str]:
    """Return the stored documents of public postings as JSON text, by id."""
    rows = await session.execute(
        select(PostingDocument.posting_id, cast(PostingDocument.document, Text)).where(
            PostingDocument.posting_id.in_(ids), PostingDocument.language == language
        )
    )
    return dict(iter(rows))


async def public_posting(
    session: AsyncSession, territory: Territory, posting_id: uuid.UUID, language: str, *, linked: bool
) -> tuple[str, datetime | None]:
    """Return one public posting as JSON text, and when it will no longer be public.

    ``linked`` asks for its schema.org JobPosting.

    Raises :class:`Gone` when it was public and is closed, :class:`NotFound` otherwise. A near-duplicate
    answers with the posting shown in its stead.
    """
    # A closed posting is nobody's but its owner's; that it was public, and no longer is, anybody may know.
    async with elevated(session):
        posting = await session.scalar(
            select(Posting)
            .join(Territory, Territory.id == Posting.territory_id)
            .where(
                Posting.id == posting_id,
                Territory.lineage.contains([territory.id]),
                Territory.features.contains(["postings"]),
            )
        )
    if posting is None or posting.published_at is None:
        raise NotFound(f"There is no posting {posting_id} in this territory.")
    if posting.state in CLOSED:
        raise Gone(f"This posting is {posting.state}.", extra={"state": posting.state.value})
    if posting.state is not PostingState.PUBLISHED:
        raise NotFound(f"There is no posting {posting_id} in this territory.")
    if posting.valid_through is not None and posting.valid_through <= now():
        # The clock's task has not come by yet.
        raise Gone("This posting is expired.", extra={"state": PostingState.EXPIRED.value})
    shown_id = posting.id
    if not posting.shown:
        shown_id = (
            await session.scalar(
                select(Posting.id).where(
                    Posting.group_id == posting.group_id,
                    Posting.territory_id == posting.territory_id,
                    Posting.shown,
                    Posting.state == PostingState.PUBLISHED,
                )
            )
            or posting.id
        )
    column = PostingDocument.linked_data if linked else PostingDocument.document
    document = await session.scalar(
        select(cast(column, Text)).where(
            PostingDocument.posting_id == shown_id, PostingDocument.language == language
        )
    )
    if document is None:
        raise NotFound(f"There is no posting {posting_id} in this territory.")
    return document, posting.valid_through
