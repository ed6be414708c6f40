"""Invitations: from the mail to the role, and everything that stops one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.ids import new_id
from service.core.security import Kind, new_key
from service.domain import invitations
from service.models import AuditEntry, Event, Invitation, Mail, Person, RoleGrant
from tests.factories import create_person, create_role
from tests.members.office import ADDRESS, ROLE, Office
from tests.members.world import body


async def test_a_role_is_offered_by_mail_and_taken_by_whom_it_was_sent_to(
    office: Office, session: AsyncSession
) -> None:
    offered = await office.invite(email="Camille@Example.ORG", language="en")
    assert (offered["email"], offered["state"]) == (ADDRESS, "waiting")
    assert offered["invited_by"] == "Claude Responsable"
    mail = (await session.scalars(select(Mail))).one()
    assert (mail.template, mail.to_address, mail.language) == ("invitation", ADDRESS, "en")
    assert mail.territory_id == office.world.territories["same"].id
    assert mail.data == {"invitation_id": offered["id"]}

    person = await office.become()
    assert (await office.client.get("/v1/employers")).status_code == 403
    (waiting,) = (await office.client.get("/v1/me/invitations")).json()["items"]
    assert waiting == offered
    status, member = await office.accept(offered)
    assert status == 201, member
    assert (member["role"], member["territory"], member["person"]["id"]) == (ROLE, "same", str(person.id))
    # From now on, with the very token they had.
    assert (await office.client.get("/v1/employers")).status_code == 200
    assert (await office.client.get("/v1/me/invitations")).json()["items"] == []
    status, problem = await office.accept(offered)
    assert (status, "accepted already" in problem["detail"]) == (409, True)

    office.return_to_manager()
    seen = (await office.client.get(f"/v1/invitations/{offered['id']}")).json()
    assert seen["state"] == "accepted"
    grant = (await session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id))).one()
    assert (str(grant.id), grant.given_by) == (member["id"], f"person:{office.manager_id}")


async def test_what_happened_is_recorded_without_a_word_about_whom(
    office: Office, session: AsyncSession
) -> None:
    offered = await office.invite()
    await office.become()
    await office.accept(offered)
    events = (await session.scalars(select(Event).order_by(Event.sequence))).all()
    assert [event.kind for event in events] == [
        "mail.requested",
        "invitation.created",
        "invitation.accepted",
        "member.added",
    ]
    assert {event.territory_id for event in events} == {office.world.territories["same"].id}
    entries = (await session.scalars(select(AuditEntry))).all()
    assert {entry.action for entry in entries} >= {event.kind for event in events}
    told = str([event.data for event in events]) + str([(entry.action, entry.data) for entry in entries])
    assert ADDRESS not in told
    assert office.token_of(offered["id"]) not in told + str(offered)


async def test_whoever_has_the_link_reads_what_is_offered(office: Office, session: AsyncSession) -> None:
    employer = office.world.employers["same"]
    sent = body(ADDRESS, "employer_member", employer)
    offered = (await office.client.post("/v1/invitations", json=sent)).json()
    offer = await invitations.read_offer(session, office.token_of(offered["id"]))
    assert offer.model_dump(mode="json") == offered | {"place": employer.name}
    assert offer.employer is not None
    assert (offer.employer.name, offer.territory) == (employer.name, "same")


async def test_somebody_else_s_link_and_nobody_s_give_nothing(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    await office.become("dominique@example.org")
    status, problem = await office.accept(offered)
    assert (status, "another address" in problem["detail"]) == (403, True)
    path = "/v1/invitations/acceptances"
    for token in (new_key(Kind.LINK), new_key(Kind.ACCESS), "ancrage_lk_", "x", office.token_of(new_id())):
        answer = await office.client.post(path, json={"token": token})
        assert answer.status_code == 404, token
    for wrong in ({}, {"token": ""}, {"token": None}, {"token": "x" * 201}):
        assert (await office.client.post(path, json=wrong)).status_code == 422
    for invitation_id in (offered["id"], new_id()):
        answer = await office.client.post(f"/v1/me/invitations/{invitation_id}/accept")
        assert answer.status_code == 404
    assert (await office.client.get("/v1/me/invitations")).json()["items"] == []
    assert await session.scalar(select(RoleGrant.id).where(RoleGrant.role == ROLE)) is None


async def test_an_invitation_is_good_for_fourteen_days(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    row = (await session.scalars(select(Invitation))).one()
    assert row.expires_at - row.created_at == timedelta(days=14)
    await office.become()
    assert (await office.client.get("/v1/me/invitations")).json()["items"] == [offered]
    await session.execute(update(Invitation).values(expires_at=now()))
    await session.commit()
    assert (await office.client.get("/v1/me/invitations")).json()["items"] == []
    for status, problem in (await office.accept(offered), await _accept_own(office, offered)):
        assert (status, "expired" in problem["detail"]) == (410, True)


async def _accept_own(office: Office, offered: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await office.client.post(f"/v1/me/invitations/{offered['id']}/accept")
    return answer.status_code, answer.json()


async def test_an_invitation_taken_back_is_good_for_nothing(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    path = f"/v1/invitations/{offered['id']}"
    assert (await office.client.delete(path)).status_code == 204
    # Once more changes nothing.
    assert (await office.client.delete(path)).status_code == 204
    assert (await office.client.get(path)).json()["state"] == "revoked"
    status, problem = await office.resend(offered)
    assert (status, "revoked" in problem["detail"]) == (409, True)
    again = await office.invite()
    assert again["id"] != offered["id"]

    await office.become()
    status, problem = await office.accept(offered)
    assert (status, "taken back" in problem["detail"]) == (410, True)
    assert (await office.accept(again))[0] == 201
    office.return_to_manager()
    taken = await office.client.delete(f"/v1/invitations/{again['id']}")
    assert (taken.status_code, "was accepted" in taken.json()["detail"]) == (409, True)
    kinds = (await session.scalars(select(Event.kind).where(Event.kind == "invitation.revoked"))).all()
    assert len(kinds) == 1


async def test_the_same_twice_is_refused_with_the_one_there_is(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    sent = body("CAMILLE@example.org", ROLE, office.world.territories["same"])
    twice = await office.client.post("/v1/invitations", json=sent)
    assert (twice.status_code, twice.json()["invitation_id"]) == (409, offered["id"])
    # Another role, or the same elsewhere, is another invitation.
    await office.invite(role="ambassador")
    await office.invite(territory="inside")

    # One that nobody took in time stands in nobody's way.
    await session.execute(update(Invitation).where(Invitation.id == offered["id"]).values(expires_at=now()))
    await session.commit()
    again = await office.invite()
    assert again["id"] != offered["id"]
    former = (await office.client.get(f"/v1/invitations/{offered['id']}")).json()
    assert former["state"] == "revoked"
    made = (await session.scalars(select(Event).where(Event.subject_id == UUID(again["id"])))).one()
    assert made.data == {"role": ROLE, "replaces": offered["id"]}


async def test_a_role_held_is_not_offered_and_one_that_ended_is(
    office: Office, session: AsyncSession
) -> None:
    person = await create_person(session, email=ADDRESS)
    place = office.world.territories["same"]
    held = await create_role(session, person, ROLE, place, expires_at=in_days(1))
    await session.commit()
    sent = body(ADDRESS, ROLE, place)
    answer = await office.client.post("/v1/invitations", json=sent)
    assert (answer.status_code, answer.json()["member_id"]) == (409, str(held.id))

    await session.execute(update(RoleGrant).where(RoleGrant.id == held.id).values(expires_at=now()))
    await session.commit()
    offered = await office.invite()
    await office.sign_in(person)
    status, member = await office.accept(offered)
    assert (status, member["id"] != str(held.id)) == (201, True)


async def test_a_role_given_by_other_means_meanwhile_is_not_given_twice(
    office: Office, session: AsyncSession
) -> None:
    offered = await office.invite()
    person = await office.become()
    held = await create_role(session, person, ROLE, office.world.territories["same"])
    await session.commit()
    status, problem = await office.accept(offered)
    assert (status, problem["member_id"]) == (409, str(held.id))


@pytest.mark.parametrize("lost", ["removed", "ended", "anonymised", "narrowed"])
async def test_a_giver_who_lost_their_rights_gives_nothing(
    office: Office, session: AsyncSession, lost: str
) -> None:
    offered = await office.invite()
    mine = RoleGrant.person_id == office.manager_id
    match lost:
        case "removed":
            await session.execute(update(RoleGrant).where(mine).values(revoked_at=now()))
        case "ended":
            await session.execute(update(RoleGrant).where(mine).values(expires_at=now()))
        case "narrowed":
            await session.execute(update(RoleGrant).where(mine).values(role="community_animator"))
        case _:
            await session.execute(
                update(Person).where(Person.id == office.manager_id).values(email=None, anonymised_at=now())
            )
    await office.become()
    status, problem = await office.accept(offered)
    assert (status, "may no longer give" in problem["detail"]) == (409, True)
    assert await session.scalar(select(RoleGrant.id).where(RoleGrant.role == ROLE)) is None


async def test_who_sends_it_again_vouches_for_it(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    await session.execute(
        update(Invitation).values(sent_at=now() - timedelta(hours=1), expires_at=now() - timedelta(days=1))
    )
    other = await create_person(session, given_name=None, family_name=None)
    await create_role(session, other, "territory_manager", office.world.territories["above"])
    await session.execute(
        update(RoleGrant).where(RoleGrant.person_id == office.manager_id).values(revoked_at=now())
    )
    await office.sign_in(other)
    status, sent = await office.resend(offered)
    assert status == 200, sent
    assert (sent["id"], sent["state"], sent["invited_by"]) == (offered["id"], "waiting", None)
    await office.become()
    assert (await office.accept(offered))[0] == 201


async def test_a_role_for_a_time(office: Office, session: AsyncSession) -> None:
    sent = body(ADDRESS, ROLE, office.world.territories["same"])
    past = await office.client.post(
        "/v1/invitations", json=sent | {"role_expires_at": (now() - timedelta(days=1)).isoformat()}
    )
    assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/role_expires_at")
    end = in_days(40)
    offered = await office.invite(role_expires_at=end.isoformat())
    person = await office.become()
    assert (await office.accept(offered))[0] == 201
    grant = (await session.scalars(select(RoleGrant).where(RoleGrant.person_id == person.id))).one()
    assert grant.expires_at == end


async def test_a_role_whose_time_has_passed_is_not_taken(office: Office, session: AsyncSession) -> None:
    offered = await office.invite(role_expires_at=in_days(2).isoformat())
    await session.execute(update(Invitation).values(role_expires_at=now()))
    await office.become()
    status, problem = await office.accept(offered)
    assert (status, "would have ended" in problem["detail"]) == (410, True)


async def test_nobody_gives_for_longer_than_they_hold(office: Office, session: AsyncSession) -> None:
    end = in_days(10)
    mine = RoleGrant.person_id == office.manager_id
    await session.execute(update(RoleGrant).where(mine).values(expires_at=end))
    await session.commit()
    sent = body(ADDRESS, ROLE, office.world.territories["same"])
    for too_long in ({}, {"role_expires_at": in_days(11).isoformat()}):
        answer = await office.client.post("/v1/invitations", json=sent | too_long)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["code"] == "outlasts_yours"
        assert f"{end:%Y-%m-%d}" in answer.json()["detail"]
    offered = await office.invite(role_expires_at=end.isoformat())
    # Shortened meanwhile, it carries no further.
    await session.execute(update(RoleGrant).where(mine).values(expires_at=in_days(5)))
    await office.become()
    assert (await office.accept(offered))[0] == 409
