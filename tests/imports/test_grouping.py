"""Near-duplicates: one of each group is shown, and another takes its place when it goes."""

import uuid
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.settings import Settings
from service.domain import imports, postings, publication
from service.domain.access import system
from service.jobs import HANDLERS
from service.jobs.feeds import regroup_posting
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import Event, Feed, Posting, PostingDocument, Territory
from service.models.enums import PostingState
from tests.factories import create_employer, create_posting, create_territory
from tests.imports.invented import create_feed, footprint, item, items, numbers_in, posting_of, take

ONLY_GROUPING = {
    kind: [regroup_posting] for kind, handlers in HANDLERS.items() if regroup_posting in handlers
}
TEXT = "Au fournil de la place, vous pétrissez, façonnez et cuisez le pain de campagne chaque matin."


def twin(number: int, **fields: Any) -> dict[str, Any]:
    """Return an invented offer that is the same opening as its twins."""
    same = {"intitule": "Boulanger (H/F)", "entreprise": {"nom": "Fournil Inventé"}, "description": TEXT}
    return item(number, **(same | fields))


async def _groups(session: AsyncSession) -> dict[int, tuple[uuid.UUID | None, bool]]:
    rows = await session.execute(
        select(Posting.source_id, Posting.group_id, Posting.shown).where(Posting.source_id.is_not(None))
    )
    return {int(source_id[:4]): (group_id, shown) for source_id, group_id, shown in rows if source_id}


async def _public(session: AsyncSession) -> list[int]:
    """Return the numbers of the offers that have public documents."""
    rows = await session.scalars(
        select(Posting.source_id)
        .join(PostingDocument, PostingDocument.posting_id == Posting.id)
        .distinct()
        .where(Posting.source_id.is_not(None))
    )
    return sorted(int(source_id[:4]) for source_id in rows if source_id)


