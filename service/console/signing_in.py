"""Signing in to the console: by a code, by a link, through a provider; and signing out."""

from typing import Annotated, Final, get_args
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from service.api.dependencies import Keys, Session
from service.api.providers import get_providers
from service.console import cookies, texts
from service.console.pages import (
    LANGUAGE_COOKIE,
    AnyVisitor,
    ConsoleRoute,
    Form,
    Somebody,
    Visitor,
    own_path,
)
from service.core.errors import Gone, Invalid, TooManyRequests
from service.domain import providers, sessions, sign_in
from service.domain.providers import Providers, pages
from service.domain.sessions import Opened
from service.domain.sign_out import sign_out

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)
HOME = "/console"
_YEAR_SECONDS = 31_536_000
_INVALID = 422
_ERRORS: Final = get_args(pages.Error)
Known = Annotated[Providers, Depends(get_providers)]


def _form_page(
    visitor: Visitor,
    known: Providers,
    following: str,
    *,
    error: str | None = None,
    email: str = "",
    status: int = 200,
) -> Response:
    offered = [
        {
            "label": each.label,
            "path": f"{each.start_path}?return_url={quote(following, safe='')}",
        }
        for each in providers.list_providers(known)
    ]
    return visitor.page(
        "sign_in.html",
        status=status,
        providers=offered,
        following=following,
        error=error,
        # Whether it is the address that is wrong.
        wrong=status == _INVALID,
        email=email,
    )


@router.get("/sign-in")
async def sign_in_page(
    visitor: AnyVisitor,
    known: Known,
    following: Annotated[str | None, Query(alias="next", max_length=500)] = None,
    sign_in_error: Annotated[str | None, Query(max_length=60)] = None,
    again: Annotated[bool, Query()] = False,  # noqa: FBT002 - of the address
) -> Response:
    """Ask for an address, or offer a provider. ``again``: even of somebody who signed in some time ago."""
    path = own_path(following, HOME)
    if visitor.signed_in and sign_in_error is None and not again:
        return visitor.to(path)
    error = None
    if sign_in_error is not None:
        name = sign_in_error if sign_in_error in _ERRORS else "refused"
        error = visitor.text(f"sign_in.error.{name}")
    return _form_page(visitor, known, path, error=error)


@router.post("/sign-in")
async def send_code(
    visitor: AnyVisitor, session: Session, keyring: Keys, known: Known, form: Form
) -> Response:
    """Have a code sent, and ask for it."""
    following = own_path(form.get("next"), HOME)
    email = form.get("email", "").strip()
    try:
        started = await sign_in.start(session, keyring, email=email, language=visitor.language)
    except Invalid:
        error = visitor.text("sign_in.email_wrong")
        return _form_page(visitor, known, following, error=error, email=email[:254], status=_INVALID)
    except TooManyRequests as problem:
        error = visitor.text("sign_in.error.too_many")
        response = _form_page(visitor, known, following, error=error, email=email[:254], status=429)
        response.headers.update(problem.headers)
        return response
    return _code_page(visitor, started.sign_in_id, following, email=email)


def _code_page(
    visitor: Visitor, sign_in_id: UUID, following: str, *, email: str = "", error: str | None = None
) -> Response:
    # The address of the person stands in the page, never in its own address, which servers write down.
    asked_at = f"/sign-in/code?{urlencode({'sign_in_id': sign_in_id, 'next': following})}"
    return visitor.page(
        "code.html",
        status=422 if error else 200,
        sign_in_id=sign_in_id,
        following=following,
        email=email,
        error=error,
        asked_at=asked_at,
    )


@router.get("/sign-in/code")
async def code_page(
    visitor: AnyVisitor,
    sign_in_id: Annotated[str, Query(max_length=60)] = "",
    following: Annotated[str | None, Query(alias="next", max_length=500)] = None,
) -> Response:
    """Ask for a code: after a language was chosen, or when a provider does not answer for the address."""
    try:
        return _code_page(visitor, UUID(sign_in_id), own_path(following, HOME))
    except ValueError:
        return visitor.to("/sign-in")


@router.post("/sign-in/code")
async def take_code(visitor: AnyVisitor, session: Session, keyring: Keys, form: Form) -> Response:
    """Sign in whoever typed the right code."""
    following = own_path(form.get("next"), HOME)
    try:
        sign_in_id = UUID(form.get("sign_in_id", ""))
    except ValueError:
        sign_in_id = UUID(int=0)
    opened = await sign_in.finish_with_code(
        session,
        keyring,
        sign_in_id=sign_in_id,
        code=form.get("code", "")[:40],
        client_id=None,
        kind="console",
    )
    if opened is None:
        error = visitor.text("code.wrong")
        return _code_page(visitor, sign_in_id, following, email=form.get("email", "")[:254], error=error)
    return await _signed_in(visitor, session, opened, following)


class LinkGone(Gone):
    """A link to sign in with that was used, or is too old."""

    type_name = "sign-in-link-gone"


@router.get("/sign-in/link/{token}")
async def link_page(
    visitor: AnyVisitor,
    session: Session,
    token: str,
    following: Annotated[str | None, Query(alias="next", max_length=500)] = None,
) -> Response:
    """Show a button: programs that look into mails open links, and must not use them up."""
    if not await sign_in.link_stands(session, link=token):
        raise LinkGone("Ask for another mail at /sign-in.")
    return visitor.page("link.html", token=token, following=own_path(following, HOME))


@router.post("/sign-in/link/{token}")
async def follow_link(visitor: AnyVisitor, session: Session, token: str, form: Form) -> Response:
    """Sign in whoever holds the link."""
    opened = await sign_in.finish_with_link(session, link=token, client_id=None, kind="console")
    if opened is None:
        raise LinkGone("Ask for another mail at /sign-in.")
    return await _signed_in(visitor, session, opened, own_path(form.get("next"), HOME))


async def _signed_in(visitor: Visitor, session: Session, opened: Opened, following: str) -> Response:
    if visitor.actor.session_id is not None:
        # Its cookie goes: nobody could use it, and among the person's devices it would stand for another.
        await sessions.revoke(session, visitor.actor.session_id, "signed_out", actor=visitor.actor.name)
    # A new cookie at every sign-in: what was known before it is worth nothing after.
    response = visitor.to(following)
    assert opened.cookie is not None  # noqa: S101 - a console session has one
    cookies.keep(
        response,
        cookies.session_cookie(visitor.here),
        opened.cookie,
        here=visitor.here,
        seconds=int(sessions.CONSOLE_SESSION_LASTS.total_seconds()),
    )
    cookies.forget(response, cookies.visitor_cookie(visitor.here), here=visitor.here)
    return response


@router.post("/sign-out")
async def leave(visitor: Somebody, session: Session, keyring: Keys, form: Form) -> Response:
    """End the session here; say how to leave the provider too, where one vouched."""
    del form
    address = await sign_out(session, keyring, visitor.actor, here=visitor.here)
    return visitor.farewell("signed_out.html", provider_address=address)


@router.post("/language")
async def choose_language(visitor: AnyVisitor, form: Form) -> Response:
    """Keep the language the visitor chose."""
    response = visitor.to(own_path(form.get("next"), HOME))
    language = form.get("language", "")
    if language in texts.LANGUAGES:
        cookies.keep(response, LANGUAGE_COOKIE, language, here=visitor.here, seconds=_YEAR_SECONDS)
    return response
