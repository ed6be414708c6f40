"""What is changed reaches the engine, on a stand-in and on a real server."""

from tests.search_feed.conftest import Platform
from tests.search_feed.market import Market, drift, held


async def test_what_is_changed_is_indexed_and_nothing_stays_pending(
    market: Market, platform: Platform
) -> None:
    await market.open(30)
    await platform.patrol()
    feed = await market.feed()
    assert (feed.ready, feed.trouble, feed.documents) == (True, None, 30)
    assert await held(platform.engine) == await market.expected()
    for _ in range(15):
        await market.edit()
    assert await market.pending()
    await platform.feed()
    assert await market.pending() == {}
    assert await held(platform.engine) == await market.expected()
    assert len(await drift(market, platform.engine)) == 0
