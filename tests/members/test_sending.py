"""How often an invitation's mail goes out: enough to arrive, too little to pester anybody."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain.invitations import giving
from service.models import Event, Invitation, Mail, RoleGrant
from tests.factories import create_person, create_role
from tests.members.office import ADDRESS, ROLE, Office
from tests.members.world import body


async def age(session: AsyncSession, **by: float) -> None:
    """Let all invitations have been sent that much longer ago."""
    await session.execute(
        update(Invitation).values(
            sent_at=Invitation.sent_at - timedelta(**by), created_at=Invitation.created_at - timedelta(**by)
        )
    )
    await session.commit()


async def test_the_mail_goes_out_again_every_quarter_of_an_hour_and_five_times_in_all(
    office: Office, session: AsyncSession
) -> None:
    offered = await office.invite()
    answer = await office.client.post(f"/v1/invitations/{offered['id']}/resend")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 15 * 60 + 1
    before = (await session.scalars(select(Invitation.expires_at))).one()
    for _ in range(4):
        await age(session, minutes=15)
        status, sent = await office.resend(offered)
        assert (status, sent["id"]) == (200, offered["id"])
    after = (await session.scalars(select(Invitation.expires_at))).one()
    assert after > before
    await age(session, minutes=15)
    status, problem = await office.resend(offered)
    assert (status, "5 times" in problem["detail"]) == (409, True)
    mails = (await session.scalars(select(Mail.data))).all()
    assert mails == [{"invitation_id": offered["id"]}] * 5
    kinds = (await session.scalars(select(Event.kind).where(Event.kind == "invitation.resent"))).all()
    assert len(kinds) == 4


async def test_one_address_gets_six_mails_a_day_of_one_person(office: Office, session: AsyncSession) -> None:
    sent = body(ADDRESS, ROLE, office.world.territories["same"])
    for _ in range(giving.MOST_TO_ONE):
        offered = await office.invite()
        assert (await office.client.delete(f"/v1/invitations/{offered['id']}")).status_code == 204
    answer = await office.client.post("/v1/invitations", json=sent)
    assert (answer.status_code, "6 mails" in answer.json()["detail"]) == (429, True)
    # Others are not held back by it, and neither is the next day.
    await office.invite(email="dominique@example.org")
    await age(session, hours=24)
    await office.invite()


async def test_one_person_invites_so_many_a_day(office: Office, session: AsyncSession) -> None:
    await office.invite()
    first = (await session.scalars(select(Invitation))).one()
    columns = {column.name: getattr(first, column.name) for column in Invitation.__table__.columns}
    for number in range(giving.MOST_A_DAY - 1):
        changes = {"id": None, "email": f"personne{number}@example.org", "link_digest": str(number).encode()}
        session.add(Invitation(**{name: value for name, value in (columns | changes).items() if value}))
    await session.commit()
    sent = body("dominique@example.org", ROLE, office.world.territories["same"])
    answer = await office.client.post("/v1/invitations", json=sent)
    assert (answer.status_code, "200 invitations" in answer.json()["detail"]) == (429, True)
    await age(session, hours=24)
    await office.invite(email="dominique@example.org")


async def test_what_is_held_or_accepted_is_not_sent_again(office: Office, session: AsyncSession) -> None:
    offered = await office.invite()
    person = await create_person(session, email=ADDRESS)
    held = await create_role(session, person, ROLE, office.world.territories["same"])
    await age(session, hours=1)
    status, problem = await office.resend(offered)
    assert (status, problem["member_id"]) == (409, str(held.id))
    await session.execute(update(RoleGrant).where(RoleGrant.id == held.id).values(revoked_at=now()))
    await office.sign_in(person)
    assert (await office.accept(offered))[0] == 201
    office.return_to_manager()
    status, problem = await office.resend(offered)
    assert (status, "accepted" in problem["detail"]) == (409, True)
