"""With the application's own filters taken out, PostgreSQL alone still keeps every tenant's rows apart."""

import importlib
import pkgutil
import re
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, Table, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

import service.domain
from service.core import reach
from service.core.database import Database
from service.domain.access import Presented, authenticate
from service.models import Base, walls
from tests.access.examples import EXAMPLES
from tests.access.test_matrix import KEYED, OPERATIONS
from tests.access.world import build
from tests.client import ApiClient

# For each caller, the sides whose rows are none of theirs.
NOT_THEIRS = {
    "territory_manager": {"above", "foreign"},
    "concierge_agent": {"above", "foreign"},
    "secret key": {"above", "foreign"},
    "community_animator": {"inside", "above", "foreign"},
    "employer_member": {"beside", "inside", "above", "foreign"},
    "partner_member": {"beside", "inside", "above", "foreign"},
    "person": {"beside", "inside", "above", "foreign"},
    "ambassador": {"inside", "above", "foreign"},
    "publishable key": {"own", "beside", "inside", "above", "foreign"},
}
READS = sorted(name for name, (method, _, _) in KEYED.items() if method == "GET" and name in EXAMPLES)
PRIVATE = [table for table in Base.metadata.sorted_tables if not walls.tenancy_of(table).readable]


@pytest.fixture
def without_filters(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every query of the domain forget whose rows it may read; return in how many modules."""
    stripped = 0
    for module in pkgutil.walk_packages(service.domain.__path__, "service.domain."):
        loaded = importlib.import_module(module.name)
        if hasattr(loaded, "allowed"):
            monkeypatch.setattr(loaded, "allowed", lambda *_: true())
            stripped += 1
    return stripped


def test_there_are_enough_queries_to_strip(without_filters: int) -> None:
    assert without_filters >= 5
    assert len(READS) >= 20


def _foreign_marks(text: str, marks: set[str]) -> list[str]:
    return re.findall(rf"(?<![\w-])[\w@.-]*(?:{'|'.join(sorted(marks))})[\w@.-]*", text)


@pytest.mark.parametrize("name", READS)
@pytest.mark.usefixtures("without_filters")
async def test_a_query_without_its_filter_leaks_no_row(
    name: str, client: ApiClient, session: AsyncSession, connection: AsyncConnection
) -> None:
    world = await build(session)
    method, template, _ = OPERATIONS[name]
    example = EXAMPLES[name]
    leaked = []
    for caller, not_theirs in NOT_THEIRS.items():
        for mark in sorted(not_theirs):
            side = world.sides[mark]
            path = example.path(template, side)
            savepoint = await connection.begin_nested()
            answer = await client.request(method, path, headers=dict(world.callers[caller]))
            await savepoint.rollback()
            session.expunge_all()
            if answer.status_code < 400 and (
                example.about_one or _foreign_marks(answer.text, not_theirs - {"own"})
            ):
                leaked.append((caller, mark, answer.status_code, answer.text[:300]))
    assert leaked == []


@pytest.mark.usefixtures("without_filters")
async def test_without_either_wall_the_same_query_does_leak(
    client: ApiClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the filters are really gone, and it is PostgreSQL that holds."""
    world = await build(session)

    async def nothing(*_: object) -> None:
        return

    monkeypatch.setattr(reach, "apply", nothing)
    answer = await client.get("/v1/employers", headers=dict(world.callers["territory_manager"]))
    assert _foreign_marks(answer.text, {"foreign"}) != []


def _is_foreign(row: RowMapping, ids: set[UUID]) -> bool:
    """Tell whether a row is, or refers to, something of the other tenant."""
    values = [value for value in row.values() if isinstance(value, UUID)]
    arrays = [value for value in row.values() if isinstance(value, list)]
    return not ids.isdisjoint(values + [item for array in arrays for item in array if isinstance(item, UUID)])


@pytest.mark.parametrize("table", PRIVATE, ids=[table.name for table in PRIVATE])
async def test_a_bare_select_finds_nothing_of_another_tenant(
    database: Database, session: AsyncSession, table: Table
) -> None:
    """Beside the verbs: every private table read whole, as each kind of caller."""
    world = await build(session)
    theirs = set(world.sides["foreign"].ids.values())
    for caller in NOT_THEIRS:
        headers = world.callers[caller]
        async with database.transaction() as acting:
            await authenticate(
                acting,
                Presented(headers.get("Authorization"), headers.get("Ancrage-Key"), headers.get("Origin")),
            )
            seen = (await acting.execute(select(table))).mappings().all()
        assert [row for row in seen if _is_foreign(row, theirs)] == [], caller
