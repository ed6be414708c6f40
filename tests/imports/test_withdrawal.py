"""What a feed no longer lists is withdrawn, exactly that, unless there is reason to doubt the feed."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain import postings
from service.domain.access import system
from service.models import Event, Feed, Posting, PostingDocument, Territory
from service.models.enums import PostingState
from service.schemas.feeds import ImportState
from tests.factories import create_posting
from tests.imports.invented import batch_of, create_feed, footprint, item, items, numbers_in, posting_of, take


async def _public(session: AsyncSession) -> int:
    return await session.scalar(select(func.count(func.distinct(PostingDocument.posting_id)))) or 0


async def test_a_file_without_three_items_in_ten_withdraws_exactly_those(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    numbers = list(range(1, 301))
    await take(database, feed, items(*numbers))
    gone = sorted([*numbers[::10], *numbers[3::10], *numbers[4::10]])
    report = await take(database, feed, items(*(number for number in numbers if number not in gone)))
    assert (report.state, report.counts.withdrawn, report.counts.unchanged) == (ImportState.DONE, 90, 210)
    assert (report.counts.listed_before, report.counts.still_listed) == (300, 210)
    assert await numbers_in(session, PostingState.WITHDRAWN) == gone
    assert await _public(session) == 210
    events = await session.scalar(
        select(func.count()).select_from(Event).where(Event.kind == "posting.withdrawn")
    )
    assert events == 90


async def test_below_the_floor_nothing_is_withdrawn_and_the_report_says_so(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(*range(1, 11)))
    before = await footprint(session)
    report = await take(database, feed, items(1, 2, 3, 4))
    assert (report.state, report.counts.kept_by_floor, report.counts.withdrawn) == (ImportState.PARTIAL, 6, 0)
    assert report.message is not None
    assert "Only 4 of the 10 postings" in report.message
    assert "40%, the floor is 50%" in report.message
    assert await footprint(session) == before
    assert (await take(database, feed, items(1, 2, 3, 4, 5))).counts.withdrawn == 5


async def test_below_the_floor_new_items_are_imported_all_the_same(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(*range(1, 11)))
    report = await take(database, feed, items(1, 21, 22))
    assert (report.state, report.counts.imported, report.counts.kept_by_floor) == (ImportState.PARTIAL, 2, 9)
    assert await numbers_in(session, PostingState.PUBLISHED) == [*range(1, 11), 21, 22]


async def test_a_lower_floor_for_once_confirms_that_few_are_left(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(*range(1, 11)))
    report = await take(database, feed, items(1), floor_percent=0)
    assert (report.state, report.counts.withdrawn) == (ImportState.DONE, 9)
    assert await numbers_in(session, PostingState.PUBLISHED) == [1]


@pytest.mark.parametrize("floor", [None, 0])
async def test_an_empty_feed_withdraws_nothing(
    database: Database, session: AsyncSession, feed: Feed, floor: int | None
) -> None:
    await take(database, feed, items(1, 2, 3))
    before = await footprint(session)
    report = await take(database, feed, [], floor_percent=floor)
    assert (report.state, report.counts.kept_by_floor) == (ImportState.PARTIAL, 3)
    assert report.message == "The feed is empty, so none of the 3 postings it listed was withdrawn."
    assert await footprint(session) == before


async def test_a_source_that_announces_nothing_is_believed_once_the_floor_is_lifted(
    database: Database, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3))
    assert (await take(database, feed, batch_of([], expected=0))).state is ImportState.PARTIAL
    report = await take(database, feed, batch_of([], expected=0), floor_percent=0)
    assert (report.state, report.counts.withdrawn) == (ImportState.DONE, 3)


async def test_a_feed_that_was_not_read_whole_withdraws_nothing(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(*range(1, 11)))
    batch = batch_of(items(*range(1, 10), 30), complete=False)
    batch.notes.append("departement=07: 10 received of 14")
    report = await take(database, feed, batch)
    assert (report.state, report.counts.kept_incomplete, report.counts.imported) == (
        ImportState.PARTIAL,
        1,
        1,
    )
    assert report.message is not None
    assert "departement=07: 10 received of 14" in report.message
    assert await numbers_in(session, PostingState.WITHDRAWN) == []


async def test_an_item_that_became_unreadable_is_still_listed(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3))
    report = await take(database, feed, [item(1), item(2), item(3, intitule=None)])
    assert (report.counts.rejected, report.counts.withdrawn, report.counts.still_listed) == (1, 0, 3)
    assert (await posting_of(session, 3)).state is PostingState.PUBLISHED


async def test_what_another_feed_still_lists_stays(
    database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    other = await create_feed(database, territory, "other")
    await take(database, feed, items(1, 2, 3, 4))
    await take(database, other, items(3, 4, 5, 6))
    report = await take(database, feed, items(1, 2))
    assert (report.counts.withdrawn, report.counts.listed_elsewhere) == (0, 2)
    assert await numbers_in(session, PostingState.PUBLISHED) == [1, 2, 3, 4, 5, 6]
    report = await take(database, other, items(4, 5, 6))
    assert report.counts.withdrawn == 1
    assert await numbers_in(session, PostingState.WITHDRAWN) == [3]


async def test_what_a_person_closed_is_not_withdrawn_again(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3, 4))
    for number, verb in ((1, postings.FILL), (2, postings.PAUSE)):
        async with database.transaction() as writing:
            posting = await posting_of(writing, number)
            await postings.change_state(writing, system("a person"), posting, verb)
    report = await take(database, feed, items(3, 4))
    assert (report.counts.withdrawn, report.counts.already_closed) == (1, 1)
    assert (await posting_of(session, 1)).state is PostingState.FILLED
    assert (await posting_of(session, 2)).state is PostingState.WITHDRAWN
    back = await take(database, feed, items(1, 2, 3, 4))
    assert (back.counts.held, back.counts.unchanged) == (2, 2)


async def test_an_employers_own_posting_is_no_feeds_to_withdraw(
    database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    own = await create_posting(session, territory)
    await session.commit()
    await take(database, feed, items(1, 2))
    await take(database, feed, items(1), floor_percent=0)
    posting = await session.get(Posting, own.id, populate_existing=True)
    assert posting is not None
    assert posting.state is PostingState.PUBLISHED
