"""What a website reads of an outage: the postings, who answered, and that nobody may keep the answer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.domain import publication
from service.models import SearchFeed
from service.schemas.search import SearchKind
from service.search.fallback import Fallback
from service.search.opening import WITHIN
from tests.client import ApiClient
from tests.factories import create_posting, create_territory
from tests.search.toxic import Mode, ToxicProxy

POSTINGS = "/v1/territories/bassin/postings"
SEARCHES = (POSTINGS, f"{POSTINGS}?q=boulanger&facets=contract", "/v1/territories/bassin/search?q=boulanger")


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[ToxicProxy]:
    """Yield where the application finds a Meilisearch that never answers well."""
    async with ToxicProxy("http://127.0.0.1:9", mode=Mode.GARBAGE) as proxy:
        yield proxy


@pytest.fixture
def app(database: Database, settings: Settings, proxy: ToxicProxy) -> FastAPI:
    """Return the application with that Meilisearch in front of PostgreSQL."""
    return create_app(database, settings=settings.model_copy(update={"meilisearch_url": proxy.url}))


async def _publish(session: AsyncSession) -> None:
    territory = await create_territory(session, slug="bassin")
    await publication.refresh(session, [await create_posting(session, territory, title="Boulanger")])
    session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)
    await session.commit()


async def test_an_answer_in_another_engines_stead_says_so_and_is_not_kept(
    client: ApiClient, session: AsyncSession, proxy: ToxicProxy
) -> None:
    await _publish(session)
    for path in SEARCHES:
        for _ in range(3):
            answer = await client.get(path)
            assert answer.status_code == 200
            if answer.headers["ancrage-search"] != "postgresql":
                assert answer.headers["ancrage-search"] == "postgresql; degraded"
                assert answer.headers["cache-control"] == "no-store"
                assert "etag" not in answer.headers
                assert answer.json()["degraded"] is True
            assert answer.json()["engine"] == "postgresql"
            assert len(answer.json()["items"]) == 1
    assert (await client.get(f"{POSTINGS}?q=boulanger")).json()["degraded"] is True
    assert proxy.asked >= 3


async def test_the_feed_of_postings_is_not_kept_either(client: ApiClient, session: AsyncSession) -> None:
    await _publish(session)
    answer = await client.get("/v1/territories/bassin/feed.atom")
    assert answer.status_code == 200
    assert b"Boulanger" in answer.content
    if "degraded" in answer.headers["ancrage-search"]:
        assert "etag" not in answer.headers


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.UNAVAILABLE, Mode.CUT, Mode.NOT_HTTP])
async def test_writes_and_searches_are_answered_while_it_fails(
    client: ApiClient, session: AsyncSession, app: FastAPI, proxy: ToxicProxy, mode: Mode
) -> None:
    await _publish(session)
    proxy.mode = mode
    for _ in range(5):
        answer = await client.get(f"{POSTINGS}?q=boulanger")
        assert (answer.status_code, answer.json()["total"]) == (200, 1)
    engine = app.state.search
    assert isinstance(engine, Fallback)
    # By its deadline, not by the clock: PostgreSQL has the rest of the second.
    assert engine.primary._asker._patience == WITHIN <= 0.7  # type: ignore[attr-defined]


async def test_with_postgresql_alone_nothing_is_degraded(
    database: Database, settings: Settings, session: AsyncSession
) -> None:
    await _publish(session)
    alone = create_app(database, settings=settings)
    async with alone.router.lifespan_context(alone), ApiClient(alone, session) as client:
        for path in SEARCHES:
            answer = await client.get(path)
            assert answer.headers["ancrage-search"] == "postgresql"
            assert answer.json()["degraded"] is False
            assert answer.headers["etag"]
            again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
