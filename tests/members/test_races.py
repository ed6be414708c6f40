"""Many at once, with real commits: one role, one invitation, somebody left to manage."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.models import Event, Invitation, Mail, Person, RoleGrant
from tests.client import ApiClient
from tests.factories import create_person, create_role, create_territory, sign_in_as
from tests.members.office import ADDRESS, Office
from tests.members.world import body, build

# What a database that is asked too much at once answers: try again.
BUSY = 503


async def _patiently(client: ApiClient, method: str, path: str, **arguments: Any) -> int:
    """Ask until there is an answer."""
    while True:
        answer = await client.request(method, path, **arguments)
        if answer.status_code != BUSY:
            return answer.status_code


async def test_a_hundred_acceptances_at_once_give_one_role(
    fresh_database: Database, settings: Settings
) -> None:
    app = create_app(fresh_database, settings=settings)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.sessions() as session,
    ):
        office = Office(client, session, await build(session))
        await office.open()
        offered = await office.invite()
        person = await office.become()
        token = {"token": office.token_of(offered["id"])}
        link, own = "/v1/invitations/acceptances", f"/v1/me/invitations/{offered['id']}/accept"
        answers = await asyncio.gather(
            *(
                _patiently(client, "POST", path, json=token if path == link else None)
                for path in [link, own] * 50
            )
        )
        assert Counter(answers) == {201: 1, 409: 99}
        assert (
            await session.scalar(
                select(func.count()).select_from(RoleGrant).where(RoleGrant.person_id == person.id)
            )
            == 1
        )
        wanted = ("member.added", "invitation.accepted")
        kinds = await session.scalars(select(Event.kind).where(Event.kind.in_(wanted)))
        assert sorted(kinds) == ["invitation.accepted", "member.added"]


async def test_one_invitation_asked_many_times_at_once_is_sent_once(
    fresh_database: Database, settings: Settings
) -> None:
    app = create_app(fresh_database, settings=settings)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.sessions() as session,
    ):
        world = await build(session)
        place = world.territories["same"]
        tokens = [await sign_in_as(session, role="territory_manager", place=place) for _ in range(4)]
        await session.commit()
        sent = body(ADDRESS, "ambassador", place)
        answers = await asyncio.gather(
            *(
                _patiently(
                    client, "POST", "/v1/invitations", json=sent, headers={"Authorization": f"Bearer {token}"}
                )
                for token in tokens * 5
            )
        )
        assert Counter(answers) == {201: 1, 409: 19}
        assert await session.scalar(select(func.count()).select_from(Invitation)) == 1
        assert await session.scalar(select(func.count()).select_from(Mail)) == 1


async def test_an_invitation_accepted_and_taken_back_at_once_is_one_of_both(
    fresh_database: Database, settings: Settings
) -> None:
    app = create_app(fresh_database, settings=settings)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.sessions() as session,
    ):
        office = Office(client, session, await build(session))
        await office.open()
        for number in range(5):
            offered = await office.invite(email=f"personne{number}@example.org")
            person = await office.become(f"personne{number}@example.org")
            invited = dict(client.headers)
            office.return_to_manager()
            manager = dict(client.headers)
            taken, revoked = await asyncio.gather(
                _patiently(client, "POST", f"/v1/me/invitations/{offered['id']}/accept", headers=invited),
                _patiently(client, "DELETE", f"/v1/invitations/{offered['id']}", headers=manager),
            )
            assert (taken, revoked) in {(201, 409), (410, 204)}
            held = await session.scalar(select(RoleGrant.id).where(RoleGrant.person_id == person.id))
            assert (held is not None) == (taken == 201)


async def test_two_managers_who_remove_each_other_leave_one(
    fresh_database: Database, settings: Settings
) -> None:
    app = create_app(fresh_database, settings=settings)
    async with (
        app.router.lifespan_context(app),
        ApiClient(app) as client,
        fresh_database.sessions() as session,
    ):
        for _ in range(5):
            territory = await create_territory(session)
            persons: list[Person] = [await create_person(session) for _ in range(2)]
            grants: list[UUID] = []
            tokens: list[str] = []
            for person in persons:
                grants.append((await create_role(session, person, "territory_manager", territory)).id)
                tokens.append(await sign_in_as(session, person))
            await session.commit()
            answers = await asyncio.gather(
                *(
                    _patiently(
                        client,
                        "DELETE",
                        f"/v1/members/{grant}",
                        headers={"Authorization": f"Bearer {token}"},
                    )
                    for grant, token in zip(reversed(grants), tokens, strict=True)
                )
            )
            # Who comes second is refused as the last one left, or has no role any more that would let them.
            assert sorted(answers) in ([204, 404], [204, 409])
            left = await session.scalars(
                select(RoleGrant.id).where(RoleGrant.id.in_(grants), RoleGrant.revoked_at.is_(None))
            )
            assert len(left.all()) == 1
