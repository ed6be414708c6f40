"""The one search box of a website, over the API: postings and territories together."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain.finding import reindex_plain_documents
from service.models import SearchDocument, Territory
from service.models.enums import TerritoryKind
from service.schemas.search import SearchKind
from tests.api.test_postings import arrange, create
from tests.client import ApiClient
from tests.factories import create_key, create_territory

SEARCH = "/v1/territories/ardeche/search"


async def settle(
    client: ApiClient, session: AsyncSession, database: Database
) -> tuple[Territory, dict[str, Any], str]:
    """Make Ardèche, in it the Bassin with an employer, and beside it Savoie.

    Return Ardèche, a posting's body, and a key on all of them; the client has that of the Bassin.
    """
    ardeche = await create_territory(
        session, slug="ardeche", name="Ardèche", kind=TerritoryKind.DEPARTEMENT, features=["postings"]
    )
    savoie = await create_territory(session, slug="savoie", name="Savoie", kind=TerritoryKind.DEPARTEMENT)
    bassin, body = await arrange(client, session, database)
    parent = await session.get_one(Territory, ardeche.id)
    await session.refresh(bassin)
    bassin.parent_id, bassin.lineage = parent.id, [parent.id, bassin.id]
    await session.commit()
    return ardeche, body, await create_key(database, ardeche, savoie)


async def add_territory(client: ApiClient, slug: str, name: str, **values: Any) -> None:
    """Make a commune's territory over the API, inside Ardèche unless told otherwise."""
    made = await client.post(
        "/v1/territories",
        json={
            "slug": slug,
            "name": name,
            "kind": "commune",
            "parent": "ardeche",
            "coverage": {"communes": ["07019"]},
        }
        | values,
    )
    assert made.status_code == 201, made.text


