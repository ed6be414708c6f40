"""A page: who looks at it, in which language, and what every template may ask."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from service.api.dependencies import Configuration, Keys, Session, preferences
from service.console import cookies, texts
from service.core.errors import BadRequest, Problem, TooLarge, Unauthenticated
from service.domain.access import ANONYMOUS, Actor, authenticate_console
from service.domain.mail.facts import public_address

LANGUAGE_COOKIE = "ancrage_language"
_LONGEST_FORM = 64 * 1024
_SEE_OTHER = 303
# Nothing here is for keeping by anybody between the visitor and us.
_HEADERS = {"Cache-Control": "no-store"}


@dataclass(slots=True)
class Visitor:
    """Whoever looks at a page.

    ``holder`` is the cookie their forms are bound to; ``fresh`` says that it was made just now and must be
    set. ``here`` is the console's public address, without trailing slash.
    """

    request: Request
    actor: Actor
    language: str
    here: str
    holder: str
    word: str
    fresh: bool = False
    form: dict[str, str] = field(default_factory=dict)

    @property
    def signed_in(self) -> bool:
        """Tell whether the visitor is somebody."""
        return self.actor.person_id is not None

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
    return environment


def _language(request: Request, actor: Actor) -> str:
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
        _language(request, actor),
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


async def read_form(request: Request, visitor: AnyVisitor, keyring: Keys) -> dict[str, str]:
    """Return the fields of a form that one of our own pages sent. Raises :class:`BadRequest` otherwise."""
    refused = BadRequest(visitor.text("error.form"))
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", visitor.here)
    if site not in {"same-origin", "none"} or not _is_here(origin, request, visitor.here):
        raise refused
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > _LONGEST_FORM:
        raise TooLarge(visitor.text("error.large"))
    async with request.form(max_files=0, max_fields=50, max_part_size=_LONGEST_FORM) as sent:
        visitor.form = {name: value for name, value in sent.items() if isinstance(value, str)}
    if visitor.fresh or not cookies.is_form_word(keyring, visitor.holder, visitor.form.pop("word", "")):
        raise refused
    return visitor.form


Form = Annotated[dict[str, str], Depends(read_form)]


def _is_here(origin: str, request: Request, here: str) -> bool:
    """Tell whether a form's origin is the console's own: its public address, or the one it was asked at."""
    asked_at = f"{request.url.scheme}://{request.url.netloc}"
    return origin in {here, asked_at}


def own_path(path: str | None, default: str) -> str:
    """Return ``path`` if it leads to a page of ours, never to another site."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable():
        return default
    parts = urlsplit(path)
    return default if parts.scheme or parts.netloc else path


class ConsoleRoute(APIRoute):
    """A route whose problems are pages, and which sends nobodies to sign in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await original(request)
            except SignInFirst:
                back = quote(request.url.path, safe="/") if request.method == "GET" else "/account"
                return RedirectResponse(f"/sign-in?next={back}", _SEE_OTHER, _HEADERS)
            except Problem as problem:
                visitor: Visitor | None = getattr(request.state, "visitor", None)
                if visitor is None:
                    raise
                return _problem_page(visitor, problem)

        return handle


def _problem_page(visitor: Visitor, problem: Problem) -> Response:
    titles: Mapping[int, str] = {
        401: "error.401",
        403: "error.403",
        404: "error.404",
        410: "error.410",
        429: "error.429",
    }
    title = visitor.text(titles.get(problem.status, "error.other"))
    response = visitor.page(
        "problem.html", status=problem.status, title=title, problem=problem, detail=problem.detail
    )
    for name, value in problem.headers.items():
        if name.lower() == "retry-after":
            response.headers[name] = value
    return response
