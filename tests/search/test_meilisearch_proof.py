"""What Meilisearch finds is shown only as far as the database confirms it."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.models import Posting, PostingIndex
from service.models.enums import PostingState
from service.schemas.search import PostingFacet, SearchOrder
from service.search.meilisearch.engine import MeilisearchEngine
from tests.factories import create_territory
from tests.search.world import NOON, FedEngine, World, build_world


@pytest.fixture
def search_engine(meilisearch_engine: MeilisearchEngine) -> FedEngine:
    return FedEngine(meilisearch_engine)


@pytest_asyncio.fixture
async def out_of_step(session: AsyncSession, search_engine: FedEngine) -> AsyncIterator[World]:
    """Yield a world of two postings that Meilisearch goes on holding, whatever becomes of them."""
    world = await build_world(session, search_engine)
    await world.add("Boulanger de nuit", description="Au fournil")
    await world.add("Boulanger de jour")
    yield world


async def _ids(world: World) -> list[uuid.UUID]:
    return list(world.titles)


@pytest.mark.parametrize(
    "change",
    [
        {"state": PostingState.PAUSED},
        {"state": PostingState.WITHDRAWN},
        {"state": PostingState.FILLED},
        {"state": PostingState.EXPIRED},
        {"state": PostingState.DRAFT},
        {"shown": False},
    ],
)
async def test_a_posting_that_is_not_public_any_more_is_not_shown(
    out_of_step: World, change: dict[str, Any]
) -> None:
    night, day = await _ids(out_of_step)
    await out_of_step.session.execute(update(Posting).where(Posting.id == night).values(change))
    page = await out_of_step.search("boulanger", facets=(PostingFacet.CONTRACT,))
    assert ([hit.id for hit in page.hits], page.total) == ([day], 1)


@pytest.mark.parametrize("order", list(SearchOrder))
async def test_a_posting_that_left_the_index_or_the_territory_is_not_shown(
    out_of_step: World, order: SearchOrder
) -> None:
    night, day = await _ids(out_of_step)
    elsewhere = await create_territory(out_of_step.session)
    await out_of_step.session.execute(
        update(PostingIndex).where(PostingIndex.posting_id == night).values(territory_id=elsewhere.id)
    )
    page = await out_of_step.search("boulanger", order=order)
    assert ([hit.id for hit in page.hits], page.total) == ([day], 1)
    await out_of_step.session.execute(text("DELETE FROM posting WHERE id = :id"), {"id": day})
    page = await out_of_step.search(order=order)
    assert (page.hits, page.total) == ((), 0)


async def test_a_posting_whose_end_was_brought_forward_is_not_shown(out_of_step: World) -> None:
    night, day = await _ids(out_of_step)
    await out_of_step.session.execute(
        update(PostingIndex)
        .where(PostingIndex.posting_id == night)
        .values(valid_through=NOON - timedelta(minutes=1))
    )
    with frozen(NOON):
        page = await out_of_step.search()
    assert [hit.id for hit in page.hits] == [day]


async def test_a_page_without_any_hit_left_still_leads_on(out_of_step: World) -> None:
    night, day = await _ids(out_of_step)
    await out_of_step.session.execute(update(Posting).where(Posting.id == night).values(shown=False))
    first = await out_of_step.search(limit=1)
    assert (first.hits, first.next is not None) == ((), True)
    second = await out_of_step.search(limit=1, after=first.next)
    assert [hit.id for hit in second.hits] == [day]


async def test_marked_texts_are_the_present_ones(out_of_step: World) -> None:
    night, _ = await _ids(out_of_step)
    await out_of_step.session.execute(
        update(Posting).where(Posting.id == night).values(title="Boulangère de nuit", description=None)
    )
    page = await out_of_step.search("boulanger nuit")
    [hit] = page.hits
    assert hit.highlights is not None
    assert hit.highlights.title == "<mark>Boulangère</mark> de <mark>nuit</mark>"
    assert hit.highlights.description is None
