"""Mail that comes back: which of ours it was, and what that says about the address."""

import re
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Invalid, NotFound
from service.core.reach import elevated
from service.core.security import hash_secret
from service.domain.access import Actor, allowed
from service.domain.events import record
from service.domain.mail.reports import NotAReport, Report, read
from service.domain.mail.sending import lasting, note_bounce
from service.models import Mail
from service.schemas.mail import BounceOutcome, BounceRead

_TOKEN: Final = "([0-9a-f]{16})"  # noqa: S105 - the shape of a token, not one


async def report_bounce(
    session: AsyncSession, actor: Actor, raw: bytes, *, bounce_address: str | None
) -> BounceRead:
    """Record what the message ``raw`` reports about one of our mails; the same report twice changes nothing.

    The mail is found by the token in ``bounce_address`` (as configured, ``bounces+{token}@…``), to which the
    report came, else by the ``Message-ID`` of the mail it returns. Raises :class:`Invalid` for what is no
    report, :class:`NotFound` when it is about no mail of ours.
    """
    try:
        report = read(raw)
    except NotAReport as error:
        raise Invalid(f"{error} Pipe in only what arrives at the bounce address.") from None
    # Mails and persons are not the reporter's: who knows a mail's token or id was given it by the mail's way
    # back. The first wall still stands: a client reports about the mails of its own territories.
    async with elevated(session):
        mail = await _find(session, actor, report, bounce_address)
        recorded = await _apply(session, actor, mail, report)
    return BounceRead(mail_id=mail.id, outcome=report.outcome, status=report.status, recorded=recorded)


async def _find(session: AsyncSession, actor: Actor, report: Report, bounce_address: str | None) -> Mail:
    tokens: list[str] = []
    if bounce_address is not None:
        before, after = (re.escape(part) for part in bounce_address.lower().split("{token}"))
        shape = re.compile(f"{before}{_TOKEN}{after}")
        tokens = [found.group(1) for address in report.delivered_to if (found := shape.fullmatch(address))]
    ways: list[ColumnElement[bool]] = [
        Mail.bounce_digest.in_([hash_secret(token) for token in tokens]),
        Mail.message_id.in_(report.message_ids),
    ]
    for way in ways:
        mail: Mail | None = await session.scalar(
            select(Mail)
            .where(way, or_(allowed(actor, "mail.report", Mail), Mail.territory_id.is_(None)))
            .order_by(Mail.id)
            .limit(1)
            .with_for_update()
        )
        if mail is not None:
            return mail
    raise NotFound(
        "The report is about no mail that we sent: neither the address it came to nor the Message-ID of the "
        "mail it returns is known."
    )


async def _apply(session: AsyncSession, actor: Actor, mail: Mail, report: Report) -> bool:
    """Record the report on its mail; return whether anything changed."""
    if report.outcome is BounceOutcome.DELIVERED or mail.state not in {"waiting", "sent"}:
        return False
    error = f"{report.status} {report.outcome}"
    if report.outcome is not BounceOutcome.PERMANENT:
        # Still delayed is no news once it was given up.
        if mail.error == error or (mail.error is not None and report.outcome is BounceOutcome.DELAYED):
            return False
        mail.error = error
        return True
    mail.state, mail.error, mail.bounced_at = "bounced", error, now()
    await note_bounce(session, mail, lasting=lasting(report.status))
    record(
        session,
        "mail.bounced",
        actor=actor.name,
        territory_id=mail.territory_id,
        subject_id=mail.id,
        data={"template": mail.template, "status": report.status},
    )
    return True
