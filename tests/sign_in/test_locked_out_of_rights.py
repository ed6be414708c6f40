"""What somebody else typed keeps nobody from their rights."""

from sqlalchemy.ext.asyncio import AsyncSession

from tests.client import ApiClient
from tests.factories import create_person, sign_in_as
from tests.sign_in.support import create_website


async def test_who_signed_in_may_ask_whatever_others_asked_for_their_address(
    client: ApiClient, session: AsyncSession
) -> None:
    website = await create_website(session)
    person = await create_person(session)
    token = await sign_in_as(session, person)
    await session.commit()
    asked = {"kind": "access", "territory": website.territory.slug}
    for expected in (201,) * 5 + (429,):
        answer = await client.post(
            "/v1/privacy-requests", json=asked | {"email": person.email}, headers=website.page
        )
        assert answer.status_code == expected
    client.with_key(token)
    for expected in (201,) * 5 + (429,):
        answer = await client.post("/v1/privacy-requests", json=asked)
        assert answer.status_code == expected
