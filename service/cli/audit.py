"""``ancrage audit``: whether the trail of who did and read what is still as it was written."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.context import command, fail, open_database, say
from service.domain import audit

app = typer.Typer(no_args_is_help=True, help="The trail of who did and read what.")


def _heads(given: list[str], kept: Path | None, territory: str | None) -> set[bytes]:
    """Return the digests given one by one, and those in a file of ``ancrage audit heads``."""
    lines = [line.split() for line in kept.read_text(encoding="utf-8").splitlines()] if kept else []
    listed = [line[-1] for line in lines if line and territory in {None, line[0]}]
    found = set()
    for digest in [*given, *listed]:
        try:
            found.add(bytes.fromhex(digest))
        except ValueError:
            fail(f"{digest!r} is not a digest: 64 hexadecimal digits, as `ancrage audit heads` prints them.")
    return found


@app.command("verify")
@command
async def verify(
    territory: Annotated[str | None, typer.Option(help="Slug: only the chain of this territory.")] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="A digest kept elsewhere: the trail must contain it. Repeatable.", metavar="HEX"),
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option(help="A file that `ancrage audit heads` wrote: all must be there.", dir_okay=False),
    ] = None,
) -> None:
    """Read the trail and tell every entry that was changed, removed, added or moved; exit code 1 for any.

    A chain that was cut at its end, or written anew from some point on, together with its head, is only
    found with a head kept elsewhere: `ancrage audit heads` prints them.
    """
    wanted = _heads(head or [], heads, territory)
    broken = entries = 0
    async with open_database() as database:
        async with database.transaction() as session:
            chains = await audit.list_chains(session)
        if territory is not None:
            chains = {chain_id: name for chain_id, name in chains.items() if name == territory}
            if not chains:
                fail(f"there is no trail of `{territory}`: no such territory, or nothing happened there yet.")
        missing = set(wanted)
        for chain_id, name in chains.items():
            async with database.transaction() as session:
                found = await audit.verify(session, chain_id, heads=wanted)
            missing -= found.heads_met
            entries += found.length
            broken += found.broken
            for each in found.breaks:
                typer.echo(f"{name}: {each}")
            if found.broken > len(found.breaks):
                typer.echo(f"{name}: and {found.broken - len(found.breaks)} more.")
    for digest in sorted(missing):
        typer.echo(f"{digest.hex()}: no entry has this digest: the trail was cut or written anew.")
    if broken or missing:
        fail(f"the audit trail is not whole: {broken + len(missing)} breaks.")
    say(f"{entries} entries in {len(chains)} chains, whole.")


@app.command("heads")
@command
async def list_heads() -> None:
    """Print each chain's name, length and newest digest, to keep out of reach of the database's keeper."""
    async with open_database() as database, database.transaction() as session:
        chains = await audit.list_chains(session)
        for chain_id, (length, digest) in (await audit.list_heads(session)).items():
            typer.echo(f"{chains[chain_id]}  {length}  {digest.hex()}")
