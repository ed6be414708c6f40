"""``ancrage client``: API clients and their keys."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from service.cli.context import command, fail, open_database, say
from service.core.clock import now
from service.domain import clients
from service.domain.access import SCOPES, system
from service.schemas.api_clients import (
    LONGEST_OVERLAP_HOURS,
    ApiClientCreate,
    ApiClientCreated,
    ApiKeyCreate,
)

app = typer.Typer(no_args_is_help=True, help="API clients and their keys.")
_ACTOR = system("client")
Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="Days until the key expires.")]


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
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Makes the key publishable: for the pages of this origin, such as https://www.example.fr. "
            "Repeatable; no scopes then."
        ),
    ] = None,
    days: Days = None,
) -> None:
    """Make a client; print its key, once, on standard output."""
    try:
        data = ApiClientCreate.model_validate(
            {
                "name": name,
                "kind": "publishable" if origin else "secret",
                "territories": territory,
                "scopes": scope or ([] if origin else sorted(SCOPES)),
                "origins": origin or [],
                "key_expires_at": now() + timedelta(days=days) if days else None,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        fail(f"{where}: {first['msg'].removeprefix('Value error, ')}.")
    async with open_database() as database, database.transaction() as session:
        made = await clients.create_client(session, _ACTOR, data)
    say(f"Client {made.id} ({made.name}) {_may(made)}. Its key is shown now and never again:")
    typer.echo(made.key.value)


def _may(made: ApiClientCreated) -> str:
    if made.kind == "publishable":
        return f"is for the pages of {', '.join(made.origins)}"
    return f"may: {', '.join(made.scopes)}"


@app.command("list")
@command
async def list_clients() -> None:
    """List the clients, with their territories and their scopes or origins."""
    async with open_database() as database, database.transaction() as session:
        after = None
        while found := await clients.list_clients(session, _ACTOR, after=after, limit=100, territory=None):
            for client in found:
                state = "revoked" if client.revoked_at else "active"
                typer.echo(
                    f"{client.id}  {state:8} {client.name}  [{','.join(client.territories)}]  "
                    f"{client.kind}: {','.join(client.scopes or client.origins)}"
                )
            after = found[-1].id


@app.command("rotate")
@command
async def rotate(
    client_id: UUID,
    overlap_hours: Annotated[
        int,
        typer.Option(
            min=0,
            max=LONGEST_OVERLAP_HOURS,
            help="How long the keys before it still work; 0 ends them at once.",
        ),
    ] = 24,
    days: Days = None,
) -> None:
    """Make a new key for a client; print it, once, on standard output."""
    expires_at = now() + timedelta(days=days) if days else None
    async with open_database() as database, database.transaction() as session:
        client = await clients.get_client(session, _ACTOR, client_id, "api_client.update")
        made = await clients.create_key(
            session, _ACTOR, client, ApiKeyCreate(overlap_hours=overlap_hours, expires_at=expires_at)
        )
    before = f"still work for {overlap_hours} hours" if overlap_hours else "have ended"
    say(f"The keys of {client_id} before this one {before}. The new one is shown now and never again:")
    typer.echo(made.value)


@app.command("revoke")
@command
async def revoke(client_id: UUID) -> None:
    """Revoke a client with its keys and tokens, at once."""
    async with open_database() as database, database.transaction() as session:
        client = await clients.get_client(session, _ACTOR, client_id, "api_client.revoke")
        await clients.revoke_client(session, _ACTOR, client)
    say(f"Client {client_id} is revoked.")
