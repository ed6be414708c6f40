"""Live feeds: when they are due, what they ask for, and what a source that fails leaves behind."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.settings import Settings
from service.domain import feeds
from service.domain.access import system
from service.jobs.feeds import fetch_feed, start_due_feeds
from service.jobs.runner import drain
from service.jobs.work import Every, Tick, Work
from service.models import Event, Feed, ImportReport, Territory, TerritoryCommune
from service.models.enums import PostingState
from tests.factories import create_commune, create_territory
from tests.feeds.invented_api import CLIENT_ID, CLIENT_SECRET, Fault, InventedApi
from tests.imports.invented import create_feed, footprint, items, numbers_in

HANDLERS = {"feed.due": [fetch_feed], "feed.import_requested": [fetch_feed]}


@pytest_asyncio.fixture
async def api() -> AsyncIterator[InventedApi]:
    invented = InventedApi()
    await invented.start()
    yield invented
    await invented.stop()


@pytest.fixture
def work(database: Database, settings: Settings, api: InventedApi) -> Work:
    access = {
        "france_travail_client_id": CLIENT_ID,
        "france_travail_client_secret": SecretStr(CLIENT_SECRET),
        "france_travail_token_url": f"{api.address}/token?realm=%2Fpartenaire",
        "france_travail_api_url": api.address,
    }
    return Work(database, settings.model_copy(update=access))


@pytest_asyncio.fixture
async def live(database: Database, territory: Territory) -> Feed:
    return await create_feed(
        database, territory, "live", live=True, due_at=now(), criteria={"departements": ["07"]}
    )


def offers(*numbers: int) -> list[dict[str, object]]:
    return [{"departement": "07", **one} for one in items(*numbers)]


async def reports(session: AsyncSession) -> list[ImportReport]:
    found = await session.scalars(
        select(ImportReport).order_by(ImportReport.id).execution_options(populate_existing=True)
    )
    return list(found)


async def again(session: AsyncSession, feed: Feed) -> Feed:
    found = await session.get(Feed, feed.id, populate_existing=True)
    assert found is not None
    return found


async def test_a_due_feed_is_fetched_and_due_again_after_its_interval(
    work: Work, api: InventedApi, session: AsyncSession, live: Feed
) -> None:
    api.offers = offers(*range(1, 6))
    assert await feeds.start_due(session, system("feeds")) == 1
    await session.commit()
    assert await feeds.start_due(session, system("feeds")) == 0
    await drain(work, handlers=HANDLERS)
    (report,) = await reports(session)
    assert (report.state, report.origin, report.counts["imported"]) == ("done", "live", 5)
    assert await numbers_in(session, PostingState.PUBLISHED) == [1, 2, 3, 4, 5]
    due_at = (await again(session, live)).due_at
    assert due_at is not None
    assert timedelta(minutes=359) < due_at - now() <= timedelta(minutes=360)
    before = await footprint(session)
    with frozen(now() + timedelta(hours=7)):
        api.offers.pop()
        assert await feeds.start_due(session, system("feeds")) == 1
        await session.commit()
        await drain(work, handlers=HANDLERS)
    assert (await reports(session))[-1].counts["withdrawn"] == 1
    assert (await footprint(session))["events"] == before["events"] + 2


async def test_the_clock_starts_it(work: Work, api: InventedApi, session: AsyncSession, live: Feed) -> None:
    api.offers = offers(1)
    schedule = {"feeds": Tick(Every(60), start_due_feeds)}
    await drain(work, handlers=HANDLERS, schedule=schedule)
    with frozen(now() + timedelta(minutes=2)):
        await drain(work, handlers=HANDLERS, schedule=schedule)
    assert [report.state for report in await reports(session)] == ["done"]
    (event,) = await session.scalars(select(Event).where(Event.kind == "feed.due"))
    assert event.subject_id == live.id


async def test_missing_credentials_are_a_report_that_says_what_to_set(
    database: Database, settings: Settings, session: AsyncSession, live: Feed
) -> None:
    await feeds.start_due(session, system("feeds"))
    await session.commit()
    await drain(Work(database, settings), handlers=HANDLERS)
    (report,) = await reports(session)
    assert report.state == "failed"
    assert report.message is not None
    assert "FRANCE_TRAVAIL_CLIENT_ID" in report.message
    due_at = (await again(session, live)).due_at
    assert due_at is not None
    assert due_at - now() <= timedelta(minutes=60)


async def test_a_source_that_refuses_leaves_everything_as_it_was(
    work: Work, api: InventedApi, session: AsyncSession, live: Feed
) -> None:
    api.offers = offers(1, 2)
    await feeds.request_import(session, system("a person"), live)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    before = await footprint(session)
    api.faults = [Fault(status=403, body=b'{"message": "Acces interdit"}')]
    await feeds.request_import(session, system("a person"), live)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    failed = (await reports(session))[-1]
    assert (failed.state, failed.message) == ("failed", "the source answers 403: Acces interdit")
    after = await footprint(session)
    assert after | {"events": 0} == before | {"events": 0}
    assert await numbers_in(session, PostingState.PUBLISHED) == [1, 2]


async def test_a_feed_cut_in_the_middle_is_partial_and_withdraws_nothing(
    work: Work, api: InventedApi, session: AsyncSession, live: Feed
) -> None:
    api.offers = offers(1, 2, 3)
    live.criteria = {"departements": ["07", "26"]}
    session.add(live)
    await session.commit()
    await feeds.request_import(session, system("a person"), live)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    api.offers.pop()
    api.faults = [None, Fault(status=404)]
    await feeds.request_import(session, system("a person"), live)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    cut = (await reports(session))[-1]
    assert (cut.state, cut.counts["withdrawn"], cut.counts["kept_incomplete"]) == ("partial", 0, 1)
    assert cut.message is not None
    assert "reading stopped at departement=26" in cut.message


async def test_a_feed_switched_off_meanwhile_is_not_fetched(
    work: Work, api: InventedApi, session: AsyncSession, live: Feed
) -> None:
    await feeds.start_due(session, system("feeds"))
    feed = await again(session, live)
    feed.enabled = False
    await session.commit()
    await drain(work, handlers=HANDLERS)
    assert (await reports(session), api.searches) == ([], [])
    with frozen(now() + timedelta(days=2)):
        assert await feeds.start_due(session, system("feeds")) == 0


async def test_without_areas_of_its_own_a_feed_asks_for_its_territorys(
    database: Database, session: AsyncSession, territory: Territory
) -> None:
    await create_commune(session, code="26362", name="Valence", departement_code="26")
    await create_commune(
        session, code="63113", name="Clermont-Ferrand", departement_code="63", region_code="99"
    )
    mixed = await create_territory(
        session, coverage={"regions": ["99"], "departements": ["07"], "epcis": [], "communes": ["26362"]}
    )
    for code in ("07019", "26362", "63113"):
        session.add(TerritoryCommune(territory_id=mixed.id, commune_code=code))
    await session.commit()
    feed = await create_feed(database, mixed, live=True)
    wanted = await feeds.wanted(session, feed.id)
    assert wanted is not None
    assert (wanted.departements, wanted.communes, wanted.region) == (("07", "63"), ("26362",), None)
    own = await create_feed(
        database, territory, live=True, criteria={"region": "84", "parameters": {"typeContrat": "CDI"}}
    )
    wanted = await feeds.wanted(session, own.id)
    assert wanted is not None
    assert (wanted.departements, wanted.communes, wanted.region) == ((), (), "84")
    assert wanted.parameters == {"typeContrat": "CDI"}


async def test_a_territory_without_communes_asks_for_nothing_rather_than_for_the_whole_country(
    work: Work, api: InventedApi, database: Database, session: AsyncSession, territory: Territory
) -> None:
    nowhere = await create_territory(
        session, coverage={"regions": [], "departements": [], "epcis": [], "communes": ["07019"]}
    )
    await session.commit()
    feed = await create_feed(database, nowhere, live=True)
    await feeds.request_import(session, system("a person"), feed)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    (report,) = await reports(session)
    assert (report.state, api.searches) == ("failed", [])
    assert report.message is not None
    assert "no area" in report.message
    assert territory.id != nowhere.id


async def test_without_communes_a_live_feed_says_what_is_missing(
    work: Work, api: InventedApi, database: Database, session: AsyncSession
) -> None:
    territory = await create_territory(session)
    await session.commit()
    feed = await create_feed(database, territory, live=True, criteria={"departements": ["07"]})
    await feeds.request_import(session, system("a person"), feed)
    await session.commit()
    await drain(work, handlers=HANDLERS)
    (report,) = await reports(session)
    assert (report.state, api.searches) == ("failed", [])
    assert report.message is not None
    assert "import communes" in report.message
