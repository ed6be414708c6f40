"""Applications on one real database: what one commits, the others hear."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core import listening
from service.core.clock import in_days, now
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import Settings
from service.domain import publication
from service.models import Posting, Sector, Territory
from service.models.enums import ContractKind, RemoteKind, WorkingTime
from tests.client import ApiClient
from tests.factories import create_commune, create_occupation, create_posting, create_territory

Start = Callable[..., Awaitable[ApiClient]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
LIST: Final = "/v1/territories/bassin/postings"
COMMUNES: Final = (
    ("07019", 44.62, 4.39),
    ("07186", 44.73, 4.59),
    ("26362", 44.93, 4.89),
    ("07999", None, None),
)
OCCUPATIONS: Final = ("D1102", "J1506", "G1803", "D1106")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(new_database: Callable[..., str]) -> str:
    """Return the name of an empty database, migrated once, to copy."""
    engine = create_engine(new_database("lane_empty"), pool_size=1)
    await migrate(engine)
    await engine.dispose()
    name = engine.url.database
    assert name is not None
    return name


@pytest_asyncio.fixture
async def committed(new_database: Callable[..., str], migrated: str) -> AsyncIterator[Database]:
    """Yield a database of this test alone, in which commits are real."""
    engine = create_engine(new_database("lane", template=migrated), pool_size=5)
    yield Database(engine)
    await engine.dispose()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a connection answer late: on a busy machine that is no sign of anything."""
    monkeypatch.setattr(listening, "FRESH_SECONDS", 60.0)
    monkeypatch.setattr(listening, "_ANSWER_SECONDS", 60.0)


@pytest.fixture
def until() -> Until:
    """Return ``until(condition)``: waits for what other tasks bring about, ten seconds at most."""

    async def until(condition: Callable[[], bool]) -> None:
        turn = asyncio.Event()
        async with asyncio.timeout(10):
            while not condition():
                asyncio.get_running_loop().call_later(0.005, turn.set)
                await turn.wait()
                turn.clear()

    return until


@pytest_asyncio.fixture
async def start(committed: Database, settings: Settings, until: Until) -> AsyncIterator[Start]:
    """Return ``start(**settings)``: the client of a new application, which hears of changes by now."""
    async with AsyncExitStack() as stack:

        async def start(**changed: Any) -> ApiClient:
            limits = {"limit_network_per_minute": 0, "limit_caller_per_minute": 0}
            app = create_app(committed, settings=settings.model_copy(update=limits | changed))
            await stack.enter_async_context(app.router.lifespan_context(app))
            if changed.get("public_cache_megabytes", 1):
                await until(lambda: app.state.answers.usable)
            return await stack.enter_async_context(ApiClient(app))

        yield start


def state(client: ApiClient) -> Any:
    """Return what the client's application keeps."""
    app: FastAPI = client.app
    return app.state


async def publish(session: AsyncSession, territory: Territory, **values: Any) -> Posting:
    """Publish a posting as its verb does: rendered, indexed, announced."""
    posting = await create_posting(session, territory, **values)
    await publication.refresh(session, [posting])
    return posting


@pytest_asyncio.fixture
async def market(committed: Database) -> Territory:
    """Return a territory of 120 postings drawn at random, some of them in a territory inside it."""
    dice = random.Random(7)  # noqa: S311 - a test must repeat
    async with committed.transaction() as session:
        outer = await create_territory(session, slug="bassin", features=["postings"])
        inner = await create_territory(session, slug="dedans", features=["postings"], parent=outer)
        for code, latitude, longitude in COMMUNES:
            await create_commune(
                session, code=code, name=f"Commune {code}", latitude=latitude, longitude=longitude
            )
        for code in OCCUPATIONS:
            await create_occupation(session, code=code, label=f"Métier {code}")
        session.add(Sector(code="56", label="Restauration"))
        await session.flush()
        written = [await _drawn(session, dice, dice.choice((outer, inner))) for _ in range(120)]
        await publication.refresh(session, written)
    return outer


async def _drawn(session: AsyncSession, dice: random.Random, territory: Territory) -> Posting:
    code, latitude, longitude = dice.choice(COMMUNES)
    salary = dice.choice((None, 19_500, 24_000, 31_250))
    return await create_posting(
        session,
        territory,
        title=dice.choice(("Boulanger", "Infirmière de nuit", "Serveur (H/F)")),
        description=dice.choice((None, "Pain & levain, <b>tôt</b> le matin. " * 20)),
        # Some at the very same moment: the id decides.
        published_at=now() - timedelta(hours=dice.randrange(40)),
        valid_through=dice.choice((None, None, in_days(dice.randrange(1, 60)))),
        occupation_code=dice.choice((None, *OCCUPATIONS)),
        contract_kind=dice.choice((None, *list(ContractKind)[:3])),
        working_time=dice.choice((None, *WorkingTime)),
        remote=dice.choice((None, *RemoteKind)),
        sector_code=dice.choice((None, "56")),
        commune_code=code,
        departement_code=code[:2],
        latitude=latitude,
        longitude=longitude,
        yearly_salary_min=None if salary is None else Decimal(salary),
        yearly_salary_max=None if salary is None else Decimal(salary + dice.randrange(2_000)),
        in_tension=dice.random() < 0.5,
    )
