"""What can be done to a posting."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Incomplete, Invalid
from service.core.ids import new_id
from service.domain import publication
from service.domain.access import Actor
from service.domain.employers import get_employer
from service.domain.events import record
from service.domain.postings import changes
from service.domain.postings.completeness import missing
from service.domain.postings.states import CLOSED, EXPIRE, PUBLISH, Transition
from service.models import Commune, Employer, Occupation, Posting, Skill
from service.models.enums import PostingState
from service.models.posting import OWN_SOURCE
from service.schemas.postings import PostingCreate, PostingUpdate

_MANAGED_BY_SOURCE = (
    "This posting comes from {source}, which rewrites it at each import. "
    "Change it there, or pause, fill or withdraw it here."
)


async def _check_codes(session: AsyncSession, values: dict[str, Any]) -> None:
    """Refuse unknown codes; fill in the labels of known skills."""
    errors = []
    commune = values.get("commune_code")
    if commune and await session.get(Commune, commune) is None:
        detail = (
            f"No commune has the INSEE code {commune}. `GET /v1/communes?q=` finds it by name or postal code."
        )
        errors.append(FieldError("/place/commune_code", detail, "unknown_code"))
    occupation = values.get("occupation_code")
    if occupation and await session.get(Occupation, occupation) is None:
        detail = f"ROME has no occupation {occupation}. `GET /v1/occupations?q=` finds it by title."
        errors.append(FieldError("/occupation_code", detail, "unknown_code"))
    skills = values.get("skills") or []
    codes = [skill["code"] for skill in skills if skill.get("code")]
    if codes:
        found = await session.execute(select(Skill.code, Skill.label).where(Skill.code.in_(codes)))
        known = {row.code: row.label for row in found}
        for index, skill in enumerate(skills):
            if skill.get("code") and skill["code"] not in known:
                detail = f"ROME has no skill {skill['code']}."
                errors.append(FieldError(f"/skills/{index}/code", detail, "unknown_code"))
            elif skill.get("code"):
                skill["label"] = skill.get("label") or known[skill["code"]]
    if "title" in values and values["title"] is None:
        errors.append(FieldError("/title", "A posting needs a title.", "missing"))
    if errors:
        message = "Some values are not acceptable."
        raise Invalid(message, errors=errors)


def _follow_employer(posting: Posting, employer: Employer) -> None:
    posting.employer_name = employer.name
    if posting.source == OWN_SOURCE:
        # A feed says its own sector.
        posting.sector_code = (posting.naf_code or employer.naf_code or "")[:2] or None


def _event(
    session: AsyncSession, posting: Posting, kind: str, actor: Actor, data: dict[str, Any] | None = None
) -> None:
    record(
        session,
        kind,
        actor=actor.name,
        territory_id=posting.territory_id,
        subject_id=posting.id,
        data={"version": posting.version} | (data or {}),
    )


async def create_posting(session: AsyncSession, actor: Actor, data: PostingCreate) -> Posting:
    """Make a draft for an employer the actor may see. Raises :class:`NotFound`, :class:`Invalid`."""
    employer = await get_employer(session, actor, data.employer_id, "posting.create")
    values = changes.columns(data)
    await _check_codes(session, values)
    posting = Posting(
        id=new_id(),
        territory_id=employer.territory_id,
        employer_id=employer.id,
        source=OWN_SOURCE,
        state=PostingState.DRAFT,
        language="fr",
        positions=1,
        skills=[],
        skill_codes=[],
        education=[],
        languages=[],
        licences=[],
        benefits=[],
        apprenticeship=False,
        in_tension=False,
        shown=True,
        held=False,
        version=1,
        created_at=now(),
        updated_at=now(),
    )
    for column, value in values.items():
        setattr(posting, column, value)
    changes.derive(posting)
    _follow_employer(posting, employer)
    session.add(posting)
    await publication.place(session, [posting])
    await publication.measure_tension(session, [posting])
    await session.flush()
    changes.note(session, posting, "created", actor.name, {})
    _event(session, posting, "posting.created", actor)
    return posting


async def update_posting(
    session: AsyncSession, actor: Actor, posting: Posting, data: PostingUpdate
) -> Posting:
    """Change what ``data`` names. A published posting stays complete, or nothing changes.

    Raises :class:`Conflict` for closed and imported postings, :class:`Invalid`, :class:`Incomplete`.
    """
    if posting.source != OWN_SOURCE:
        raise Conflict(_MANAGED_BY_SOURCE.format(source=posting.source))
    if posting.state in CLOSED and posting.state is not PostingState.EXPIRED:
        raise Conflict(f"The posting is {posting.state}: it stays as it was. Make a new one instead.")
    values = changes.columns(data)
    await _check_codes(session, values)
    if (
        values.get("commune_code", posting.commune_code) != posting.commune_code
        and values.get("latitude") is None
    ):
        values |= {"latitude": None, "longitude": None, "departement_code": None}
    changed = changes.apply(posting, values)
    if not changed:
        return posting
    if posting.employer_id is not None and (employer := await session.get(Employer, posting.employer_id)):
        _follow_employer(posting, employer)
    await publication.place(session, [posting])
    await publication.measure_tension(session, [posting])
    if posting.state is PostingState.PUBLISHED and (errors := missing(posting)):
        message = "The posting is published, and this change would leave it incomplete."
        raise Incomplete(message, errors=errors)
    posting.updated_at = now()
    changes.note(session, posting, "updated", actor.name, changed)
    if posting.state is PostingState.PUBLISHED:
        await publication.refresh(session, [posting])
    _event(session, posting, "posting.changed", actor, {"fields": sorted(changed)})
    return posting


def move(
    session: AsyncSession,
    actor: Actor,
    posting: Posting,
    transition: Transition,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Lead the posting through ``transition``, note it and record its event.

    The caller refreshes what the public reads.
    """
    before = posting.state
    moment = now()
    posting.state = transition.target
    posting.updated_at = moment
    if transition.target is PostingState.PUBLISHED:
        posting.published_at = posting.published_at if before is PostingState.PAUSED else moment
        posting.published_at = posting.published_at or moment
        posting.closed_at = None
    elif transition.target in CLOSED:
        posting.closed_at = moment
    changes.note(
        session, posting, transition.verb, actor.name, {"state": [before.value, transition.target.value]}
    )
    _event(session, posting, transition.event, actor, dict(data or {}))


