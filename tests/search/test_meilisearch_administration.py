"""Making, filling and swapping indexes, on a server that does it as Meilisearch does."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.schemas.search import PostingFacts, SearchKind, SearchQuery
from service.search.meilisearch.administration import Administration, TaskFailed
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.documents import document
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.meilisearch.settings import settings
from service.search.port import Unavailable
from tests.search.meilisearch_server.fixtures import Access
from tests.search.world import NOON

TERRITORY = uuid.UUID(int=7)


def _facts(number: int, title: str = "Maçon") -> PostingFacts:
    return PostingFacts(
        id=uuid.UUID(int=number),
        territory_id=TERRITORY,
        title=title,
        published_at=NOON - timedelta(minutes=number),
        source="ancrage",
    )


@pytest_asyncio.fixture
async def administration(meilisearch_server: Access) -> Administration:
    return Administration(meilisearch_server.url, meilisearch_server.key)


@pytest_asyncio.fixture
async def uid(administration: Administration, meilisearch_server: Access) -> AsyncIterator[str]:
    """Yield the name of an empty index of this test's."""
    uid = f"{meilisearch_server.prefix}-made"
    await administration.drop(uid)
    await administration.create(uid)
    await administration.apply(uid, settings())
    yield uid
    await administration.drop(uid)


def _holds(told: Any, held: Any) -> bool:
    """Tell whether all that was told is held; the server adds what was left to it."""
    if isinstance(told, dict):
        return isinstance(held, dict) and all(_holds(value, held.get(name)) for name, value in told.items())
    if isinstance(told, list) and isinstance(held, list) and all(isinstance(each, str) for each in told):
        return sorted(told) == sorted(held)
    if isinstance(told, list) and isinstance(held, list):
        return len(told) == len(held) and all(map(_holds, told, held))
    return bool(told == held)


async def test_the_server_takes_every_setting_as_it_is(administration: Administration, uid: str) -> None:
    held = await administration.settings(uid)
    for name, value in settings().items():
        assert _holds(value, held[name]), name
    assert held["rankingRules"] == settings()["rankingRules"]
    assert held["searchableAttributes"] == settings()["searchableAttributes"]


async def test_documents_are_written_counted_walked_and_taken_away(
    administration: Administration, uid: str
) -> None:
    told = [document(_facts(number)) for number in range(1, 6)]
    for _ in range(2):
        await administration.wait(await administration.put(uid, told))
    state = await administration.describe(uid)
    assert state is not None
    assert (state.documents, state.indexing) == (5, False)
    walked = {each: digest async for page in administration.walk(uid) for each, digest in page.items()}
    assert walked == {uuid.UUID(one["id"]): one["digest"] for one in told}
    await administration.wait(await administration.delete(uid, [uuid.UUID(int=1), uuid.UUID(int=99)]))
    left = {each async for page in administration.walk(uid) for each in page}
    assert left == {uuid.UUID(int=number) for number in range(2, 6)}


async def test_making_what_is_there_and_dropping_what_is_not_is_no_error(
    administration: Administration, uid: str
) -> None:
    await administration.wait(await administration.put(uid, [document(_facts(1))]))
    await administration.create(uid)
    state = await administration.describe(uid)
    assert state is not None
    assert state.documents == 1
    await administration.drop(f"{uid}-never")
    assert await administration.describe(f"{uid}-never") is None


async def test_a_task_that_fails_changes_nothing_and_says_why(
    administration: Administration, uid: str
) -> None:
    good, bad = document(_facts(1)), document(_facts(2)) | {"id": "not an id"}
    with pytest.raises(TaskFailed) as failure:
        await administration.wait(await administration.put(uid, [good, bad]))
    assert failure.value.code == "invalid_document_id"
    with pytest.raises(TaskFailed) as failure:
        await administration.apply(uid, {"rankingRules": ["no such rule"]})
    assert failure.value.code == "invalid_settings_ranking_rules"
    with pytest.raises(TaskFailed) as failure:
        await administration.swap(uid, f"{uid}-never")
    assert failure.value.code == "index_not_found"
    state = await administration.describe(uid)
    assert state is not None
    assert state.documents == 0
    held = await administration.settings(uid)
    assert held["rankingRules"] == settings()["rankingRules"]


async def test_swapped_indexes_change_names_and_nothing_else(
    administration: Administration, uid: str
) -> None:
    beside = f"{uid}-new"
    await administration.drop(beside)
    await administration.create(beside)
    await administration.apply(beside, settings())
    await administration.wait(await administration.put(uid, [document(_facts(1, "Ancien"))]))
    await administration.wait(
        await administration.put(beside, [document(_facts(number, "Nouveau")) for number in (1, 2)])
    )
    await administration.swap(uid, beside)
    states = [await administration.describe(each) for each in (uid, beside)]
    assert [state.documents for state in states if state] == [2, 1]
    await administration.drop(beside)


async def test_nobody_there_is_no_refusal() -> None:
    with pytest.raises(Unavailable):
        await Administration("http://127.0.0.1:1", "nobody").describe("any")


async def test_a_rebuild_makes_the_index_agree_with_the_tables(
    administration: Administration,
    meilisearch_server: Access,
    session: AsyncSession,
    database: Database,
) -> None:
    access = meilisearch_server
    patient = Timeouts(connect=10, read=20, pool=10, total=20)
    engine = MeilisearchEngine(access.url, access.key, prefix=f"{access.prefix}-again", timeouts=patient)
    uid = engine.uid(SearchKind.POSTINGS)
    await administration.drop(uid)
    facts = [_facts(number) for number in range(1, 4)]

    async def read(_: AsyncSession, after: uuid.UUID | None, limit: int) -> list[PostingFacts]:
        return [one for one in facts if after is None or one.id > after][:limit]

    done: list[int] = []
    rebuilt = await engine.rebuild(database, SearchKind.POSTINGS, read, done.append)
    assert (rebuilt.indexed, rebuilt.removed, done) == (3, 0, [3])
    facts = [_facts(2, "Peintre")]
    rebuilt = await engine.rebuild(database, SearchKind.POSTINGS, read, done.append)
    assert (rebuilt.indexed, rebuilt.removed) == (1, 2)
    page = await engine.search(session, SearchQuery(territory_ids=(TERRITORY,), text="peintre "))
    assert page.total == 0, "what the database does not confirm is not shown"
    await engine.aclose()
    await administration.drop(uid)