async def test_one_of_several_twins_is_shown_the_fullest(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    full = {"salaire": {"libelle": "Mensuel de 2100.0 Euros"}, "dureeTravailLibelle": "35H"}
    report = await take(database, feed, [twin(1), twin(2, **full), twin(3), item(4)])
    assert (report.counts.imported, report.counts.grouped) == (4, 2)
    found = await _groups(session)
    assert {number for number, (_, shown) in found.items() if shown} == {2, 4}
    assert len({found[number][0] for number in (1, 2, 3)}) == 1
    assert found[4] == (None, True)
    assert await _public(session) == [2, 4]


@pytest.mark.parametrize(
    "other",
    [
        {"entreprise": {"nom": "Boulangerie Tout Autre"}},
        {"lieuTravail": {"libelle": "07 - PRIVAS"}},
        {"intitule": "Comptable (H/F)"},
    ],
    ids=["another employer", "another commune", "another title"],
)
async def test_what_differs_is_no_duplicate(
    database: Database, session: AsyncSession, feed: Feed, other: dict[str, Any]
) -> None:
    report = await take(database, feed, [twin(1), twin(2, **other)])
    assert report.counts.grouped == 0
    assert await _public(session) == [1, 2]


async def test_a_second_run_leaves_the_groups_as_they_are(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    raw = [*(twin(number) for number in range(1, 6)), *items(11, 12)]
    first = await take(database, feed, raw)
    groups, before = await _groups(session), await footprint(session)
    second = await take(database, feed, raw)
    assert second.counts.grouped == first.counts.grouped == 4
    assert await _groups(session) == groups
    assert await footprint(session) == before


async def test_twins_in_different_batches_find_each_other(
    database: Database, session: AsyncSession, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.domain.imports.running.BATCH", 2)
    report = await take(database, feed, [twin(1), item(11), item(12), twin(2), item(13), twin(3)])
    assert report.counts.grouped == 2
    assert len(await _public(session)) == 4


async def test_when_the_shown_one_is_withdrawn_by_its_source_another_is_shown(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(database, feed, [twin(1, dureeTravailLibelle="35H"), twin(2), *items(11, 12)])
    assert await _public(session) == [1, 11, 12]
    report = await take(database, feed, [twin(2), *items(11, 12)])
    assert (report.counts.withdrawn, report.counts.grouped) == (1, 0)
    assert await _public(session) == [2, 11, 12]
    assert await _groups(session) == dict.fromkeys((1, 2, 11, 12), (None, True))
    heard = await session.scalars(
        select(Event.data).where(
            Event.kind == "posting.changed", Event.subject_id == (await posting_of(session, 2)).id
        )
    )
    assert [data["fields"] for data in heard] == [["shown"]]


@pytest.mark.parametrize(
    "verb", [postings.FILL, postings.PAUSE, postings.WITHDRAW], ids=lambda verb: verb.verb
)
async def test_when_a_person_takes_the_shown_one_off_another_is_shown(
    database: Database, session: AsyncSession, settings: Settings, feed: Feed, verb: postings.Transition
) -> None:
    await take(database, feed, [twin(1, dureeTravailLibelle="35H"), twin(2), twin(3)])
    work = Work(database, settings)
    await drain(work, handlers=ONLY_GROUPING)
    async with database.transaction() as writing:
        await postings.change_state(writing, system("a person"), await posting_of(writing, 1), verb)
    assert await _public(session) == []
    await drain(work, handlers=ONLY_GROUPING)
    assert len(await _public(session)) == 1
    found = await _groups(session)
    assert found[1] == (None, True)
    assert found[2][0] == found[3][0] is not None
    assert sorted([found[2][1], found[3][1]]) == [False, True]
    before = await footprint(session)
    await drain(work, handlers=ONLY_GROUPING)
    assert await footprint(session) == before


async def test_a_paused_one_published_again_comes_back_to_its_group(
    database: Database, session: AsyncSession, settings: Settings, feed: Feed
) -> None:
    await take(database, feed, [twin(1, dureeTravailLibelle="35H"), twin(2)])
    for verb, public in ((postings.PAUSE, [2]), (postings.PUBLISH, [1])):
        async with database.transaction() as writing:
            await postings.change_state(writing, system("a person"), await posting_of(writing, 1), verb)
        await drain(Work(database, settings), handlers=ONLY_GROUPING)
        assert await _public(session) == public


async def test_an_employers_own_posting_is_shown_before_imported_copies(
    database: Database, session: AsyncSession, territory: Territory, feed: Feed
) -> None:
    await take(database, feed, [twin(1, dureeTravailLibelle="35H", salaire={"libelle": "SMIC"})])
    employer = await create_employer(session, territory, name="Fournil Inventé")
    own = await create_posting(
        session,
        territory,
        employer_id=employer.id,
        employer_name=employer.name,
        title="Boulanger",
        description=TEXT,
        commune_code="07019",
    )
    await session.commit()
    async with database.transaction() as writing:
        changed = await imports.regroup(writing, territory.id, [own.id])
        await publication.refresh(writing, changed)
    assert {posting.id: posting.shown for posting in changed} == {
        own.id: True,
        (await posting_of(session, 1)).id: False,
    }
    assert await _public(session) == []
    report = await take(database, feed, [twin(1, nombrePostes=3)])
    assert (report.counts.updated, report.counts.grouped) == (1, 1)


async def test_groups_are_the_same_whether_all_postings_are_compared_or_the_likely_ones(
    database: Database, session: AsyncSession, territory: Territory, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = [*(twin(number) for number in range(1, 4)), *items(*range(11, 40))]
    raw += [
        twin(number, intitule="Boulanger-pâtissier", entreprise={"nom": "Autre Four"}) for number in (50, 51)
    ]
    monkeypatch.setattr("service.domain.imports.running.BATCH", 3)
    everything = await create_feed(database, territory)
    await take(database, everything, raw)
    shown = await numbers_in(session, PostingState.PUBLISHED, shown=True)
    await take(database, everything, [raw[0]], floor_percent=0)
    monkeypatch.setattr("service.domain.imports.grouping._ALL", 0)
    report = await take(database, everything, raw)
    assert report.counts.relisted == len(raw) - 1
    assert await numbers_in(session, PostingState.PUBLISHED, shown=True) == shown


async def test_territories_are_grouped_apart(database: Database, session: AsyncSession, feed: Feed) -> None:

    other = await create_territory(session)
    await session.commit()
    await take(database, feed, [twin(1)])
    report = await take(database, await create_feed(database, other), [twin(1)])
    assert (report.counts.imported, report.counts.grouped) == (1, 0)
    shown = select(func.count()).select_from(Posting).where(Posting.shown)
    assert await session.scalar(shown) == 2
