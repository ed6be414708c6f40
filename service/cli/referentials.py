"""``ancrage import rome|communes|tension``: referentials from their publishers' own files."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from service.adapters.referentials import read_communes, read_rome, read_tension
from service.cli.context import command, open_database, say
from service.core.clock import now
from service.domain import referentials
from service.domain.access import system
from service.domain.referentials.releases import ImportOutcome
from service.schemas.referential_files import FileReading

app = typer.Typer()

Paths = Annotated[
    list[Path], typer.Argument(help="Files, folders, .zip or .gz; any number.", metavar="PATH…")
]
Force = Annotated[
    bool, typer.Option("--force", help="Import even if more than a fifth of what is in force would go.")
]
_ACTOR = system("import")
_NAMED = 5


def _report(files: Sequence[FileReading]) -> None:
    for file in files:
        say(f"  {file.sentence()}")


def _tell(outcomes: Sequence[ImportOutcome], started: float) -> None:
    for outcome in outcomes:
        for sentence in outcome.sentences():
            typer.echo(sentence)
    say(f"Done in {time.monotonic() - started:.1f} s.")


@app.command("rome")
@command
async def import_rome(
    paths: Paths,
    *,
    release: Annotated[
        str | None,
        typer.Option(help="The release's number, as 60; read from version.txt or the file names by itself."),
    ] = None,
    force: Force = False,
) -> None:
    """Import a release of ROME 4.0: France Travail's open data, as a folder, a zip or its csv files."""
    started = time.monotonic()
    found = read_rome(paths, version=release, progress=say)
    _report(found.files)
    async with open_database() as database, database.transaction() as session:
        outcome = await referentials.import_rome(session, _ACTOR, found, force=force, progress=say)
    _tell([outcome], started)


@app.command("communes")
@command
async def import_communes(
    paths: Paths,
    *,
    release: Annotated[
        str | None, typer.Option(help="What to call this list, by habit its date; today's by itself.")
    ] = None,
    force: Force = False,
) -> None:
    """Import the list of communes: a csv by INSEE code, or the JSON of geo.api.gouv.fr."""
    started = time.monotonic()
    found = read_communes(paths, version=release or now().date().isoformat(), progress=say)
    _report(found.files)
    nowhere = [commune.name for commune in found.communes if commune.latitude is None]
    if nowhere:
        named = ", ".join(nowhere[:_NAMED]) + ("…" if len(nowhere) > _NAMED else "")
        say(f"  {len(nowhere):,} without coordinates, so no radius can be drawn around them: {named}")
    async with open_database() as database, database.transaction() as session:
        outcome = await referentials.import_communes(session, _ACTOR, found, force=force, progress=say)
    _tell([outcome], started)


@app.command("tension")
@command
async def import_tension(
    paths: Paths,
    *,
    year: Annotated[
        int | None,
        typer.Option(min=2000, max=2100, help="Year of the official list; read from its name by itself."),
    ] = None,
    force: Force = False,
) -> None:
    """Import tension: Dares indicator, official list, BMO, and the crosswalk from FAP 2009 to ROME.

    Each file is known by its columns, so a whole folder may be given; what is not for us is ignored,
    and named.
    """
    started = time.monotonic()
    found = read_tension(paths, year=year, progress=say)
    _report(found.files)
    outcomes = []
    async with open_database() as database, database.transaction() as session:
        if found.families is not None:
            outcomes.append(
                await referentials.import_families(session, _ACTOR, found.families, force=force, progress=say)
            )
        outcomes += [
            await referentials.import_tension(session, _ACTOR, release, force=force, progress=say)
            for release in found.releases
        ]
    _tell(outcomes, started)
