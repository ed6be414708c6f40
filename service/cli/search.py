"""``ancrage search``: how the engine outside PostgreSQL stands, and whether it holds what it should."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, TypeVar

import typer

from service.cli.context import command, fail, open_database, say, settings_or_fail
from service.core.database import Database
from service.domain import feeding
from service.domain.feeding import SOURCES, Drift, Feed
from service.jobs.feeding import Held, Tender, open_outside, tend, verify
from service.schemas.search import SearchKind
from service.search.meilisearch.administration import TaskFailed
from service.search.meilisearch.engine import PREFIX
from service.search.meilisearch.keys import NoKeys, is_forbidden, search_key
from service.search.meilisearch.marking import MarkedAdministration
from service.search.port import Unavailable

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, help="The search engine outside PostgreSQL: how it stands, its drift."
)

_NONE = "MEILISEARCH_URL names no engine: PostgreSQL answers searches, from rows that are never behind."
_SHOWN = 20
# A worker may be building the index just now.
_PATIENCE_SECONDS = 1800.0
_PAUSE_SECONDS = 0.5


@app.command("status")
@command
async def status() -> None:
    """Say of each kind whether the engine answers, what it is still to be told, and what it refused."""
    if open_outside(settings_or_fail()) is None:
        say(_NONE)
        return
    async with open_database() as database:
        for kind in SOURCES:
            async with database.transaction() as session:
                feed = await feeding.read(session, kind)
                refused = await feeding.refusals(session, kind, _SHOWN)
            typer.echo(_line(kind, feed))
            for each in refused:
                typer.echo(f"  refused {each.attempts} times: {each.document_id}  {each.error}")


@app.command("key")
@command
async def key() -> None:
    """Print a key that may search and no more, for the processes of the API; workers keep the one they have.

    It is made with the key of MEILISEARCH_KEY: the server's master key, or one that may create, get and
    delete keys. Asked again, the same key is printed.
    """
    engine = open_outside(settings_or_fail())
    if engine is None:
        say(_NONE)
        return
    try:
        typer.echo(await search_key(engine))
    except NoKeys as refused:
        fail(
            f"MEILISEARCH_KEY may not make keys ({refused}). Run this with the server's master key, or with "
            "a key whose actions are keys.create, keys.get and keys.delete."
        )
    except TaskFailed as failure:
        fail(f"the engine refused to make a key: {failure.message}")
    except Unavailable as unavailable:
        fail(f"the engine fails: {unavailable.reason}.")


async def standing(database: Database) -> tuple[list[str], list[str]]:
    """Return what to tell of the engine that should answer searches, and what is wrong with it."""
    engine = open_outside(settings_or_fail())
    if engine is None:
        return ["Search: PostgreSQL"], []
    told, troubles = [], []
    try:
        told.append(f"Search: {await _named(engine)}, PostgreSQL whenever it can't answer")
    except Unavailable as unavailable:
        told.append("Search: PostgreSQL, in the place of Meilisearch")
        troubles.append(f"Meilisearch does not answer ({unavailable.reason})")
    for kind in SOURCES:
        async with database.transaction() as session:
            feed = await feeding.read(session, kind)
        told.append(f"  {_line(kind, feed)}")
        if feed is None or not feed.ready:
            troubles.append(f"the index of {kind} is not ready; `ancrage search status` says more")
    return told, troubles


async def _named(engine: MarkedAdministration) -> str:
    """Return what to call the engine; its version is told only to a key that may do more than search."""
    try:
        return f"Meilisearch {await engine.version()}"
    except Unavailable as unavailable:
        if not is_forbidden(unavailable):
            raise
    for kind in SOURCES:
        # An index that is not there is told of by its feed.
        with suppress(TaskFailed):
            await engine.try_search(f"{PREFIX}-{kind.value}")
    return "Meilisearch, with a key that may only search"


def _line(kind: SearchKind, feed: Feed | None) -> str:
    if feed is None:
        return f"{kind}: not in use yet; a worker begins within a minute."
    built = feed.rebuilt_at.isoformat(timespec="seconds") if feed.rebuilt_at else "never"
    looked = feed.checked_at.isoformat(timespec="seconds") if feed.checked_at else "never"
    return (
        f"{kind}: {'ready' if feed.ready else f'not ready ({feed.trouble})'}, {feed.documents} documents, "
        f"{feed.pending} pending, {feed.refused} refused; built {built}, looked at {looked}"
        f"{'; being told now' if feed.held else ''}{f'; {feed.wanted} is due' if feed.wanted else ''}"
    )


@app.command("verify")
@command
async def verify_index(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Tell the engine what drifted, at once.")] = False,
) -> None:
    """Compare every document of the engine with the database; exit code 1 when drift was found and stays."""
    engine = open_outside(settings_or_fail())
    if engine is None:
        say(_NONE)
        return
    drifted = 0
    async with open_database() as database:
        for kind in SOURCES:
            drifted += await _verify(database, engine, kind, repair=repair)
    if drifted and not repair:
        fail(f"{drifted} documents have drifted; `ancrage search verify --repair` tells the engine again.")


async def _verify(database: Database, engine: MarkedAdministration, kind: SearchKind, *, repair: bool) -> int:
    await _begin(database, kind)
    try:
        if not repair:
            drift = await patiently(lambda: verify(database, engine, kind))
            _tell(kind, drift)
            return len(drift)
        tender = await patiently(lambda: tend(database, engine, kind, wanted=feeding.COMPARE))
    except Unavailable as unavailable:
        fail(f"the engine could not be compared: {unavailable.reason}")
    if tender.drift is not None:
        _tell(kind, tender.drift)
    if tender.indexed is not None:
        say(f"{kind}: built again, {tender.indexed} documents.")
    return len(tender.drift or ())


def _tell(kind: SearchKind, drift: Drift) -> None:
    typer.echo(
        f"{kind}: {drift.documents} documents; {len(drift.missing)} missing, "
        f"{len(drift.extra) + drift.foreign} too many, "
        f"{len(drift.different)} different; {drift.awaited} pending, {drift.refused} refused"
    )


async def _begin(database: Database, kind: SearchKind) -> None:
    async with database.transaction() as session:
        await feeding.open_feed(session, kind)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that waits for whoever tells the engine just now."""
    until = time.monotonic() + _PATIENCE_SECONDS
    said = False
    while True:
        try:
            return await call()
        except Held:
            if time.monotonic() > until:
                fail("another process has told the engine for half an hour; see `ancrage search status`.")
            if not said:
                say("  waiting for another process that tells the engine")
            said = True
            await asyncio.sleep(_PAUSE_SECONDS)


async def rebuild_outside(database: Database) -> None:
    """Build the indexes of the engine outside, if one is in use, beside those that answer meanwhile."""
    engine = open_outside(settings_or_fail())
    if engine is None:
        return
    for kind in SOURCES:
        await _begin(database, kind)
        try:
            tender = await _rebuild(database, engine, kind)
        except Unavailable as unavailable:
            fail(f"the engine fails: {unavailable.reason}. A worker builds it as soon as it does not.")
        say(f"{tender.indexed} {kind} told to the engine.")


async def _rebuild(database: Database, engine: MarkedAdministration, kind: SearchKind) -> Tender:
    return await patiently(
        lambda: tend(
            database,
            engine,
            kind,
            wanted=feeding.REBUILD,
            progress=lambda done: say(f"  {done} {kind} told to the engine"),
        )
    )
