"""The plans of the hot reads: what PostgreSQL looks at for them among 20,000 postings."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.core.ids import new_id
from service.domain import lasting, listing, postings, publication, searching, territories
from service.models import Posting, PostingDocument, PostingIndex, PostingWords, Territory
from service.schemas.public import PostingSearch
from service.search.postgresql import PostgresqlEngine
from service.search.postgresql.columns import LOAD
from tests.factories import create_commune, create_occupation, create_posting, create_territory

POSTINGS = 20_000
# Each copy with an id of its own; facts drawn so that each value has its share.
_COPIES = {
    Posting: {
        "id": "c.id",
        "title": "'Serveur ' || c.n",
        "published_at": "p.published_at - c.n * interval '1 min'",
    },
    PostingIndex: {
        "posting_id": "c.id",
        "published_at": "p.published_at - c.n * interval '1 min'",
        "valid_through": "CASE WHEN c.n % 2 = 0 THEN p.published_at + c.n * interval '1 hour' END",
        "commune_code": "lpad((c.n % 400)::text, 5, '0')",
        "contract_kind": "(ARRAY['permanent', 'fixed_term', 'temporary'])[1 + c.n % 3]",
        "yearly_salary": "20000 + c.n",
    },
    PostingWords: {
        "posting_id": "c.id",
        "title_key": "'serveur' || c.n % 500",
        "heading": "to_tsvector('simple', 'serveur mot' || c.n % 500)",
        "stems": "to_tsvector('simple', 'serveur mot' || c.n % 500)",
    },
    PostingDocument: {"posting_id": "c.id"},
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """A territory of many postings, and one of them."""

    territory: Territory
    posting: Posting


@pytest_asyncio.fixture
async def crowd(session: AsyncSession) -> Crowd:
    """Return a territory with 20,000 postings, copied from one by PostgreSQL."""
    await create_commune(session)
    await create_occupation(session)
    territory = await create_territory(session, slug="bassin", features=["postings"])
    posting = await create_posting(session, territory, commune_code="07019", occupation_code="D1102")
    await publication.refresh(session, [posting])
    numbered = "SELECT n, gen_random_uuid() AS id FROM generate_series(1, CAST(:n AS int)) AS n"
    await session.execute(text(f"CREATE TEMP TABLE copies ON COMMIT DROP AS {numbered}"), {"n": POSTINGS})
    for table, changed in _COPIES.items():
        columns = [column.name for column in table.__table__.columns if column.computed is None]
        values = [changed.get(name, f"p.{name}") for name in columns]
        await session.execute(
            text(
                f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608 - fixed parts
                f" FROM {table.__tablename__} AS p, copies AS c"
            )
        )
        await session.execute(text(f"ANALYZE {table.__tablename__}"))
    return Crowd(territory, posting)


@contextmanager
def _said(connection: AsyncConnection) -> Iterator[list[tuple[str, Any]]]:
    """Yield the list of the statements said meanwhile, with their parameters."""
    said: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        said.append((arguments[2], arguments[3]))

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(connection.sync_connection, "before_cursor_execute", note)


async def _plan(connection: AsyncConnection, statement: str, parameters: Any) -> str:
    rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return "\n".join(row[0] for row in rows)


@pytest_asyncio.fixture
async def plans(connection: AsyncConnection, session: AsyncSession) -> AsyncIterator[Callable[..., Any]]:
    """Return ``plans(reading)``: the plans of every SELECT that the coroutine makes, as one text."""

    async def plans(reading: Any) -> str:
        await session.flush()
        with _said(connection) as said:
            await reading
        found = [
            await _plan(connection, statement, parameters)
            for statement, parameters in said
            if statement.lstrip().startswith(("SELECT", "WITH")) and "set_config" not in statement
        ]
        assert found
        return "\n".join(found)

    yield plans


def _no_scan(plan: str, *but: str) -> None:
    """Fail where ``plan`` reads one of the large tables from end to end."""
    for table in ("posting", "posting_index", "posting_words", "posting_document"):
        if table not in but:
            assert f"Seq Scan on {table} " not in plan, plan


def _find(crowd: Crowd, session: AsyncSession, **asked: Any) -> Any:
    search = PostingSearch.model_validate(asked)
    return searching.find_postings(
        session, PostgresqlEngine(), crowd.territory, search, after=None, language="fr"
    )


async def test_the_newest_are_read_from_an_index_and_counted_in_the_narrow_table(
    crowd: Crowd, session: AsyncSession, plans: Callable[..., Any]
) -> None:
    plan = await plans(_find(crowd, session))
    # Counting all of them looks at all of them.
    _no_scan(plan, "posting_index")
    assert "ix_posting_index_newest" in plan
    assert "pk_posting_document" in plan


@pytest.mark.parametrize("facets", [[], ["contract", "commune"]])
async def test_words_are_found_in_their_index(
    crowd: Crowd, session: AsyncSession, plans: Callable[..., Any], facets: list[str]
) -> None:
    plan = await plans(_find(crowd, session, q="mot17 ", facets=facets))
    _no_scan(plan)
    assert "ix_posting_words_stems" in plan
    assert "pk_posting_index" in plan


async def test_the_next_expiry_is_looked_up(
    crowd: Crowd, session: AsyncSession, plans: Callable[..., Any]
) -> None:
    plan = await plans(lasting.next_expiry(session, crowd.territory))
    _no_scan(plan)
    assert "ix_posting_index_expiry" in plan


async def test_one_posting_is_looked_up(
    crowd: Crowd, session: AsyncSession, plans: Callable[..., Any]
) -> None:
    reading = postings.public_posting(session, crowd.territory, crowd.posting.id, "fr", linked=False)
    plan = await plans(reading)
    _no_scan(plan)
    assert "pk_posting" in plan


async def test_a_territory_is_looked_up(
    crowd: Crowd, session: AsyncSession, database: Database, plans: Callable[..., Any]
) -> None:
    async with database.transaction() as other:
        for _ in range(300):
            await create_territory(other)
        await other.execute(text("ANALYZE territory"))
    plan = await plans(territories.get_showing(session, "bassin", "postings"))
    assert "uq_territory_slug" in plan
    assert crowd.territory.slug == "bassin"


async def test_the_lane_reads_documents_by_their_keys(crowd: Crowd, connection: AsyncConnection) -> None:
    ids = [crowd.posting.id, *(new_id() for _ in range(20))]
    plan = await _plan(connection, listing.DOCUMENTS, (crowd.territory.id, ids, "fr"))
    _no_scan(plan)
    assert "pk_posting_document" in plan


async def test_the_lane_reads_the_facts_of_a_territory_once_through(
    crowd: Crowd, connection: AsyncConnection
) -> None:
    plan = await _plan(connection, LOAD, ([crowd.territory.id], now()))
    _no_scan(plan, "posting_index")
    # Not once per column.
    assert plan.count(" on posting_index ") == 1
