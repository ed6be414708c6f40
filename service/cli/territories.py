"""``ancrage territory``: the first territory of a platform, and those inside it."""

from typing import Annotated

import typer
from pydantic import ValidationError

from service.cli.context import command, fail, open_database, say
from service.domain import territories
from service.domain.access import system
from service.models.enums import TerritoryKind
from service.schemas.territories import TerritoryCreate

app = typer.Typer(no_args_is_help=True, help="Territories: make the first ones, list them.")
_ACTOR = system("territory")
_OUTERMOST = "none"


@app.command("create")
@command
async def create(
    slug: Annotated[str, typer.Argument(help="Its name in addresses, such as pays-des-sources.")],
    name: Annotated[str, typer.Option(help="Its name in words.")],
    kind: Annotated[TerritoryKind, typer.Option(help="Its administrative level.")],
    inside: Annotated[
        str | None, typer.Option(help="Slug of the territory that holds it, if one does.")
    ] = None,
    region: Annotated[list[str] | None, typer.Option(help="INSEE code it covers. Repeatable.")] = None,
    departement: Annotated[list[str] | None, typer.Option(help="INSEE code it covers. Repeatable.")] = None,
    epci: Annotated[list[str] | None, typer.Option(help="SIREN of an EPCI it covers. Repeatable.")] = None,
    commune: Annotated[list[str] | None, typer.Option(help="INSEE code it covers. Repeatable.")] = None,
) -> None:
    """Make a territory and work out its communes; its brand comes later, over the API.

    Import the communes first: codes are checked against them.
    """
    try:
        data = TerritoryCreate.model_validate(
            {
                "slug": slug,
                "name": name,
                "kind": kind,
                "parent": inside or _OUTERMOST,
                "coverage": {
                    "regions": region or [],
                    "departements": departement or [],
                    "epcis": epci or [],
                    "communes": commune or [],
                },
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}.")
    make = territories.create_territory if inside else territories.create_root
    async with open_database() as database, database.transaction() as session:
        made = await make(session, _ACTOR, data)
    say(f"{made.name} ({made.kind}) covers {made.communes:,} communes. Next: `ancrage client create`.")


@app.command("list")
@command
async def list_territories() -> None:
    """List the territories, with what holds them and how many communes they cover."""
    async with open_database() as database, database.transaction() as session:
        after = None
        while found := await territories.list_territories(session, after=after, limit=100, parent=None):
            for item in found:
                typer.echo(f"{item.slug}  {item.kind}  in {item.parent or '-'}  {item.communes} communes")
            after = found[-1].slug
