"""Several imports at once, and imports that die: real commits, real locks, real kills."""

import asyncio
import os
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from service.core.database import Database
from service.core.errors import Conflict
from service.domain import imports, postings, publication
from service.domain.access import system
from service.domain.imports import Provenance
from service.domain.imports.locks import alone_on_feed
from service.models import ImportReport, Posting, PostingDocument
from service.models.enums import PostingState
from service.schemas.feeds import ImportReportRead, ImportState
from tests.imports.invented import ACTOR, batch_of, create_feed, create_world, item, items, posting_of, take

TEXT = "Au fournil de la place, vous pétrissez, façonnez et cuisez le pain de campagne chaque matin."
TWIN = {"intitule": "Boulanger (H/F)", "entreprise": {"nom": "Fournil Inventé"}, "description": TEXT}
REPOSITORY = Path(__file__).parents[2]


async def test_two_imports_of_one_feed_never_run_at_once(fresh_database: Database) -> None:
    database = fresh_database
    async with database.sessions() as session:
        feed = await create_feed(database, await create_world(session))
    raw = items(*range(1, 60))
    outcomes = await asyncio.gather(
        take(database, feed, raw), take(database, feed, raw), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    reports = [outcome for outcome in outcomes if isinstance(outcome, ImportReportRead)]
    assert (len(refused), len(reports)) == (1, 1)
    assert "Another import of this feed is running" in refused[0].detail
    assert reports[0].counts.imported == 59
    assert (await take(database, feed, raw)).counts.unchanged == 59


async def test_the_feed_is_free_again_after_an_import_that_failed(
    fresh_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = fresh_database
    async with database.sessions() as session:
        feed = await create_feed(database, await create_world(session))

    async def broken(*_arguments: object) -> None:
        message = "no answer from Camille's database password=secret"
        raise RuntimeError(message)

    with monkeypatch.context() as patched:
        patched.setattr(publication, "refresh", broken)
        with pytest.raises(RuntimeError):
            await take(database, feed, items(1, 2))
    async with database.sessions() as session:
        (report,) = await session.scalars(select(ImportReport))
        assert report.state == "failed"
        assert report.message is not None
        assert "RuntimeError" in report.message
        assert "secret" not in report.message
        assert await session.scalar(select(func.count()).select_from(Posting)) == 0
    async with alone_on_feed(database, feed.id):
        pass
    assert (await take(database, feed, items(1, 2))).counts.imported == 2


async def test_an_import_that_was_overtaken_stops(fresh_database: Database) -> None:
    database = fresh_database
    async with database.sessions() as session:
        feed = await create_feed(database, await create_world(session))

    def overtaken(done: int, _total: int) -> None:
        if done == 0:
            took_over.append(asyncio.ensure_future(_mark_failed(database)))

    took_over: list[asyncio.Future[None]] = []
    raw = items(*range(1, 700))
    with pytest.raises(Conflict, match="taken over"):
        await imports.import_items(
            database, ACTOR, feed.id, batch_of(raw), Provenance("file:x.json"), progress=overtaken
        )
    await asyncio.gather(*took_over)


async def _mark_failed(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE import_report SET state = 'failed'"))


async def test_feeds_of_one_territory_imported_at_once_show_one_of_each_pair(
    fresh_database: Database,
) -> None:
    database = fresh_database
    async with database.sessions() as session:
        territory = await create_world(session)
    feeds = [await create_feed(database, territory, name) for name in ("left", "right", "middle")]
    raws = [
        [
            item(
                100 * side + number,
                **TWIN | {"entreprise": {"nom": f"Fournil {'abcdefghijklmnopqrst'[number] * 9}"}},
            )
            for number in range(20)
        ]
        for side in range(3)
    ]
    reports = await asyncio.gather(*(take(database, *pair) for pair in zip(feeds, raws, strict=True)))
    assert {report.state for report in reports} == {ImportState.DONE}
    async with database.sessions() as session:
        groups = await session.execute(
            select(func.count(), func.count().filter(Posting.shown)).group_by(Posting.group_id)
        )
        assert [tuple(group) for group in groups] == [(3, 1)] * 20
        shown = select(func.count(func.distinct(PostingDocument.posting_id)))
        assert await session.scalar(shown) == 20


async def test_people_and_imports_write_at_once(fresh_database: Database) -> None:
    database = fresh_database
    async with database.sessions() as session:
        feed = await create_feed(database, await create_world(session))
    numbers = range(1, 120)
    await take(database, feed, items(*numbers))

    async def fill(number: int) -> None:
        async with database.transaction() as session:
            posting = await postings.get_posting(
                session, system("a person"), (await posting_of(session, number)).id, "posting.update"
            )
            await postings.change_state(session, system("a person"), posting, postings.FILL)

    filled = range(1, 120, 10)
    report, _ = await asyncio.gather(
        take(database, feed, [item(number, nombrePostes=2) for number in numbers]),
        asyncio.gather(*map(fill, filled)),
    )
    counts = report.counts
    assert counts.held + counts.updated == len(numbers)
    async with database.sessions() as session:
        for number in filled:
            assert (await posting_of(session, number)).state is PostingState.FILLED
    assert (await take(database, feed, items(*numbers))).counts.held == len(filled)


_KILLED = textwrap.dedent(
    """
    import asyncio, os, signal, sys, uuid
    from service.core.database import Database, create_engine
    from service.domain import imports
    from tests.imports.invented import ACTOR, batch_of, items

    def progress(done, total):
        if 0 < done < total:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main():
        database = Database(create_engine(sys.argv[1]))
        await imports.import_items(
            database, ACTOR, uuid.UUID(sys.argv[2]), batch_of(items(*range(1, 601))),
            imports.Provenance("file:killed.json"), progress=progress,
        )

    asyncio.run(main())
    """
)


async def test_a_killed_import_leaves_what_it_did_and_the_next_one_says_so(fresh_database: Database) -> None:
    database = fresh_database
    async with database.sessions() as session:
        feed = await create_feed(database, await create_world(session))
    url = database.bind.engine.url.render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _KILLED,
        url,
        str(feed.id),
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert await process.wait() == -9
    async with database.sessions() as session:
        (report,) = await session.scalars(select(ImportReport))
        assert report.state == "running"
        assert await session.scalar(select(func.count()).select_from(Posting)) == 200
    last = await take(database, feed, items(*range(1, 601)))
    assert (last.state, last.counts.unchanged, last.counts.imported) == (ImportState.DONE, 200, 400)
    async with database.sessions() as session:
        found = await session.scalars(select(ImportReport).order_by(ImportReport.id))
        killed, done = found
        assert (killed.state, done.state) == ("failed", "done")
        assert killed.message is not None
        assert killed.message.startswith("Interrupted")
        shown = select(func.count(func.distinct(PostingDocument.posting_id)))
        assert await session.scalar(shown) == 600
