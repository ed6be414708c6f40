"""Members: who sees whom, and roles that end at once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.database import Database
from service.core.errors import Forbidden
from service.core.ids import new_id
from service.core.reach import Reach
from service.domain import access, members
from service.domain.access import Actor, Grant
from service.models import AuditEntry, Event, Invitation, RoleGrant
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_person, create_role, create_territory, sign_in_as
from tests.members.office import Office
from tests.members.world import World, act_as


async def test_a_member_is_listed_with_name_role_and_place(office: Office, session: AsyncSession) -> None:
    employer = office.world.employers["inside"]
    person = await create_person(session, email="camille@example.org", family_name="Exemple")
    end = in_days(30)
    grant = await create_role(session, person, "employer_member", employer, expires_at=end)
    await session.commit()
    answer = await office.client.get("/v1/members", params={"employer_id": str(employer.id)})
    (member,) = answer.json()["items"]
    assert member == (await office.client.get(f"/v1/members/{grant.id}")).json()
    since, expires = member.pop("since"), member.pop("expires_at")
    assert member == {
        "id": str(grant.id),
        "person": {
            "id": str(person.id),
            "email": "camille@example.org",
            "given_name": "Camille",
            "family_name": "Exemple",
        },
        "role": "employer_member",
        "territory": "inside",
        "employer": {"id": str(employer.id), "name": "Fournil inside"},
        "partner": None,
    }
    assert since < expires


async def _everybody(session: AsyncSession, world: World) -> dict[str, str]:
    """Give every role at every place to somebody; return what each grant is, by its id."""
    found = {}
    for role in sorted(access.GRANTABLE):
        for where, place in world.places(role).items():
            grant = await create_role(session, await create_person(session), role, place)
            found[str(grant.id)] = f"{role} {where}"
    for over in ({"revoked_at": now()}, {"expires_at": now() - timedelta(seconds=1)}):
        former = await create_person(session)
        grant = await create_role(session, former, "ambassador", world.territories["same"], **over)
        found[str(grant.id)] = "former"
    await session.commit()
    return found


async def _seen(client: ApiClient, names: dict[str, str], **query: Any) -> set[str]:
    answer = await client.get("/v1/members", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return {names[item["id"]] for item in answer.json()["items"] if item["id"] in names}


_HELD = ("territory_manager", "concierge_agent", "community_animator", "ambassador")
_ORGANISED = ("employer_member", "partner_member")
_BELOW = {f"{role} {where}" for role in _HELD for where in ("same", "inside")} | {
    f"{role} {where}" for role in _ORGANISED for where in ("same", "neighbour", "inside")
}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("territory_manager", _BELOW),
        ("concierge_agent", set()),
        ("community_animator", set()),
        ("ambassador", set()),
        ("employer_member", {"employer_member same"}),
        ("partner_member", {"partner_member same"}),
        (None, set()),
    ],
)
async def test_each_sees_the_members_of_their_own_place(
    client: ApiClient, session: AsyncSession, world: World, role: str | None, expected: set[str]
) -> None:
    names = await _everybody(session, world)
    await act_as(client, session, role, world.home(role) if role else None)
    assert await _seen(client, names) == expected
    # What is not listed cannot be read either.
    for grant_id, name in names.items():
        answer = await client.get(f"/v1/members/{grant_id}")
        assert answer.status_code == (200 if name in expected else 404), name


async def test_an_operator_sees_everybody_and_filters(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    names = await _everybody(session, world)
    await act_as(client, session, "operator")
    assert await _seen(client, names) == set(names.values()) - {"former"}
    assert await _seen(client, names, territory="inside") == {
        f"{role} inside" for role in (*_HELD, *_ORGANISED)
    }
    assert await _seen(client, names, partner_id=world.partners["beside"].id) == {"partner_member beside"}
    first = (await client.get("/v1/members", params={"limit": 20})).json()
    rest = (await client.get("/v1/members", params={"limit": 20, "after": first["next"]})).json()
    assert len({item["id"] for item in first["items"] + rest["items"]}) == len(names) - 2 + 1


async def test_everybody_knows_their_own_roles_and_may_lay_one_down(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await create_person(session)
    agent = await create_role(session, person, "concierge_agent", world.territories["same"])
    await create_role(session, person, "ambassador", world.territories["beside"])
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    items = (await client.get("/v1/members")).json()["items"]
    assert [(item["role"], item["territory"]) for item in items] == [
        ("concierge_agent", "same"),
        ("ambassador", "beside"),
    ]
    assert (await client.get("/v1/employers")).status_code == 200
    assert (await client.delete(f"/v1/members/{agent.id}")).status_code == 204
    # At once, and for good; they stay signed in.
    assert (await client.get("/v1/employers")).status_code == 403
    assert (await client.delete(f"/v1/members/{agent.id}")).status_code == 404
    assert [item["role"] for item in (await client.get("/v1/members")).json()["items"]] == ["ambassador"]


async def test_a_role_taken_away_allows_nothing_from_then_on(office: Office, session: AsyncSession) -> None:
    agent = await create_person(session)
    token = await sign_in_as(session, agent, "concierge_agent", office.world.territories["same"])
    await session.commit()
    grant = (await session.scalars(select(RoleGrant).where(RoleGrant.person_id == agent.id))).one()
    assert (await office.client.delete(f"/v1/members/{grant.id}")).status_code == 204
    assert (await office.client.with_key(token).get("/v1/postings")).status_code == 403
    event = (await session.scalars(select(Event).where(Event.kind == "member.removed"))).one()
    assert (event.subject_id, event.actor, event.data) == (
        grant.id,
        f"person:{office.manager_id}",
        {"role": "concierge_agent"},
    )
    assert event.territory_id == office.world.territories["same"].id
    # They may be invited anew.
    office.return_to_manager()
    assert agent.email is not None
    offered = await office.invite(email=agent.email)
    await office.sign_in(agent)
    assert (await office.accept(offered))[0] == 201


async def test_nobody_takes_away_more_than_they_hold(session: AsyncSession, world: World) -> None:
    """Rules may come by which somebody may remove members and holds less than they do."""
    place = world.territories["same"]
    grant = await create_role(session, await create_person(session), "concierge_agent", place)
    permissions = access.ROLES["concierge_agent"].permissions | {"member.read", "member.remove"}

    def somebody(*left_out: str) -> Actor:
        held = Grant(permissions - set(left_out), territories=frozenset({place.id}))
        return Actor(name="person:somebody", person_id=new_id(), grants=(held,))

    with pytest.raises(Forbidden, match="may do more there than you"):
        await members.remove_member(session, somebody("candidate.update"), grant.id)
    with pytest.raises(Forbidden, match=r"does not allow `member.remove`"):
        await members.remove_member(session, somebody("member.remove"), grant.id)
    await members.remove_member(session, somebody(), grant.id)


async def _alone(client: ApiClient, session: AsyncSession) -> tuple[Any, RoleGrant]:
    """Make a territory that nothing holds, with one manager, for whom the client speaks."""
    territory = await create_territory(session, slug="seule", kind=TerritoryKind.REGION)
    person = await create_person(session)
    grant = await create_role(session, person, "territory_manager", territory)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    return territory, grant


async def test_the_last_manager_stays(client: ApiClient, session: AsyncSession) -> None:
    territory, grant = await _alone(client, session)
    path = f"/v1/members/{grant.id}"
    answer = await client.delete(path)
    assert (answer.status_code, "last person who manages" in answer.json()["detail"]) == (409, True)
    # Those are no managers, not any more, or elsewhere.
    below = await create_territory(session, parent=territory)
    elsewhere = await create_territory(session)
    for role, place, changes in (
        ("concierge_agent", territory, {}),
        ("territory_manager", territory, {"revoked_at": now()}),
        ("territory_manager", territory, {"expires_at": now()}),
        ("territory_manager", below, {}),
        ("territory_manager", elsewhere, {}),
        ("operator", None, {"revoked_at": now()}),
    ):
        await create_role(session, await create_person(session), role, place, **changes)
    erased = await create_person(session, email=None, anonymised_at=now())
    await create_role(session, erased, "territory_manager", territory)
    await session.commit()
    assert (await client.delete(path)).status_code == 409
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("who", ["another manager", "a manager above", "an operator"])
async def test_one_of_several_may_go(client: ApiClient, session: AsyncSession, who: str) -> None:
    territory, grant = await _alone(client, session)
    if who == "a manager above":
        above = territory
        territory = await create_territory(session, parent=above)
        await session.execute(
            update(RoleGrant).where(RoleGrant.id == grant.id).values(territory_id=territory.id)
        )
        await create_role(session, await create_person(session), "territory_manager", above)
    elif who == "an operator":
        await create_role(session, await create_person(session), "operator")
    else:
        await create_role(session, await create_person(session), "territory_manager", territory)
    await session.commit()
    assert (await client.delete(f"/v1/members/{grant.id}")).status_code == 204


async def test_reading_others_is_kept_in_the_trail_and_reading_oneself_is_not(
    office: Office, session: AsyncSession
) -> None:
    place = office.world.territories["inside"]
    grant = await create_role(session, await create_person(session), "ambassador", place)
    own = (await session.scalars(select(RoleGrant).where(RoleGrant.person_id == office.manager_id))).one()
    await session.commit()
    await office.client.get("/v1/members")
    await office.client.get(f"/v1/members/{grant.id}")
    await office.client.get(f"/v1/members/{own.id}")
    entries = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "member.read"))).all()
    assert [(entry.object_id, entry.territory_id) for entry in entries] == [(grant.id, place.id)] * 2


async def test_nobody_writes_their_own_rights(office: Office, database: Database) -> None:
    """Whatever a query forgets: the walls let a person read their role, and change nothing about it."""
    place = office.world.territories["same"]
    reach = Reach(territories=frozenset({place.id}), person=office.manager_id, email="me@example.org")
    role = {"person_id": office.manager_id, "role": "operator", "territory_id": None, "given_by": "nobody"}
    async with database.transaction(reach) as someone:
        assert (await someone.scalars(select(RoleGrant.role))).all() == ["territory_manager"]
    for statement in (
        insert(RoleGrant).values(id=new_id(), **role),
        update(RoleGrant).values(expires_at=None),
        update(RoleGrant).values(role="operator", territory_id=None),
        update(Invitation).values(email="me@example.org"),
    ):
        async with database.transaction(reach) as someone:
            with pytest.raises(DBAPIError, match="permission denied"):
                await someone.execute(statement)
            await someone.rollback()
