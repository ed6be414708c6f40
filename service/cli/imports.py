"""``ancrage import postings``: a feed saved to a file becomes a territory's postings."""

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from service.adapters import france_travail
from service.cli.context import command, fail, open_database, say
from service.core.database import Database
from service.domain import imports, territories
from service.schemas.feed import FeedBatch, FeedError
from service.schemas.feeds import ImportCounts, ImportReportRead, ImportState

app = typer.Typer(no_args_is_help=True, help="Import feeds of postings from files.")

_LONGEST_NAME: Final = 120
_LINES: Final = (
    ("read", "items in the file"),
    ("imported", "new"),
    ("updated", "changed"),
    ("unchanged", "unchanged"),
    ("relisted", "listed again, so open again"),
    ("held", "left as a person here decided"),
    ("repeated", "copies of an item already counted"),
    ("rejected", "not usable"),
    ("distinct", "different postings kept"),
    ("grouped", "hidden behind a near-duplicate that is shown"),
    ("withdrawn", "withdrawn: no longer in the file"),
    ("listed_elsewhere", "no longer in the file, but another feed lists them"),
    ("already_closed", "no longer in the file, closed here before"),
    ("kept_by_floor", "no longer in the file, not withdrawn: too few were left to believe it"),
    ("kept_incomplete", "no longer in the file, not withdrawn: the file is not whole"),
    ("notes", "optional fields left out"),
)
# Always shown, even at zero; the others when there is something to say.
_ALWAYS: Final = frozenset({"read", "imported", "updated", "unchanged", "rejected", "grouped", "withdrawn"})


@app.command("postings")
@command
async def postings(
    file: Annotated[
        Path, typer.Argument(help="A reply of the source's API, a list of items, or JSON Lines.")
    ],
    *,
    source: Annotated[str, typer.Option(help="Whose format the file has: france-travail.")],
    territory: Annotated[str, typer.Option(help="Slug of the territory the postings go to.")],
    feed: Annotated[
        str | None,
        typer.Option(
            help="Name of the feed the file belongs to. Left out: the feed whose postings it lists, "
            "or a new one named after the file."
        ),
    ] = None,
    floor: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            help="For this once: the percentage of what the feed listed that must still be in the file "
            "before anything is withdrawn.",
        ),
    ] = None,
) -> None:
    """Import the postings of a file; withdraw what its feed listed and the file no longer does."""
    if source != france_travail.SOURCE:
        fail(f"the source {source} is not known; the one that is: {france_travail.SOURCE}.")
    content = await asyncio.to_thread(_content, file)
    async with open_database() as database:
        report = await _import(
            database, content, file.name[:_LONGEST_NAME], territory=territory, feed_name=feed, floor=floor
        )
    _print(report)
    if report.state is ImportState.FAILED:
        fail(f"{file.name} was not imported: {report.message}.")
    if report.state is ImportState.PARTIAL:
        say(f"Warning: {report.message}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror or error}.")


async def _import(
    database: Database,
    content: bytes,
    file_name: str,
    *,
    territory: str,
    feed_name: str | None,
    floor: int | None,
) -> ImportReportRead:
    actor = imports.importer(france_travail.SOURCE)
    async with database.transaction() as session:
        holder = await territories.get_by_slug(session, territory)
        await imports.require_communes(session)
    batch: FeedBatch | None = None
    trouble: FeedError | None = None
    try:
        batch = await asyncio.to_thread(france_travail.parse_file, content)
    except FeedError as error:
        trouble = error
    async with database.transaction() as session:
        choice = await imports.choose_feed(
            session,
            actor,
            holder,
            france_travail.SOURCE,
            {posting.source_id for posting in batch.postings} if batch else set(),
            file_name=file_name,
            name=feed_name,
        )
    provenance = imports.Provenance(f"file:{file_name}", hashlib.sha256(content).hexdigest(), choice.why)
    if trouble is not None:
        return await imports.record_failure(database, choice.feed.id, trouble.reason, provenance)
    assert batch is not None  # noqa: S101 - there is a batch when there is no trouble
    say(choice.why)
    return await imports.import_items(
        database,
        actor,
        choice.feed.id,
        batch,
        provenance,
        floor_percent=floor,
        progress=_progress,
    )


def _progress(done: int, total: int) -> None:
    if not total:
        return
    if sys.stderr.isatty():
        typer.echo(f"\r  {done:,} of {total:,} postings", err=True, nl=done == total)
    elif done:
        say(f"  {done:,} of {total:,} postings")


def _print(report: ImportReportRead) -> None:
    """Print the account on standard output, one count a line, then why items were rejected."""
    typer.echo(f"Import {report.id} into feed “{report.feed}” of {report.territory}: {report.state.value}")
    for line in _table(report.counts):
        typer.echo(line)
    reasons: dict[str, int] = {}
    for problem in report.problems:
        if problem.kind.value == "rejection":
            where = f" ({problem.pointer})" if problem.pointer else ""
            reasons[problem.reason + where] = reasons.get(problem.reason + where, 0) + 1
    for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:20]:
        typer.echo(f"  rejected {count:>6,}  {reason}")


def _table(counts: ImportCounts) -> list[str]:
    values = counts.model_dump()
    return [
        f"  {values[name]:>8,}  {name:<17} {meaning}"
        for name, meaning in _LINES
        if values[name] or name in _ALWAYS
    ]
