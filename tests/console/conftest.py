"""Fixtures: the application, and browsers of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.models import Person
from tests.console.support import Browser
from tests.factories import create_person

Open = Callable[..., Browser]


@pytest_asyncio.fixture
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Yield the application, started."""
    async with app.router.lifespan_context(app):
        yield app


@pytest_asyncio.fixture
async def open_browser(running: FastAPI) -> AsyncIterator[Open]:
    """Return ``open_browser(**options)``: another browser, without cookies."""
    async with AsyncExitStack() as stack:

        def open_browser(app: FastAPI = running, **options: Any) -> Browser:
            browser = Browser(app, **options)
            stack.push_async_callback(browser.client.aclose)
            return browser

        yield open_browser


@pytest_asyncio.fixture
async def browser(open_browser: Open) -> Browser:
    """Return a browser on the application's own machine."""
    return open_browser()


@pytest_asyncio.fixture
async def person(session: AsyncSession) -> Person:
    """Return somebody with an account."""
    found = await create_person(session, email="camille.exemple@example.org")
    await session.commit()
    return found


@pytest_asyncio.fixture
async def somebody(browser: Browser, database: Database, person: Person) -> Browser:
    """Return a browser in which that person has signed in."""
    await browser.sign_in_with(database, person)
    return browser


@pytest_asyncio.fixture
async def make(database: Database, settings: Settings) -> AsyncIterator[Callable[..., Any]]:
    """Return ``make(**settings)``: another application on the test's database, started."""
    async with AsyncExitStack() as stack:

        async def make(**changed: Any) -> FastAPI:
            app = create_app(database, settings=settings.model_copy(update=changed))
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield make
