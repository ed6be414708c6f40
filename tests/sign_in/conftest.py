"""Fixtures: a brand's website in the test's transaction."""

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from tests.sign_in.support import Website, create_website


@pytest_asyncio.fixture
async def website(session: AsyncSession) -> Website:
    """Return a website with its keys."""
    made = await create_website(session)
    await session.commit()
    return made
