"""Postings over the API: from a draft to what the public finds, and out of sight again."""

from typing import Any
from xml.etree import ElementTree

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days
from service.core.database import Database
from service.models import Event, Territory
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_commune, create_employer, create_key, create_occupation, create_territory

COMPLETE: dict[str, Any] = {
    "title": "Boulanger / Boulangère",
    "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries dans un fournil lumineux.",
    "occupation_code": "D1102",
    "contract": {"kind": "permanent", "working_time": "full_time", "weekly_hours": 35},
    "salary": {"min": 1950, "max": 2200, "unit": "month"},
    "place": {"commune_code": "07019"},
    "apply": {"email": "emploi@fournil.example.org"},
}


async def arrange(
    client: ApiClient, session: AsyncSession, database: Database
) -> tuple[Territory, dict[str, Any]]:
    """Make a territory with an employer, and give the client its key; return both, with a posting's body."""
    await create_commune(session)
    await create_occupation(session)
    territory = await create_territory(session, slug="bassin")
    employer = await create_employer(session, territory)
    await session.commit()
    body = COMPLETE | {"employer_id": str(employer.id), "valid_through": in_days(60).isoformat()}
    client.with_key(await create_key(database, territory))
    return territory, body


async def create(client: ApiClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/v1/postings", json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def test_publishing_something_incomplete_lists_all_that_is_missing(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    draft = await create(client, {"employer_id": body["employer_id"], "title": "Boulanger"})
    refused = await client.post(f"/v1/postings/{draft['id']}/publish")
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:ancrage:problem:incomplete"
    assert {error["pointer"] for error in refused.json()["errors"]} == {
        "/description",
        "/occupation_code",
        "/contract/kind",
        "/place/commune_code",
        "/apply",
        "/valid_through",
    }
    assert (await client.get(f"/v1/postings/{draft['id']}")).json()["state"] == "draft"


async def test_a_published_posting_is_found_read_paused_and_filled(
    client: ApiClient, session: AsyncSession, database: Database, wakes: list[str]
) -> None:
    _, body = await arrange(client, session, database)
    draft = await create(client, body)
    assert draft["place"]["latitude"] == 44.62
    listed = "/v1/territories/bassin/postings"
    assert (await client.get(listed)).json()["total"] == 0
    wakes.clear()
    published = await client.post(f"/v1/postings/{draft['id']}/publish")
    assert published.json()["state"] == "published"
    assert wakes == ["wake"]
    found = await client.get(listed, params={"q": "boulangere", "facets": ["contract", "commune"]})
    assert found.json()["total"] == 1
    [item] = found.json()["items"]
    assert item["employer"]["name"] == "Fournil des Sources"
    assert "<mark>" in item["highlights"]["title"]
    assert found.json()["facets"]["contract"] == [{"value": "permanent", "label": "CDI", "count": 1}]
    one = await client.get(f"{listed}/{draft['id']}")
    assert one.json() == {name: value for name, value in item.items() if name != "highlights"}
    unchanged = await client.get(
        listed, headers={"If-None-Match": (await client.get(listed)).headers["etag"]}
    )
    assert unchanged.status_code == 304
    english = await client.get(f"{listed}/{draft['id']}", headers={"Accept-Language": "en-GB, fr;q=0.5"})
    assert english.json()["contract"]["kind"]["label"] == "Permanent contract"
    paused = await client.post(f"/v1/postings/{draft['id']}/pause")
    assert paused.json()["state"] == "paused"
    assert (await client.get(listed)).json()["total"] == 0
    assert (await client.get(f"{listed}/{draft['id']}")).status_code == 404
    await client.post(f"/v1/postings/{draft['id']}/publish")
    assert (await client.post(f"/v1/postings/{draft['id']}/fill")).json()["state"] == "filled"
    gone = await client.get(f"{listed}/{draft['id']}")
    assert (gone.status_code, gone.json()["state"]) == (410, "filled")
    again = await client.post(f"/v1/postings/{draft['id']}/publish")
    assert again.status_code == 409
    history = (await client.get(f"/v1/postings/{draft['id']}/changes")).json()["items"]
    assert [entry["action"] for entry in history] == ["created", "publish", "pause", "publish", "fill"]
    kinds = list(await session.scalars(select(Event.kind).order_by(Event.sequence)))
    assert kinds == [
        "posting.created",
        "posting.published",
        "posting.paused",
        "posting.published",
        "posting.filled",
    ]


async def test_linked_data_leaves_out_what_is_not_known(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    body.pop("salary")
    draft = await create(
        client,
        body
        | {"description": "Du pain & <b>du vin</b>.\n\nTrois semaines de congés d'été, logement possible."},
    )
    await client.post(f"/v1/postings/{draft['id']}/publish")
    answer = await client.get(
        f"/v1/territories/bassin/postings/{draft['id']}", headers={"Accept": "application/ld+json"}
    )
    assert answer.headers["content-type"] == "application/ld+json"
    data = orjson.loads(answer.content)
    assert data["@type"] == "JobPosting"
    assert "baseSalary" not in data
    assert data["employmentType"] == ["FULL_TIME"]
    assert data["description"].startswith("<p>Du pain &amp; &lt;b&gt;du vin&lt;/b&gt;.</p><p>")
    assert data["jobLocation"]["address"] == {
        "@type": "PostalAddress",
        "addressCountry": "FR",
        "addressLocality": "Aubenas",
        "addressRegion": "Auvergne-Rhône-Alpes",
        "postalCode": "07200",
    }


async def test_a_change_needs_the_version_and_keeps_a_published_posting_complete(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    draft = await create(client, body)
    path = f"/v1/postings/{draft['id']}"
    published = await client.post(f"{path}/publish")
    emptied = await client.patch(path, json={"apply": None}, headers={"If-Match": published.headers["etag"]})
    assert emptied.status_code == 422
    assert [error["pointer"] for error in emptied.json()["errors"]] == ["/apply"]
    renamed = await client.patch(
        path, json={"title": "Boulanger-pâtissier"}, headers={"If-Match": published.headers["etag"]}
    )
    assert renamed.status_code == 200
    public = await client.get(f"/v1/territories/bassin/postings/{draft['id']}")
    assert public.json()["title"] == "Boulanger-pâtissier"
    stale = await client.patch(path, json={"title": "X"}, headers={"If-Match": published.headers["etag"]})
    assert stale.status_code == 412
    entry = (await client.get(f"{path}/changes")).json()["items"][-1]
    assert entry["changes"] == {"title": ["Boulanger / Boulangère", "Boulanger-pâtissier"]}


async def test_the_same_idempotency_key_gives_one_posting(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    headers = {"Idempotency-Key": "the-same"}
    first = await client.post("/v1/postings", json=body, headers=headers)
    second = await client.post("/v1/postings", json=body, headers=headers)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    other = await client.post("/v1/postings", json=body | {"title": "Autre"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:ancrage:problem:idempotency-key-reused"
    assert len((await client.get("/v1/postings")).json()["items"]) == 1


async def test_unknown_codes_are_named_one_by_one(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    refused = await client.post(
        "/v1/postings",
        json=body
        | {
            "occupation_code": "A9999",
            "place": {"commune_code": "99999"},
            "skills": [{"code": "1"}, {"label": "Pétrir"}],
        },
    )
    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {
        "/occupation_code",
        "/place/commune_code",
        "/skills/0/code",
    }


async def test_the_feed_lists_what_is_public(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body = await arrange(client, session, database)
    draft = await create(client, body | {"title": "Boulanger <& pâtissier>"})
    empty = await client.get("/v1/territories/bassin/feed.atom")
    await client.post(f"/v1/postings/{draft['id']}/publish")
    answer = await client.get("/v1/territories/bassin/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    atom = {"atom": "http://www.w3.org/2005/Atom"}
    assert ElementTree.fromstring(empty.content).findall("atom:entry", atom) == []
    [entry] = ElementTree.fromstring(answer.content).findall("atom:entry", atom)
    assert entry.findtext("atom:title", namespaces=atom) == "Boulanger <& pâtissier>"
    assert entry.findtext("atom:author/atom:name", namespaces=atom) == "Fournil des Sources"
    unchanged = await client.get(
        "/v1/territories/bassin/feed.atom", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert unchanged.status_code == 304


async def test_a_territory_that_switched_postings_off_shows_none(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    region = await create_territory(session, slug="aura", kind=TerritoryKind.REGION)
    await create_commune(session)
    await create_occupation(session)
    territory = await create_territory(session, slug="bassin", parent=region)
    employer = await create_employer(session, territory)
    await session.commit()
    client.with_key(await create_key(database, region))
    body = COMPLETE | {"employer_id": str(employer.id), "valid_through": in_days(60).isoformat()}
    draft = await create(client, body)
    await client.post(f"/v1/postings/{draft['id']}/publish")
    above = await client.get("/v1/territories/aura/postings")
    assert above.json()["total"] == 1
    await client.patch("/v1/territories/bassin", json={"features": []}, headers={"If-Match": '"1"'})
    off = await client.get("/v1/territories/bassin/postings")
    assert (off.status_code, off.json()["detail"]) == (
        404,
        "`postings` is switched off in the territory `bassin`.",
    )
    changed = await client.get(
        "/v1/territories/aura/postings", headers={"If-None-Match": above.headers["etag"]}
    )
    assert (changed.status_code, changed.json()["total"]) == (200, 0)
    assert (await client.get(f"/v1/territories/aura/postings/{draft['id']}")).status_code == 404
    assert (await client.get("/v1/territories/bassin/feed.atom")).status_code == 404