async def change_state(
    session: AsyncSession, actor: Actor, posting: Posting, transition: Transition
) -> Posting:
    """Lead a posting through its life. Doing again what is done already changes nothing.

    Raises :class:`Conflict` when the present state forbids it, :class:`Incomplete` when publishing
    something incomplete.
    """
    if posting.state is transition.target:
        return posting
    if posting.state not in transition.origins:
        allowed = ", ".join(sorted(transition.origins))
        raise Conflict(
            f"A {posting.state} posting cannot {transition.verb}; one that is {allowed} can.",
            extra={"state": posting.state.value},
        )
    if transition is PUBLISH and posting.source == OWN_SOURCE and (errors := missing(posting)):
        message = "The posting is not complete yet. Add what is listed, then publish it."
        raise Incomplete(message, errors=errors)
    if posting.source != OWN_SOURCE:
        posting.held = transition is not PUBLISH
    elif transition is PUBLISH and (employer := await session.get(Employer, posting.employer_id)):
        _follow_employer(posting, employer)
    move(session, actor, posting, transition)
    await publication.refresh(session, [posting])
    return posting


async def expire_due(session: AsyncSession, actor: Actor, *, limit: int = 500) -> int:
    """Expire published postings whose ``valid_through`` has passed, ``limit`` at most; return how many."""
    due: Sequence[Posting] = list(
        await session.scalars(
            select(Posting)
            .where(Posting.state == PostingState.PUBLISHED, Posting.valid_through <= now())
            .order_by(Posting.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    for posting in due:
        move(session, actor, posting, EXPIRE)
    await publication.refresh(session, due)
    return len(due)


async def follow_employer(session: AsyncSession, employer_id: uuid.UUID) -> int:
    """Bring the open postings of an employer that changed in line with it; return how many.

    The public ones are rendered again.
    """
    # Locked, or one that is closed meanwhile would be shown again.
    postings = list(
        await session.scalars(
            select(Posting)
            .where(Posting.employer_id == employer_id, Posting.state.not_in(CLOSED))
            .order_by(Posting.id)
            .with_for_update(key_share=True)
        )
    )
    employer = await session.get(Employer, employer_id)
    if employer is not None:
        for posting in postings:
            _follow_employer(posting, employer)
    await publication.refresh(session, [posting for posting in postings if publication.is_public(posting)])
    return len(postings)
