"""What is changed reaches the engine, and what the engine refuses or fails to do is lost for nobody."""

import asyncio
import uuid

import pytest

from service.domain import feeding
from service.jobs.feeding import Held, tend
from service.search.port import Unavailable
from tests.search.toxic import Mode, ToxicProxy, once
from tests.search_feed.conftest import Connect, Platform
from tests.search_feed.market import KIND, Market, held, in_line
from tests.search_feed.servers import Server
from tests.search_feed.standin import StandIn


async def test_what_is_changed_is_indexed_and_nothing_stays_pending(
    market: Market, platform: Platform
) -> None:
    await market.open(30)
    await platform.patrol()
    feed = await market.feed()
    assert (feed.ready, feed.trouble, feed.documents) == (True, None, 30)
    for _ in range(15):
        await market.edit()
    assert await market.pending()
    await platform.feed()
    await in_line(market, platform.engine)


async def test_answers_prepared_before_the_engine_was_told_are_outdated_once_it_is(
    market: Market, platform: Platform
) -> None:
    await market.open(5)
    await platform.patrol()
    await market.change(market.ids[0])
    changed = await market.versions()
    await platform.feed()
    assert sum(await market.versions()) > sum(changed)
    told = await market.versions()
    await platform.patrol()
    assert await market.versions() == told


async def test_what_changes_while_it_is_told_is_told_once_more(market: Market, platform: Platform) -> None:
    await market.open(3)
    await platform.patrol()
    first = market.ids[0]
    await market.change(first)
    async with market.database.transaction() as session:
        hold = await feeding.take(session, KIND, "test")
        assert hold is not None
        batch = await feeding.next_batch(session, hold)
    assert batch is not None
    await market.change(first)
    async with market.database.transaction() as session:
        await feeding.acknowledge(session, hold, batch, {}, documents=3)
    assert set(await market.pending()) == {first}
    async with market.database.transaction() as session:
        await feeding.let_go(session, hold)
    await platform.feed()
    await in_line(market, platform.engine)


