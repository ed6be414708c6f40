"""What is done around handing a mail over: making it ready before, recording what became of it after."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.smtp import Envelope, Refused, Reply, Stage
from service.core.clock import now
from service.core.email_address import normalise
from service.core.ids import new_id
from service.core.security import Keyring, hash_secret
from service.core.settings import Settings
from service.domain.derived import bounce_token
from service.domain.events import record
from service.domain.mail.facts import Ended, letter_of
from service.domain.mail.words import language_of
from service.domain.mail.writing import Brand, Headers, Letter, compose, sender_of, usable_address
from service.models import Mail, Person

# The last mail to somebody: their address goes with it.
_LAST: Final = "erasure_done"
# Whoever signs in proves that mail arrives; every other mail waits until then.
_TRIED_AFTER_BOUNCES: Final = "sign_in_code"
# Answers to a recipient, without an enhanced status, that speak of the address itself.
_NO_SUCH_MAILBOX: Final = frozenset({550, 551, 553})
# Permanent, and no fault of the address: the mailbox is full, the mail too large, the server broken, the
# protocol, the content, or a policy (RFC 3463).
_NOT_THE_ADDRESS: Final = ("5.2.2", "5.2.3", "5.3.", "5.5.", "5.6.", "5.7.")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail ready to be handed over. The same row makes the same ``Message-ID`` every time."""

    mail_id: uuid.UUID
    template: str
    envelope: Envelope = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A mail not worth sending any more, and one word for why."""

    reason: str


Outcome = Reply | Refused | Dropped
"""What became of a mail: the answer by which a server took it, or refused it for good, or neither."""


def folder_of(settings: Settings) -> Path:
    """Return the folder where mails are files when there is no mail server."""
    return settings.data_dir / "mails"


async def prepare(
    session: AsyncSession, keyring: Keyring, settings: Settings, mail_id: uuid.UUID
) -> Outgoing | Dropped | None:
    """Return the mail, written; or why not; or None when its end is known already.

    Its ``Message-ID`` and the digest of its bounce token are stored: commit before it is handed over.
    """
    mail = await session.get(Mail, mail_id, with_for_update=True)
    if mail is None or mail.state != "waiting":
        return None
    if mail.to_address is None:
        return Dropped("address_removed")
    if usable_address(mail.to_address) is None:
        return Dropped("address_unusable")
    if mail.template != _TRIED_AFTER_BOUNCES and await _comes_back(session, mail.to_address):
        return Dropped("address_bounced")
    try:
        letter = await letter_of(session, keyring, settings, mail)
    except Ended as ended:
        return Dropped(ended.reason)
    _, address = sender_of(settings.mail_from)
    if mail.message_id is None:
        mail.message_id = f"<{mail.id.hex}@{address.rpartition('@')[2]}>"
    token = bounce_token(keyring, mail.id)
    mail.bounce_digest = hash_secret(token)
    nobody = mail.template == _LAST and settings.smtp_url is None
    headers = Headers(
        sender=settings.mail_from or "",
        # The file outlives the erasure.
        to=None if nobody else mail.to_address,
        message_id=mail.message_id,
        date=mail.created_at,
    )
    bounces_to = settings.mail_bounce_address
    return Outgoing(
        mail_id=mail.id,
        template=mail.template,
        envelope=Envelope(
            sender=bounces_to.replace("{token}", token) if bounces_to is not None else address,
            recipient=mail.to_address,
            content=compose(letter, headers),
        ),
    )


async def _comes_back(session: AsyncSession, address: str) -> bool:
    query = exists().where(Person.email == address, Person.email_bounced_at.is_not(None))
    return bool(await session.scalar(select(query)))


async def conclude(session: AsyncSession, mail_id: uuid.UUID, outcome: Outcome) -> None:
    """Record what became of a mail; a bounce that was faster than this stays."""
    mail = await session.get(Mail, mail_id, with_for_update=True)
    if mail is None:
        return
    known = mail.state != "waiting"
    match outcome:
        case Reply():
            mail.sent_at = now()
            mail.state = mail.state if known else "sent"
        case Refused() if not known:
            mail.state, mail.error = "refused", str(outcome.reply)
            await note_bounce(session, mail, lasting=_is_the_address_s(outcome.reply))
            record(
                session,
                "mail.refused",
                actor="system:mail",
                territory_id=mail.territory_id,
                subject_id=mail.id,
                data={"template": mail.template, "reply": mail.error},
            )
        case Dropped() if not known:
            mail.state, mail.error = "dropped", outcome.reason
        case _:
            return
    if mail.template == _LAST:
        mail.to_address = None


def _is_the_address_s(reply: Reply) -> bool:
    if reply.status is not None:
        return lasting(reply.status)
    return reply.stage is Stage.RECIPIENT and reply.code in _NO_SUCH_MAILBOX


def lasting(status: str) -> bool:
    """Tell whether an enhanced status (``5.1.1``) says that no mail will ever arrive at the address."""
    return status.startswith("5.") and not status.startswith(_NOT_THE_ADDRESS)


async def note_bounce(session: AsyncSession, mail: Mail, *, lasting: bool) -> None:
    """Note on the person whose address it is that mail does not arrive there, when it never will."""
    if lasting and mail.to_address is not None:
        await session.execute(
            update(Person)
            .where(Person.email == mail.to_address, Person.email_bounced_at.is_(None))
            .values(email_bounced_at=now())
        )


def trial(settings: Settings, to: str, language: str) -> Outgoing:
    """Return a mail that says nothing but that mail works.

    Raises :class:`ValueError` for what is no address.
    """
    recipient = normalise(to)
    mail_id = new_id()
    _, address = sender_of(settings.mail_from)
    letter = Letter("test", language_of(language), Brand(), {})
    headers = Headers(
        sender=settings.mail_from or "",
        to=recipient,
        message_id=f"<{mail_id.hex}@{address.rpartition('@')[2]}>",
        date=now(),
    )
    return Outgoing(mail_id, "test", Envelope(address, recipient, compose(letter, headers)))
