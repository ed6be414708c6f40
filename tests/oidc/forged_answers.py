"""What a provider answers at its other addresses: about the person, tokens, keys."""

import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import OctKey
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from tests.oidc.forgery import ELSEWHERE, MEGABYTE, Forgery, Lie, attacker, hmac_token
from tests.oidc.standin import DROPPED, StandIn, encode, signed


def _weak() -> dict[str, Any]:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 - the point
    return {"kty": "RSA", "n": encode(numbers.n.to_bytes(128, "big")), "e": "AQAB", "kid": "first"}


def userinfo(**changes: Any) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.userinfo_claims = changes

    return lie


def userinfo_header(**changes: Any) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.userinfo_header = changes

    return lie


def _userinfo_by_attacker(provider: StandIn) -> None:
    provider.lies.userinfo_sign = lambda found, said: signed(found, said, attacker())


def _userinfo_unsigned(provider: StandIn) -> None:
    provider.lies.userinfo_sign = lambda _, said: (
        f"{encode(json.dumps({'alg': 'none'}).encode())}.{encode(json.dumps(said).encode())}."
    )


def _userinfo_hmac(provider: StandIn) -> None:
    public = provider.key.as_pem(private=False)
    provider.lies.userinfo_sign = lambda found, said: hmac_token(public, found | {"alg": "HS256"}, said)


def reply(path: str, make: Callable[[], Response]) -> Lie:
    """Return another answer at one of the provider's addresses."""

    def lie(provider: StandIn) -> None:
        provider.lies.replies[path] = make()

    return lie


USERINFO = [
    Forgery("userinfo about somebody else", "another_subject", userinfo(sub="admin")),
    Forgery("userinfo about nobody", "subject_malformed", userinfo(sub=DROPPED)),
    Forgery("userinfo for another audience", "another_audience", userinfo(aud="somebody-else")),
    Forgery("userinfo of another issuer", "another_issuer", userinfo(iss=ELSEWHERE)),
    Forgery("userinfo that has expired", "expired", userinfo(exp=int(time.time()) - 3600)),
    Forgery("userinfo issued an hour ago", "issued_at_another_time", userinfo(iat=int(time.time()) - 3600)),
    Forgery("userinfo signed by another key", "signature_wrong", _userinfo_by_attacker),
    Forgery("userinfo, alg none", "algorithm_not_agreed", _userinfo_unsigned),
    Forgery("userinfo, HS256 with the public key", "algorithm_not_agreed", _userinfo_hmac),
    Forgery("userinfo, jwk", "token_chooses_its_key", userinfo_header(jwk={"kty": "RSA"})),
    Forgery("userinfo, crit", "token_chooses_its_key", userinfo_header(crit=["b64"], b64=True)),
    Forgery(
        "userinfo not signed",
        "userinfo_not_signed",
        reply("userinfo", lambda: JSONResponse({"sub": "agent-1"})),
    ),
    Forgery(
        "userinfo as text", "userinfo_not_signed", reply("userinfo", lambda: PlainTextResponse("agent-1"))
    ),
    Forgery(
        "userinfo that is no ASCII",
        "token_malformed",
        reply("userinfo", lambda: Response("é.é.é".encode(), media_type="application/jwt")),
    ),
    Forgery("userinfo refused", "userinfo_refused", reply("userinfo", lambda: JSONResponse({}, 401))),
    Forgery(
        "userinfo elsewhere", "redirected", reply("userinfo", lambda: RedirectResponse(f"{ELSEWHERE}/me"))
    ),
    Forgery(
        "userinfo of 10 MB",
        "answer_too_large",
        reply("userinfo", lambda: Response(b"e" * 10 * MEGABYTE, media_type="application/jwt")),
    ),
    Forgery(
        "plain userinfo about somebody else",
        "another_subject",
        reply("userinfo", lambda: JSONResponse({"sub": "admin", "email_verified": True})),
        provider="plain",
    ),
    Forgery(
        "plain userinfo with two subjects",
        "userinfo_malformed",
        reply(
            "userinfo",
            lambda: Response(b'{"sub":"admin","sub":"somebody-1"}', media_type="application/json"),
        ),
        provider="plain",
    ),
    Forgery(
        "plain userinfo as a list",
        "userinfo_malformed",
        reply("userinfo", lambda: JSONResponse([])),
        provider="plain",
    ),
    Forgery("a usable address is missing", "no_usable_address", userinfo(email=DROPPED), told="email_needed"),
    Forgery(
        "a list of addresses", "no_usable_address", userinfo(email=["a@example.org"]), told="email_needed"
    ),
    Forgery(
        "two addresses in one",
        "no_usable_address",
        userinfo(email="a@example.org,b@example.org"),
        told="email_needed",
    ),
    Forgery(
        "an address with a line end",
        "no_usable_address",
        userinfo(email="a@example.org\nBcc: b"),
        told="email_needed",
    ),
]


# --- The token endpoint, the metadata and the keys ---


def tokens(**changes: Any) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.tokens = changes

    return lie


