"""Building beside and swapping: no empty moment, no lost edit, and no harm when it breaks off anywhere."""

import asyncio

import pytest

from service.domain import feeding
from service.jobs.feeding import Held, tend
from service.search.port import Unavailable
from tests.search.toxic import Mode, Request, ToxicProxy, once
from tests.search_feed.conftest import Connect, Platform
from tests.search_feed.market import KIND, Market, in_line
from tests.search_feed.standin import StandIn

INDEX = "ancrage-postings"


async def test_edits_go_on_while_it_is_built_and_it_is_never_empty(
    market: Market, platform: Platform
) -> None:
    await market.open(60)
    await platform.patrol()
    before = await market.feed()
    rebuild = asyncio.create_task(
        tend(market.database, platform.engine, KIND, wanted=feeding.REBUILD), name="rebuild"
    )
    fewest = 60
    while not rebuild.done():
        await market.edit()
        state = await platform.engine.describe(INDEX)
        assert state is not None
        fewest = min(fewest, state.documents)
        feed = await market.feed()
        assert feed.ready
    tender = await rebuild
    assert tender.indexed is not None
    assert fewest > 30
    assert (await market.feed()).created_at != before.created_at
    await platform.feed()
    await in_line(market, platform.engine)
    assert await platform.engine.describe(f"{INDEX}-new") is None


@pytest.mark.parametrize("mode", [Mode.CUT_AFTER, Mode.CUT, Mode.UNAVAILABLE, Mode.GARBAGE])
async def test_a_swap_whose_answer_is_lost_is_done_once(
    market: Market, platform: Platform, proxy: ToxicProxy, mode: Mode
) -> None:
    await market.open(10)
    proxy.rule = once(mode, "/swap-indexes")
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_swap_that_arrives_late_changes_nothing(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(10)
    proxy.rule = once(Mode.HOLD, "/swap-indexes")
    await platform.patrol()
    before = await market.feed()
    await proxy.release()
    await platform.patrol()
    await in_line(market, platform.engine)
    assert (await market.feed()).created_at == before.created_at


async def test_a_page_that_arrives_late_is_put_right(
    market: Market, platform: Platform, proxy: ToxicProxy
) -> None:
    await market.open(10)
    await platform.patrol()
    proxy.rule = once(Mode.HOLD, f"/indexes/{INDEX}-new/documents")
    rebuild = asyncio.create_task(tend(market.database, platform.engine, KIND, wanted=feeding.REBUILD))
    await proxy.holding.wait()
    await market.change(market.ids[0], "Boulangère d'aujourd'hui")
    await proxy.release()
    await rebuild
    await platform.feed()
    await in_line(market, platform.engine)


@pytest.mark.parametrize(
    "where",
    [
        f"DELETE /indexes/{INDEX}-new",
        "POST /indexes",
        f"PATCH /indexes/{INDEX}-new/settings",
        f"POST /indexes/{INDEX}-new/documents",
        "POST /swap-indexes",
    ],
)
@pytest.mark.parametrize("arrived", [False, True])
async def test_a_rebuild_killed_anywhere_is_begun_again(
    market: Market, platform: Platform, proxy: ToxicProxy, where: str, arrived: bool
) -> None:
    await market.open(10)
    await platform.patrol()
    rule = once(Mode.CUT_AFTER if arrived else Mode.CUT, where)

    def kill(request: Request) -> Mode | None:
        mode = rule(request)
        if mode is not None:
            killed.cancel()
        return mode

    proxy.rule = kill
    killed = asyncio.create_task(tend(market.database, platform.engine, KIND, wanted=feeding.REBUILD))
    with pytest.raises(asyncio.CancelledError):
        await killed
    proxy.rule = None
    await market.edit()
    await platform.patrol()
    await in_line(market, platform.engine)


async def test_a_swap_done_before_the_kill_is_known_again(
    market: Market, standin: StandIn, connect: Connect
) -> None:
    platform = connect(standin.url, standin.key)
    await market.open(10)
    await platform.patrol()
    async with ToxicProxy(standin.url) as proxy:
        proxy.rule = lambda request: Mode.CUT if request.path == f"/indexes/{INDEX}" and swapped() else None

        def swapped() -> bool:
            return any(task.kind == "indexSwap" and task.uid > last for task in standin.tasks)

        last = len(standin.tasks)
        with pytest.raises(Unavailable):
            await tend(market.database, connect(proxy.url, standin.key).engine, KIND, wanted=feeding.REBUILD)
    present = standin.indexes[INDEX].created_at
    assert (await market.feed()).created_at != present
    await market.force(wanted=None)
    await market.edit()
    await platform.patrol()
    # It was complete: it is taken as it is, and only compared.
    assert (await market.feed()).created_at == present
    await in_line(market, platform.engine)


async def test_what_began_before_the_engine_was_in_use_is_not_lost(
    market: Market, platform: Platform
) -> None:
    await market.open(5)
    async with market.database.transaction() as session:
        # It finds no feed, so it notes nothing.
        await market.change_in(session, market.ids[0], "Boulangère d'avant")
        patrol = asyncio.create_task(platform.patrol())
        while not await market.is_open():
            assert not patrol.done()
        assert (await market.feed()).rebuilt_at is None
    await patrol
    await in_line(market, platform.engine)


async def test_two_at_once_do_not_mix(market: Market, platform: Platform) -> None:
    await market.open(10)
    await platform.patrol()
    both = await asyncio.gather(
        *(tend(market.database, platform.engine, KIND, wanted=feeding.REBUILD) for _ in range(2)),
        return_exceptions=True,
    )
    assert [type(each) for each in both if isinstance(each, BaseException)] == [Held]
    await in_line(market, platform.engine)
