"""``ancrage client``: API clients and their secret keys."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from service.cli.context import command, open_database, say
from service.core.clock import now
from service.domain import clients
from service.domain.access import SCOPES

app = typer.Typer(no_args_is_help=True, help="API clients and their secret keys.")


@app.command("create")
@command
async def create(
    name: Annotated[str, typer.Option(help="What it is, for instance the website's name.")],
    territory: Annotated[
        list[str], typer.Option(help="Slug; everything inside it is granted too. Repeatable.")
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable; all of them when left out: {', '.join(SCOPES)}."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days until the key expires.")] = None,
) -> None:
    """Make a client; print its secret key, once, on standard output."""
    async with open_database() as database, database.transaction() as session:
        client, secret = await clients.create_client(
            session,
            name=name,
            territory_slugs=territory,
            scopes=scope or sorted(SCOPES),
            expires_at=now() + timedelta(days=days) if days else None,
        )
    say(f"Client {client.id} ({name}) may: {', '.join(client.scopes)}. Its key is shown now and never again:")
    typer.echo(secret)


@app.command("list")
@command
async def list_clients() -> None:
    """List the clients, with their territories and scopes."""
    async with open_database() as database, database.transaction() as session:
        for client, slugs in await clients.list_clients(session):
            state = "revoked" if client.revoked_at else "active"
            typer.echo(
                f"{client.id}  {state:8} {client.name}  [{','.join(slugs)}]  {','.join(client.scopes)}"
            )


@app.command("revoke")
@command
async def revoke(client_id: UUID) -> None:
    """Revoke a client and its keys at once."""
    async with open_database() as database, database.transaction() as session:
        await clients.revoke_client(session, client_id)
    say(f"Client {client_id} is revoked.")
