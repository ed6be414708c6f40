"""Which feed a file belongs to, whatever its name."""

from collections.abc import Collection

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.errors import Conflict
from service.domain import imports
from service.domain.imports import Choice, Provenance
from service.models import Event, Feed, Territory
from tests.factories import create_territory
from tests.imports.invented import ACTOR, create_feed, items, take


def ids(*numbers: int) -> set[str]:
    return {f"{number:04d}INV" for number in numbers}


async def choose(
    database: Database,
    territory: Territory,
    source_ids: Collection[str],
    file_name: str,
    name: str | None = None,
) -> Choice:
    async with database.transaction() as session:
        return await imports.choose_feed(
            session, ACTOR, territory, "france-travail", source_ids, file_name=file_name, name=name
        )


async def import_file(database: Database, territory: Territory, file_name: str, *numbers: int) -> Feed:
    choice = await choose(database, territory, ids(*numbers), file_name)
    await take(database, choice.feed, items(*numbers), origin=f"file:{file_name}")
    return choice.feed


async def test_different_files_make_different_feeds_and_reduced_copies_are_recognised(
    database: Database, session: AsyncSession, territory: Territory
) -> None:
    first = await import_file(database, territory, "cdi.json", *range(1, 11))
    second = await import_file(database, territory, "it.json", *range(20, 40))
    assert (first.name, second.name) == ("cdi", "it")
    copy = await choose(database, territory, ids(*range(1, 8)), "something else.json")
    assert copy.feed.id == first.id
    assert copy.why == "Feed “cdi”, recognised: it lists 7 of the 7 postings of the file."
    copy = await choose(database, territory, ids(*range(25, 60)), "cdi.json")
    assert copy.feed.id == second.id
    assert await session.scalar(select(func.count()).select_from(Feed)) == 2
    made = select(func.count()).select_from(Event).where(Event.kind == "feed.created")
    assert await session.scalar(made) == 2


async def test_less_than_a_fifth_in_common_is_another_feed(database: Database, territory: Territory) -> None:
    first = await import_file(database, territory, "one.json", *range(1, 11))
    found = await choose(database, territory, ids(10, *range(100, 105)), "two.json")
    assert (found.feed.name, found.why) == ("two", "Feed “two”, new, named after the file.")
    found = await choose(database, territory, ids(10, *range(100, 104)), "three.json")
    assert found.feed.id == first.id


async def test_of_two_feeds_the_one_that_resembles_the_file_more_is_taken(
    database: Database, territory: Territory
) -> None:
    wide = await create_feed(database, territory, "wide")
    narrow = await create_feed(database, territory, "narrow")
    await take(database, wide, items(*range(1, 41)))
    await take(database, narrow, items(*range(1, 11)))
    assert (await choose(database, territory, ids(*range(1, 8)), "x.json")).feed.id == narrow.id
    assert (await choose(database, territory, ids(*range(1, 31)), "x.json")).feed.id == wide.id


async def test_two_feeds_alike_are_not_guessed_between(database: Database, territory: Territory) -> None:
    for name in ("left", "right"):
        await take(database, await create_feed(database, territory, name), items(*range(1, 11)))
    assert (await choose(database, territory, ids(*range(1, 8)), "x.json")).feed.name == "x"


async def test_a_named_feed_is_taken_whatever_it_lists(database: Database, territory: Territory) -> None:
    await import_file(database, territory, "one.json", *range(1, 11))
    found = await choose(database, territory, ids(1, 2, 3), "one.json", name="Ardèche")
    assert (found.feed.name, found.why) == ("Ardèche", "Feed “Ardèche”, new.")
    again = await choose(database, territory, ids(7), "one.json", name="Ardèche")
    assert (again.feed.id, again.why) == (found.feed.id, "Feed “Ardèche”, as named.")


async def test_another_file_of_the_same_name_is_another_feed(
    database: Database, territory: Territory
) -> None:
    first = await import_file(database, territory, "postings.json", 1, 2, 3)
    second = await import_file(database, territory, "postings.json", 11, 12, 13)
    assert (first.name, second.name) == ("postings", "postings 2")
    assert (await choose(database, territory, ids(2, 3), "postings.json")).feed.id == first.id
    third = await choose(database, territory, ids(21), "postings.json")
    assert third.feed.name == "postings 3"


async def test_a_much_renewed_file_of_the_same_name_stays_its_feed(
    database: Database, territory: Territory
) -> None:
    first = await import_file(database, territory, "postings.json", *range(1, 11))
    found = await choose(database, territory, ids(1, *range(50, 60)), "postings.json")
    assert (found.feed.id, found.why) == (first.id, "Feed “postings”, named like the file.")


async def test_a_file_of_which_nothing_is_readable_goes_to_the_feed_it_last_came_to(
    database: Database, session: AsyncSession, territory: Territory
) -> None:
    feed = await create_feed(database, territory, "Ardèche")
    await take(database, feed, items(1, 2), origin="file:daily.json")
    assert (await choose(database, territory, set(), "daily.json")).feed.id == feed.id
    unknown = await choose(database, territory, set(), "never seen.json")
    assert unknown.feed.name == "never seen"
    assert (await choose(database, territory, set(), "never seen.json")).feed.id == unknown.feed.id
    assert await session.scalar(select(func.count()).select_from(Feed)) == 2


async def test_feeds_of_other_territories_and_live_ones_are_left_alone(
    database: Database, session: AsyncSession, territory: Territory
) -> None:
    elsewhere = await create_territory(session)
    await session.commit()
    await take(database, await create_feed(database, elsewhere, "elsewhere"), items(1, 2))
    await take(database, await create_feed(database, territory, "live", live=True), items(1, 2))
    found = await choose(database, territory, ids(1, 2), "live.json")
    assert found.feed.territory_id == territory.id
    assert (found.feed.name, found.feed.live) == ("live 2", False)


async def test_a_feed_that_is_switched_off_takes_nothing(database: Database, territory: Territory) -> None:
    await create_feed(database, territory, "off", enabled=False)
    with pytest.raises(Conflict, match="switched off"):
        await choose(database, territory, ids(1), "x.json", name="off")


async def test_a_failure_is_reported_and_changes_nothing(database: Database, territory: Territory) -> None:
    feed = await create_feed(database, territory)
    report = await imports.record_failure(
        database, feed.id, "the file stops in the middle", Provenance("file:x.json", "00ff")
    )
    assert (report.state.value, report.message) == ("failed", "the file stops in the middle")
    assert (report.checksum, report.counts.read, report.feed) == ("00ff", 0, "feed")
    assert report.finished_at is not None
