"""An index that was lost, spoilt or told by others is found out and brought back in line."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from service.domain import feeding
from service.jobs.feeding import tend, verify
from service.search.meilisearch import administration
from tests.search.toxic import Mode, ToxicProxy, once
from tests.search_feed.conftest import Platform
from tests.search_feed.market import KIND, Market, digests, drift, held, in_line
from tests.search_feed.servers import Server

INDEX = "ancrage-postings"


async def test_drift_is_counted_by_what_is_wrong_and_repaired(market: Market, platform: Platform) -> None:
    await market.open(20)
    await platform.patrol()
    missing, different = market.ids[:2]
    whole = await market.document(different)
    extra = uuid.uuid4()
    foreign = whole | {"id": str(extra), "newest": f"2026-01-01T00:00:00.000000/{extra}"}
    await platform.engine.wait(await platform.engine.delete(INDEX, [missing]))
    await platform.engine.wait(await platform.engine.put(INDEX, [whole | {"digest": "spoilt"}, foreign]))
    found = await drift(market, platform.engine)
    assert (found.missing, found.extra, found.different) == ({missing}, {extra}, {different})
    assert (await market.feed()).ready
    tender = await tend(market.database, platform.engine, KIND, wanted=feeding.COMPARE)
    assert tender.drift is not None
    assert tender.drift.ids == found.ids
    await in_line(market, platform.engine)


async def test_what_is_pending_is_no_drift(market: Market, platform: Platform) -> None:
    await market.open(10)
    await platform.patrol()
    async with market.database.transaction() as session:
        hold = await feeding.take(session, KIND, "test")
    assert hold is not None
    await market.change(market.ids[0])
    await market.withdraw(market.ids[1])
    found = await feeding.measure(
        market.database,
        KIND,
        {uuid.UUID(each): digest for each, digest in (await held(platform.engine)).items()},
        digests,
    )
    assert (len(found), found.awaited) == (0, 2)


async def test_a_write_by_somebody_else_is_noticed_by_the_patrol(market: Market, platform: Platform) -> None:
    await market.open(10)
    await platform.patrol()
    document = await market.document(market.ids[0])
    await platform.engine.wait(await platform.engine.put(INDEX, [document | {"digest": "spoilt"}]))
    assert len(await drift(market, platform.engine)) == 1
    await platform.patrol()
    await in_line(market, platform.engine)


@pytest.mark.parametrize(
    "foreign",
    [
        {"id": "foreign-1", "title": "x"},
        {"id": "00000000-0000-4000-8000-000000000000"},
        {"id": "foreign-2", "digest": "x", "newest": "2026-01-01T00:00:00.000000/nobody"},
        {"id": "foreign-3", "digest": "x", "newest": '" OR newest EXISTS OR newest > "'},
    ],
)
async def test_documents_that_are_none_of_ours_are_counted_and_cleared_away(
    market: Market, platform: Platform, foreign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administration, "_PAGE", 3)
    await market.open(10)
    await platform.patrol()
    before = await market.feed()
    await platform.engine.wait(await platform.engine.put(INDEX, [foreign]))
    found = await verify(market.database, platform.engine, KIND)
    assert (len(found), found.foreign, found.ids) == (1, 1, set())
    await platform.patrol()
    assert (await market.feed()).created_at != before.created_at, "it is built anew"
    assert len(await held(platform.engine)) == 10
    await in_line(market, platform.engine)


async def test_a_fault_of_ours_is_said_and_met_once_not_for_ever(
    market: Market, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.open(10)
    await platform.patrol()

    async def walk(_: object, __: str) -> AsyncIterator[dict[uuid.UUID, str]]:
        yield {}
        raise LookupError("nobody foresaw this")

    async def asked() -> Any:
        async with market.database.transaction() as session:
            return await session.scalar(text("SELECT count(*) FROM event WHERE kind = 'search.outdated'"))

    async with market.database.transaction() as session:
        await feeding.want(session, KIND, feeding.COMPARE)
    before = await asked()
    with monkeypatch.context() as patched:
        patched.setattr(type(platform.engine), "walk", walk)
        with pytest.raises(LookupError):
            await platform.feed()
    assert await asked() == before, "letting go asks for no other feed"
    feed = await market.feed()
    assert not feed.ready
    assert "nobody foresaw this" in str(feed.trouble)
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_an_index_deleted_is_built_again(market: Market, platform: Platform) -> None:
    await market.open(25)
    await platform.patrol()
    before = await market.feed()
    await platform.engine.drop(INDEX)
    await market.edit()
    await platform.feed()
    after = await market.feed()
    assert after.created_at != before.created_at
    await in_line(market, platform.engine)


async def test_documents_deleted_are_told_again(market: Market, platform: Platform) -> None:
    await market.open(25)
    await platform.patrol()
    await platform.engine.wait(await platform.engine.delete(INDEX, market.ids[5:]))
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_server_that_lost_everything_is_filled_again(
    market: Market, platform: Platform, server: Server, proxy: ToxicProxy
) -> None:
    await market.open(25)
    await platform.patrol()
    await server.lose()
    await proxy.refuse()
    for _ in range(5):
        await market.edit()
    await platform.patrol()
    feed = await market.feed()
    assert not feed.ready
    assert feed.trouble is not None
    assert await market.pending()
    await server.start()
    await proxy.accept()
    proxy.target = server.url
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_an_index_that_the_server_made_by_itself_is_not_taken_for_ours(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(25)
    await platform.patrol()
    await market.edit()
    proxy.rule = once(Mode.HOLD, f"/{INDEX}/documents")
    await platform.feed()
    assert len(proxy.held) == 1
    await platform.engine.drop(INDEX)
    # Arrives when there is no index: the server makes one, without settings.
    await proxy.release()
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_other_settings_have_the_index_built_again(market: Market, platform: Platform) -> None:
    await market.open(10)
    await platform.patrol()
    before = (await market.feed()).created_at
    await market.force(settings_digest="of an earlier version")
    await platform.patrol()
    assert (await market.feed()).created_at != before
    await in_line(market, platform.engine)


@pytest.mark.parametrize(
    "change",
    [{"rankingRules": ["words", "typo"]}, {"stopWords": ["boulang"]}, {"distinctAttribute": "territory"}],
)
async def test_settings_changed_by_hand_are_noticed_and_built_anew(
    market: Market, platform: Platform, change: dict[str, Any]
) -> None:
    await market.open(10)
    await platform.patrol()
    before = await market.feed()
    shown = await platform.engine.settings(INDEX)
    await platform.patrol()
    assert (await market.feed()).created_at == before.created_at, "nothing is built while nothing changed"
    await platform.engine.apply(INDEX, change)
    await platform.patrol()
    assert (await market.feed()).created_at != before.created_at
    assert await platform.engine.settings(INDEX) == shown
    await in_line(market, platform.engine)


async def test_every_night_everything_is_compared(market: Market, platform: Platform) -> None:
    await market.open(10)
    await platform.patrol()
    document = await market.document(market.ids[0])
    task = await platform.engine.put(INDEX, [document | {"digest": "spoilt"}])
    await platform.engine.wait(task)
    # As if it had been looked at: neither the tasks nor the number of documents tell of it.
    await market.force(last_task=task)
    await platform.patrol()
    assert len(await drift(market, platform.engine)) == 1
    await platform.nightly()
    await in_line(market, platform.engine)
