"""A key that may search and no more: processes of the API need no other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from service.cli import app
from service.cli.search import standing
from service.core.settings import get_settings
from service.domain.feeding import SOURCES
from service.schemas.search import SearchQuery, Sought, TogetherQuery
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.meilisearch.keys import SEARCH_KEY
from service.search.port import Unavailable
from tests.search.meilisearch_server.real import executable
from tests.search_feed.conftest import Connect
from tests.search_feed.market import Market
from tests.search_feed.servers import Real
from tests.search_feed.standin import StandIn

_PATIENT = Timeouts(connect=10, read=20, pool=10, total=20)
Key = Callable[[str, str], tuple[int, str, str]]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[Key]:
    """Yield ``key(url, held)``: what `ancrage search key` answers to who holds that key."""

    def run(url: str, held: str) -> tuple[int, str, str]:
        monkeypatch.setenv("MEILISEARCH_URL", url)
        monkeypatch.setenv("MEILISEARCH_KEY", held)
        get_settings.cache_clear()
        result = CliRunner().invoke(app, ["search", "key"])
        return result.exit_code, result.stdout.strip(), result.stderr

    yield run
    get_settings.cache_clear()


@pytest_asyncio.fixture
async def real(servers_folder: Path) -> AsyncIterator[Real]:
    """Yield a real server."""
    if executable() is None:
        pytest.skip("no meilisearch binary on this machine")
    server = Real(servers_folder)
    await server.start()
    yield server
    await server.kill()


async def test_the_key_may_search_and_no_more(market: Market, real: Real, connect: Connect, key: Key) -> None:
    await market.open(5)
    await connect(real.url, real.key).patrol()
    code, made, said = await asyncio.to_thread(key, real.url, real.key)
    assert (code, said) == (0, "")
    assert await asyncio.to_thread(key, real.url, real.key) == (0, made, "")
    assert made != real.key

    places = tuple(territory.id for territory in market.territories)
    async with (
        aclosing(MeilisearchEngine(real.url, made, timeouts=_PATIENT)) as engine,
        market.database.transaction() as session,
    ):
        page = await engine.search(session, SearchQuery(territory_ids=places))
        assert {hit.id for hit in page.hits} == set(market.ids)
        sought = tuple(Sought(kind=kind, territory_ids=places) for kind in SOURCES)
        both = await engine.together(session, TogetherQuery(sought=sought))
        assert {hit.id for hit in both.hits} == set(market.ids)

    holder = Administration(real.url, made)
    indexes = [f"ancrage-{kind.value}" for kind in SOURCES]
    for call in (
        holder.version,
        lambda: holder.put(indexes[0], []),
        lambda: holder.delete(indexes[0], market.ids),
        lambda: holder.apply(indexes[0], {"stopWords": []}),
        lambda: holder.settings(indexes[0]),
        lambda: holder.drop(indexes[0]),
        lambda: holder.create("ancrage-other"),
        lambda: holder.swap(*indexes),
    ):
        with pytest.raises(Unavailable, match="HTTP 403"):
            await call()
    # Another application's index on the same server.
    owner = Administration(real.url, real.key)
    await owner.create("theirs")
    async with httpx.AsyncClient(base_url=real.url, headers={"authorization": f"Bearer {made}"}) as client:
        answers = [await client.post(f"/indexes/{uid}/search", json={}) for uid in ("theirs", indexes[0])]
    assert [answer.status_code for answer in answers] == [403, 200]
    shown = {name for hit in answers[1].json()["hits"] for name in hit}
    assert shown == {"id", "digest", "newest"}, "there is nothing else to read"


async def test_doctor_knows_a_key_that_may_only_search_from_a_wrong_one(
    market: Market, real: Real, connect: Connect, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(real.url, real.key).patrol()
    _, made, _ = await asyncio.to_thread(key, real.url, real.key)
    for held, calls_it, troubles in (
        (real.key, "Search: Meilisearch 1.", 0),
        (made, "Search: Meilisearch, with a key that may only search", 0),
        ("wrong", "Search: PostgreSQL, in the place of Meilisearch", 1),
    ):
        monkeypatch.setenv("MEILISEARCH_KEY", held)
        get_settings.cache_clear()
        told, wrong = await standing(market.database)
        assert told[0].startswith(calls_it)
        assert len(wrong) == troubles


async def test_a_key_that_may_do_other_things_is_made_anew(real: Real, key: Key) -> None:
    owner = Administration(real.url, real.key)
    loose = await owner.key(SEARCH_KEY, "Of an earlier version", actions=["*"], indexes=["*"])
    # The server makes a key of its uid: what it may do has changed, the key has not.
    assert await asyncio.to_thread(key, real.url, real.key) == (0, loose, "")
    with pytest.raises(Unavailable, match="HTTP 403"):
        await Administration(real.url, loose).create("ancrage-other")


async def test_a_key_that_may_not_make_keys_is_told_so(real: Real, key: Key) -> None:
    _, made, _ = await asyncio.to_thread(key, real.url, real.key)
    code, told, said = await asyncio.to_thread(key, real.url, made)
    assert (code, told, made == "") == (1, "", False)
    assert "MEILISEARCH_KEY may not make keys (HTTP 403" in said
    assert "keys.create" in said


async def test_a_wrong_key_and_a_server_that_is_away_are_one_sentence(standin: StandIn, key: Key) -> None:
    code, _, said = await asyncio.to_thread(key, standin.url, "wrong")
    assert code == 1
    assert "MEILISEARCH_KEY may not make keys (HTTP 403" in said
    await standin.kill()
    code, _, said = await asyncio.to_thread(key, standin.url, standin.key)
    assert code == 1
    assert (
        f"the engine fails: {standin.url} can't be reached (Connection refused); check MEILISEARCH_URL"
        in said
    )


def test_without_an_engine_there_is_nothing_to_hold_a_key_for(key: Key) -> None:
    code, told, said = key("", "")
    assert (code, told) == (0, "")
    assert "PostgreSQL answers searches" in said
