"""Candidate profiles: what a person wishes, kept to the law's allow-list, erased for good."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, FieldError, Invalid, NotFound
from service.core.ids import new_id
from service.core.reach import elevated
from service.domain import audit, consents, matches
from service.domain.access import Actor, allowed, obtain, require_territory
from service.domain.events import record
from service.domain.labels import LANGUAGES
from service.domain.privacy.purposes import MATCHING
from service.domain.territories import get_by_slug
from service.models import (
    CandidateProfile,
    Commune,
    Erasure,
    IdempotencyRecord,
    Occupation,
    Skill,
    Territory,
)
from service.schemas.candidates import CandidateProfileCreate, CandidateProfileRead, CandidateProfileUpdate

FORGOTTEN_AFTER: Final = timedelta(days=730)
"""Unsuccessful candidates' data go two years after the last contact (CNIL, recruitment guide)."""

RETENTION: Final = "system:retention"
"""Who acts when the clock does."""
_LISTS: Final = ("occupation_codes", "skill_codes", "contract_kinds", "languages", "licences")


def _read(profile: CandidateProfile, slug: str) -> CandidateProfileRead:
    values = {
        name: getattr(profile, name) for name in CandidateProfileRead.model_fields if name != "territory"
    }
    return CandidateProfileRead.model_validate(values | {"territory": slug})


async def read(session: AsyncSession, profile: CandidateProfile) -> CandidateProfileRead:
    """Return a profile as whoever keeps it for the person sees it."""
    slug = await session.scalar(select(Territory.slug).where(Territory.id == profile.territory_id))
    return _read(profile, slug or "")