async def test_a_document_that_the_engine_refuses_holds_up_no_other(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(40)
    await platform.patrol()
    bad = market.ids[17]
    standin.refused.add(str(bad))
    for posting_id in market.ids:
        await market.change(posting_id)
    await _only_refused(market, platform, bad)
    await platform.patrol()
    await platform.nightly()
    async with market.database.transaction() as session:
        [refused] = await feeding.refusals(session, KIND, 10)
    assert refused.attempts == 2
    assert "invalid_document_geo_field" in (refused.error or "")
    # Whoever changes it makes it a document like any other.
    standin.refused.clear()
    await market.change(bad)
    await platform.feed()
    await in_line(market, platform.engine)


async def test_a_document_that_does_not_pass_holds_up_no_other(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(40)
    await platform.patrol()
    bad = market.ids[17]
    proxy.rule = lambda request: Mode.FULL if str(bad).encode() in request.body else None
    for posting_id in market.ids:
        await market.change(posting_id)
    await _only_refused(market, platform, bad)
    proxy.rule = None
    await platform.nightly()
    await in_line(market, platform.engine)


async def _only_refused(market: Market, platform: Platform, bad: uuid.UUID) -> None:
    """Feed, and check that all but one document are indexed as they are now, that one as it was."""
    await platform.feed()
    assert {each: bool(error) for each, error in (await market.pending()).items()} == {bad: True}
    feed = await market.feed()
    assert (feed.ready, feed.refused) == (True, 1)
    expected = await market.expected()
    assert {each for each, digest in (await held(platform.engine)).items() if digest != expected[each]} == {
        str(bad)
    }


async def test_a_document_refused_while_everything_is_built_holds_up_no_other(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(40)
    standin.refused.add(str(market.ids[17]))
    await platform.patrol()
    feed = await market.feed()
    assert (feed.ready, feed.documents) == (True, 39)
    assert set(await market.pending()) == {market.ids[17]}


async def test_what_is_too_large_together_is_told_in_parts(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(40)
    standin.max_payload = 20_000
    await platform.patrol()
    await in_line(market, platform.engine)
    for posting_id in market.ids:
        await market.change(posting_id)
    await platform.feed()
    await in_line(market, platform.engine)


@pytest.mark.parametrize("mode", [Mode.UNAVAILABLE, Mode.GARBAGE, Mode.NOT_HTTP, Mode.CUT, Mode.CUT_AFTER])
async def test_an_engine_that_fails_is_left_alone_until_it_is_well(
    market: Market, platform: Platform, proxy: ToxicProxy, mode: Mode
) -> None:
    await market.open(10)
    await platform.patrol()
    proxy.mode = mode
    await market.edit()
    with pytest.raises(Unavailable):
        await platform.feed()
    feed = await market.feed()
    assert (feed.ready, feed.trouble is not None) == (False, True)
    asked = proxy.asked
    await market.edit()
    await platform.first_attempt()
    assert proxy.asked == asked
    proxy.mode = Mode.PASS
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_full_disk_loses_nothing(market: Market, standin: StandIn, connect: Connect) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(10)
    await platform.patrol()
    standin.full = True
    for _ in range(5):
        await market.edit()
    with pytest.raises(Unavailable, match="no_space_left_on_device"):
        await platform.feed()
    assert all(error is None for error in (await market.pending()).values())
    standin.full = False
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_server_of_another_kind_is_not_asked(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(5)
    standin.version = "0.30.5"
    await platform.patrol()
    feed = await market.feed()
    assert not feed.ready
    assert "0.30.5" in (feed.trouble or "")
    assert standin.tasks == []
    standin.version = "1.50.0"
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_without_an_engine_nothing_is_noted(market: Market, platform: Platform) -> None:
    await market.open(5)
    assert await market.pending() == {}
    await platform.patrol()
    await market.edit()
    assert await market.pending()
    await platform.without_engine().patrol_task()
    assert await market.pending() == {}
    await market.edit()
    assert await market.pending() == {}
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_the_feed_waits_for_nobody_and_is_taken_up_again(market: Market, platform: Platform) -> None:
    await market.open(5)
    await platform.patrol()
    async with market.database.transaction() as session:
        hold = await feeding.take(session, KIND, "another")
    assert hold is not None
    await market.change(market.ids[0])
    await platform.feed()
    assert await market.pending()
    with pytest.raises(Held):
        await tend(market.database, platform.engine, KIND)
    async with market.database.transaction() as session:
        await feeding.let_go(session, hold)
    # Letting go asked for it: no other change was needed.
    await platform.feed()
    await in_line(market, platform.engine)


async def test_what_a_dead_holder_left_is_taken_up_by_the_patrol(market: Market, platform: Platform) -> None:
    await market.open(5)
    await platform.patrol()
    async with market.database.transaction() as session:
        await feeding.take(session, KIND, "killed")
    await market.change(market.ids[0])
    await platform.feed()
    await platform.patrol()
    assert await market.pending()
    await market.expire_lease()
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_write_that_arrives_after_newer_ones_is_found_and_put_right(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(5)
    await platform.patrol()
    await market.change(market.ids[0], "Boulangère d'hier")
    proxy.rule = once(Mode.HOLD, "POST /indexes/ancrage-postings/documents?")
    await platform.feed()
    await market.change(market.ids[0], "Boulangère d'aujourd'hui")
    await market.withdraw(market.ids[1])
    await platform.feed()
    await in_line(market, platform.engine)
    await proxy.release()
    await _indexed(platform)
    assert await held(platform.engine) != await market.expected()
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_deletion_that_arrives_late_is_found_and_put_right(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(5)
    await platform.patrol()
    proxy.rule = once(Mode.HOLD, "documents/delete-batch")
    await market.move_to(market.ids[0], "paused")
    await platform.feed()
    await market.move_to(market.ids[0], "published")
    await platform.feed()
    await proxy.release()
    await _indexed(platform)
    assert str(market.ids[0]) not in await held(platform.engine)
    await market.edit()
    await platform.feed()
    await in_line(market, platform.engine)


async def _indexed(platform: Platform) -> None:
    await platform.engine.wait(await platform.engine.newest_task())


async def test_a_holder_whose_time_was_over_leaves_what_it_told_to_the_next(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(5)
    await platform.patrol()
    changed = market.ids[0]
    await market.change(changed, "Boulangère d'hier")
    standin.working = False
    paused = asyncio.create_task(tend(market.database, platform.engine, KIND))
    await standin.enqueued()
    await market.expire_lease()
    await market.change(changed, "Boulangère d'aujourd'hui")
    next_one = asyncio.create_task(tend(market.database, platform.engine, KIND))
    await standin.enqueued(2)
    standin.working = True
    standin.work()
    with pytest.raises(Held):
        await paused
    await next_one
    # The first found out when it came to note what it had told, and had it told again.
    await platform.feed()
    await in_line(market, platform.engine)


async def test_a_batch_overtaken_by_an_older_one_is_told_again(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    async with ToxicProxy(standin.url) as proxy:
        platform = connect(proxy.url, standin.key)
        await market.open(5)
        await platform.patrol()
        await market.change(market.ids[0], "Boulangère d'hier")
        proxy.rule = lambda request: Mode.HOLD if "/documents?" in request.path else None
        with pytest.raises(Unavailable):
            await platform.feed()
        proxy.rule = None
        await market.change(market.ids[0], "Boulangère d'aujourd'hui")
        standin.working = False
        patrol = asyncio.create_task(platform.patrol())
        await standin.enqueued()
        # What was held arrives behind what was sent after it, before that is acknowledged.
        released = await proxy.release()
        assert all(b" 202 " in each for each in released)
        standin.working = True
        standin.work()
        await patrol
        await platform.feed()
        await in_line(market, platform.engine)


async def test_a_server_restored_from_an_older_copy_is_found_out(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(5)
    await platform.patrol()
    await market.change(market.ids[0])
    copy = standin.copy()
    await platform.feed()
    standin.restore(copy)
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_writes_answer_while_the_engine_is_away(
    market: Market, platform: Platform, server: Server, proxy: ToxicProxy
) -> None:
    await market.open(5)
    await platform.patrol()
    await server.kill()
    await proxy.refuse()
    for _ in range(20):
        await market.edit()
    await platform.patrol()
    assert not (await market.feed()).ready
    await server.start()
    proxy.target = server.url
    await proxy.accept()
    await platform.patrol()
    await in_line(market, platform.engine)
