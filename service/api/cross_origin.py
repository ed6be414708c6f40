"""What pages of other origins may do, as browsers ask it (CORS, fetch.spec.whatwg.org).

What is public is read from any page, without a key. With a key or token, and by any other method than GET and
HEAD, only pages of the origins that publishable keys were made for may call; others are told nothing.
Cookies never count: no answer allows credentials.
"""

from typing import Final

from starlette.types import Message, Scope

from service.domain.origins import KnownOrigins

Headers = list[tuple[bytes, bytes]]

_READS: Final = frozenset({"GET", "HEAD"})
# A page may send these with a read of what is public, whatever its origin.
_HARMLESS: Final = frozenset({"if-none-match", "accept-language", "x-request-id"})
_EXPOSED: Final = (
    b"access-control-expose-headers",
    (
        b"ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID, "
        b"Idempotency-Replayed, Ancrage-Search"
    ),
)
_ANYWHERE: Final = (b"access-control-allow-origin", b"*")
# Only where the answer depends on it: one stored copy of what is public serves pages of every origin.
_VARY: Final = (b"vary", b"Origin")
_PREFLIGHT_READ: Final = (
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match, Accept-Language, X-Request-ID"),
    (b"access-control-max-age", b"86400"),
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        (
            b"Authorization, Ancrage-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key, "
            b"Accept-Language, Ancrage-Reason, X-Request-ID"
        ),
    ),
    # Short: a browser that remembers it does not ask whether the key still counts.
    (b"access-control-max-age", b"600"),
)


def header(message: Scope | Message, name: bytes) -> bytes:
    """Return the first header ``name`` (lower case) of a request or answer, empty when there is none."""
    return next((value for key, value in message["headers"] if key == name), b"")


class CrossOrigin:
    """Decides for one application, by the origins of its keys."""

    def __init__(self, origins: KnownOrigins) -> None:
        self.origins = origins

    @staticmethod
    def concerns(scope: Scope) -> bool:
        """Tell whether pages of other origins may call the path at all."""
        path: str = scope["path"]
        return path.startswith("/v1/") or path == "/openapi.json"

    def is_preflight(self, scope: Scope) -> bool:
        """Tell whether the request is a browser's question whether a page may send another one."""
        return (
            scope["method"] == "OPTIONS"
            and bool(header(scope, b"access-control-request-method"))
            and self.concerns(scope)
        )

    async def answer(self, scope: Scope, *, keyed: bool) -> Headers:
        """Return the headers of an answer; ``keyed``: a key or token came with the request."""
        if not self.concerns(scope):
            return []
        if scope["method"] in _READS and not keyed:
            return [_ANYWHERE, _EXPOSED]
        allowed = await self._allowed(scope)
        return [*allowed, _EXPOSED, _VARY] if allowed else [_VARY]

    async def preflight(self, scope: Scope) -> Headers:
        """Return the headers of the answer to a preflight."""
        method = header(scope, b"access-control-request-method").decode("latin-1").upper()
        asked = header(scope, b"access-control-request-headers").decode("latin-1").lower()
        names = {name.strip() for name in asked.split(",")} - {""}
        varying = (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
        if method in _READS and names <= _HARMLESS:
            return [_ANYWHERE, *_PREFLIGHT_READ, varying]
        allowed = await self._allowed(scope)
        return [*allowed, *_PREFLIGHT, varying] if allowed else [varying]

    async def _allowed(self, scope: Scope) -> Headers:
        origin = header(scope, b"origin")
        # Browsers send it in ASCII; `null` is any sandboxed frame, and nobody's.
        if origin and origin.isascii() and await self.origins.include(origin.decode()):
            return [(b"access-control-allow-origin", origin)]
        return []
