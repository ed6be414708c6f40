"""Fixtures: the application, and browsers of it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser as Chromium, async_playwright
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import Settings
from service.models import Person
from tests.console.seeing import FLAGS, Screen, Site, axe_source, chromium_program, serving
from tests.console.support import PROVIDER, Browser
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    """Yield a browser without a window."""
    program = chromium_program()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe-core's script."""
    return axe_source()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(
    new_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """Yield the console on a real socket, with a database of its own."""
    engine = create_engine(new_database("console"), pool_size=10)
    await migrate(engine)
    plain = Settings.model_construct().model_dump() | {
        "log_level": "WARNING",
        "data_dir": tmp_path_factory.mktemp("console"),
        # One network opens every page of these tests.
        "rate_limits": False,
        "oidc_providers": SecretStr(json.dumps([PROVIDER])),
    }
    async with serving(Database(engine), Settings.model_construct(**plain)) as site:
        yield site
    await engine.dispose()


@pytest_asyncio.fixture
async def look(site: Site, chromium: Chromium) -> AsyncIterator[Callable[..., Any]]:
    """Return ``look(**options)``, which opens a window; none may complain of anything in the end."""
    screens: list[Screen] = []

    async def look(**options: Any) -> Screen:
        screens.append(await Screen.open(site, chromium, **options))
        return screens[-1]

    yield look
    for screen in screens:
        await screen.context.close()
    assert [complaint for screen in screens for complaint in screen.complaints] == []
