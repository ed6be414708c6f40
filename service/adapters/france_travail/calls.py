"""Calls to the live API: authenticated, paced, bounded in time and tried again with patience."""

import asyncio
import email.utils
import random
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

import httpx
from authlib.deprecate import AuthlibDeprecationWarning

from service.schemas.feed import FeedError

with warnings.catch_warnings():
    # Authlib 1.9 announces the end of its httpx support at import; httpx is what this house uses.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

TOKEN_URL: Final = "https://entreprise.francetravail.fr/connexion/oauth2/access_token?realm=%2Fpartenaire"  # noqa: S105 - an address, no secret
BASE_URL: Final = "https://api.francetravail.io/partenaire/offresdemploi"
SCOPE: Final = "api_offresdemploiv2 o2dsoffre"
_CONNECT_SECONDS: Final = 10.0
_TOKEN_LEEWAY_SECONDS: Final = 60
_PASSING_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNAUTHORIZED: Final = 401
_OK: Final = frozenset({200, 204, 206})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Credentials of an application registered with France Travail, and where to use them."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str = TOKEN_URL
    base_url: str = BASE_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How fast to call and how long to insist; durations in seconds."""

    calls_per_second: float = 8.0
    timeout: float = 30.0
    attempts: int = 5
    first_delay: float = 0.5
    longest_delay: float = 60.0


class Pace:
    """At most ``per_second`` turns a second, evenly spaced, however many ask at once."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the rate; ``clock`` and ``sleep`` (seconds) are those of the machine by default."""
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = self._clock()
        mine = max(now, self._next)
        self._next = mine + self._interval
        if mine > now:
            await self._sleep(mine - now)


class Calls:
    """Authenticated GET calls to one API, with one OAuth2 client (client credentials).

    Network failures, 408, 425, 429 and 5xx are tried again, ``Patience.attempts`` times in all, after
    ``Retry-After`` when the server gives one, else after a delay that doubles, with jitter. A 401
    takes a new token once. What still fails raises ``FeedError``; so does any other refusal.
    """

    def __init__(self, access: Access, patience: Patience) -> None:
        """Prepare the calls; nothing is sent yet."""
        self._access = access
        self._patience = patience
        self._pace = Pace(patience.calls_per_second)
        self._http = AsyncOAuth2Client(
            client_id=access.client_id,
            client_secret=access.client_secret,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
            scope=SCOPE,
            leeway=0,  # renewal is ours, below: Authlib's own would escape our patience
            timeout=httpx.Timeout(patience.timeout, connect=_CONNECT_SECONDS),
            headers={"Accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        """Return a 200, 204 or 206 reply, whole. Raise ``FeedError`` when there is none."""
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            reply, failure = await self._try(path, params)
            if reply is not None and reply.status_code in _OK:
                return reply
            if reply is not None and reply.status_code == _UNAUTHORIZED and not renewed:
                renewed = True
                self._http.token = None
                continue
            passing = reply is None or reply.status_code in _PASSING_STATUSES
            if not passing or attempt >= self._patience.attempts:
                raise FeedError(failure)
            await asyncio.sleep(self._delay(attempt, reply))

    async def _try(self, path: str, params: Mapping[str, str]) -> tuple[httpx.Response | None, str]:
        """Return the reply, if any, and in words what is wrong when it is not a good one."""
        try:
            await self._pace.turn()
            if self._http.token is None or self._http.token.is_expired(leeway=_TOKEN_LEEWAY_SECONDS):
                await self._take_token()
                await self._pace.turn()
            reply: httpx.Response = await self._http.get(
                self._access.base_url.rstrip("/") + path, params=dict(params)
            )
        except httpx.HTTPStatusError as error:
            return error.response, f"no token: the source answers {error.response.status_code}"
        except httpx.RequestError as error:
            return None, f"the source cannot be reached: {type(error).__name__}"
        return reply, f"the source answers {reply.status_code}{_said(reply)}"

    async def _take_token(self) -> None:
        try:
            await self._http.fetch_token(self._access.token_url, grant_type="client_credentials")
        except OAuthError as error:
            reason = f"the source refuses these credentials: {error.error}"
            raise FeedError(reason) from None
        except ValueError as error:
            reason = "the source's token is not in a form we know"
            raise FeedError(reason) from error
        if "access_token" not in self._http.token:
            reason = "the source's token is not in a form we know"
            raise FeedError(reason)

    def _delay(self, attempt: int, reply: httpx.Response | None) -> float:
        asked = _retry_after(reply) if reply is not None else None
        if asked is None:
            full = self._patience.first_delay * 2 ** (attempt - 1)
            asked = full * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        return min(asked, self._patience.longest_delay)


def _retry_after(reply: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number or an HTTP date (RFC 9110)."""
    value = reply.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _said(reply: httpx.Response) -> str:
    try:
        body = reply.json()
    except ValueError:
        return ""
    message = body.get("message") if isinstance(body, dict) else None
    return f": {message[:200]}" if isinstance(message, str) else ""
