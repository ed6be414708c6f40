"""The command ``ancrage``: run, migrate, import, match, and look after the platform."""

from typing import Annotated

import orjson
import typer

from service import __version__
from service.app import openapi_document
from service.cli import (
    audit,
    clients,
    imports,
    mail,
    matching,
    operations,
    persons,
    privacy,
    referentials,
    roles,
    search,
    serve,
    tasks,
    territories,
)
from service.cli.context import command, open_database, say, settings_or_fail
from service.core.migrations import head_revision
from service.demo import load_demo
from service.worker import run_worker

app = typer.Typer(
    name="ancrage",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ancrage: the open platform for territorial hospitality.",
)
importing = typer.Typer(no_args_is_help=True, help="Import referentials and feeds from files.")
for source in (referentials.app, imports.app):
    importing.registered_commands.extend(source.registered_commands)
app.add_typer(importing, name="import")
app.add_typer(audit.app, name="audit")
app.add_typer(clients.app, name="client")
app.add_typer(persons.app, name="person")
app.add_typer(mail.app, name="mail")
app.add_typer(privacy.app, name="privacy")
app.add_typer(search.app, name="search")
app.add_typer(tasks.app, name="tasks")
app.add_typer(territories.app, name="territory")
app.command("match")(matching.match)
app.command("reindex")(operations.reindex)
app.command("doctor")(operations.doctor)
app.command("roles")(roles.roles)


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command("run")
@command
async def run(
    *, demo: Annotated[bool, typer.Option(help="Load the demo territory into an empty database.")] = True
) -> None:
    """Start everything: database, migrations, demo, API and worker; until Ctrl-C."""
    await serve.run(demo=demo)


@app.command("worker")
@command
async def worker() -> None:
    """Run background work in a process of its own (needs DATABASE_URL; REDIS_URL carries the wake-ups)."""
    await run_worker(settings_or_fail())


@app.command("migrate")
@command
async def migrate() -> None:
    """Bring the database to the structure this version needs."""
    async with open_database(migrating=True):
        say(f"The database is at revision {head_revision()}.")


@app.command("demo")
@command
async def demo() -> None:
    """Load the demo territory, once."""
    async with open_database(migrating=True) as database:
        say(f"The demo territory is `{await load_demo(database, say)}`.")


@app.command("openapi")
def openapi() -> None:
    """Print the OpenAPI document."""
    typer.echo(orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2).decode())


def main() -> None:
    """Run the command line."""
    app()
