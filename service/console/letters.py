"""Pages that links in mails lead to: an invitation, a parent's word; and the mails themselves, at home."""

import ipaddress
import re
from typing import Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Response

from service.api.dependencies import Configuration, Session
from service.console import texts
from service.console.pages import AnyVisitor, ConsoleRoute, Form, Somebody, Visitor
from service.core.errors import NotFound
from service.core.settings import Settings
from service.domain import consents, invitations, mail
from service.domain.labels import label
from service.schemas.privacy import GuardianDecisionRead

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
# A mail's HTML is shown as a mail program would: its own styles, nothing else, no script, no other site.
_MAIL_CSP: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
)
_PAGE_CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-src 'self'; frame-ancestors 'none'"
)
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@router.get("/invitations/{token}")
async def invitation_page(visitor: AnyVisitor, session: Session, token: str) -> Response:
    """Show what is offered, and take it or sign in first."""
    offer = await invitations.read_offer(session, token)
    does = texts.roles(visitor.language).get(offer.role)
    title = label("role", offer.role, visitor.language)
    return visitor.page("invitation.html", offer=offer, title=title, does=does, token=token)


@router.post("/invitations/{token}")
async def accept_invitation(visitor: Somebody, session: Session, form: Form, token: str) -> Response:
    """Take the role."""
    del form
    await invitations.accept_by_token(session, visitor.actor, token)
    return visitor.to("/console")


@router.get("/consents/guardian/{token}")
async def guardian_page(visitor: AnyVisitor, session: Session, token: str) -> Response:
    """Ask a parent, and show what they said so far."""
    question = await consents.guardian_question(session, token)
    return _guardian(visitor, question.read(), token, language=question.consent.language)


@router.post("/consents/guardian/{token}")
async def decide_as_guardian(visitor: AnyVisitor, session: Session, form: Form, token: str) -> Response:
    """Keep what a parent decided, and show it."""
    await consents.decide_as_guardian(session, token, confirm=form.get("confirm") == "yes")
    return visitor.to(f"/consents/guardian/{quote(token, safe='')}")


def _guardian(visitor: Visitor, asked: GuardianDecisionRead, token: str, *, language: str) -> Response:
    """Show the question; ``language`` is that of the text the child saw."""
    state = "waiting" if asked.decided_at is None else "confirmed" if asked.confirmed else "declined"
    return visitor.page("guardian.html", asked=asked, state=state, token=token, text_language=language)


def _at_home(visitor: Visitor, settings: Settings) -> None:
    """Refuse to show mails where a server sends them, or to somebody who is neither here nor an operator.

    Codes stand in them. A site that makes its name lead to this machine asks under that name, and what comes
    through a proxy comes from anywhere: neither is here.
    """
    request = visitor.request
    near = (
        request.client is not None
        and _is_loopback(request.client.host)
        and _is_loopback(request.url.hostname or "")
        and not any(name in request.headers for name in _FORWARDED)
    )
    if settings.smtp_url is not None or not (near or visitor.actor.everywhere):
        raise NotFound("Mails are shown on the machine itself or to operators, and only without SMTP_URL.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@router.get("/console/mails")
async def mails_page(visitor: AnyVisitor, settings: Configuration) -> Response:
    """List the mails that lie in the local folder."""
    _at_home(visitor, settings)
    return visitor.page("mails.html", mails=mail.local_mails(mail.folder_of(settings)))


def _local_mail(visitor: Visitor, settings: Settings, mail_id: UUID) -> mail.LocalMail:
    _at_home(visitor, settings)
    found = mail.local_mail(mail.folder_of(settings), mail_id)
    if found is None:
        raise NotFound("This mail is not in the folder, or no longer.")
    return found


@router.get("/console/mails/{mail_id}")
async def mail_page(visitor: AnyVisitor, settings: Configuration, mail_id: UUID) -> Response:
    """Show one mail."""
    found = _local_mail(visitor, settings, mail_id)
    own = re.compile(rf"({re.escape(visitor.here)}/[^\s<>]*)")
    # Every second piece is an address of ours: the one kind of link that leads on from here.
    page = visitor.page("mail.html", mail=found, pieces=own.split(found.text))
    page.headers["Content-Security-Policy"] = _PAGE_CSP
    return page


@router.get("/console/mails/{mail_id}/html")
async def mail_content(visitor: AnyVisitor, settings: Configuration, mail_id: UUID) -> Response:
    """Give one mail's HTML to the frame that shows it."""
    return Response(
        _local_mail(visitor, settings, mail_id).html,
        media_type="text/html",
        headers={
            "Content-Security-Policy": _MAIL_CSP,
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        },
    )
