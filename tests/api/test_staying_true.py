"""What the public reads follows what it is made of: no answer stays the same while the truth changes."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, in_days
from service.core.database import Database
from service.domain import postings, publication, territories
from service.models import Commune, Occupation
from tests.api.test_postings import arrange, create
from tests.client import ApiClient
from tests.factories import create_commune, create_territory


async def test_a_new_release_of_communes_changes_the_tag_of_the_territories_it_touches(
    client: ApiClient, session: AsyncSession
) -> None:
    await create_commune(session)
    bassin = await create_territory(session, slug="bassin")
    other = await create_territory(session, slug="autre", coverage={"communes": ["07999"]})
    assert await territories.refresh_coverage(session) == 1
    await session.commit()
    first = await client.get("/v1/territories/bassin")
    untouched = await client.get("/v1/territories/autre")
    assert first.json()["communes"] == 1
    await create_commune(session, code="07102", name="Genestelle")
    await session.execute(update(Commune).where(Commune.code == "07019").values(name="Aubenas-sur-Ardèche"))
    assert await territories.refresh_coverage(session) == 1
    assert await territories.refresh_coverage(session) == 0
    await session.commit()
    again = await client.get("/v1/territories/bassin", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.json()["communes"]) == (200, 2)
    same = await client.get("/v1/territories/autre", headers={"If-None-Match": untouched.headers["etag"]})
    assert same.status_code == 304
    assert bassin.id != other.id


async def test_a_new_release_of_rome_reaches_public_postings(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    posting = await create(client, body)
    await client.post(f"/v1/postings/{posting['id']}/publish")
    listing = "/v1/territories/bassin/postings"
    before = await client.get(listing)
    await session.execute(update(Occupation).values(label="Artisan boulanger / Artisane boulangère"))
    assert await publication.measure_again(session, after=None, limit=10) is None
    await session.commit()
    after = await client.get(listing, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["items"][0]["occupation"]["label"] == "Artisan boulanger / Artisane boulangère"


async def test_a_posting_past_its_date_is_gone_before_the_clock_comes_by(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    posting = await create(client, body | {"valid_through": in_days(1).isoformat()})
    await client.post(f"/v1/postings/{posting['id']}/publish")
    listing = "/v1/territories/bassin/postings"
    assert (await client.get(f"{listing}/{posting['id']}")).status_code == 200
    with frozen(in_days(2)):
        gone = await client.get(f"{listing}/{posting['id']}")
        assert (gone.status_code, gone.json()["state"]) == (410, "expired")
        assert (await client.get(listing)).json()["total"] == 0


async def test_an_employer_that_corrects_its_activity_is_found_under_it(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    employer = f"/v1/employers/{body['employer_id']}"
    await client.patch(employer, json={"naf_code": "56.10A"}, headers={"If-Match": '"1"'})
    posting = await create(client, body)
    assert (posting["naf_code"], posting["sector_code"]) == (None, "56")
    await client.post(f"/v1/postings/{posting['id']}/publish")
    await client.patch(employer, json={"naf_code": "10.71C"}, headers={"If-Match": '"2"'})
    await postings.follow_employer(session, UUID(body["employer_id"]))
    await session.commit()
    found = await client.get("/v1/territories/bassin/postings", params={"sector": "10"})
    assert found.json()["total"] == 1
