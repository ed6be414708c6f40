"""Persons: who signs in, what they tell of themselves, the roles they hold."""

import uuid
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.email_address import normalise
from service.core.errors import Conflict, FieldError, Invalid, NotFound
from service.core.ids import new_id
from service.core.reach import elevated
from service.domain.access import ROLES, Actor, obtain
from service.domain.events import record
from service.domain.labels import label
from service.models import Employer, Partner, Person, RoleGrant, Territory
from service.schemas.persons import MeRead, PersonUpdate, Place, RoleRead

_OLDEST: Final = 130
"""Years: nobody has lived longer."""


async def find_or_create(
    session: AsyncSession,
    email: str,
    *,
    language: str,
    given_name: str | None = None,
    family_name: str | None = None,
) -> Person:
    """Return the person whose verified address is ``email``, made at their first sign-in.

    ``language`` and names are kept of a new person; a known one keeps their own, names that are missing
    are filled in. Two first sign-ins at once give one person. Raises :class:`ValueError` for what is no
    address.
    """
    address, moment = normalise(email), now()
    # Whoever signs in is not the actor yet.
    async with elevated(session):
        person = made = None
        # Who waited here for an erasure to end finds the address free: they begin anew.
        while person is None:
            made = await session.scalar(
                insert(Person)
                .values(
                    id=new_id(),
                    email=address,
                    given_name=given_name,
                    family_name=family_name,
                    language=language,
                    last_seen_at=moment,
                    created_at=moment,
                    updated_at=moment,
                    version=1,
                )
                .on_conflict_do_nothing(index_elements=["email"])
                .returning(Person.id)
            )
            person = (
                await session.scalars(
                    select(Person)
                    .where(Person.email == address)
                    .with_for_update(key_share=True)
                    .execution_options(populate_existing=True)
                )
            ).one_or_none()
        person.last_seen_at, person.dormancy_warned_at = moment, None
        if person.given_name is None and person.family_name is None:
            person.given_name, person.family_name = given_name, family_name
        await session.flush()
    if made is not None:
        record(session, "person.created", actor=f"person:{person.id}", subject_id=person.id)
    return person


async def mail_arrived(session: AsyncSession, person: Person) -> None:
    """Note that the person reads mail at their address: whatever came back before, it works now."""
    async with elevated(session):
        await session.execute(
            update(Person)
            .where(Person.id == person.id, Person.email_bounced_at.is_not(None))
            .values(email_bounced_at=None)
        )


async def get_me(session: AsyncSession, actor: Actor, permission: str = "me.read") -> Person:
    """Return the acting person, locked unless it is a read. Raises :class:`NotFound` for a program."""
    missing = "Only a person who signed in has a page of their own."
    if actor.person_id is None:
        raise NotFound(missing)
    return await obtain(
        session, actor, Person, actor.person_id, permission, reading="me.read", missing=missing
    )


async def read_me(session: AsyncSession, person: Person) -> MeRead:
    """Return a person as they see themselves, with the roles they hold now."""
    own = {name: getattr(person, name) for name in MeRead.model_fields if name != "roles"}
    roles = await read_roles(session, person.id, person.language)
    return MeRead.model_validate(own | {"roles": roles})


async def read_roles(session: AsyncSession, person_id: uuid.UUID, language: str) -> list[RoleRead]:
    """Return the roles a person holds now, oldest first, as far as the session's transaction reaches."""
    found = await session.execute(
        select(RoleGrant, Territory.slug, Territory.name, Employer.name, Partner.name)
        .outerjoin(Territory, Territory.id == RoleGrant.territory_id)
        .outerjoin(Employer, Employer.id == RoleGrant.employer_id)
        .outerjoin(Partner, Partner.id == RoleGrant.partner_id)
        .where(
            RoleGrant.person_id == person_id,
            RoleGrant.role.in_(ROLES),
            RoleGrant.revoked_at.is_(None),
            or_(RoleGrant.expires_at.is_(None), RoleGrant.expires_at > now()),
        )
        .order_by(RoleGrant.id)
    )
    return [
        RoleRead(
            id=held.id,
            role=held.role,
            title=label("role", held.role, language),
            place=_place(held, slug, territory or "", employer, partner),
            since=held.created_at,
            expires_at=held.expires_at,
        )
        for held, slug, territory, employer, partner in found
    ]


