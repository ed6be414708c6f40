"""Fixtures: stand-ins of providers, and an application that knows them."""

from collections.abc import AsyncIterator, Mapping

import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.settings import Settings
from tests.oidc.standin import FRANCECONNECT, PLAIN, PROCONNECT, Lies, Rules, StandIn
from tests.oidc.support import AGENT, CITIZEN, HERE, SOMEBODY, Browser, browser
from tests.sign_in.support import Website, create_website

_STAND_INS: dict[str, tuple[Rules, Mapping[str, object]]] = {
    "proconnect": (PROCONNECT, AGENT),
    "franceconnect": (FRANCECONNECT, CITIZEN),
    "plain": (PLAIN, SOMEBODY),
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _running() -> AsyncIterator[dict[str, StandIn]]:
    """Yield every stand-in, listening on loopback."""
    found = {
        name: StandIn(
            rules,
            callback=f"{HERE}/v1/sign-in/providers/{name}/callback",
            signed_out=f"{HERE}/v1/sign-in/providers/{name}/signed-out",
        )
        for name, (rules, _) in _STAND_INS.items()
    }
    async with (
        found["proconnect"].running(),
        found["franceconnect"].running(),
        found["plain"].running(),
    ):
        yield found


@pytest.fixture
def stand_ins(_running: dict[str, StandIn]) -> dict[str, StandIn]:
    """Return the stand-ins, honest and asked nothing yet."""
    for name, stand_in in _running.items():
        stand_in.person = dict(_STAND_INS[name][1])
        stand_in.lies = Lies()
        stand_in.watch = None
        for kept in (stand_in.asked, stand_in.authorized, stand_in.refusals):
            kept.clear()
        stand_in.codes.clear()
        stand_in.tokens.clear()
    return _running


@pytest.fixture
def proconnect(stand_ins: dict[str, StandIn]) -> StandIn:
    return stand_ins["proconnect"]


@pytest.fixture
def franceconnect(stand_ins: dict[str, StandIn]) -> StandIn:
    return stand_ins["franceconnect"]


@pytest.fixture
def plain(stand_ins: dict[str, StandIn]) -> StandIn:
    return stand_ins["plain"]


def configured(settings: Settings, *providers: dict[str, object]) -> Settings:
    """Return settings with these providers."""
    said = SecretStr(orjson.dumps(providers).decode())
    return settings.model_copy(update={"public_url": HERE, "oidc_providers": said})


@pytest.fixture
def settings(settings: Settings, stand_ins: dict[str, StandIn]) -> Settings:
    """Return settings that name every stand-in."""
    return configured(
        settings,
        stand_ins["proconnect"].configuration("proconnect", preset="proconnect", acr_values=["eidas1"]),
        stand_ins["franceconnect"].configuration("franceconnect", preset="franceconnect"),
        stand_ins["plain"].configuration("plain", label="Plain", secret_in_body=True),
    )


@pytest_asyncio.fixture
async def website(session: AsyncSession) -> Website:
    """Return a website with its keys."""
    made = await create_website(session)
    await session.commit()
    return made


@pytest_asyncio.fixture
async def visitor(app: FastAPI, website: Website) -> AsyncIterator[Browser]:
    """Yield a browser on a page of the website."""
    async with app.router.lifespan_context(app):
        found = browser(app, website.publishable)
        async with found.client:
            yield found
