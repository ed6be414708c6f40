"""``ancrage person``: the first operator, who invites everybody else."""

from typing import Annotated

import typer

from service.cli.context import command, fail, open_database, say
from service.core.email_address import normalise
from service.domain import persons
from service.domain.access import system
from service.domain.labels import LANGUAGES

app = typer.Typer(no_args_is_help=True, help="Persons: make the first operator.")
_ACTOR = system("person")


@app.callback()
def _persons() -> None:
    """Keep the command's name in front of its verbs, however few they are."""


@app.command("operator")
@command
async def operator(
    email: Annotated[str, typer.Argument(help="Address at which the person reads mail.")],
    language: Annotated[str, typer.Option(help="Of the mails to a new person: fr or en.")] = LANGUAGES[0],
) -> None:
    """Make a person an operator of the platform: they may do everything, everywhere, and invite others.

    Running it twice changes nothing. The person signs in with a code or link sent to the address.
    """
    try:
        address = normalise(email)
    except ValueError as error:
        fail(f"the address {error}.")
    if language not in LANGUAGES:
        fail(f"mails are written in {' and '.join(LANGUAGES)}, not in {language}.")
    async with open_database() as database, database.transaction() as session:
        made = await persons.make_operator(session, _ACTOR, address, language=language)
    if made:
        say(f"{address} is now an operator. Next: sign in with that address at /sign-in.")
    else:
        say(f"{address} was an operator already.")
