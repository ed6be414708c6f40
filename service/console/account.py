"""One's own account: who I am, where I am signed in, what becomes of my data."""

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ValidationError

from service.api.dependencies import Keys, Session
from service.console import texts
from service.console.pages import ConsoleRoute, Form, Somebody, Visitor
from service.core.errors import BadRequest, Invalid
from service.domain import consents, persons, sessions
from service.domain.privacy.asking import SignInAgain, erase_me
from service.domain.privacy.export import export
from service.domain.privacy.page import POLICY, render
from service.domain.privacy.reading import list_purposes
from service.schemas.persons import PersonUpdate
from service.schemas.privacy import ConsentCreate, ConsentRead

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
_MOST = 100
_OWN_FIELDS: Final = ("given_name", "family_name", "language", "guardian_email")
# Each in its own words. Mails are in French where there are none in that language yet.
_MAIL_LANGUAGES: Final = {
    "fr": "Français",
    "en": "English",
    "uk": "Українська",
    "ar": "العربية",
    "es": "Español",
    "pt": "Português",
    "de": "Deutsch",
    "it": "Italiano",
}


@router.get("/console")
async def home_page(visitor: Somebody, session: Session) -> Response:
    """Greet, and show what the person may do here."""
    person = await persons.get_me(session, visitor.actor)
    roles = await persons.read_roles(session, person.id, visitor.language)
    return visitor.page("home.html", person=person, roles=roles, does=texts.roles(visitor.language))


async def _account(
    visitor: Visitor,
    session: Session,
    *,
    wrong: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    saved: bool = False,
) -> Response:
    person = await persons.get_me(session, visitor.actor)
    values = {name: getattr(person, name) or "" for name in _OWN_FIELDS} | dict(typed or {})
    return visitor.page(
        "account.html",
        status=422 if wrong else 200,
        person=person,
        values=values,
        # Asked of nobody else: the address of somebody who has no part in it.
        child=consents.is_child(person),
        languages=_MAIL_LANGUAGES,
        roles=await persons.read_roles(session, person.id, visitor.language),
        wrong=wrong or {},
        errors=[(f"#{name}", text) for name, text in (wrong or {}).items()],
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
    """Change my names and language, and under 15 the address of a parent."""
    typed: dict[str, str] = {name: form[name].strip() for name in _OWN_FIELDS if name in form}
    person = await persons.get_me(session, visitor.actor, "me.update")
    try:
        wanted = PersonUpdate.model_validate({name: value or None for name, value in typed.items()})
        await persons.update_me(session, visitor.actor, person, wanted)
    except ValidationError as error:
        names = [str(each["loc"][0]) for each in error.errors()]
    except Invalid as problem:
        names = [each.pointer.removeprefix("/") for each in problem.errors]
    else:
        return visitor.to("/account?saved=true")
    wrong = {name: visitor.text(f"account.wrong.{name}") for name in names}
    return await _account(visitor, session, wrong=wrong, typed=typed)


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
    return visitor.to("/account/sessions")


async def _privacy(
    visitor: Visitor, session: Session, *, error: str | None = None, about: str = "", link: str = ""
) -> Response:
    """Show the page; ``error`` is about the element ``about``, or mended at the page ``link``."""
    given = await consents.list_consents(session, visitor.actor, after=None, limit=_MOST)
    standing: dict[str, list[ConsentRead]] = {}
    for consent in given:
        if consent.withdrawn_at is None:
            standing.setdefault(consent.purpose, []).append(consent)
    return visitor.page(
        "privacy.html",
        status=422 if error else 200,
        purposes=list_purposes(visitor.language),
        standing=standing,
        error=error,
        about=about,
        link=link,
    )


@router.get("/account/privacy")
async def privacy_page(visitor: Somebody, session: Session) -> Response:
    """Show what I agreed to, and what I may do about my data."""
    return await _privacy(visitor, session)


@router.post("/account/privacy/consents")
async def give_consent(visitor: Somebody, session: Session, keyring: Keys, form: Form) -> Response:
    """Agree to one purpose, in the text that was shown."""
    purpose = form.get("purpose", "")
    try:
        given = ConsentCreate.model_validate({"purpose": purpose, "text_version": form.get("text_version")})
        await consents.give(session, keyring, visitor.actor, given, language=visitor.language)
    except ValidationError:
        raise BadRequest("Send `purpose` and `text_version` as they stand in the page.") from None
    except Invalid as problem:
        if problem.errors[0].code == "guardian_needed":
            error = visitor.text("privacy.guardian_needed")
            return await _privacy(visitor, session, error=error, link="/account#guardian_email")
        # The text changed while the page was open: the new one is shown.
        error = visitor.text("privacy.outdated")
        return await _privacy(visitor, session, error=error, about=f"purpose-{purpose}")
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
    return HTMLResponse(
        render(held), headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    )


@router.post("/account/privacy/erase")
async def erase(visitor: Somebody, session: Session, keyring: Keys, form: Form) -> Response:
    """Erase everything about me, once I typed my address."""
    typed = form.get("confirm", "").strip().casefold()
    if typed != (visitor.actor.email or "").casefold():
        error = visitor.text("erase.mismatch")
        return await _privacy(visitor, session, error=error, about="confirm")
    try:
        await erase_me(session, keyring, visitor.actor)
    except SignInAgain:
        error = visitor.text("erase.sign_in_again")
        return await _privacy(visitor, session, error=error, link="/sign-in?again=true&next=/account/privacy")
    return visitor.farewell("erased.html")
