"""A whole journey: a bakery posts, a feed brings its double, a baker is suggested, the baker is hired."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, in_days, now
from service.core.database import Database
from service.core.settings import Settings
from service.jobs import SCHEDULE
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_commune, create_key, create_occupation, create_skill, create_territory


async def test_a_bakery_hires(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    work = Work(database, settings)
    await create_commune(session)
    await create_commune(session, code="07331", name="Vals-les-Bains", postal_codes=["07600"], latitude=44.66)
    await create_occupation(session)
    await create_skill(session, code="101", label="Pétrir et façonner une pâte")
    region = await create_territory(session, slug="aura", kind=TerritoryKind.REGION)
    await create_territory(session, slug="bassin", parent=region)
    await session.commit()
    client.with_key(await create_key(database, region))

    employer = await client.post(
        "/v1/employers", json={"territory": "bassin", "siret": "73282932000074", "name": "Le Fournil"}
    )
    draft = await client.post(
        "/v1/postings",
        json={
            "employer_id": employer.json()["id"],
            "title": "Boulanger / Boulangère",
            "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries au levain naturel.",
            "occupation_code": "D1102",
            "contract": {"kind": "permanent", "working_time": "full_time"},
            "place": {"commune_code": "07019"},
            "skills": [{"code": "101", "required": True}],
            "licences": [{"code": "B", "required": True}],
            "apply": {"email": "emploi@fournil.example.org"},
            "valid_through": in_days(60).isoformat(),
        },
    )
    posting = f"/v1/postings/{draft.json()['id']}"
    await client.post(f"{posting}/publish")

    wish = {
        "territory": "bassin",
        "occupation_codes": ["D1102"],
        "skill_codes": ["101"],
        "contract_kinds": ["permanent"],
        "commune_code": "07331",
        "radius_km": 20,
        "available_from": date.today().isoformat(),  # noqa: DTZ011 - a day, not a moment
    }
    suited = await client.post("/v1/candidate-profiles", json=wish | {"reference": "A", "licences": ["B"]})
    await client.post("/v1/candidate-profiles", json=wish | {"reference": "B", "licences": []})
    await drain(work)

    suggestions = (await client.get(f"{posting}/matches")).json()
    assert len(suggestions["items"]) == 1, "without the licence, the second candidate passes no gate"
    assert "07331" not in str(suggestions)
    assert suited.json()["id"] not in str(suggestions)
    profile = f"/v1/candidate-profiles/{suited.json()['id']}"
    offered = (await client.get(f"{profile}/matches")).json()["items"]
    assert [item["posting"]["id"] for item in offered] == [draft.json()["id"]]

    seen = await client.get("/v1/territories/aura/postings", params={"q": "boulangere", "near": "07019"})
    assert [item["id"] for item in seen.json()["items"]] == [draft.json()["id"]]

    await client.post(f"{posting}/fill")
    await drain(work)
    assert (await client.get(f"{profile}/matches")).json()["items"] == []
    assert (await client.get("/v1/territories/aura/postings")).json()["total"] == 0


async def test_what_nobody_renews_leaves_the_public_s_view_by_itself(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> None:
    await create_commune(session)
    await create_occupation(session)
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    client.with_key(await create_key(database, territory))
    employer = await client.post(
        "/v1/employers", json={"territory": "bassin", "siret": "73282932000074", "name": "Le Fournil"}
    )
    draft = await client.post(
        "/v1/postings",
        json={
            "employer_id": employer.json()["id"],
            "title": "Boulanger",
            "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries au levain naturel.",
            "occupation_code": "D1102",
            "contract": {"kind": "seasonal"},
            "place": {"commune_code": "07019"},
            "apply": {"phone": "04 00 00 00 00"},
            "valid_through": in_days(1).isoformat(),
        },
    )
    path = f"/v1/postings/{draft.json()['id']}"
    await client.post(f"{path}/publish")
    work = Work(database, settings)
    await drain(work, schedule={"expiry": SCHEDULE["expiry"]})
    assert (await client.get(path)).json()["state"] == "published"
    with frozen(now().replace(year=now().year + 1)):
        await drain(work, schedule={"expiry": SCHEDULE["expiry"]})
        assert (await client.get(path)).json()["state"] == "expired"
        gone = await client.get(f"/v1/territories/bassin/postings/{draft.json()['id']}")
        assert gone.status_code == 410
