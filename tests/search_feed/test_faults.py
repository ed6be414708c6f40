"""The engine outside fails in every way while postings are edited and searched: nobody loses anything.

The short version of ``benchmarks/search_faults.py``.
"""

from service.core.settings import Settings
from tests.search.toxic import ToxicProxy
from tests.search_feed.conftest import Platform
from tests.search_feed.faults import FAULTS, Storm, working
from tests.search_feed.market import Market, in_line
from tests.search_feed.servers import Server


async def test_no_write_is_lost_and_no_search_fails_whatever_becomes_of_the_engine(
    market: Market, platform: Platform, server: Server, proxy: ToxicProxy
) -> None:
    await market.open(60)
    await platform.patrol()
    settings: Settings = platform.settings
    proxy.failure_rate = 0.01
    storm = Storm(market, settings, server, proxy)
    async with working(market.database, settings):
        told = await storm.run(len(FAULTS) * 12)
        await storm.heal(120)
    assert (told.failed_edits, told.failed_searches, told.empty_searches) == (0, 0, 0), told.errors
    assert told.searches > 0
    assert told.drift is not None
    assert len(told.drift) == 0
    assert set(told.faults) == set(FAULTS)
    await platform.feed()
    await in_line(market, platform.engine)
