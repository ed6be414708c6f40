"""Fixtures of members and invitations."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.client import ApiClient
from tests.members.office import Office
from tests.members.world import World, build


@pytest.fixture
async def world(session: AsyncSession) -> World:
    """Return places without anybody."""
    return await build(session)


@pytest.fixture
async def office(client: ApiClient, session: AsyncSession, world: World) -> Office:
    """Return the office of a manager."""
    found = Office(client, session, world)
    await found.open()
    return found
