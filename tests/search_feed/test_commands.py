"""``ancrage search`` and ``ancrage reindex``, as a person runs them, beside a server that stands in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from service.cli import app
from service.core.settings import get_settings
from tests.search_feed.conftest import Connect
from tests.search_feed.market import Market, in_line
from tests.search_feed.standin import StandIn

INDEX = "ancrage-postings"
Ancrage = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def ancrage(market: Market, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Ancrage:
    engine = market.database.bind
    assert isinstance(engine, AsyncEngine)
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("MEILISEARCH_URL", standin.url)
    monkeypatch.setenv("MEILISEARCH_KEY", standin.key)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def run(words: tuple[str, ...]) -> tuple[int, str, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stdout, result.stderr

    # In a thread, so that the server answers meanwhile.
    return lambda *words: asyncio.to_thread(run, words)


async def test_reindex_fills_the_engine_without_a_worker(
    market: Market, standin: StandIn, connect: Connect, ancrage: Ancrage
) -> None:
    await market.open(20)
    code, _, said = await ancrage("reindex")
    assert code == 0, said
    assert "20 postings indexed" in said
    assert "20 postings told to the engine." in said
    await in_line(market, connect(standin.url, standin.key).engine)
    code, told, _ = await ancrage("search", "status")
    assert code == 0
    assert "postings: ready, 20 documents, 0 pending, 0 refused" in told


async def test_drift_is_told_by_the_exit_code_and_repaired_when_asked(
    market: Market, standin: StandIn, connect: Connect, ancrage: Ancrage
) -> None:
    await market.open(20)
    await ancrage("reindex")
    assert (await ancrage("search", "verify"))[0] == 0
    del standin.indexes[INDEX].documents[str(market.ids[0])]
    standin.indexes[INDEX].documents[str(market.ids[1])]["digest"] = "spoilt"
    code, told, said = await ancrage("search", "verify")
    assert code == 1
    assert "postings: 19 documents; 1 missing, 0 too many, 1 different; 0 pending, 0 refused" in told
    assert "2 documents have drifted" in said
    code, told, _ = await ancrage("search", "verify", "--repair")
    assert (code, "1 missing, 0 too many, 1 different" in told) == (0, True)
    assert (await ancrage("search", "verify"))[0] == 0
    await in_line(market, connect(standin.url, standin.key).engine)


async def test_a_lost_index_is_built_again_by_repairing(
    market: Market, standin: StandIn, connect: Connect, ancrage: Ancrage
) -> None:
    await market.open(5)
    await ancrage("reindex")
    standin.wipe()
    code, _, said = await ancrage("search", "verify")
    assert code == 1
    assert "could not be compared" in said
    code, _, said = await ancrage("search", "verify", "--repair")
    assert (code, "postings: built again, 5 documents." in said) == (0, True)
    await in_line(market, connect(standin.url, standin.key).engine)


async def test_an_engine_that_is_away_is_filled_when_it_is_there(
    market: Market, standin: StandIn, connect: Connect, ancrage: Ancrage
) -> None:
    await market.open(5)
    await standin.kill()
    code, _, said = await ancrage("reindex")
    assert code == 1
    assert "A worker builds it as soon as it does not." in said
    code, told, _ = await ancrage("search", "status")
    assert (code, "not ready" in told) == (0, True)
    await standin.start()
    platform = connect(standin.url, standin.key)
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_without_an_engine_there_is_nothing_to_compare(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEILISEARCH_URL")
    for words in (("search", "status"), ("search", "verify")):
        code, _, said = await ancrage(*words)
        assert (code, "PostgreSQL answers searches" in said) == (0, True)


@pytest.mark.parametrize("words", [("reindex",), ("search", "verify"), ("search", "verify", "--repair")])
async def test_what_is_wrong_with_the_engine_names_the_setting_to_change(
    market: Market,
    standin: StandIn,
    ancrage: Ancrage,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    await market.open(2)
    await ancrage("reindex")
    await market.change(market.ids[0])
    monkeypatch.setenv("MEILISEARCH_KEY", "wrong")
    code, _, told = await ancrage(*words)
    assert code == 1
    assert "check MEILISEARCH_KEY" in told
    assert "Hint" not in told
    assert ".." not in told
    async with somebody_else() as url:
        monkeypatch.setenv("MEILISEARCH_URL", url)
        code, _, told = await ancrage(*words)
    assert code == 1
    assert "something else than Meilisearch answers at MEILISEARCH_URL (HTTP 404" in told
    code, _, told = await ancrage(*words)
    assert code == 1
    assert f"{url} can't be reached (Connection refused); check MEILISEARCH_URL" in told
    assert standin.misuse == []


@pytest.mark.parametrize(
    "url", ["localhost:7700", "ftp://localhost", "http://", "http://a:b@localhost", "http://localhost/?x=1"]
)
async def test_an_address_that_can_be_no_servers_is_refused_at_once(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MEILISEARCH_URL", url)
    code, _, told = await ancrage("search", "status")
    assert code == 1
    assert "MEILISEARCH_URL is not acceptable: it must look like http://localhost:7700" in told


@asynccontextmanager
async def somebody_else() -> AsyncIterator[str]:
    """Yield the address of a server that has never heard of indexes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\nconnection: close\r\n\r\nNothing")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
