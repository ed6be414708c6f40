"""What becomes of the items of a feed: new, changed, unchanged, held, rejected; all of them counted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.errors import Conflict
from service.domain import postings
from service.domain.access import system
from service.domain.imports.account import Account, AccountError, Outcome
from service.models import (
    Event,
    Feed,
    FeedListing,
    ImportReport,
    Posting,
    PostingChange,
    PostingDocument,
    Territory,
)
from service.models.enums import ContractKind, OccupationOrigin, PostingState
from service.schemas.feed import FeedBatch
from service.schemas.feeds import ImportCounts, ImportState
from tests.factories import create_territory
from tests.imports.invented import (
    batch_of,
    create_feed,
    footprint,
    item,
    items,
    numbers_in,
    parsed,
    posting_of,
    take,
)


def adds_up(counts: ImportCounts) -> bool:
    kept = counts.imported + counts.updated + counts.unchanged + counts.relisted + counts.held
    return counts.read == kept + counts.rejected + counts.repeated and counts.distinct == kept


async def test_new_items_become_published_postings_with_source_date_and_link(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    raw = item(1, dateActualisation="2026-05-20T10:00:00Z", romeCode="D1102", appellationlibelle="Boulanger")
    report = await take(database, feed, [raw])
    assert (report.state, report.counts.imported, report.counts.read) == (ImportState.DONE, 1, 1)
    posting = await posting_of(session, 1)
    assert posting.state is PostingState.PUBLISHED
    assert posting.version == 1
    assert (posting.source, posting.source_id) == ("france-travail", "0001INV")
    assert posting.published_at == posting.source_created_at == datetime(2026, 5, 2, 8, tzinfo=UTC)
    assert posting.source_url == "https://candidat.francetravail.fr/offres/recherche/detail/0001INV"
    assert posting.last_listed_at is not None
    assert posting.contract_kind is ContractKind.PERMANENT
    assert (posting.commune_code, posting.departement_code) == ("07019", "07")
    assert (posting.latitude, posting.longitude) == (44.62, 4.39)
    assert (posting.occupation_code, posting.occupation_origin) == ("D1102", OccupationOrigin.SOURCE)
    assert posting.suggested_occupation_code is None
    documents = await session.scalars(
        select(PostingDocument.document).where(PostingDocument.posting_id == posting.id)
    )
    for document in documents:
        assert document["source"]["url"] == posting.source_url
        assert document["source"]["updated_at"] == "2026-05-20T10:00:00Z"
    (event,) = await session.scalars(select(Event).where(Event.subject_id == posting.id))
    assert (event.kind, event.actor) == ("posting.published", "import:france-travail")
    (change,) = await session.scalars(select(PostingChange).where(PostingChange.posting_id == posting.id))
    assert (change.action, change.version) == ("imported", 1)


async def test_a_posting_dated_in_the_future_is_published_now(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    with frozen(datetime(2026, 6, 1, 12, tzinfo=UTC)):
        await take(database, feed, [item(1, dateCreation="2026-09-01T08:00:00Z")])
        assert (await posting_of(session, 1)).published_at == now()


async def test_a_second_run_changes_nothing(database: Database, session: AsyncSession, feed: Feed) -> None:
    raw = [*items(*range(1, 30)), item(2), {"id": "X"}]
    first = await take(database, feed, raw)
    assert first.counts.imported == 29
    before = await footprint(session)
    second = await take(database, feed, raw)
    assert await footprint(session) == before
    assert (second.state, second.counts.unchanged, second.counts.imported) == (ImportState.DONE, 29, 0)
    assert (second.counts.rejected, second.counts.repeated, second.counts.read) == (1, 1, 31)
    assert adds_up(first.counts)
    assert adds_up(second.counts)


async def test_only_what_changed_is_updated(database: Database, session: AsyncSession, feed: Feed) -> None:
    await take(database, feed, items(1, 2, 3))
    rendered = {
        row.posting_id: row.rendered_at
        for row in await session.execute(select(PostingDocument.posting_id, PostingDocument.rendered_at))
    }
    report = await take(
        database, feed, [item(1), item(2, nombrePostes=4, lieuTravail={"libelle": "07 - PRIVAS"}), item(3)]
    )
    assert (report.counts.updated, report.counts.unchanged) == (1, 2)
    changed = await posting_of(session, 2)
    assert (changed.positions, changed.commune_code, changed.version) == (4, "07186", 2)
    assert (changed.latitude, changed.longitude) == (44.73, 4.6)
    (change,) = await session.scalars(
        select(PostingChange).where(PostingChange.posting_id == changed.id, PostingChange.action == "updated")
    )
    assert change.changes["positions"] == [1, 4]
    assert change.changes["commune_code"] == ["07019", "07186"]
    kinds = await session.scalars(select(Event.kind).where(Event.subject_id == changed.id).order_by(Event.id))
    assert list(kinds) == ["posting.published", "posting.changed"]
    again = await session.execute(select(PostingDocument.posting_id, PostingDocument.rendered_at))
    assert {posting_id for posting_id, moment in again if moment != rendered[posting_id]} == {changed.id}


async def test_being_listed_again_is_noted_and_is_no_change(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, [item(1)])
    before = await posting_of(session, 1)
    updated_at, listed_at = before.updated_at, before.last_listed_at
    await take(database, feed, [item(1)])
    after = await posting_of(session, 1)
    assert after.updated_at == updated_at
    assert listed_at is not None
    assert after.last_listed_at is not None
    assert after.last_listed_at > listed_at


async def test_of_repeated_items_the_latest_counts(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    report = await take(
        database,
        feed,
        [
            item(1, nombrePostes=2, dateActualisation="2026-05-20T10:00:00Z"),
            item(1, nombrePostes=3, dateActualisation="2026-05-21T10:00:00Z"),
            item(1, nombrePostes=4, dateActualisation="2026-05-19T10:00:00Z"),
        ],
    )
    assert (report.counts.read, report.counts.repeated, report.counts.imported) == (3, 2, 1)
    assert (await posting_of(session, 1)).positions == 3


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        ("not an object", ""),
        ({"intitule": "Sans identifiant"}, "/id"),
        ({"id": "NOTITLE"}, "/intitule"),
        ({"id": ["a", "list"], "intitule": "Maçon"}, "/id"),
        (None, ""),
    ],
)
async def test_a_broken_item_is_rejected_with_its_reason_and_stops_nothing(
    database: Database, session: AsyncSession, feed: Feed, broken: Any, pointer: str
) -> None:
    report = await take(database, feed, [item(1), broken, item(2)])
    assert report.state is ImportState.DONE
    assert (report.counts.imported, report.counts.rejected) == (2, 1)
    (problem,) = report.problems
    assert (problem.kind.value, problem.pointer) == ("rejection", pointer)
    assert problem.reason
    assert await numbers_in(session, PostingState.PUBLISHED) == [1, 2]


async def test_an_item_the_database_refuses_costs_itself_alone(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    batch = batch_of(items(1, 2, 3, 4))
    # No parser lets a NUL through; PostgreSQL refuses it, as it would any value a parser misjudged.
    batch.postings[2] = batch.postings[2].model_copy(update={"title": "Secret\0de fabrication"})
    report = await take(database, feed, batch)
    assert (report.state, report.counts.imported, report.counts.rejected) == (ImportState.DONE, 3, 1)
    (problem,) = report.problems
    assert problem.source_id == "0003INV"
    assert "refuses" in problem.reason
    assert "Secret" not in problem.reason
    assert await numbers_in(session, PostingState.PUBLISHED) == [1, 2, 4]


async def test_an_update_the_database_refuses_leaves_the_posting_listed(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3))
    batch = batch_of(items(1, 2, 3))
    batch.postings[1] = batch.postings[1].model_copy(update={"title": "Ma\0çon"})
    report = await take(database, feed, batch)
    assert (report.counts.unchanged, report.counts.rejected, report.counts.withdrawn) == (2, 1, 0)
    assert (await posting_of(session, 2)).title == "Cariste (H/F)"


async def test_fields_that_could_not_be_used_are_counted_and_sampled(database: Database, feed: Feed) -> None:
    raw = [item(number, codeNAF="farm", dateCreation="tomorrow") for number in range(1, 121)]
    report = await take(database, feed, raw)
    assert (report.counts.imported, report.counts.notes) == (120, 240)
    assert len(report.problems) == 100
    assert {problem.kind.value for problem in report.problems} == {"note"}
    assert {problem.pointer for problem in report.problems} == {"/codeNAF", "/dateCreation"}


async def test_problems_are_bounded_and_their_number_exact(database: Database, feed: Feed) -> None:
    report = await take(database, feed, [item(1, codeNAF="farm"), *({"id": f"N{n}"} for n in range(700))])
    assert (report.counts.rejected, report.counts.notes) == (700, 1)
    assert len(report.problems) == 500
    assert {problem.kind.value for problem in report.problems} == {"rejection"}


async def test_what_a_person_took_off_stays_off(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3, 4))
    person = system("a person")
    for number, verb in ((1, postings.PAUSE), (2, postings.FILL), (3, postings.WITHDRAW)):
        async with database.transaction() as writing:
            posting = await posting_of(writing, number)
            await postings.change_state(writing, person, posting, verb)
    report = await take(database, feed, [item(number, nombrePostes=9) for number in (1, 2, 3, 4)])
    assert (report.counts.held, report.counts.updated, report.counts.relisted) == (3, 1, 0)
    states = [(await posting_of(session, number)).state.value for number in (1, 2, 3, 4)]
    assert states == ["paused", "filled", "withdrawn", "published"]
    assert (await posting_of(session, 1)).positions == 1
    assert adds_up(report.counts)


async def test_a_person_may_publish_again_and_the_source_is_then_followed(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, [item(1)])
    for verb in (postings.PAUSE, postings.PUBLISH):
        async with database.transaction() as writing:
            await postings.change_state(writing, system("a person"), await posting_of(writing, 1), verb)
    report = await take(database, feed, [item(1, nombrePostes=9)])
    assert (report.counts.updated, report.counts.held) == (1, 0)
    assert (await posting_of(session, 1)).positions == 9


async def test_what_the_source_lists_again_is_open_again(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, items(1, 2, 3, 4))
    await take(database, feed, items(1, 2, 3))
    assert (await posting_of(session, 4)).state is PostingState.WITHDRAWN
    report = await take(database, feed, [*items(1, 2, 3), item(4, nombrePostes=2)])
    assert (report.counts.relisted, report.counts.unchanged) == (1, 3)
    back = await posting_of(session, 4)
    assert (back.state, back.positions, back.closed_at) == (PostingState.PUBLISHED, 2, None)
    assert back.published_at == back.source_created_at
    assert await session.scalar(
        select(func.count()).select_from(PostingDocument).where(PostingDocument.posting_id == back.id)
    )
    listing = await session.get(FeedListing, (feed.id, back.id), populate_existing=True)
    assert listing is not None
    assert listing.unlisted_at is None
    before = await footprint(session)
    assert (await take(database, feed, [*items(1, 2, 3), item(4, nombrePostes=2)])).counts.unchanged == 4
    assert await footprint(session) == before


async def test_a_new_referential_is_read_with_and_no_change_is_invented(
    database: Database, session: AsyncSession, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take(database, feed, [item(1, romeCode="A1101"), item(2)])
    before = await footprint(session)
    monkeypatch.setattr("service.domain.imports.references.READING", "another")
    report = await take(database, feed, [item(1, romeCode="A1101"), item(2)])
    assert report.counts.unchanged == 2
    assert await footprint(session) == before
    digests = [(await posting_of(session, number)).source_digest for number in (1, 2)]
    await take(database, feed, [item(1, romeCode="A1101"), item(2)])
    assert [(await posting_of(session, number)).source_digest for number in (1, 2)] == digests


async def test_two_feeds_with_different_words_on_one_posting_do_not_take_turns(
    database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    other = await create_feed(database, territory, "other")
    full, thin = item(1, salaire={"libelle": "Mensuel de 2100.0 Euros"}), item(1, entreprise=None)
    await take(database, feed, [full])
    assert (await take(database, other, [thin])).counts.unchanged == 1
    assert (await posting_of(session, 1)).employer_name is not None
    later = thin | {"dateActualisation": "2026-06-01T08:00:00Z", "nombrePostes": 5}
    assert (await take(database, other, [later])).counts.updated == 1
    before = await footprint(session)
    assert (await take(database, feed, [full])).counts.unchanged == 1
    assert (await take(database, other, [later])).counts.unchanged == 1
    assert await footprint(session) == before
    assert (await posting_of(session, 1)).positions == 5


async def test_an_import_needs_the_communes(database: Database, session: AsyncSession) -> None:
    territory = await create_territory(session)
    await session.commit()
    empty = await create_feed(database, territory)
    with pytest.raises(Conflict, match="import communes"):
        await take(database, empty, [item(1)])
    assert await session.scalar(select(func.count()).select_from(ImportReport)) == 0
    assert await session.scalar(select(func.count()).select_from(Posting)) == 0


def test_an_account_that_does_not_add_up_is_refused() -> None:
    account = Account()
    account.open(FeedBatch(source="france-travail", postings=[parsed(item(1))], received=1))
    with pytest.raises(AccountError, match="1 items were read, 0 are accounted for"):
        account.check()
    account.settle([Outcome.IMPORTED])
    account.check()
    account.listed_before = 1
    with pytest.raises(AccountError, match="1 postings are gone"):
        account.check()