def _place(
    held: RoleGrant, slug: str | None, territory: str, employer: str | None, partner: str | None
) -> Place:
    if held.employer_id is not None:
        return Place(kind="employer", id=held.employer_id, slug=None, name=employer or "")
    if held.partner_id is not None:
        return Place(kind="partner", id=held.partner_id, slug=None, name=partner or "")
    if held.territory_id is not None:
        return Place(kind="territory", id=held.territory_id, slug=slug, name=territory)
    return Place(kind="platform", id=None, slug=None, name="Ancrage")


async def update_me(session: AsyncSession, actor: Actor, person: Person, data: PersonUpdate) -> Person:
    """Change what ``data`` names of the acting person.

    Raises :class:`Invalid`, and :class:`Conflict` for who is under 15 and would no longer be.
    """
    from service.domain.consents import is_child  # noqa: PLC0415 - consents rest on persons

    _check(person, data)
    if is_child(person) and "birth_date" in data.model_fields_set:
        told = Person(birth_date=data.birth_date)
        if not is_child(told):
            message = (
                "Who said to be under 15 cannot grow up by a form: a parent's word would be worth nothing. "
                "If the date was a slip, erase the account (`POST /v1/me/erasure`) and sign in anew."
            )
            raise Conflict(message)
    changed = {
        name: getattr(data, name)
        for name in sorted(data.model_fields_set)
        if getattr(person, name) != getattr(data, name)
    }
    if not changed:
        return person
    for name, value in changed.items():
        setattr(person, name, value)
    person.version += 1
    person.updated_at = now()
    await session.flush()
    record(
        session,
        "person.updated",
        actor=actor.name,
        subject_id=person.id,
        # Which facts changed, never what they say.
        data={"version": person.version, "fields": sorted(changed)},
    )
    return person


def _check(person: Person, data: PersonUpdate) -> None:
    today = now().date()
    errors = []
    if "language" in data.model_fields_set and data.language is None:
        detail = "Mails need a language: send a code such as `fr`, or leave it out."
        errors.append(FieldError("/language", detail, "missing"))
    if data.birth_date is not None and not today.year - _OLDEST <= data.birth_date.year <= today.year:
        detail = f"A birth date lies within the last {_OLDEST} years."
        errors.append(FieldError("/birth_date", detail, "out_of_range"))
    elif data.birth_date is not None and data.birth_date > today:
        detail = "A birth date is not in the future."
        errors.append(FieldError("/birth_date", detail, "out_of_range"))
    if data.guardian_email is not None and data.guardian_email == person.email:
        detail = "Nobody is their own parent: give the parent's own address."
        errors.append(FieldError("/guardian_email", detail, "own_address"))
    if errors:
        raise Invalid(" ".join(error.detail for error in errors), errors=errors)


async def make_operator(session: AsyncSession, actor: Actor, email: str, *, language: str = "fr") -> bool:
    """Make whoever reads mail at ``email`` an operator of the platform; return whether they were none yet.

    The first one invites everybody else. Raises :class:`ValueError` for what is no address.
    """
    person = await find_or_create(session, email, language=language)
    held = await session.scalar(
        select(RoleGrant)
        .where(RoleGrant.person_id == person.id, RoleGrant.role == "operator", RoleGrant.revoked_at.is_(None))
        .with_for_update()
    )
    if held is not None:
        if held.expires_at is None:
            return False
        # Given by the machine's owner, it holds until it is taken back.
        held.expires_at = None
    else:
        held = RoleGrant(id=new_id(), person_id=person.id, role="operator", given_by=actor.name)
        session.add(held)
    await session.flush()
    record(
        session,
        "role.granted",
        actor=actor.name,
        subject_id=held.id,
        data={"role": "operator", "person_id": str(person.id)},
    )
    return True