def keys(make: Callable[[StandIn], list[Any]]) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.keys = make(provider)

    return lie


def _json(text: bytes) -> Callable[[], Response]:
    return lambda: Response(text, media_type="application/json")


def _public(provider: StandIn, **changes: Any) -> dict[str, Any]:
    return dict(provider.key.as_dict(private=False)) | changes


def _symmetric(provider: StandIn) -> None:
    secret = OctKey.generate_key(256, {"kid": "first", "alg": "HS256"})
    provider.lies.keys = [secret.as_dict(private=True)]
    provider.lies.sign = lambda found, said: signed(found | {"alg": "HS256"}, said, secret)


TOKENS = [
    Forgery("no ID token", "tokens_malformed", tokens(id_token=DROPPED)),
    Forgery("an ID token that is a number", "tokens_malformed", tokens(id_token=1)),
    Forgery("no access token", "tokens_malformed", tokens(access_token=DROPPED)),
    Forgery("an access token with a line end", "tokens_malformed", tokens(access_token="a\r\nHost: b")),
    Forgery("an access token of 1 MB", "answer_too_large", tokens(access_token="a" * MEGABYTE)),
    Forgery("a token that is no bearer's", "tokens_malformed", tokens(token_type="mac")),
    Forgery("no token type", "tokens_malformed", tokens(token_type=DROPPED)),
    Forgery("tokens beside an error", "tokens_malformed", tokens(error="invalid_grant")),
    Forgery("tokens as a list", "tokens_malformed", reply("token", lambda: JSONResponse([]))),
    Forgery("tokens as a page", "tokens_malformed", reply("token", lambda: HTMLResponse("<h1>Bonjour</h1>"))),
    Forgery("tokens that are no JSON", "tokens_malformed", reply("token", _json(b"{"))),
    Forgery("tokens that are no UTF-8", "tokens_malformed", reply("token", _json(b'{"a":"\xff"}'))),
    Forgery(
        "tokens named twice", "tokens_malformed", reply("token", _json(b'{"id_token":"a","id_token":"b"}'))
    ),
    Forgery(
        "tokens elsewhere", "redirected", reply("token", lambda: RedirectResponse(f"{ELSEWHERE}/token", 307))
    ),
    Forgery(
        "tokens compressed",
        "compressed",
        reply("token", lambda: Response(b"x", headers={"content-encoding": "gzip"})),
    ),
    Forgery("tokens of 10 MB", "answer_too_large", reply("token", _json(b" " * 10 * MEGABYTE))),
    Forgery(
        "the code is refused",
        "code_refused",
        reply("token", lambda: JSONResponse({"error": "invalid_grant"}, 400)),
    ),
    Forgery("a status nobody expects", "tokens_malformed", reply("token", lambda: JSONResponse({}, 204))),
    Forgery(
        "a reply's header of 10 MB",
        "unreachable",
        reply("token", lambda: Response(b"{}", headers={"x-pad": "x" * 10 * MEGABYTE})),
        told="unavailable",
    ),
    Forgery(
        "the provider is broken",
        "provider_broken",
        reply("token", lambda: Response(status_code=502)),
        told="unavailable",
    ),
    Forgery("keys elsewhere", "redirected", reply("jwks", lambda: RedirectResponse(f"{ELSEWHERE}/keys"))),
    Forgery("keys of 10 MB", "answer_too_large", reply("jwks", _json(b" " * 10 * MEGABYTE))),
    Forgery("keys that are no list", "keys_malformed", reply("jwks", _json(b'{"keys":{}}'))),
    Forgery("no keys", "unknown_key", keys(lambda _: [])),
    Forgery(
        "a thousand keys",
        "answer_too_large",
        keys(lambda found: [_public(found, kid=str(n)) for n in range(1000)]),
    ),
    Forgery("keys that are numbers", "unknown_key", keys(lambda _: [1, 2])),
    Forgery(
        "two keys of one name",
        "ambiguous_key",
        keys(lambda found: [_public(found), attacker().as_dict() | {"kid": "first"}]),
    ),
    Forgery("a key for encrypting", "unknown_key", keys(lambda found: [_public(found, use="enc")])),
    Forgery("a key for another algorithm", "unknown_key", keys(lambda found: [_public(found, alg="RS512")])),
    Forgery(
        "a key with nothing to verify", "unknown_key", keys(lambda found: [_public(found, key_ops=["sign"])])
    ),
    Forgery(
        "a key without exponent",
        "key_malformed",
        keys(lambda found: [{k: v for k, v in _public(found).items() if k != "e"}]),
    ),
    Forgery("a key whose modulus is a number", "key_malformed", keys(lambda found: [_public(found, n=3)])),
    Forgery("a key of 1024 bits", "weak_key", keys(lambda _: [_weak()])),
    Forgery("a key of a million bits", "weak_key", keys(lambda found: [_public(found, n="x" * 200_000)])),
    Forgery("a shared secret among the keys", "algorithm_not_agreed", _symmetric),
]
