"""Nobody gives a program more than they hold: every scope and place, and the ways around it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.ids import new_id
from service.domain.access import PERMISSIONS, SCOPES, Actor, Grant
from service.domain.clients.giving import Gift
from service.models import ApiClient as Row, ApiKey, RoleGrant, Territory
from tests.client import ApiClient
from tests.clients.world import World, make, page, patch, rotate, sign_in, try_key, wanted
from tests.factories import create_person, create_role, sign_in_as

# Written by hand, not read from the rules: what each giver may give, and where.
BY_MANAGERS = {
    "territories:write",
    "employers:read",
    "employers:write",
    "postings:read",
    "postings:write",
    "candidates:read",
    "candidates:write",
    "matches:read",
    "imports:read",
    "imports:write",
    "partners:read",
    "partners:write",
    "sign-in:write",
    "privacy-requests:write",
}
BY_OPERATORS = BY_MANAGERS | {"mail:write"}
ABOVE, OURS = new_id(), new_id()
EVERYWHERE = {"region", "ours", "inside", "beside", "foreign"}
GIVERS: dict[str, tuple[Sequence[tuple[str, str | None]], set[str], set[str]]] = {
    "operator": ([("operator", None)], EVERYWHERE, BY_OPERATORS),
    "manager of the région": (
        [("territory_manager", "region")],
        {"region", "ours", "inside", "beside"},
        BY_MANAGERS,
    ),
    "manager": ([("territory_manager", "ours")], {"ours", "inside"}, BY_MANAGERS),
    "manager of the commune": ([("territory_manager", "inside")], {"inside"}, BY_MANAGERS),
    "manager here, agent above and beside": (
        [("territory_manager", "ours"), ("concierge_agent", "region"), ("concierge_agent", "foreign")],
        {"ours", "inside"},
        BY_MANAGERS,
    ),
    "agent": ([("concierge_agent", "ours")], set(), set()),
    "animator": ([("community_animator", "ours")], set(), set()),
}


@pytest.mark.parametrize("giver", sorted(GIVERS))
async def test_each_giver_gives_what_they_hold_where_they_hold_it(
    client: ApiClient, session: AsyncSession, world: World, giver: str
) -> None:
    roles, places, scopes = GIVERS[giver]
    person = await create_person(session)
    for role, slug in roles:
        await create_role(session, person, role, getattr(world, slug) if slug else None)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    assert set(SCOPES) == BY_OPERATORS, "say in this table who may give the new scope"
    for slug in sorted(EVERYWHERE):
        for scope in sorted(BY_OPERATORS):
            answer = await client.post("/v1/api-clients", json=wanted(territories=[slug], scopes=[scope]))
            given = slug in places and scope in scopes
            assert (answer.status_code == 201) is given, (slug, scope, answer.text)
            assert given or answer.status_code in {403, 404}
        answer = await client.post("/v1/api-clients", json=page(territories=[slug]))
        assert (answer.status_code == 201) is (slug in places), (slug, answer.text)


async def test_a_refusal_says_what_is_not_theirs_and_makes_nothing(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    wide = wanted(territories=["ours", "inside"], scopes=["employers:read", "mail:write"])
    answer = await client.post("/v1/api-clients", json=wide)
    assert answer.status_code == 403
    assert "`mail:write` in `ours`, `mail:write` in `inside`" in answer.json()["detail"]
    for slugs in (["region"], ["ours", "region"], ["foreign"], ["ours", "foreign"]):
        answer = await client.post("/v1/api-clients", json=wanted(territories=slugs))
        missing = await client.post("/v1/api-clients", json=wanted(territories=["nowhere"]))
        assert answer.status_code == missing.status_code == 404
        assert answer.json()["detail"].replace(slugs[-1], "nowhere") == missing.json()["detail"]
    assert await session.scalar(select(func.count()).select_from(Row)) == 0
    assert await session.scalar(select(func.count()).select_from(ApiKey)) == 0


async def test_a_change_gives_no_more_than_making_would(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    for body, status in (
        ({"scopes": ["employers:read", "mail:write"]}, 403),
        ({"scopes": ["mail:write"]}, 403),
        ({"territories": ["region"]}, 404),
        ({"territories": ["ours", "beside"]}, 404),
        ({"territories": ["ours", "foreign"], "name": "Site"}, 404),
    ):
        assert (await patch(client, made, **body)).status_code == status, body
    assert (await client.get(f"/v1/api-clients/{made['id']}")).json()["version"] == 1
    widened = await patch(client, made, scopes=["employers:write"], territories=["inside", "ours"])
    assert widened.status_code == 200
    assert widened.json()["territories"] == ["inside", "ours"]


async def test_what_an_operator_gave_a_manager_may_narrow_and_never_take_over(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "operator")
    strong = await make(client, wanted(scopes=["employers:read", "mail:write"]))
    both = await create_person(session)
    for place in (world.ours, world.beside):
        await create_role(session, both, "territory_manager", place)
    client.with_key(await sign_in_as(session, both))
    await session.commit()
    keys = f"/v1/api-clients/{strong['id']}/keys"
    # Its new key would be in their hands.
    taken = await client.post(keys, json={"overlap_hours": 0})
    assert (taken.status_code, "`mail:write` in `ours`" in taken.json()["detail"]) == (403, True)
    assert await try_key(client, strong["key"]["value"]) == 200
    # What it has stays; it may not have it anywhere else.
    renamed = (await patch(client, strong, name="Passerelle")).json()
    assert renamed["scopes"] == ["employers:read", "mail:write"]
    assert (await patch(client, renamed, territories=["ours", "beside"])).status_code == 403
    inside = await patch(client, renamed, territories=["ours", "inside"])
    assert inside.status_code == 200, "it acts there already"
    narrowed = await patch(client, inside.json(), scopes=["employers:read"])
    assert narrowed.status_code == 200
    again = await patch(client, narrowed.json(), scopes=["employers:read", "mail:write"])
    assert again.status_code == 403
    assert (await client.post(keys, json={})).status_code == 201, "nothing left that is not theirs"


async def test_nobody_turns_over_or_ends_the_keys_of_others(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "operator")
    theirs = [await make(client, wanted(territories=[slug])) for slug in ("region", "beside", "foreign")]
    shared = await make(client, wanted(territories=["ours", "foreign"]))
    await sign_in(client, session, "territory_manager", world.ours)
    mine = await make(client)
    for other in (*theirs, shared):
        one = f"/v1/api-clients/{other['id']}"
        key_id = other["key"]["id"]
        answers = [
            await client.get(f"{one}/keys"),
            await client.post(f"{one}/keys", json={"overlap_hours": 0}),
            await client.delete(f"{one}/keys/{key_id}"),
            await client.delete(one),
            await patch(client, other, name="À moi"),
            # Their key, as if it were of one's own client.
            await client.delete(f"/v1/api-clients/{mine['id']}/keys/{key_id}"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 6
        assert await try_key(client, other["key"]["value"]) == 200


async def test_a_role_that_ends_leaves_no_key_behind(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    end = in_days(10)
    await sign_in(client, session, "territory_manager", world.ours, until=end)
    for body in (wanted(), page(), wanted(key_expires_at=in_days(11).isoformat())):
        answer = await client.post("/v1/api-clients", json=body)
        assert answer.status_code == 403, answer.text
        assert end.isoformat(timespec="seconds") in answer.json()["detail"]
    made = await make(client, wanted(key_expires_at=in_days(9).isoformat()))
    path = f"/v1/api-clients/{made['id']}/keys"
    assert (await client.post(path, json={})).status_code == 403
    await rotate(client, made["id"], expires_at=end.isoformat())
    assert (await patch(client, made, scopes=["employers:write"])).status_code == 200
    # A key that outlasts the role, given by somebody whose role does not end.
    await sign_in(client, session, "territory_manager", world.ours)
    lasting = await make(client)
    await sign_in(client, session, "territory_manager", world.ours, until=end)
    assert (await patch(client, lasting, scopes=["employers:write"])).status_code == 403
    assert (await patch(client, lasting, name="Site")).status_code == 200


async def test_what_outlasts_is_what_lasting_roles_hold(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await create_person(session)
    await create_role(session, person, "territory_manager", world.ours)
    end = in_days(10)
    await create_role(session, person, "operator", expires_at=end)
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    await make(client)
    mail = wanted(scopes=["mail:write"])
    assert (await client.post("/v1/api-clients", json=mail)).status_code == 403
    assert (await client.post("/v1/api-clients", json=wanted(territories=["foreign"]))).status_code == 403
    await make(client, mail | {"key_expires_at": end.isoformat()})


async def test_a_page_s_key_too_takes_a_role_that_lasts(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await create_person(session)
    await create_role(session, person, "concierge_agent", world.ours)
    await create_role(session, person, "territory_manager", world.ours, expires_at=in_days(10))
    client.with_key(await sign_in_as(session, person))
    await session.commit()
    assert (await client.post("/v1/api-clients", json=page())).status_code == 403
    await make(client, page(key_expires_at=in_days(9).isoformat()))


@pytest.mark.parametrize(
    ("grant", "held"),
    [
        (Grant(PERMISSIONS, territories=frozenset({OURS})), True),
        (Grant(PERMISSIONS, territories=frozenset({ABOVE})), True),
        # A client acts in all that is inside: what is held at one place alone is not enough.
        (Grant(PERMISSIONS, exact_territories=frozenset({OURS})), False),
        (Grant(PERMISSIONS, employers=frozenset({OURS}), partners=frozenset({OURS}), own=True), False),
        (Grant(PERMISSIONS - {"api_client.create"}, territories=frozenset({OURS})), False),
        (Grant(PERMISSIONS - {"employer.read"}, territories=frozenset({OURS})), False),
        (Grant(PERMISSIONS - {"employer.update"}, territories=frozenset({OURS})), True),
    ],
)
def test_a_gift_is_held_with_all_that_is_inside(grant: Grant, held: bool) -> None:
    territory = Territory(id=OURS, slug="ours", lineage=[ABOVE, OURS])
    giver = Actor("person:test", person_id=new_id(), grants=(grant,))
    assert Gift(territory, "employers:read").held_by(giver) is held


async def test_who_was_removed_gives_nothing_more(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    person = await sign_in(client, session, "territory_manager", world.ours)
    made = await make(client)
    (role,) = await session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id))
    role.revoked_at = now() - timedelta(seconds=1)
    await session.commit()
    assert (await client.post("/v1/api-clients", json=wanted())).status_code == 403
    assert (await client.post(f"/v1/api-clients/{made['id']}/keys", json={})).status_code == 403
    assert (await client.get(f"/v1/api-clients/{made['id']}")).status_code == 403
