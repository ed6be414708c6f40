"""``ancrage mail``: does mail leave this machine, and what does the mail server say."""

from typing import Annotated

import typer

from service.adapters.smtp import NotAccepted
from service.cli.context import command, fail, say, settings_or_fail
from service.core.settings import Settings
from service.core.smtp_url import parse_smtp_url
from service.domain import mail
from service.domain.mail import folder_of
from service.jobs.mail import hand_over

app = typer.Typer(no_args_is_help=True, help="Mail: sending a test, and what the server answers.")


def describe(settings: Settings) -> str:
    """Return where mail goes, without the password."""
    if settings.smtp_url is None:
        return f"Mail: files in {folder_of(settings)} (SMTP_URL is not set)"
    server = parse_smtp_url(settings.smtp_url.get_secret_value())
    account = f", as {server.user}" if server.user else ""
    bounces = settings.mail_bounce_address or "MAIL_FROM (MAIL_BOUNCE_ADDRESS is not set)"
    return (
        f"Mail: by {server.host}:{server.port}, tls={server.tls}{account}, from {settings.mail_from}; "
        f"bounces return to {bounces}"
    )


@app.command("test")
@command
async def send_test(
    address: Annotated[str, typer.Argument(help="Where to send it.")],
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
) -> None:
    """Send a test mail now, without the queue, and print what the mail server answers."""
    settings = settings_or_fail()
    say(f"{describe(settings)}.")
    try:
        outgoing = mail.trial(settings, address, language)
    except ValueError as error:
        fail(f"the address {error}.")
    try:
        reply = await hand_over(settings, outgoing)
    except NotAccepted as error:
        fail(f"{error} {error.reply.text}".strip())
    typer.echo(f"{reply.code} {reply.text}" if reply.code is not None else reply.text)
