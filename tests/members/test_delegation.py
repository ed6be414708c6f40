"""Every giver × every role × every place, against a table written by hand."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.database import Database
from service.core.ids import new_id
from service.domain import access, delegation
from service.domain.access import Actor, Grant
from service.domain.delegation import FOREVER, Seat, may_give_until
from service.models import RoleGrant
from tests.client import ApiClient
from tests.factories import create_key, create_person, create_role, sign_in_as
from tests.members.office import seat
from tests.members.world import act_as, body, build

# What each may give and take away: by hand, from the words of the field, not from the code. Givers hold
# their role at the bassin, or at the employer or partner, called ``same``.
_TERRITORY_ROLES = ("territory_manager", "concierge_agent", "community_animator", "ambassador")
_ORGANISATIONS = ("employer_member", "partner_member")
ALLOWED: dict[str, dict[str, str]] = {
    "operator": {
        "operator": "platform",
        **dict.fromkeys(_TERRITORY_ROLES, "same inside above beside"),
        **dict.fromkeys(_ORGANISATIONS, "same neighbour inside above beside"),
    },
    "territory_manager": {
        **dict.fromkeys(_TERRITORY_ROLES, "same inside"),
        **dict.fromkeys(_ORGANISATIONS, "same neighbour inside"),
    },
    "concierge_agent": {},
    "community_animator": {},
    "employer_member": {"employer_member": "same"},
    "partner_member": {"partner_member": "same"},
    "ambassador": {},
    # Somebody who has only signed in, and a program with every scope there is.
    "person": {},
    "program": {},
}
GIVEN = ("operator", *_TERRITORY_ROLES, *_ORGANISATIONS)
# Who never invites is told so; others are told nothing of places that are not theirs.
NEVER = {"concierge_agent", "community_animator", "ambassador", "person", "program"}


def test_the_table_knows_every_role() -> None:
    assert set(GIVEN) == access.GRANTABLE
    assert set(ALLOWED) == set(access.ROLES) | {"program"}


@pytest.mark.parametrize("giver", ALLOWED)
async def test_what_a_giver_may_give(
    giver: str, client: ApiClient, session: AsyncSession, database: Database
) -> None:
    world = await build(session)
    if giver == "program":
        giving = await create_key(database, world.territories["same"])
    else:
        role = None if giver == "person" else giver
        giving = await sign_in_as(session, role=role, place=world.home(giver))
        await session.commit()
    cells = 0
    for given in GIVEN:
        for where, place in world.places(given).items():
            email = f"{given}.{where}@example.org"
            answer = await client.with_key(giving).post("/v1/invitations", json=body(email, given, place))
            allowed = where in ALLOWED[giver].get(given, "").split()
            expected = 201 if allowed else 403 if giver in NEVER or given == "operator" else 404
            assert answer.status_code == expected, (giver, given, where, answer.text)
            cells += 1
            if not allowed:
                continue
            person = await create_person(session, email=email)
            client.with_key(await sign_in_as(session, person))
            await session.commit()
            path = f"/v1/me/invitations/{answer.json()['id']}/accept"
            accepted = await client.post(path)
            assert accepted.status_code == 201, (giver, given, where, accepted.text)
            (grant,) = await session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id))
            made = await create_role(session, await create_person(session), given, place)
            assert seat(grant) == seat(made), (giver, given, where)
    assert cells == 1 + 4 * 4 + 2 * 5


@pytest.mark.parametrize("remover", ALLOWED)
async def test_what_a_remover_may_take_away(
    remover: str, client: ApiClient, session: AsyncSession, database: Database
) -> None:
    world = await build(session)
    if remover == "program":
        client.with_key(await create_key(database, world.territories["same"]))
    else:
        role = None if remover == "person" else remover
        await act_as(client, session, role, world.home(remover))
    for held in GIVEN:
        for where, place in world.places(held).items():
            grant = await create_role(session, await create_person(session), held, place)
            await session.commit()
            answer = await client.delete(f"/v1/members/{grant.id}")
            allowed = where in ALLOWED[remover].get(held, "").split()
            # Everybody may lay down their own, so nobody is told that they may never remove; programs are.
            expected = 204 if allowed else 403 if remover == "program" else 404
            assert answer.status_code == expected, (remover, held, where, answer.text)
            ended = await session.scalar(select(RoleGrant.revoked_at).where(RoleGrant.id == grant.id))
            assert (ended is not None) == allowed


def _manager(*permissions: str) -> Actor:
    """Return somebody who holds ``permissions`` alone, in a territory and all inside it."""
    grant = Grant(frozenset(permissions), territories=frozenset({new_id()}))
    return Actor(name=f"person:{new_id()}", person_id=new_id(), grants=(grant,))


def test_one_permission_short_is_too_little() -> None:
    """Rules may come that let somebody invite who holds less than today's managers."""
    whole = access.ROLES["concierge_agent"].permissions | {"invitation.create"}
    for left_out in sorted(access.ROLES["concierge_agent"].permissions):
        actor = _manager(*(whole - {left_out}))
        (territory_id,) = actor.grants[0].territories
        assert not delegation.may_give(actor, Seat("concierge_agent", (territory_id,)))
    actor = _manager(*whole)
    (territory_id,) = actor.grants[0].territories
    assert delegation.may_give(actor, Seat("concierge_agent", (territory_id,)))


def test_who_holds_at_a_place_alone_does_not_give_what_holds_inside() -> None:
    here = new_id()
    permissions = access.ROLES["territory_manager"].permissions
    actor = Actor(name="person:x", grants=(Grant(permissions, exact_territories=frozenset({here})),))
    assert delegation.may_give(actor, Seat("community_animator", (here,)))
    assert not delegation.may_give(actor, Seat("concierge_agent", (here,)))
    assert not delegation.may_give(actor, Seat("community_animator", (here, new_id())))


def test_hats_of_several_places_do_not_add_up() -> None:
    here, employer = new_id(), new_id()
    actor = Actor(
        name="person:x",
        grants=(
            Grant(access.ROLES["concierge_agent"].permissions, territories=frozenset({here})),
            Grant(access.ROLES["employer_member"].permissions, employers=frozenset({employer})),
        ),
    )
    # All an ambassador may do they may do here, but inviting they may only elsewhere.
    assert delegation.covers(actor, Seat("ambassador", (here,)))
    assert not delegation.may_give(actor, Seat("ambassador", (here,)))
    assert delegation.may_give(actor, Seat("employer_member", (here,), employer_id=employer))


async def test_a_role_that_ends_gives_none_that_outlasts_it(session: AsyncSession) -> None:
    world = await build(session)
    ours = world.territories["same"]
    place = Seat("concierge_agent", tuple(ours.lineage))
    person = await create_person(session)
    name = f"person:{person.id}"
    assert await may_give_until(session, name, place) is None
    soon, later = in_days(10), in_days(20)
    await create_role(session, person, "territory_manager", ours, expires_at=soon)
    assert await may_give_until(session, name, place) == soon
    # A role that alone gives nothing does not lengthen it.
    await create_role(session, person, "concierge_agent", ours)
    assert await may_give_until(session, name, place) == soon
    await create_role(session, person, "territory_manager", world.territories["above"], expires_at=later)
    assert await may_give_until(session, name, place) == later
    past = await create_person(session)
    await create_role(session, past, "operator", expires_at=now() - timedelta(seconds=1))
    assert await may_give_until(session, f"person:{past.id}", place) is None
    assert await may_give_until(session, "system:command", place) == FOREVER
    assert await may_give_until(session, f"client:{new_id()}", place) is None
    assert await may_give_until(session, f"person:{new_id()}", place) is None
