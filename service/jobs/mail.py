"""Sending mail: by the mail server, or into a folder where there is none."""

import asyncio

import structlog

from service.adapters import mail_folder, smtp
from service.core.settings import Settings
from service.core.smtp_url import parse_smtp_url
from service.domain import mail
from service.domain.platform import get_keyring
from service.jobs.work import Scope, TaskFacts, Work, handler

log = structlog.get_logger(__name__)


async def hand_over(settings: Settings, outgoing: mail.Outgoing) -> smtp.Reply:
    """Give a mail to the server ``SMTP_URL`` names, or write it to the folder; return the answer.

    Raises :class:`~service.adapters.smtp.Deferred` or :class:`~service.adapters.smtp.Refused`.
    """
    if settings.smtp_url is not None:
        return await smtp.send(parse_smtp_url(settings.smtp_url.get_secret_value()), outgoing.envelope)
    folder = mail.folder_of(settings)
    await asyncio.to_thread(mail_folder.write, folder, outgoing.mail_id, outgoing.envelope.content)
    return smtp.Reply(smtp.Stage.MESSAGE, text=f"written to {folder / str(outgoing.mail_id)}.eml")


# What a mail is about may be anybody's or nobody's yet, such as an attempt to sign in: it reaches everywhere.
# With waits of up to ten minutes a hundred attempts last most of a working day: a server's own troubles,
# and those who let nobody in at the first knock, are over by then.
@handler(max_attempts=100, timeout_seconds=180, scope=Scope.EVERYWHERE)
async def send_mail(work: Work, task: TaskFacts) -> None:
    """Write a mail and hand it over, unless what it is about has ended.

    Killed in between, it is handed over again: the same mail, by its ``Message-ID``. A server that does not
    take it now is a failure, tried again later.
    """
    assert task.subject_id is not None  # noqa: S101 - every event that leads here is about a mail
    mail_id = task.subject_id
    async with work.database.transaction() as session:
        keyring = await get_keyring(session, work.settings)
        found = await mail.prepare(session, keyring, work.settings, mail_id)
    if found is None:
        return
    outcome = found if isinstance(found, mail.Dropped) else await _outcome(work.settings, found)
    async with work.completing(task) as session:
        await mail.conclude(session, mail_id, outcome)
    log.info("mail.ended", mail_id=str(mail_id), template=task.data.get("template"), outcome=_word(outcome))


async def _outcome(settings: Settings, outgoing: mail.Outgoing) -> mail.Outcome:
    try:
        return await hand_over(settings, outgoing)
    except smtp.Refused as refused:
        return refused


def _word(outcome: mail.Outcome) -> str:
    match outcome:
        case mail.Dropped():
            return f"dropped: {outcome.reason}"
        case smtp.Refused():
            return f"refused: {outcome.reply}"
        case _:
            return "sent"