async def list_candidate_profiles(
    session: AsyncSession,
    actor: Actor,
    *,
    after: uuid.UUID | None,
    limit: int,
    territory: str | None = None,
    reference: str | None = None,
    active: bool | None = None,
) -> Sequence[CandidateProfileRead]:
    """Return up to ``limit`` profiles the actor may read, oldest first, after the id ``after``.

    A full list's last item only tells that a page follows: it is not shown, and not audited.
    """
    query = (
        select(CandidateProfile, Territory.slug)
        .join(Territory, Territory.id == CandidateProfile.territory_id)
        .where(allowed(actor, "candidate.read", CandidateProfile))
        .order_by(CandidateProfile.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(CandidateProfile.id > after)
    if territory is not None:
        holder = await require_territory(session, actor, "candidate.read", territory)
        query = query.where(Territory.lineage.contains([holder.id]))
    if reference is not None:
        query = query.where(CandidateProfile.reference == reference)
    if active is not None:
        query = query.where(CandidateProfile.active.is_(active))
    rows = (await session.execute(query)).all()
    shown = (profile for profile, _ in rows[: limit - 1] if not _own(actor, profile))
    audit.read_by_territory(
        session, actor, "candidate", ((profile.id, profile.territory_id) for profile in shown)
    )
    return [_read(profile, slug) for profile, slug in rows]


async def get_candidate_profile(
    session: AsyncSession, actor: Actor, profile_id: uuid.UUID, to: str = "candidate.read"
) -> CandidateProfile:
    """Return a profile at which the actor holds the permission ``to``, locked unless it is a read.

    Raises :class:`NotFound`, :class:`Forbidden`.
    """
    profile = await obtain(
        session,
        actor,
        CandidateProfile,
        profile_id,
        to,
        reading="candidate.read",
        missing=_missing(profile_id),
    )
    if to == "candidate.read" and not _own(actor, profile):
        audit.read(session, actor, "candidate", [profile.id], territory_id=profile.territory_id)
    return profile


def _own(actor: Actor, profile: CandidateProfile) -> bool:
    return profile.person_id is not None and profile.person_id == actor.person_id


def _missing(profile_id: uuid.UUID) -> str:
    return f"There is no candidate profile {profile_id} among those you may see."


async def create_candidate_profile(
    session: AsyncSession, actor: Actor, data: CandidateProfileCreate, *, language: str = LANGUAGES[0]
) -> CandidateProfile:
    """Keep what a person wishes; matching follows by event.

    A person's own profile takes their consent, given before or with ``data``; ``language`` is the one its
    text was shown in. Raises :class:`NotFound` (territory), :class:`Invalid`, and :class:`Conflict` when the
    territory has a profile with this reference already or does no matching: then there is no reason to keep
    the data.
    """
    territory, own = await _territory_for(session, actor, data)
    if matches.FEATURE not in territory.features:
        raise Conflict(
            f"Matching is off in `{territory.slug}`: a profile would serve nothing there, so it is not kept. "
            "Switch the feature `matching` on first.",
        )
    values = _columns(data, data.model_fields_set - {"territory", "consent"})
    values = {name: [] for name in _LISTS} | {"active": True} | values
    await _check(session, values, values)
    if own:
        await consents.need(session, actor, MATCHING, territory, data.consent, language=language)
    moment = now()
    values |= {
        "id": new_id(),
        "territory_id": territory.id,
        "person_id": actor.person_id if own else None,
        "version": 1,
        "last_contact_at": moment,
        "created_at": moment,
        "updated_at": moment,
    }
    created = await session.scalar(
        insert(CandidateProfile).values(values).on_conflict_do_nothing().returning(CandidateProfile.id)
    )
    if created is None:
        raise await _taken(session, territory.id, data.reference)
    record(
        session,
        "candidate.created",
        actor=actor.name,
        territory_id=territory.id,
        subject_id=created,
        data={"version": 1},
    )
    return await get_candidate_profile(session, actor, created, "candidate.create")


async def _territory_for(
    session: AsyncSession, actor: Actor, data: CandidateProfileCreate
) -> tuple[Territory, bool]:
    """Return where the profile is to be kept, and whether it is the actor's own.

    A person makes their own wherever there is matching.
    """
    if any(grant.own for grant in actor.holding("candidate.create")):
        territory = await get_by_slug(session, data.territory)
        own = not actor.may_at("candidate.create", lineage=territory.lineage)
    else:
        territory, own = await require_territory(session, actor, "candidate.create", data.territory), False
    if own and data.reference is not None:
        message = "A `reference` is the key of a program; leave it out of your own profile."
        raise Invalid(message, errors=[FieldError("/reference", message, "not_yours")])
    if not own and data.consent is not None:
        message = (
            "Only the person themselves consents here: leave `consent` out. Who keeps a profile for somebody "
            "keeps the proof of their consent too."
        )
        raise Invalid(message, errors=[FieldError("/consent", message, "not_yours")])
    return territory, own


async def _taken(session: AsyncSession, territory_id: uuid.UUID, reference: str | None) -> Conflict:
    known = await session.scalar(
        select(CandidateProfile.id).where(
            CandidateProfile.territory_id == territory_id, CandidateProfile.reference == reference
        )
    )
    return Conflict(
        "The territory already has a profile with this reference. Change that one, or choose another.",
        extra={"candidate_profile_id": str(known)} if known else None,
    )


async def update_candidate_profile(
    session: AsyncSession, actor: Actor, profile: CandidateProfile, data: CandidateProfileUpdate
) -> CandidateProfile:
    """Change what ``data`` names. Any call counts as contact with the person, one that changes nothing too.

    Raises :class:`Invalid`, and :class:`Conflict` when another profile has the reference.
    """
    values = _columns(data, data.model_fields_set)
    changed = {name: value for name, value in values.items() if getattr(profile, name) != value}
    profile.last_contact_at = profile.updated_at = now()
    if not changed:
        return profile
    whole = {column.key: getattr(profile, column.key) for column in CandidateProfile.__table__.columns}
    await _check(session, whole | changed, changed)
    profile_id, territory_id = profile.id, profile.territory_id
    try:
        async with session.begin_nested():
            for name, value in changed.items():
                setattr(profile, name, value)
            profile.version += 1
    except IntegrityError:
        # Nothing but the reference can clash: someone else took it a moment ago.
        raise await _taken(session, territory_id, data.reference) from None
    record(
        session,
        "candidate.changed",
        actor=actor.name,
        territory_id=territory_id,
        subject_id=profile_id,
        # Which facts changed, never what they say.
        data={"version": profile.version, "fields": sorted(changed)},
    )
    return profile


async def delete_candidate_profile(session: AsyncSession, actor: Actor, profile_id: uuid.UUID) -> None:
    """Erase a profile, all its matches, past ones included, and answers kept for repeated requests.

    Raises :class:`NotFound`.
    """
    profile = await get_candidate_profile(session, actor, profile_id, "candidate.delete")
    # What others were to be matched with again is nobody's but the platform's.
    async with elevated(session):
        await matches.forget_candidate(session, profile.id, profile.territory_id)
    erased = await session.scalar(
        delete(CandidateProfile)
        .where(CandidateProfile.id == profile_id)
        .returning(CandidateProfile.territory_id)
        .execution_options(synchronize_session=False)
    )
    if erased is None:
        raise NotFound(_missing(profile_id))
    session.expunge(profile)
    # Whoever made the profile, their stored answer holds it too.
    async with elevated(session):
        await session.execute(
            delete(IdempotencyRecord)
            .where(IdempotencyRecord.headers["location"].astext == location(profile_id))
            .execution_options(synchronize_session=False)
        )
        # To be done again after a restore.
        session.add(
            Erasure(
                id=new_id(),
                subject_kind="candidate_profile",
                subject_id=profile_id,
                because="retention" if actor.name == RETENTION else "asked",
                erased_at=now(),
            )
        )
        await session.flush()
    record(session, "candidate.deleted", actor=actor.name, territory_id=erased, subject_id=profile_id)


async def forget(session: AsyncSession, actor: Actor, profile_id: uuid.UUID) -> bool:
    """Erase a profile if nobody has touched it for two years; return whether it was erased."""
    kept = select(CandidateProfile.id).where(CandidateProfile.id == profile_id, forgotten(now()))
    if await session.scalar(kept) is None:
        return False
    await delete_candidate_profile(session, actor, profile_id)
    return True


def location(profile_id: uuid.UUID) -> str:
    """Return the path under which the API serves a profile."""
    return f"/v1/candidate-profiles/{profile_id}"


def forgotten(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody has touched a profile for two years at ``moment``: it must go."""
    return CandidateProfile.last_contact_at < moment - FORGOTTEN_AFTER


def _columns(data: CandidateProfileUpdate, fields: set[str]) -> dict[str, Any]:
    """Return the table's columns for ``fields``: lists without repetition, an explicit null as empty."""
    values: dict[str, Any] = {}
    for name in fields:
        value = getattr(data, name)
        if name in _LISTS:
            values[name] = list(dict.fromkeys(value or ()))
        elif name == "active":
            values[name] = value is not False
        else:
            values[name] = value
    if "contract_kinds" in values:
        values["contract_kinds"] = [kind.value for kind in values["contract_kinds"]]
    return values


async def _check(session: AsyncSession, whole: dict[str, Any], named: dict[str, Any]) -> None:
    """Refuse unknown codes among those ``named``, and facts that contradict each other in the ``whole``."""
    errors = await _unknown_codes(session, named)
    if (whole.get("salary_wish") is None) != (whole.get("salary_unit") is None):
        detail = "`salary_wish` and `salary_unit` come together: an amount means nothing without its unit."
        errors.append(FieldError("/salary_unit", detail, "incomplete"))
    if not whole["occupation_codes"] and not whole["skill_codes"]:
        detail = "Name at least one wanted occupation or one skill: without, nothing can be suggested."
        errors.append(FieldError("/occupation_codes", detail, "missing"))
    if whole.get("radius_km") is not None:
        errors += await _check_radius(session, whole.get("commune_code"))
    if errors:
        message = "Some values are not acceptable."
        raise Invalid(message, errors=errors)


async def _check_radius(session: AsyncSession, commune_code: str | None) -> list[FieldError]:
    if commune_code is None:
        detail = "A radius needs the commune it is drawn around. Leave it out for anywhere in the territory."
        return [FieldError("/radius_km", detail, "needs_commune")]
    commune = await session.get(Commune, commune_code)
    if commune is not None and commune.latitude is None:
        detail = f"The place of {commune.name} on the map is not known: no radius can be drawn around it."
        return [FieldError("/radius_km", detail, "no_point")]
    return []


async def _unknown_codes(session: AsyncSession, named: dict[str, Any]) -> list[FieldError]:
    errors = []
    commune = named.get("commune_code")
    if commune and await session.get(Commune, commune) is None:
        detail = (
            f"No commune has the INSEE code {commune}. `GET /v1/communes?q=` finds it by name or postal code."
        )
        errors.append(FieldError("/commune_code", detail, "unknown_code"))
    wanted = named.get("occupation_codes") or []
    known = set(await session.scalars(select(Occupation.code).where(Occupation.code.in_(wanted))))
    errors += [
        FieldError(
            f"/occupation_codes/{index}",
            f"ROME has no occupation {code}. `GET /v1/occupations?q=` finds it by title.",
            "unknown_code",
        )
        for index, code in enumerate(wanted)
        if code not in known
    ]
    skills = named.get("skill_codes") or []
    known = set(await session.scalars(select(Skill.code).where(Skill.code.in_(skills))))
    errors += [
        FieldError(f"/skill_codes/{index}", f"ROME has no skill {code}.", "unknown_code")
        for index, code in enumerate(skills)
        if code not in known
    ]
    return errors
