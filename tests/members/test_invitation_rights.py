"""Invitations: what may be asked, who sees which, and who may touch them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Forbidden
from service.core.ids import new_id
from service.domain import access, invitations
from service.domain.access import Actor, Grant
from service.models import AuditEntry, Invitation
from tests.members.office import ADDRESS, ROLE, Office
from tests.members.world import World, act_as, body


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"role": "operator"}, ["/territory"]),
        ({"role": "employer_member"}, ["/territory", "/employer_id"]),
        (
            {"role": "partner_member", "employer_id": str(new_id())},
            ["/territory", "/employer_id", "/partner_id"],
        ),
        ({"territory": None}, ["/territory"]),
        ({"employer_id": str(new_id())}, ["/employer_id"]),
        ({"role": "person"}, ["/role"]),
        ({"role": "boss"}, ["/role"]),
        ({"email": "not an address"}, ["/email"]),
        ({"email": "a@b.example, c@d.example"}, ["/email"]),
        ({"email": "camille@example.org\r\nBcc: x@example.org"}, ["/email"]),
        ({"role_expires_at": "2027-01-01"}, ["/role_expires_at"]),
    ],
)
async def test_what_cannot_be_asked(office: Office, changes: dict[str, Any], pointers: list[str]) -> None:
    sent = body(ADDRESS, ROLE, office.world.territories["same"]) | changes
    answer = await office.client.post("/v1/invitations", json=sent)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_lists_show_each_their_own(office: Office, session: AsyncSession, world: World) -> None:
    await office.invite(email="a@example.org")
    await office.invite(email="b@example.org", territory="inside", role="ambassador")
    sent = body("c@example.org", "employer_member", world.employers["same"])
    third = (await office.client.post("/v1/invitations", json=sent)).json()
    sent = body("d@example.org", "partner_member", world.partners["same"])
    await office.client.post("/v1/invitations", json=sent)
    await office.client.delete(f"/v1/invitations/{third['id']}")

    async def emails(**query: Any) -> str:
        answer = await office.client.get("/v1/invitations", params=query)
        assert answer.status_code == 200, answer.text
        return "".join(item["email"][0] for item in answer.json()["items"])

    assert await emails() == "dcba"
    assert await emails(territory="inside") == "b"
    assert await emails(employer_id=world.employers["same"].id) == "c"
    assert await emails(partner_id=world.partners["same"].id) == "d"
    assert await emails(state="waiting") == "dba"
    assert await emails(state="revoked") == "c"
    assert await emails(state="accepted") == await emails(state="expired") == ""
    first = (await office.client.get("/v1/invitations", params={"limit": 3})).json()
    rest = await emails(after=first["next"], limit=3)
    assert (len(first["items"]), rest) == (3, "a")
    assert (await office.client.get("/v1/invitations", params={"territory": "above"})).status_code == 404

    seen = {}
    for role, place in (
        ("territory_manager", world.territories["inside"]),
        ("territory_manager", world.territories["beside"]),
        ("employer_member", world.employers["same"]),
        ("employer_member", world.employers["neighbour"]),
        ("partner_member", world.partners["same"]),
        ("operator", None),
    ):
        await act_as(office.client, session, role, place)
        seen[role, getattr(place, "slug", None) or getattr(place, "name", None)] = await emails()
    assert seen == {
        ("territory_manager", "inside"): "b",
        ("territory_manager", "beside"): "",
        ("employer_member", "Fournil same"): "c",
        ("employer_member", "Fournil neighbour"): "",
        ("partner_member", "Bailleur same"): "d",
        ("operator", None): "dcba",
    }


async def test_nobody_touches_an_invitation_elsewhere(
    office: Office, session: AsyncSession, world: World
) -> None:
    offered = await office.invite()
    for role, place, expected in (
        ("territory_manager", world.territories["beside"], 404),
        ("territory_manager", world.territories["inside"], 404),
        ("employer_member", world.employers["same"], 404),
        ("concierge_agent", world.territories["same"], 403),
        (None, None, 403),
    ):
        await act_as(office.client, session, role, place)
        path = f"/v1/invitations/{offered['id']}"
        for answer in (
            await office.client.get(path),
            await office.client.delete(path),
            await office.client.post(f"{path}/resend"),
        ):
            assert answer.status_code == expected, (role, answer.text)
    assert await session.scalar(select(Invitation.revoked_at)) is None


async def test_nobody_takes_back_or_sends_again_more_than_they_hold(
    office: Office, session: AsyncSession, world: World
) -> None:
    """Rules may come by which somebody may invite and holds less than today's managers."""
    offered = await office.invite()
    await session.execute(update(Invitation).values(sent_at=now() - timedelta(hours=1)))
    permissions = access.ROLES[ROLE].permissions | {
        f"invitation.{verb}" for verb in ("read", "create", "revoke")
    }

    def somebody(*left_out: str) -> Actor:
        held = Grant(permissions - set(left_out), territories=frozenset({world.territories["same"].id}))
        return Actor(name="system:somebody", person_id=new_id(), grants=(held,))

    for verb, change in (
        ("create", invitations.resend_invitation),
        ("revoke", invitations.revoke_invitation),
    ):
        with pytest.raises(Forbidden, match="may do more there than you"):
            await change(session, somebody("candidate.update"), UUID(offered["id"]))
        with pytest.raises(Forbidden, match=f"does not allow `invitation.{verb}`"):
            await change(session, somebody(f"invitation.{verb}"), UUID(offered["id"]))
        await change(session, somebody(), UUID(offered["id"]))


async def test_reading_them_is_kept_in_the_trail(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    await office.client.get("/v1/invitations")
    await office.client.get(f"/v1/invitations/{offered['id']}")
    await office.become()
    await office.client.get("/v1/me/invitations")
    entries = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "invitation.read"))).all()
    assert [(entry.actor, str(entry.object_id)) for entry in entries] == [
        (f"person:{office.manager_id}", offered["id"])
    ] * 2
