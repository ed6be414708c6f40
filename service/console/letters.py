"""Pages that links in mails lead to: an invitation, a parent's decision; and the mails themselves, at home."""

import ipaddress
from uuid import UUID

from fastapi import APIRouter, Response

from service.api.dependencies import Configuration, Session
from service.console.pages import AnyVisitor, ConsoleRoute, Form, Somebody, Visitor
from service.core.errors import NotFound
from service.core.settings import Settings
from service.domain import consents, invitations, mail

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
# A mail's HTML is shown as a mail program would: its own styles, nothing else, no script, no other site.
_MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
_PAGE_CSP = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-src 'self'; frame-ancestors 'none'"


@router.get("/invitations/{token}")
async def invitation_page(visitor: AnyVisitor, session: Session, token: str) -> Response:
    """Show what is offered, and take it or sign in first."""
    offer = await invitations.read_offer(session, token)
    return visitor.page("invitation.html", offer=offer, token=token)


@router.post("/invitations/{token}")
async def accept_invitation(visitor: Somebody, session: Session, form: Form, token: str) -> Response:
    """Take the role."""
    del form
    await invitations.accept_by_token(session, visitor.actor, token)
    return visitor.to("/console")


@router.get("/consents/guardian/{token}")
async def guardian_page(visitor: AnyVisitor, session: Session, token: str) -> Response:
    """Ask a parent."""
    question = await consents.guardian_question(session, token)
    return visitor.page("guardian.html", question=question.read(), token=token)


@router.post("/consents/guardian/{token}")
async def decide_as_guardian(visitor: AnyVisitor, session: Session, form: Form, token: str) -> Response:
    """Keep what a parent decided."""
    decided = await consents.decide_as_guardian(session, token, confirm=form.get("confirm") == "yes")
    return visitor.page("guardian_done.html", decided=decided)


def _at_home(visitor: Visitor, settings: Settings) -> None:
    """Refuse to show mails where a server sends them, or to somebody who is neither here nor an operator."""
    client = visitor.request.client
    try:
        near = client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        near = False
    if settings.smtp_url is not None or not (near or visitor.actor.everywhere):
        raise NotFound(visitor.text("error.404.detail"))


@router.get("/console/mails")
async def mails_page(visitor: AnyVisitor, settings: Configuration) -> Response:
    """List the mails that lie in the local folder."""
    _at_home(visitor, settings)
    return visitor.page("mails.html", mails=mail.local_mails(mail.folder_of(settings)))


@router.get("/console/mails/{mail_id}")
async def mail_page(visitor: AnyVisitor, settings: Configuration, mail_id: UUID) -> Response:
    """Show one mail."""
    _at_home(visitor, settings)
    found = mail.local_mail(mail.folder_of(settings), mail_id)
    if found is None:
        raise NotFound(visitor.text("error.404.detail"))
    page = visitor.page("mail.html", mail=found)
    page.headers["Content-Security-Policy"] = _PAGE_CSP
    return page


@router.get("/console/mails/{mail_id}/html")
async def mail_content(visitor: AnyVisitor, settings: Configuration, mail_id: UUID) -> Response:
    """Give one mail's HTML to the frame that shows it."""
    _at_home(visitor, settings)
    found = mail.local_mail(mail.folder_of(settings), mail_id)
    if found is None or not found.html:
        raise NotFound(visitor.text("error.404.detail"))
    return Response(
        found.html,
        media_type="text/html",
        headers={
            "Content-Security-Policy": _MAIL_CSP,
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        },
    )
