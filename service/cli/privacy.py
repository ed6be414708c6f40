"""``ancrage privacy``: the register of processing, and erasing again after a restore."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from service.adapters import ledger_file
from service.cli.context import command, fail, open_database, say, settings_or_fail
from service.domain.platform import get_keyring
from service.domain.privacy import ledger
from service.domain.privacy.register import markdown, register

app = typer.Typer(no_args_is_help=True, help="Personal data: the register, erasing again after a restore.")


@app.command("register")
def print_register(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON instead of Markdown.")] = False,
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
) -> None:
    """Print the register of processing (GDPR art. 30), made from the code's own metadata."""
    if language not in {"fr", "en"}:
        fail("--language must be fr or en.")
    if as_json:
        typer.echo(orjson.dumps(register(language), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(markdown(language), nl=False)


@app.command("replay")
@command
async def replay(
    file: Annotated[
        Path | None,
        typer.Option("--ledger", help="The ledger; erasures.jsonl under DATA_DIR when left out."),
    ] = None,
) -> None:
    """Erase again what a restored backup brought back. Run it after every restore, before the API starts."""
    settings = settings_or_fail()
    path = file or ledger.path_of(settings)
    if file is not None and not path.exists():
        fail(f"there is no ledger at {path}.")
    try:
        entries = ledger.parse(ledger_file.read(path))
    except ledger.LedgerError as error:
        fail(str(error))
    async with open_database() as database, database.transaction() as session:
        keyring = await get_keyring(session, settings)
        done = await ledger.replay(session, keyring, entries)
    ended = ", ".join(f"{count} {what}" for what, count in sorted(done.ended.items()))
    say(f"{len(entries)} lines in the ledger; ended again: {ended or 'nothing'}.")
    if done.other_keys:
        fail(
            f"{done.other_keys} lines hold an address under another secret: what only the address tells "
            "cannot be found again. Set SECRET_KEY to the one these lines were made with, and replay."
        )
