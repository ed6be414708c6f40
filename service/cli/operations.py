"""``ancrage reindex`` and ``ancrage doctor``: looking after what runs."""

import typer

from service.cli.context import command, fail, open_database, say, settings_or_fail
from service.cli.mail import describe
from service.cli.search import rebuild_outside, standing
from service.core.migrations import head_revision
from service.domain import publication
from service.domain.finding import reindex_plain_documents
from service.domain.platform import examine
from service.schemas.search import SearchKind
from service.search import transactional_engine

_BATCH = 500


@command
async def reindex() -> None:
    """Render what the public reads and build every search index again, while reads go on."""
    async with open_database() as database:
        after = None
        while True:
            async with database.transaction() as session:
                after = await publication.measure_again(session, after=after, limit=_BATCH)
            if after is None:
                break
        rebuilt = await transactional_engine().rebuild(
            database, SearchKind.POSTINGS, publication.public_facts, lambda done: say(f"  {done} postings")
        )
        say(f"{rebuilt.indexed} postings indexed, {rebuilt.removed} removed.")
        plain = await reindex_plain_documents(database, lambda done: say(f"  {done} others"))
        say(f"{plain.indexed} others indexed, {plain.removed} removed.")
        await rebuild_outside(database)


@command
async def doctor() -> None:
    """Tell whether database, referentials and background work are well; exit code 1 when something is not."""
    async with open_database() as database:
        async with database.transaction() as session:
            found = await examine(session)
        searching, unsearched = await standing(database)
    typer.echo(f"PostgreSQL {found.server_version}, revision {found.revision} (needed: {head_revision()})")
    typer.echo(f"{found.territories} territories, {found.postings} postings")
    releases = ", ".join(f"{name} {version}" for name, version in sorted(found.releases.items()))
    typer.echo(f"Referentials: {releases or 'none'}")
    states = ", ".join(f"{count} {state}" for state, count in sorted(found.tasks.items()))
    typer.echo(f"Tasks: {states or 'none'}; events waiting: {found.events_waiting}")
    typer.echo(describe(settings_or_fail()))
    for line in searching:
        typer.echo(line)
    troubles = [
        f"the referential {name} was never imported (`ancrage import {name}`)"
        for name in ("rome", "communes")
        if name not in found.releases
    ]
    if dead := found.tasks.get("dead", 0):
        troubles.append(f"{dead} tasks are dead; `ancrage tasks list --state dead` says why")
    troubles += unsearched
    if troubles:
        fail("; ".join(troubles) + ".")
    say("All is well.")
