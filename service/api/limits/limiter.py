"""Who is counted under which policies, whether they may go on, and what the headers tell them.

Nothing here asks the database: a key or token is known by its digest, and whose it is from an earlier answer.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from limits import RateLimitItemPerSecond

from service.api.limits.counters import Counters
from service.api.limits.policies import CREDENTIAL_IN_BODY, EXEMPT, POLICIES, Of, Policy
from service.core.clock import now
from service.core.errors import LockedOut, Problem, TooManyRequests
from service.core.networks import network_of
from service.core.reach import Reach
from service.core.security import Keyring, Kind
from service.core.settings import Settings

_UNAUTHENTICATED: Final = 401
_COOKIES: Final = ("__Host-ancrage", "ancrage_session")
# For how long a key or token that was good is remembered, from its last good answer.
_REMEMBERED_SECONDS: Final = 3600.0
_REMEMBERED: Final = 50_000
_network = lru_cache(8192)(network_of)


@dataclass(slots=True)
class _Known:
    """Whose a key or token is; ``good`` until it is refused."""

    owner: str
    client: bool
    until: float
    good: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it is counted.

    ``network`` and ``credential`` are digests. ``presented``: a key or token came in a header, or is the body
    of this path. ``publishable``: the key is one that stands in pages.
    """

    method: str
    path: str
    network: str
    credential: bytes | None = None
    presented: bool = False
    publishable: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request turned out to be: its status, and how far its transaction reached."""

    status: int
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the request may not go on, if so, and the headers that say where its caller stands."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Limit:
    """A policy with its quota."""

    policy: Policy
    item: RateLimitItemPerSecond

    @property
    def described(self) -> str:
        return f'"{self.policy.name}";q={self.item.amount};w={self.policy.seconds}'


class Limiter:
    """Counts the requests of one process, with those of the others when there is a Redis."""

    def __init__(self, settings: Settings) -> None:
        self.counters = Counters(settings.redis_url)
        self._limits = tuple(
            _Limit(policy, RateLimitItemPerSecond(quota, policy.seconds, namespace=policy.name))
            for policy in POLICIES
            if settings.rate_limits and (quota := getattr(settings, policy.setting))
        )
        self._failures = (
            RateLimitItemPerSecond(
                settings.lockout_failures, settings.lockout_window_seconds, namespace="failures"
            )
            if settings.lockout_failures
            else None
        )
        self._lock = RateLimitItemPerSecond(1, settings.lockout_seconds, namespace="lock")
        self._known: dict[bytes, _Known] = {}
        # Digests keep addresses and keys out of memory dumps and Redis.
        self._key = secrets.token_bytes(32)

    @asynccontextmanager
    async def running(self, keyring: Keyring) -> AsyncIterator[None]:
        """Count beside the block, under digests that every process of the platform makes alike."""
        self._key = keyring.key("limits")
        try:
            yield
        finally:
            await self.counters.close()

    def asked(
        self,
        method: str,
        path: str,
        *,
        address: str | None,
        authorization: bytes,
        key: bytes,
        cookie: bytes,
    ) -> Asked:
        """Return a request as it is counted: ``address`` is the caller's, the rest its headers."""
        credential = authorization or key or _session_cookie(cookie)
        return Asked(
            method,
            path,
            self._digest(_network(address).encode()).hex(),
            self._digest(credential) if credential else None,
            presented=bool(authorization or key) or path in CREDENTIAL_IN_BODY,
            publishable=Kind.PUBLISHABLE_KEY.encode() in credential,
        )

    async def judge(self, asked: Asked) -> Verdict:
        """Count a request and tell whether it may go on."""
        if asked.path in EXEMPT:
            return Verdict()
        known = self._good(asked)
        spent: list[tuple[_Limit, int]] = []
        standings: list[str] = []
        applying = list(self._applying(asked, known))
        for limit, partition in applying:
            count, seconds = await self.counters.take(limit.item, partition)
            remaining = max(0, limit.item.amount - count)
            standings.append(f'"{limit.policy.name}";r={remaining};t={seconds}')
            if count > limit.item.amount:
                spent.append((limit, seconds))
        headers = (
            (
                (b"ratelimit-policy", ", ".join(limit.described for limit, _ in applying).encode()),
                (b"ratelimit", ", ".join(standings).encode()),
            )
            if applying
            else ()
        )
        return Verdict(headers, _too_many(spent) if spent else await self._locked(asked))

    async def learn(self, asked: Asked, answered: Answered) -> None:
        """Remember whose a key or token is once it was good; count it towards a lock when it was wrong."""
        if asked.path in EXEMPT:
            return
        if answered.status == _UNAUTHENTICATED:
            if asked.presented and not self._was_good(asked):
                await self._fail(asked)
        elif asked.credential is not None and not asked.publishable and answered.reach is not None:
            owner = answered.reach.person or answered.reach.client
            if owner is not None:
                self._remember(asked.credential, str(owner), client=answered.reach.person is None)

    def _applying(self, asked: Asked, known: _Known | None) -> Iterator[tuple[_Limit, str]]:
        """Yield the limits that count a request, each with whose count it is."""
        for limit in self._limits:
            if not limit.policy.fits(asked.method, asked.path):
                continue
            match limit.policy.of:
                case Of.CALLER if known is not None:
                    yield limit, known.owner
                case Of.NETWORK if known is None:
                    yield limit, asked.network
                case Of.NETWORK_OR_PERSON if known is None or not known.client:
                    yield limit, asked.network
                case _:
                    continue

    async def _locked(self, asked: Asked) -> Problem | None:
        if self._failures is None or not asked.presented:
            return None
        locked, seconds = await self.counters.peek(self._lock, asked.network)
        if not locked:
            return None
        return LockedOut(
            f"{self._failures.amount} wrong keys or tokens came from your network. None is looked at from "
            f"there for {seconds} seconds, not even a right one; what needs none is answered.",
            retry_after=seconds,
        )

    async def _fail(self, asked: Asked) -> None:
        if self._failures is None:
            return
        count, _ = await self.counters.take(self._failures, asked.network)
        if count >= self._failures.amount:
            await self.counters.take(self._lock, asked.network)

    def _good(self, asked: Asked) -> _Known | None:
        known = self._known.get(asked.credential) if asked.credential else None
        return known if known is not None and known.good and known.until > now().timestamp() else None

    def _was_good(self, asked: Asked) -> bool:
        """Tell whether a refused key or token was good lately: an expired one is no guess."""
        known = self._known.get(asked.credential) if asked.credential else None
        if known is None or known.until <= now().timestamp():
            return False
        known.good = False
        return True

    def _remember(self, credential: bytes, owner: str, *, client: bool) -> None:
        # Again at the end: whoever was not seen for longest goes first.
        self._known.pop(credential, None)
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[credential] = _Known(owner, client, now().timestamp() + _REMEMBERED_SECONDS)

    def _digest(self, value: bytes) -> bytes:
        return hashlib.blake2b(value, key=self._key, digest_size=16).digest()


def _session_cookie(header: bytes) -> bytes:
    """Return the console's cookie from a ``Cookie`` header, as it was sent."""
    for part in header.split(b";") if header else ():
        name, _, value = part.strip().partition(b"=")
        if name.decode("latin-1") in _COOKIES:
            return value
    return b""


def _too_many(spent: list[tuple[_Limit, int]]) -> TooManyRequests:
    seconds = max(seconds for _, seconds in spent)
    told = " and ".join(f"{limit.item.amount} in {limit.policy.seconds} seconds" for limit, _ in spent)
    problem = TooManyRequests(
        f"That is more than {told}. Wait {seconds} seconds; the headers `RateLimit` and "
        "`RateLimit-Policy` of every answer say how much is left.",
        retry_after=seconds,
    )
    problem.extra["violated_policies"] = [limit.policy.name for limit, _ in spent]
    return problem
