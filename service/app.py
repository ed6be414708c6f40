"""create_app(): every router, middleware and lifespan piece, and nothing else."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI

from service import __version__
from service.api import (
    api_clients,
    audit,
    candidates,
    consents,
    documentation,
    employers,
    feeds,
    invitations,
    mail,
    matches,
    me,
    members,
    oauth,
    operations,
    partners,
    postings,
    privacy,
    problems,
    providers,
    public_postings,
    referentials,
    search,
    sign_in,
    syndication,
    territories,
)
from service.api.cross_origin import CrossOrigin
from service.api.edge import Edge
from service.api.lane.lists import Door, Lists
from service.api.lane.prepared import Answers, Application
from service.api.limits import Limiter
from service.console import ROUTERS as CONSOLE_ROUTERS, ProblemPages
from service.core.database import Database
from service.core.pagination import Cursors
from service.core.settings import Settings, get_settings
from service.domain.origins import KnownOrigins
from service.domain.platform import get_keyring
from service.domain.providers import configured as configured_providers
from service.search.opening import close_search, open_search

Companion = Callable[[], AbstractAsyncContextManager[None]]

ROUTERS = (
    territories.router,
    public_postings.router,
    search.router,
    syndication.router,
    employers.router,
    partners.router,
    members.router,
    invitations.router,
    postings.router,
    candidates.router,
    matches.router,
    referentials.router,
    feeds.router,
    api_clients.router,
    oauth.router,
    sign_in.router,
    providers.router,
    me.router,
    consents.router,
    privacy.router,
    audit.router,
    mail.router,
    operations.router,
)


def create_app(
    database: Database, *, settings: Settings | None = None, companions: Sequence[Companion] = ()
) -> FastAPI:
    """Return the application on ``database``.

    ``companions`` are started with it and stopped after the last request: the in-process worker, or
    what carries wake-ups to Redis.
    """
    configured = settings or get_settings()
    limiter = Limiter(configured)
    answers = Answers(configured.public_cache_megabytes)
    door = Door(answers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(app.state.providers.aclose)
            app.state.search = open_search(configured)
            stack.push_async_callback(close_search, app.state.search)
            # Built now, so that the first visitor does not wait for it.
            app.openapi()
            async with database.transaction() as session:
                app.state.keyring = await get_keyring(session, configured)
            app.state.cursors = Cursors(app.state.keyring.key("cursors"))
            await stack.enter_async_context(limiter.running(app.state.keyring))
            await stack.enter_async_context(answers.running(database))
            await stack.enter_async_context(door.open(database, connections=configured.database_pool_size))
            for companion in companions:
                await stack.enter_async_context(companion())
            yield

    app = Application(
        title="Ancrage",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(documentation.refuse_unknown_parameters)],
        **documentation.ABOUT,
    )
    app.state.database = database
    app.state.settings = configured
    app.state.answers, app.state.door = answers, door
    app.state.providers = configured_providers(configured)
    problems.install(app)
    oauth.install(app)
    for router in (*ROUTERS, *CONSOLE_ROUTERS):
        app.include_router(router)
    documentation.install(app)
    app.add_middleware(Lists, door=door)
    origins = CrossOrigin(KnownOrigins(database))
    app.add_middleware(Edge, settings=configured, limiter=limiter, origins=origins)
    # Around the edge: what is refused there is a page too.
    app.add_middleware(ProblemPages)
    app.stand_behind(answers)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the whole API, without a database."""
    # No connection is made until the first query.
    from service.core.database import create_engine  # noqa: PLC0415 - only this function needs it

    return create_app(
        Database(create_engine("postgresql+asyncpg://localhost/none")), settings=Settings()
    ).openapi()
