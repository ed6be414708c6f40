"""A page: who looks at it, in which language, and what every template may ask."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from service.api.dependencies import Configuration, Keys, Session, preferences
from service.console import cookies, texts
from service.core.errors import BadRequest, TooLarge, Unauthenticated
from service.domain.access import ANONYMOUS, Actor, authenticate_console
from service.domain.mail.facts import public_address

LANGUAGE_COOKIE = "ancrage_language"
_LONGEST_FORM = 64 * 1024
_LONGEST_PATH = 500
_SEE_OTHER = 303
# Nothing here is for keeping by anybody between the visitor and us. Addresses hold tokens, so other sites are
# told none; with no-referrer, browsers would not say of our own forms either where they come from.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}


@dataclass(slots=True)
class Visitor:
    """Whoever looks at a page.

    ``here`` is the console's public address, without trailing slash. ``holder`` is the cookie their forms are
    bound to, ``word`` what those forms carry: without one a page holds no form. ``fresh`` says that the
    cookie was made just now and must be set.
    """

    request: Request
    actor: Actor
    language: str
    here: str
    holder: str = ""
    word: str = ""
    fresh: bool = False

    @property
    def signed_in(self) -> bool:
        """Tell whether the visitor is somebody."""
        return self.actor.person_id is not None

    @property
    def address(self) -> str:
        """Return where the visitor comes back to after choosing a language."""
        url = self.request.url
        if self.request.method != "GET":
            return "/console" if self.signed_in else "/sign-in"
        return f"{url.path}?{url.query}" if url.query else url.path

    def text(self, key: str, **values: object) -> str:
        """Return a text in the visitor's language."""
        return texts.text(key, self.language, **values)

    def page(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a page made from a template."""
        body = _templates().get_template(template).render(visitor=self, t=self.text, **context)
        response = HTMLResponse(body, status, _HEADERS)
        if self.fresh:
            cookies.keep(response, cookies.visitor_cookie(self.here), self.holder, here=self.here)
        return response

    def to(self, path: str) -> RedirectResponse:
        """Send the visitor on to another page, after what they sent was done."""
        return RedirectResponse(path, _SEE_OTHER, _HEADERS)

    def farewell(self, template: str, **context: Any) -> HTMLResponse:
        """Return the page for whoever was signed in until now, and take their cookie away."""
        gone = Visitor(self.request, ANONYMOUS, self.language, self.here)
        response = gone.page(template, **context)
        cookies.forget(response, cookies.session_cookie(self.here), here=self.here)
        return response


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.console", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = texts.day
    environment.filters["moment"] = texts.moment
    environment.filters["spaced"] = texts.spaced
    return environment


def language_of(request: Request, actor: Actor = ANONYMOUS) -> str:
    """Return the language of the pages: chosen, of the account, or of the browser; French else."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in texts.LANGUAGES:
        return chosen
    if actor.language in texts.LANGUAGES:
        return actor.language
    weights = preferences(request.headers.get("accept-language", ""))
    for tag in sorted(weights, key=lambda tag: -weights[tag]):
        language = tag.partition("-")[0]
        if weights[tag] and language in texts.LANGUAGES:
            return language
    return texts.LANGUAGES[0]


async def get_visitor(request: Request, session: Session, keyring: Keys, settings: Configuration) -> Visitor:
    """Return who looks at the page: the person of their cookie, or nobody in particular."""
    here = public_address(settings)
    actor, holder = ANONYMOUS, cookies.read(request, cookies.session_cookie(here))
    if holder is not None:
        try:
            actor = await authenticate_console(session, holder)
        except Unauthenticated:
            holder = None
    fresh = False
    if holder is None:
        holder = cookies.read(request, cookies.visitor_cookie(here))
        if holder is None:
            holder, fresh = cookies.new_visitor(), True
    visitor = Visitor(
        request,
        actor,
        language_of(request, actor),
        here,
        holder,
        cookies.form_word(keyring, holder),
        fresh=fresh,
    )
    request.state.visitor = visitor
    return visitor


AnyVisitor = Annotated[Visitor, Depends(get_visitor)]


class SignInFirst(Exception):  # noqa: N818 - control flow inside the console
    """The page is for somebody; whoever looks is nobody yet."""


async def get_somebody(visitor: AnyVisitor) -> Visitor:
    """Return the visitor, who must have signed in; others are sent to do so and come back."""
    if not visitor.signed_in:
        raise SignInFirst
    return visitor


Somebody = Annotated[Visitor, Depends(get_somebody)]


class FormRefused(BadRequest):
    """A form that none of our own pages sent, or one from before the visitor signed in or out."""

    type_name = "form-refused"
    title = "This form counts no more"


async def read_form(request: Request, visitor: AnyVisitor, keyring: Keys) -> dict[str, str]:
    """Return the fields of a form that one of our own pages sent. Raises :class:`FormRefused` otherwise."""
    refused = FormRefused("Open the page that holds this form again, then send it from there.")
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", visitor.here)
    if site not in {"same-origin", "none"} or not _is_here(origin, request, visitor.here):
        raise refused
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > _LONGEST_FORM:
        raise TooLarge(f"A form may have at most {_LONGEST_FORM} bytes.")
    async with request.form(max_files=0, max_fields=50, max_part_size=_LONGEST_FORM) as sent:
        form = {name: value for name, value in sent.items() if isinstance(value, str)}
    if visitor.fresh or not cookies.is_form_word(keyring, visitor.holder, form.pop("word", "")):
        raise refused
    return form


Form = Annotated[dict[str, str], Depends(read_form)]


def _is_here(origin: str, request: Request, here: str) -> bool:
    """Tell whether a form's origin is the console's own: its public address, or the one it was asked at."""
    asked_at = f"{request.url.scheme}://{request.url.netloc}"
    return origin in {here, asked_at}


def own_path(path: str | None, default: str) -> str:
    """Return ``path`` if it leads to a page of ours, never to another site."""
    if not path or len(path) > _LONGEST_PATH or not path.isprintable():
        return default
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        return default
    parts = urlsplit(path)
    return default if parts.scheme or parts.netloc else path


class ConsoleRoute(APIRoute):
    """A route that sends nobodies to sign in, and back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except SignInFirst:
                back = request.url.path if request.method == "GET" else "/console"
                return RedirectResponse(f"/sign-in?{urlencode({'next': back})}", _SEE_OTHER, _HEADERS)

        return handle
