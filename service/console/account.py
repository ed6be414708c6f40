"""One's own account: who I am, where I am signed in, what becomes of my data."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from service.api.dependencies import Keys, Session
from service.console import cookies
from service.console.pages import ConsoleRoute, Form, Somebody, Visitor
from service.core.errors import Invalid
from service.domain import consents, persons, sessions
from service.domain.access import ANONYMOUS
from service.domain.privacy.asking import erase_me
from service.domain.privacy.export import export
from service.domain.privacy.page import render
from service.domain.privacy.reading import list_purposes
from service.schemas.persons import PersonUpdate
from service.schemas.privacy import ConsentCreate

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
_MOST = 100


@router.get("/console")
async def home_page(visitor: Somebody, session: Session) -> Response:
    """Greet, and show what the person may do here."""
    person = await persons.get_me(session, visitor.actor)
    roles = await persons.read_roles(session, person.id, visitor.language)
    return visitor.page("home.html", person=person, roles=roles)


async def _account(
    visitor: Visitor, session: Session, *, error: str | None = None, saved: bool = False
) -> Response:
    person = await persons.get_me(session, visitor.actor)
    roles = await persons.read_roles(session, person.id, visitor.language)
    return visitor.page(
        "account.html",
        status=422 if error else 200,
        person=person,
        roles=roles,
        error=error,
        saved=saved,
    )


@router.get("/account")
async def account_page(
    visitor: Somebody,
    session: Session,
    saved: Annotated[bool, Query()] = False,  # noqa: FBT002 - of the address
) -> Response:
    """Show who I am."""
    return await _account(visitor, session, saved=saved)


@router.post("/account")
async def change_account(visitor: Somebody, session: Session, form: Form) -> Response:
    """Change my names and language."""
    person = await persons.get_me(session, visitor.actor, "me.update")
    try:
        wanted = PersonUpdate.model_validate(
            {
                name: (form.get(name) or "").strip() or None
                for name in ("given_name", "family_name", "language")
                if name in form
            }
        )
    except ValidationError:
        return await _account(visitor, session, error=visitor.text("account.wrong"))
    await persons.update_me(session, visitor.actor, person, wanted)
    return visitor.to("/account?saved=true")


@router.get("/account/sessions")
async def sessions_page(visitor: Somebody, session: Session) -> Response:
    """Show where I am signed in."""
    return visitor.page(
        "sessions.html",
        sessions=await sessions.list_sessions(session, visitor.actor, after=None, limit=_MOST),
    )


@router.post("/account/sessions/others/end")
async def end_others(visitor: Somebody, session: Session, form: Form) -> Response:
    """End every session but this one."""
    del form
    await sessions.revoke_others(session, visitor.actor)
    return visitor.to("/account/sessions")


@router.post("/account/sessions/{session_id}/end")
async def end_session(visitor: Somebody, session: Session, form: Form, session_id: UUID) -> Response:
    """End one session."""
    del form
    await sessions.revoke_own(session, visitor.actor, session_id)
    return visitor.to("/account/sessions" if session_id != visitor.actor.session_id else "/sign-in")


async def _privacy(visitor: Visitor, session: Session, *, error: str | None = None) -> Response:
    given = await consents.list_consents(session, visitor.actor, after=None, limit=_MOST)
    purposes = list_purposes(visitor.language)
    standing = {consent.purpose: consent for consent in reversed(given) if consent.withdrawn_at is None}
    return visitor.page(
        "privacy.html",
        status=422 if error else 200,
        purposes=purposes,
        standing=standing,
        error=error,
    )


@router.get("/account/privacy")
async def privacy_page(visitor: Somebody, session: Session) -> Response:
    """Show what I agreed to, and what I may do about my data."""
    return await _privacy(visitor, session)


@router.post("/account/privacy/consents")
async def give_consent(visitor: Somebody, session: Session, keyring: Keys, form: Form) -> Response:
    """Agree to one purpose, in the text that was shown."""
    try:
        given = ConsentCreate.model_validate(
            {"purpose": form.get("purpose"), "text_version": form.get("text_version")}
        )
        await consents.give(session, keyring, visitor.actor, given, language=visitor.language)
    except (ValidationError, Invalid):
        return await _privacy(visitor, session, error=visitor.text("privacy.guardian_needed"))
    return visitor.to("/account/privacy")


@router.post("/account/privacy/consents/withdraw")
async def withdraw_consent(visitor: Somebody, session: Session, form: Form) -> Response:
    """Take a consent back."""
    await consents.withdraw(session, visitor.actor, form.get("purpose", ""))
    return visitor.to("/account/privacy")


@router.get("/account/privacy/export.json")
async def export_json(visitor: Somebody, session: Session) -> Response:
    """Give everything held about me, for programs."""
    held = await export(session, visitor.actor, language=visitor.language)
    return JSONResponse(
        held.model_dump(mode="json"),
        headers={
            "Content-Disposition": 'attachment; filename="ancrage-export.json"',
            "Cache-Control": "no-store",
        },
    )


@router.get("/account/privacy/export.html")
async def export_html(visitor: Somebody, session: Session) -> Response:
    """Give everything held about me, to read."""
    held = await export(session, visitor.actor, language=visitor.language)
    return Response(render(held), media_type="text/html", headers={"Cache-Control": "no-store"})


@router.post("/account/privacy/erase")
async def erase(visitor: Somebody, session: Session, keyring: Keys, form: Form) -> Response:
    """Erase everything about me, once I typed my address."""
    typed = form.get("confirm", "").strip().lower()
    if typed != (visitor.actor.email or ""):
        return await _privacy(visitor, session, error=visitor.text("erase.mismatch"))
    await erase_me(session, keyring, visitor.actor)
    gone = Visitor(visitor.request, ANONYMOUS, visitor.language, visitor.here, holder="", word="")
    response = gone.page("erased.html")
    cookies.forget(response, cookies.session_cookie(visitor.here), here=visitor.here)
    return response
