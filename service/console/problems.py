"""Problems as pages, for whoever asks with a browser: the same refusals, in the visitor's language.

The layer stands outside all others, so that what is refused at the edge, or found nowhere, is a page too.
"""

from typing import Any, Final

import orjson
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.dependencies import preferences
from service.api.problems import MEDIA_TYPE
from service.console import texts
from service.console.pages import Visitor, language_of
from service.domain.access import ANONYMOUS
from service.domain.mail.facts import public_address

_PROGRAMS: Final = ("/v1/", "/oauth/", "/openapi.json", "/healthz", "/readyz", "/metrics")
# The one part of the API that browsers are sent to.
_VISITS: Final = "/v1/sign-in/providers/"
# Headers that belong to the document the page takes the place of.
_OF_DOCUMENT: Final = frozenset({b"content-type", b"content-length", b"cache-control", b"referrer-policy"})
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_NAME: Final = "urn:ancrage:problem:"


class ProblemPages:
    """Pure ASGI middleware: turns the API's problem documents into pages where a person will read them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _is_for_a_person(scope):
            await self.app(scope, receive, send)
            return
        # What the layers below keep there is read when the page is written.
        scope.setdefault("state", {})
        began: Message | None = None
        document = b""

        async def send_page(message: Message) -> None:
            nonlocal began, document
            if message["type"] == "http.response.start" and _is_problem(message):
                began = message
            elif began is None or message["type"] != "http.response.body":
                await send(message)
            else:
                document += message.get("body", b"")
                if not message.get("more_body", False):
                    await _page(scope, began, document)(scope, receive, send)

        await self.app(scope, receive, send_page)


def _is_for_a_person(scope: Scope) -> bool:
    path: str = scope["path"]
    if path.startswith(_PROGRAMS) and not path.startswith(_VISITS):
        return False
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    weights = preferences(accept.decode("latin-1"))
    page = weights.get("text/html", 0.0)
    return page > 0 and page >= max(weights.get("application/json", 0.0), weights.get(MEDIA_TYPE, 0.0))


def _is_problem(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(MEDIA_TYPE.encode())
        for name, value in message["headers"]
    )


def _page(scope: Scope, began: Message, body: bytes) -> Response:
    # An answer to HEAD has no body.
    document: dict[str, Any] = orjson.loads(body) if body else {}
    status: int = began["status"]
    name = str(document.get("type", "")).removeprefix(_NAME)
    request = Request(scope)
    visitor: Visitor | None = scope["state"].get("visitor")
    if visitor is None:
        here = public_address(scope["app"].state.settings)
        visitor = Visitor(request, ANONYMOUS, language_of(request), here)
    language = visitor.language
    response = visitor.page(
        "problem.html",
        status=status,
        title=texts.first((f"problem.{name}.title", f"problem.{status}.title", "problem.title"), language),
        detail=texts.first((f"problem.{name}", f"problem.{status}", "problem"), language),
        reference=scope["state"].get("request_id") if status >= 500 else None,  # noqa: PLR2004 - our fault
    )
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.raw_headers += [each for each in began["headers"] if each[0] not in _OF_DOCUMENT]
    return response
