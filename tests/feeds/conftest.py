from collections.abc import AsyncIterator

import pytest_asyncio

from tests.feeds.invented_api import InventedApi


@pytest_asyncio.fixture
async def api() -> AsyncIterator[InventedApi]:
    invented = InventedApi()
    await invented.start()
    yield invented
    await invented.stop()
