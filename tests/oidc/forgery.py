"""What one case of ``test_forged.py`` is, and what several kinds of them need."""

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from joserfc.jwk import RSAKey

from tests.oidc.standin import StandIn, encode, signed
from tests.oidc.support import Browser

Lie = Callable[[StandIn], None]
ComeBack = Callable[[Browser, str], Awaitable[httpx.Response]]
ELSEWHERE = "https://attaquant.example.org"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Forgery:
    """``lie`` is what the provider, or somebody between, does; ``come_back`` what the browser does.

    ``because`` is the reason in the log, ``told`` the error the page is told. Without a reason the browser
    itself is refused, with one of ``statuses``.
    """

    name: str
    because: str | None
    lie: Lie | None = None
    come_back: ComeBack | None = None
    told: str = "refused"
    statuses: tuple[int, ...] = (422,)
    provider: str = "proconnect"


@cache
def attacker() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "attacker"})


def hmac_token(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    body = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{body}.{encode(hmac.digest(secret, body.encode(), 'sha256'))}"


def raw_payload(write: Callable[[dict[str, Any]], bytes]) -> Lie:
    """Return a lie in the bytes that are signed, by the provider's own key."""

    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: signed(found, write(claims), provider.key)

    return lie
