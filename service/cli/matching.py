"""``ancrage match``: every suggestion of a territory computed again, each one checked."""

import time
from typing import Annotated

import typer

from service.cli.context import command, open_database, say
from service.domain import matches, territories

_TOLD_EVERY = 1.0
_DOING = {"scored": "pairs scored", "written": "matches written"}


class _Progress:
    """Tells how far a run is, once a second at most."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _TOLD_EVERY

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if moment >= self._next and total:
            self._next = moment + _TOLD_EVERY
            say(f"  {done:,} of {total:,} {_DOING[phase]} ({done / total:.0%})")


@command
async def match(
    territory: Annotated[str, typer.Option("--territory", help="Slug of the territory.", metavar="SLUG")],
) -> None:
    """Match a territory and all inside it: every pair scored, what differs written.

    Matches that say the same as before stay as they are: a second run writes nothing. On the first run of
    a day, or after an import of ROME, everything under the same outermost territory is matched.
    """
    started = time.monotonic()
    async with open_database() as database:
        async with database.transaction() as session:
            chosen = await territories.get_by_slug(session, territory)
            inside = await territories.ids_inside(session, chosen)
        outcome = await matches.match_tree(database, chosen.lineage[0], everything=True, tell=_Progress())
        async with database.transaction() as session:
            current = await matches.count_current(session, inside)
    typer.echo(f"{outcome.pairs_scored:,} pairs scored")
    typer.echo(f"{current:,} matches current for the candidates of {chosen.name}")
    typer.echo(
        f"{outcome.written:,} written, {outcome.superseded:,} superseded, "
        f"{outcome.moved:,} of another rank, {outcome.unchanged:,} unchanged"
    )
    say(f"Done in {time.monotonic() - started:.1f} s.")