async def publish(client: ApiClient, body: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Publish a posting over the API."""
    draft = await create(client, body | values)
    published = await client.post(f"/v1/postings/{draft['id']}/publish")
    assert published.status_code == 200, published.text
    return draft


async def test_postings_and_territories_are_found_together_with_their_public_documents(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    draft = await publish(client, body)
    client.with_key(key)
    await add_territory(client, "aubenas", "Aubenas", brand={"promise": "On vous attend à Aubenas."})
    client.headers.pop("Authorization")
    answer = await client.get(SEARCH, params={"q": "aubenas"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(item["kind"], item["document"].get("slug")) for item in found["items"]] == [
        ("territories", "aubenas"),
        ("postings", None),
    ]
    territory, posting = found["items"]
    assert territory["document"] == (await client.get("/v1/territories/aubenas")).json()
    assert territory["highlights"] == {
        "title": "<mark>Aubenas</mark>",
        "description": "On vous attend à <mark>Aubenas</mark>.",
    }
    read = await client.get(f"/v1/territories/ardeche/postings/{draft['id']}")
    assert posting["document"] == read.json()
    assert posting["highlights"]["title"] == "Boulanger / Boulangère"
    assert found["totals"] == {"postings": 1, "territories": 1}
    assert (found["engine"], found["degraded"], found["relaxed"]) == ("postgresql", False, False)
    assert (found["corrections"], found["ignored"], found["cut"], found["next"]) == ([], [], False, None)
    assert answer.headers["ancrage-search"] == "postgresql"


async def test_documents_come_in_the_asked_language(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, _ = await settle(client, session, database)
    await publish(client, body)
    labels = []
    for language in ("fr", "en"):
        answer = await client.get(SEARCH, params={"q": "boulanger"}, headers={"Accept-Language": language})
        labels.append(answer.json()["items"][0]["document"]["contract"]["kind"]["label"])
    assert labels == ["CDI", "Permanent contract"]


async def test_only_the_kinds_asked_for_are_answered(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    await publish(client, body)
    await add_territory(client.with_key(key), "aubenas", "Aubenas")
    for kind in SearchKind:
        found = (await client.get(SEARCH, params={"q": "aubenas", "kinds": kind})).json()
        assert {item["kind"] for item in found["items"]} == {kind}
        assert found["totals"] == {kind: 1}
    both = await client.get(SEARCH, params={"kinds": ["territories", "postings", "postings"]})
    assert both.json()["totals"] == {"postings": 1, "territories": 1}
    refused = await client.get(SEARCH, params={"kinds": "unicorns"})
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    assert error["pointer"] == "?kinds.0"
    assert "'postings'" in error["detail"]
    assert "'territories'" in error["detail"]


async def test_what_is_not_understood_is_refused(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    await settle(client, session, database)
    assert (await client.get(SEARCH, params={"kind": "postings"})).status_code == 422
    assert (await client.get(SEARCH, params={"limit": 101})).status_code == 422
    assert (await client.get(SEARCH, params={"after": "nonsense"})).status_code == 400
    assert (await client.get("/v1/territories/nowhere/search")).status_code == 404


async def test_without_words_everything_is_listed_and_nothing_is_marked(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    await publish(client, body)
    await add_territory(client.with_key(key), "aubenas", "Aubenas")
    found = (await client.get(SEARCH)).json()
    assert {item["kind"] for item in found["items"]} == {"territories", "postings"}
    assert [item["highlights"] for item in found["items"]] == [None, None]


async def test_pages_go_on_over_all_kinds(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    for number in range(3):
        await publish(client, body, title=f"Boulanger {number + 1}e")
    client.with_key(key)
    for number in range(3):
        await add_territory(client, f"aubenas-{number}", f"Aubenas {number}e")
    whole = (await client.get(SEARCH, params={"q": "aubenas"})).json()["items"]
    assert len(whole) == 6
    paged: list[dict[str, Any]] = []
    answer = await client.get(SEARCH, params={"q": "aubenas", "limit": 2})
    while True:
        paged += answer.json()["items"]
        if answer.json()["next"] is None:
            break
        following = answer.links["next"]["url"]
        assert following.startswith(SEARCH)
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
    assert paged == whole
    first = (await client.get(SEARCH, params={"q": "aubenas", "limit": 2})).json()["next"]
    other = await client.get(SEARCH, params={"q": "privas", "after": first})
    assert other.status_code == 400, "a cursor goes on with its own search only"


async def test_an_answer_stays_right_until_something_inside_changes(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    await publish(client, body)
    client.with_key(key)

    async def unchanged(etag: str) -> bool:
        answer = await client.get(SEARCH, params={"q": "aubenas"}, headers={"If-None-Match": etag})
        return answer.status_code == 304

    first = (await client.get(SEARCH, params={"q": "aubenas"})).headers["etag"]
    assert await unchanged(first)
    assert not await unchanged((await client.get(SEARCH, params={"q": "privas"})).headers["etag"])
    await add_territory(client, "aubenas", "Aubenas")
    assert not await unchanged(first), "a territory was made inside"
    second = (await client.get(SEARCH, params={"q": "aubenas"})).headers["etag"]
    version = (await client.get("/v1/territories/aubenas")).headers["etag"]
    renamed = await client.patch(
        "/v1/territories/aubenas", json={"name": "Vals-les-Bains"}, headers={"If-Match": version}
    )
    assert renamed.status_code == 200, renamed.text
    assert not await unchanged(second), "a territory inside was renamed"
    found = (await client.get(SEARCH, params={"q": "vals", "kinds": "territories"})).json()
    assert [item["document"]["name"] for item in found["items"]] == ["Vals-les-Bains"]


async def test_a_kind_that_is_switched_off_is_not_found(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ardeche, body, key = await settle(client, session, database)
    await publish(client, body)
    client.with_key(key)

    async def totals() -> dict[str, int]:
        found = (await client.get(SEARCH, params={"q": "boulanger aubenas"})).json()
        assert len(found["items"]) == sum(found["totals"].values())
        totals: dict[str, int] = found["totals"]
        return totals

    async def switch(slug: str, *features: str) -> None:
        version = (await client.get(f"/v1/territories/{slug}")).headers["etag"]
        answer = await client.patch(
            f"/v1/territories/{slug}", json={"features": features}, headers={"If-Match": version}
        )
        assert answer.status_code == 200, answer.text

    assert (await totals())["postings"] == 1
    await switch("bassin")
    assert (await totals())["postings"] == 0
    await switch("bassin", "postings")
    assert (await totals())["postings"] == 1
    await switch("ardeche", "matching")
    assert (await totals())["postings"] == 0
    asked = await client.get(SEARCH, params={"q": "boulanger", "kinds": "postings"})
    assert asked.json()["totals"] == {"postings": 0}, "a page's search box goes on working"
    assert ardeche.slug == "ardeche"


async def test_what_is_foreign_unpublished_or_the_territory_itself_is_not_found(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    _, body, key = await settle(client, session, database)
    draft = await create(client, body)
    paused = await publish(client, body, title="Boulanger de nuit")
    assert (await client.post(f"/v1/postings/{paused['id']}/pause")).status_code == 200
    client.with_key(key)
    await add_territory(client, "chambery", "Aubenas-en-Savoie", parent="savoie")
    nothing = {"postings": 0, "territories": 0}
    for words in ("boulanger ", "savoie ", draft["id"]):
        found = (await client.get(SEARCH, params={"q": words})).json()
        assert (found["items"], found["totals"]) == ([], nothing), words
    # The page is Ardèche's own already.
    await reindex_plain_documents(database, lambda _: None)
    found = (await client.get(SEARCH, params={"q": "ardeche", "kinds": "territories"})).json()
    assert "ardeche" not in {item["document"]["slug"] for item in found["items"]}
    elsewhere = (await client.get("/v1/territories/savoie/search", params={"q": "aubenas"})).json()
    assert [item["document"]["slug"] for item in elsewhere["items"]] == ["chambery"]


async def test_an_index_that_says_too_much_shows_no_more_than_the_public_may_see(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ardeche, body, key = await settle(client, session, database)
    await publish(client, body)
    await add_territory(client.with_key(key), "chambery", "Aubenas-en-Savoie", parent="savoie")
    # As if what was told to an engine were no longer so: a row under a territory it is not of.
    stray = await session.scalar(select(SearchDocument).where(SearchDocument.title == "Aubenas-en-Savoie"))
    assert stray is not None
    bassin = await session.scalar(select(Territory.id).where(Territory.slug == "bassin"))
    assert bassin is not None
    stray.territory_id = bassin
    await session.commit()
    found = (await client.get(SEARCH, params={"q": "savoie"})).json()
    assert found["items"] == []
    assert ardeche.slug == "ardeche"
