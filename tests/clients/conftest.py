import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.settings import Settings
from tests.clients.world import World, build


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let tests present as many wrong keys as they like: what that leads to is tested in tests/edge."""
    return settings.model_copy(update={"rate_limits": False, "lockout_failures": 0})


@pytest_asyncio.fixture
async def world(session: AsyncSession) -> World:
    return await build(session)
