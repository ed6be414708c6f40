"""Whose website somebody signed in at knows them: no other territory's manager erases them."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Person
from tests.client import ApiClient
from tests.factories import create_person, create_territory, sign_in_as
from tests.sign_in.support import create_program, create_website


@pytest.mark.parametrize(("here", "status"), [(True, 200), (False, 409)])
async def test_a_manager_erases_whom_no_other_territory_s_website_knows(
    client: ApiClient, session: AsyncSession, here: bool, status: int
) -> None:
    website = await create_website(session)
    place = website.territory if here else await create_territory(session, slug="ailleurs")
    signed_in_at, _ = await create_program(session, place)
    person = await create_person(session)
    await sign_in_as(session, person, client_id=signed_in_at.id)
    manager = await sign_in_as(session, None, "territory_manager", website.territory)
    await session.commit()
    filed = await client.post(
        "/v1/privacy-requests",
        json={"kind": "erasure", "territory": website.territory.slug, "email": person.email},
        headers=website.page,
    )
    assert filed.status_code == 201, filed.text
    client.with_key(manager)
    answer = await client.post(
        f"/v1/privacy-requests/{filed.json()['id']}/answer",
        json={"outcome": "answered", "identity_checked": True},
    )
    assert answer.status_code == status, answer.text
    assert ((await session.get_one(Person, person.id)).email is None) == here
