"""Lists answered past routing are the route's own answers, byte for byte."""

import random
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import Response
from pydantic import SecretStr
from sqlalchemy import update

from service.core.clock import frozen, in_days
from service.core.database import Database
from service.models import SearchFeed, Territory
from service.schemas.search import PostingFacet, SearchKind
from tests.client import ApiClient
from tests.factories import create_territory
from tests.lane.conftest import LIST, OCCUPATIONS, Start, publish, state

_OF_ONE_REQUEST = {"x-request-id", "ratelimit", "ratelimit-policy", "date"}


def _seen(response: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = [item for item in response.headers.multi_items() if item[0] not in _OF_ONE_REQUEST]
    return response.status_code, sorted(headers), response.content


def _drawn(dice: random.Random) -> dict[str, Any]:
    """Return a query: usually a few filters, at times something odd."""
    possible: dict[str, list[Any]] = {
        "occupation": list(OCCUPATIONS),
        "domain": ["D", "J15", "G18", "A"],
        "sector": ["56", "47"],
        "contract": ["permanent", "fixed_term", "temporary", "internship"],
        "working_time": ["full_time", "part_time"],
        "commune": ["07019", "07186", "33063"],
        "departement": ["07", "26", "2A"],
        "remote": ["none", "partial", "full"],
        "source": ["ancrage", "france-travail"],
        "employer": ["0190a1b2-0000-7000-8000-000000000000"],
        "facets": [facet.value for facet in PostingFacet],
    }
    single: dict[str, list[Any]] = {
        "q": ["", "emploi", "offre d'emploi", "boulanger", "infirmiere", "é" * 1001],
        "in_tension": ["true", "false", "1", "maybe"],
        "near": ["07019", "44.62,4.39", "-80,170", "07999", "33063", "91,0"],
        "radius_km": ["20", "0.5", "35.5", "0", "NaN"],
        "salary_from": ["0", "24000", "20000.75", "10000001", "-1"],
        "published_since": ["2020-01-01T00:00:00Z", "2026-11-01T00:00:00+02:00", "yesterday"],
        "order": ["relevance", "date", "pay"],
        "highlight": ["true", "false"],
        "limit": ["1", "7", "100", "0", "101", ""],
        "after": ["nonsense"],
        "unknown": ["1"],
    }
    query: dict[str, Any] = {}
    for name in dice.sample(sorted(possible), dice.randrange(2)):
        query[name] = dice.sample(possible[name], dice.randint(1, min(3, len(possible[name]))))
    for name in dice.sample(sorted(single), dice.randrange(3)):
        query[name] = dice.choices(single[name], k=2) if dice.random() < 0.05 else [dice.choice(single[name])]
    return query


async def _same(fast: ApiClient, slow: ApiClient, path: str, headers: dict[str, str]) -> Response:
    headers = headers | {"X-Request-ID": "the-same-for-both"}
    theirs, ours = await slow.get(path, headers=headers), await fast.get(path, headers=headers)
    assert _seen(ours) == _seen(theirs), path
    return ours


@pytest.mark.parametrize("seed", range(2))
async def test_the_lane_answers_as_the_route_does(start: Start, market: Territory, seed: int) -> None:
    fast, slow = await start(), await start(public_cache_megabytes=0)
    dice = random.Random(seed)  # noqa: S311 - a test must repeat
    for _ in range(60):
        path = f"{LIST}?{urlencode(_drawn(dice), doseq=True)}".rstrip("?")
        headers = dice.choice(({}, {"Accept-Language": "en"}, {"Accept-Language": "de, en;q=0.5"}))
        answer = await _same(fast, slow, path, headers)
        if answer.status_code == 200 and "etag" in answer.headers:
            tagged = headers | {"If-None-Match": answer.headers["etag"]}
            assert (await _same(fast, slow, path, tagged)).status_code == 304
        for _ in range(3):
            link = answer.links.get("next")
            if link is None:
                break
            answer = await _same(fast, slow, link["url"], headers)
    assert state(fast).door.answered > 40
    assert state(slow).door.answered == 0
    assert market.slug == "bassin"


@pytest.mark.parametrize("query", ["", "?contract=permanent", "?facets=commune&facets=occupation&limit=3"])
async def test_every_page_of_a_list_is_there_once(start: Start, market: Territory, query: str) -> None:
    client = await start()
    answer = await client.get(f"{LIST}{query}")
    found = [item["id"] for item in answer.json()["items"]]
    while (link := answer.links.get("next")) is not None:
        answer = await client.get(link["url"])
        found += [item["id"] for item in answer.json()["items"]]
    assert len(found) == len(set(found)) == answer.json()["total"]
    assert market.slug == "bassin"


async def test_what_the_lane_does_not_know_is_the_routes(start: Start, market: Territory) -> None:
    client = await start()
    assert (await client.get("/v1/territories/nowhere/postings")).status_code == 404
    assert (await client.get(f"{LIST}?limit=0")).status_code == 422
    assert (await client.get(f"{LIST}?colour=red")).status_code == 422
    assert (await client.post(LIST)).status_code == 405
    assert state(client).door.answered == 0
    assert market.slug == "bassin"


async def test_what_can_be_no_slug_is_not_remembered(start: Start, market: Territory) -> None:
    client = await start()
    for slug in ("a" * 81, "BASSIN", "bassin;x", "%C3%A9", "bassin%0A"):
        assert (await client.get(f"/v1/territories/{slug}/postings")).status_code == 422
    assert list(state(client).door._shows._held) == []
    assert market.slug == "bassin"


async def test_a_change_is_there_at_once_whatever_has_been_heard(
    start: Start, committed: Database, market: Territory
) -> None:
    client = await start()
    before = (await client.get(f"{LIST}?limit=1")).json()["total"]
    # This process hears nothing any more, and believes that it does.
    state(client).answers.changes.heard = lambda _: None
    state(client).answers.listener._heard = lambda _: None
    async with committed.transaction() as session:
        await publish(session, market, title="Toute neuve")
    fresh = (await client.get(f"{LIST}?limit=2")).json()
    assert (fresh["total"], fresh["items"][0]["title"]) == (before + 1, "Toute neuve")


async def test_a_feature_switched_off_is_off_at_once(
    start: Start, committed: Database, market: Territory
) -> None:
    client = await start()
    assert (await client.get(f"{LIST}?limit=1")).status_code == 200
    async with committed.transaction() as session:
        await session.execute(
            update(Territory)
            .where(Territory.id == market.id)
            .values(features=[], public_version=Territory.public_version + 1)
        )
    assert (await client.get(f"{LIST}?limit=2")).status_code == 404


async def test_other_territories_and_unpublished_postings_stay_out(
    start: Start, committed: Database, market: Territory
) -> None:
    client = await start()
    async with committed.transaction() as session:
        other = await create_territory(session, slug="ailleurs", features=["postings"])
        await publish(session, other, title="Ailleurs")
        await publish(session, market, title="Brouillon", state="draft", published_at=None)
    answer = (await client.get(f"{LIST}?limit=100")).json()
    assert not {"Ailleurs", "Brouillon"} & {item["title"] for item in answer["items"]}
    elsewhere = (await client.get("/v1/territories/ailleurs/postings")).json()
    assert [item["title"] for item in elsewhere["items"]] == ["Ailleurs"]


async def test_a_posting_that_expires_leaves_list_and_tag_at_that_moment(
    start: Start, committed: Database, market: Territory
) -> None:
    client, route = await start(), await start(public_cache_megabytes=0)
    async with committed.transaction() as session:
        await publish(session, market, title="Jusqu'à demain", valid_through=in_days(0.5))
    for asked in (client, route):
        before = await asked.get(LIST)
        again = await asked.get(LIST)
        assert again.content == before.content
        with frozen(in_days(0.6)):
            after = await asked.get(LIST, headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.json()["total"] == before.json()["total"] - 1


@pytest.mark.parametrize(
    "query", ["", "q=boulanger", "q=boulanger&highlight=false&facets=contract", "near=07019"]
)
async def test_what_stands_in_for_an_engine_outside_is_the_routes_too_and_kept_by_nobody(
    start: Start, market: Territory, committed: Database, query: str
) -> None:
    async with committed.transaction() as session:
        session.add(SearchFeed(kind=SearchKind.POSTINGS, ready=True))
    # The port of "discard": nobody answers there.
    outside = {"meilisearch_url": "http://127.0.0.1:9", "meilisearch_key": SecretStr("a key")}
    fast, slow = await start(**outside), await start(public_cache_megabytes=0, **outside)
    for _ in range(2):
        answer = await _same(fast, slow, f"{LIST}?{query}", {})
        assert answer.headers["ancrage-search"] == "postgresql; degraded"
        assert "etag" not in answer.headers
    assert state(fast).door.answered == 2
    assert market.slug == "bassin"
