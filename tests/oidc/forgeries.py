"""What somebody may try to be believed by: each one case of ``test_forged.py``."""

import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from tests.oidc.standin import DROPPED, StandIn, encode, signed
from tests.oidc.support import Browser

Lie = Callable[[StandIn], None]
ComeBack = Callable[[Browser, str], Awaitable[httpx.Response]]
ELSEWHERE = "https://attaquant.example.org"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Forgery:
    """``lie`` is what the provider, or somebody between, does; ``come_back`` what the browser does.

    ``told`` is the error the page is told; None: the browser itself is refused, with one of ``statuses``.
    """

    name: str
    lie: Lie | None = None
    come_back: ComeBack | None = None
    told: str | None = "refused"
    statuses: tuple[int, ...] = (422,)
    provider: str = "proconnect"


@cache
def attacker() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "attacker"})


@cache
def weak() -> RSAKey:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - joserfc warns of such keys

    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 - the point
    length = (numbers.n.bit_length() + 7) // 8
    return {  # type: ignore[return-value] # only its public part is ever published
        "kty": "RSA",
        "n": encode(numbers.n.to_bytes(length, "big")),
        "e": "AQAB",
        "kid": "first",
    }


def _hmac_token(secret: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    body = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{body}.{encode(hmac.digest(secret, body.encode(), 'sha256'))}"


# --- The ID token's header and signature ---


def header(**changes: Any) -> Lie:
    """Return a lie in the header, signed with the provider's own key."""

    def lie(provider: StandIn) -> None:
        provider.lies.header = changes

    return lie


def unsigned(algorithm: str, *, keep_signature: bool = False) -> Lie:
    def lie(provider: StandIn) -> None:
        def write(found: dict[str, Any], claims: dict[str, Any]) -> str:
            signature = signed(found, claims, attacker()).rpartition(".")[2] if keep_signature else ""
            bare = {"alg": algorithm, "typ": "JWT"}
            return f"{encode(json.dumps(bare).encode())}.{encode(json.dumps(claims).encode())}.{signature}"

        provider.lies.sign = write

    return lie


def by_attacker(**changes: Any) -> Lie:
    """Return a token whose header points to the attacker's key, and which that key signed."""

    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: signed(found | changes, claims, attacker())

    return lie


def hmac_with(secret: Callable[[StandIn], bytes]) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: _hmac_token(
            secret(provider), found | {"alg": "HS256"}, claims
        )

    return lie


def another_algorithm(algorithm: str) -> Lie:
    def lie(provider: StandIn) -> None:
        if algorithm == "ES256":
            key: ECKey | RSAKey = ECKey.generate_key("P-256", {"kid": "elliptic"})
            provider.lies.keys = [key.as_dict(private=False)]
        else:
            key = provider.key
        provider.lies.sign = lambda found, claims: signed(
            found | {"alg": algorithm, "kid": key.kid}, claims, key
        )

    return lie


def token(change: Callable[[str], str]) -> Lie:
    """Return a lie in the token's letters."""

    def lie(provider: StandIn) -> None:
        provider.lies.id_token = change

    return lie


def _part(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        parts = text.split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return apply


def _other_payload(text: str) -> str:
    head, payload, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{head}.{encode(json.dumps(claims | {'sub': 'admin'}).encode())}.{signature}"


def raw_payload(write: Callable[[dict[str, Any]], bytes]) -> Lie:
    """Return a lie in the bytes that are signed, by the provider's own key."""

    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: signed(found, write(claims), provider.key)

    return lie


def _nested(provider: StandIn) -> None:
    def write(found: dict[str, Any], claims: dict[str, Any]) -> str:
        inner = signed(found, claims, provider.key)
        return signed(found | {"cty": "JWT"}, inner.encode(), provider.key)

    provider.lies.sign = write


def _detached_b64(provider: StandIn) -> None:
    def write(found: dict[str, Any], claims: dict[str, Any]) -> str:
        head = encode(json.dumps(found | {"b64": False, "crit": ["b64"]}).encode())
        return f"{head}..{encode(b'x' * 256)}" if claims else ""

    provider.lies.sign = write


def _five_parts(provider: StandIn) -> None:
    provider.lies.id_token = lambda _: ".".join(
        [encode(b'{"alg":"RSA-OAEP","enc":"A256GCM"}'), *(encode(b"x" * 32) for _ in range(4))]
    )


def _raw_header(text: bytes) -> Lie:
    return token(lambda found: f"{encode(text)}.{found.partition('.')[2]}")


SIGNATURES = [
    Forgery("alg none, no signature", unsigned("none")),
    Forgery("alg None, in capitals", unsigned("NONE")),
    Forgery("alg none, a signature beside", unsigned("none", keep_signature=True)),
    Forgery("alg empty", unsigned("")),
    Forgery("alg missing", _raw_header(b'{"typ":"JWT"}')),
    Forgery("alg a list", _raw_header(b'{"alg":["RS256"]}')),
    Forgery("HS256 with the public key as PEM", hmac_with(lambda found: found.key.as_pem(private=False))),
    Forgery(
        "HS256 with the public key as DER",
        hmac_with(lambda found: found.key.as_der(private=False)),
    ),
    Forgery(
        "HS256 with the modulus",
        hmac_with(lambda found: str(found.key.as_dict(private=False)["n"]).encode()),
    ),
    Forgery("HS256 with the key set", hmac_with(lambda found: json.dumps(found.key.as_dict()).encode())),
    Forgery("HS256 with the client's secret", hmac_with(lambda found: found.client_secret.encode())),
    Forgery("HS256 with an empty secret", hmac_with(lambda _: b"")),
    Forgery("RS512, not agreed on", another_algorithm("RS512")),
    Forgery("PS256, not agreed on", another_algorithm("PS256")),
    Forgery("ES256, not agreed on", another_algorithm("ES256")),
    Forgery("another key of the same name", by_attacker()),
    Forgery("an unknown key", by_attacker(kid="attacker")),
    Forgery("no name of a key, signed by another", by_attacker(kid=None)),
    Forgery("a key's name that is a path", by_attacker(kid="../../../dev/null")),
    Forgery("a key's name that is SQL", by_attacker(kid="' UNION SELECT 'x")),
    Forgery("a key's name that is a number", header(kid=1)),
    Forgery("a key's name that is empty", header(kid="")),
    Forgery("a key's name of 1 MB", header(kid="k" * MEGABYTE)),
    Forgery("jwk, the attacker's", by_attacker(jwk=attacker().as_dict(private=False))),
    Forgery("jwk, with the provider's signature", header(jwk={"kty": "RSA"})),
    Forgery("jku, the attacker's", by_attacker(jku=f"{ELSEWHERE}/keys")),
    Forgery("x5u, the attacker's", by_attacker(x5u=f"{ELSEWHERE}/certificate")),
    Forgery("x5c, the attacker's", by_attacker(x5c=[encode(attacker().as_der(private=False))])),
    Forgery("crit, unknown", header(crit=["exp"], exp=1)),
    Forgery("crit, empty", header(crit=[])),
    Forgery("b64 false", header(b64=False, crit=["b64"])),
    Forgery("b64 false, the payload left out", _detached_b64),
    Forgery("zip", header(zip="DEF")),
    Forgery("encrypted", _five_parts),
    Forgery("nested", _nested),
    Forgery("typ of an access token", header(typ="at+jwt")),
    Forgery("typ of a logout token", header(typ="logout+jwt")),
    Forgery("typ a number", header(typ=1)),
    Forgery("no signature", token(_part(2, lambda _: ""))),
    Forgery("a cut signature", token(_part(2, lambda text: text[:-4]))),
    Forgery("the signature of something else", token(_other_payload)),
    Forgery("padding", token(_part(1, lambda text: text + "="))),
    Forgery("a line end inside", token(_part(2, lambda text: f"{text[:9]}\n{text[9:]}"))),
    Forgery("a space before", token(lambda text: f" {text}")),
    Forgery("two parts", token(lambda text: text.rpartition(".")[0])),
    Forgery("four parts", token(lambda text: f"{text}.{text}")),
    Forgery("empty", token(lambda _: "")),
    Forgery("no token at all", token(lambda _: "☃" * 40)),
    Forgery("a header that is no JSON", _raw_header(b"{alg:RS256}")),
    Forgery("a header that is a list", _raw_header(b'["RS256"]')),
    Forgery("a header with two algs", _raw_header(b'{"alg":"RS256","alg":"none"}')),
    Forgery("a header that is no UTF-8", _raw_header(b'{"alg":"RS256\xff"}')),
    Forgery("a header of 10 MB", _raw_header(b'{"alg":"RS256","pad":"' + b"x" * 10 * MEGABYTE + b'"}')),
    Forgery("a payload of 1 MB", raw_payload(lambda claims: json.dumps(claims).encode() + b" " * MEGABYTE)),
    Forgery("a payload of 40 kB", raw_payload(lambda claims: json.dumps(claims).encode() + b" " * 40_000)),
]


# --- What the ID token claims ---


def claims(**changes: Any) -> Lie:
    """Return a lie in the claims, rightly signed."""

    def lie(provider: StandIn) -> None:
        provider.lies.claims = changes

    return lie


def claims_of(make: Callable[[StandIn], dict[str, Any]]) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.claims = make(provider)

    return lie


def _text(old: bytes, new: bytes) -> Lie:
    def write(found: dict[str, Any]) -> bytes:
        text = json.dumps(found).encode()
        assert old in text
        return text.replace(old, new)

    return raw_payload(write)


def _now() -> int:
    return int(time.time())


CLAIMS = [
    Forgery("another issuer", claims(iss=ELSEWHERE)),
    Forgery("the issuer with a slash", claims_of(lambda found: {"iss": f"{found.issuer}/"})),
    Forgery("no issuer", claims(iss=DROPPED)),
    Forgery("a list of issuers", claims_of(lambda found: {"iss": [found.issuer]})),
    Forgery("another audience", claims(aud="somebody-else")),
    Forgery("no audience", claims(aud=DROPPED)),
    Forgery("an audience too many", claims_of(lambda found: {"aud": [found.client_id, "somebody-else"]})),
    Forgery("an empty list of audiences", claims(aud=[])),
    Forgery("an audience that begins alike", claims_of(lambda found: {"aud": f"{found.client_id}0"})),
    Forgery("an audience that is an object", claims_of(lambda found: {"aud": {"id": found.client_id}})),
    Forgery("another party", claims(azp="somebody-else")),
    Forgery("a party that is null", claims(azp=None)),
    Forgery("expired", claims(exp=_now() - 120)),
    Forgery("no expiry", claims(exp=DROPPED)),
    Forgery("an expiry that is text", claims(exp=str(_now() + 60))),
    Forgery("an expiry that is true", claims(exp=True)),
    Forgery("an expiry that is null", claims(exp=None)),
    Forgery("an expiry that is NaN", _text(b'"exp": ', b'"exp": NaN, "was": ')),
    Forgery("an expiry beyond all numbers", _text(b'"exp": ', b'"exp": 1e999, "was": ')),
    Forgery("an expiry of 5000 digits", _text(b'"exp": ', b'"exp": ' + b"9" * 5000 + b', "was": ')),
    Forgery("issued tomorrow", claims(iat=_now() + 86_400)),
    Forgery("issued an hour ago", claims(iat=_now() - 3600)),
    Forgery("no moment of issue", claims(iat=DROPPED)),
    Forgery("not valid yet", claims(nbf=_now() + 3600)),
    Forgery("nbf that is text", claims(nbf="now")),
    Forgery("no nonce", claims(nonce=DROPPED)),
    Forgery("another nonce", claims(nonce="0" * 64)),
    Forgery("an empty nonce", claims(nonce="")),
    Forgery("a list as nonce", claims(nonce=["0" * 64])),
    Forgery("a nonce that is no ASCII", claims(nonce="é" * 64)),
    Forgery("no subject", claims(sub=DROPPED)),
    Forgery("an empty subject", claims(sub="")),
    Forgery("a subject that is a number", claims(sub=1)),
    Forgery("a subject of 256 characters", claims(sub="s" * 256)),
    Forgery("a subject with a NUL", claims(sub="agent-1\0")),
    Forgery("a subject that is no ASCII", claims(sub="agent-１")),
    Forgery("two subjects", _text(b'"sub": ', b'"sub": "admin", "sub": ')),
    Forgery("the hash of another access token", claims(at_hash="0" * 22)),
    Forgery("a level below the one asked for", claims(acr="eidas0")),
    Forgery("no level", claims(acr=DROPPED)),
    Forgery("a list of levels", claims(acr=["eidas1"])),
    Forgery("claims that are a list", raw_payload(lambda _: b"[]")),
    Forgery("claims that are no JSON", raw_payload(lambda _: b"iss=me")),
    Forgery("no claims", raw_payload(lambda _: b"")),
    Forgery("claims nested a thousand deep", raw_payload(lambda _: b'{"a":' * 1000 + b"1" + b"}" * 1000)),
    Forgery("claims nested 9000 deep", raw_payload(lambda _: b"[" * 9000 + b"]" * 9000)),
]


# --- What is told about the person ---


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
    provider.lies.userinfo_sign = lambda found, said: _hmac_token(public, found | {"alg": "HS256"}, said)


def reply(path: str, make: Callable[[], Response]) -> Lie:
    """Return another answer at one of the provider's addresses."""

    def lie(provider: StandIn) -> None:
        provider.lies.replies[path] = make()

    return lie


USERINFO = [
    Forgery("userinfo about somebody else", userinfo(sub="admin")),
    Forgery("userinfo about nobody", userinfo(sub=DROPPED)),
    Forgery("userinfo for another audience", userinfo(aud="somebody-else")),
    Forgery("userinfo of another issuer", userinfo(iss=ELSEWHERE)),
    Forgery("userinfo that has expired", userinfo(exp=_now() - 3600)),
    Forgery("userinfo issued an hour ago", userinfo(iat=_now() - 3600)),
    Forgery("userinfo signed by another key", _userinfo_by_attacker),
    Forgery("userinfo, alg none", _userinfo_unsigned),
    Forgery("userinfo, HS256 with the public key", _userinfo_hmac),
    Forgery("userinfo, jwk", userinfo_header(jwk={"kty": "RSA"})),
    Forgery("userinfo, crit", userinfo_header(crit=["b64"], b64=True)),
    Forgery("userinfo not signed", reply("userinfo", lambda: JSONResponse({"sub": "agent-1"}))),
    Forgery("userinfo as text", reply("userinfo", lambda: PlainTextResponse("agent-1"))),
    Forgery(
        "userinfo that is no ASCII",
        reply("userinfo", lambda: Response("é.é.é".encode(), media_type="application/jwt")),
    ),
    Forgery("userinfo refused", reply("userinfo", lambda: JSONResponse({}, 401))),
    Forgery("userinfo elsewhere", reply("userinfo", lambda: RedirectResponse(f"{ELSEWHERE}/me"))),
    Forgery(
        "userinfo of 10 MB",
        reply("userinfo", lambda: Response(b"e" * 10 * MEGABYTE, media_type="application/jwt")),
    ),
    Forgery(
        "plain userinfo about somebody else",
        reply("userinfo", lambda: JSONResponse({"sub": "admin", "email_verified": True})),
        provider="plain",
    ),
    Forgery(
        "plain userinfo with two subjects",
        reply(
            "userinfo",
            lambda: Response(b'{"sub":"admin","sub":"somebody-1"}', media_type="application/json"),
        ),
        provider="plain",
    ),
    Forgery("plain userinfo as a list", reply("userinfo", lambda: JSONResponse([])), provider="plain"),
    Forgery("a usable address is missing", userinfo(email=DROPPED), told="email_needed"),
    Forgery("a list of addresses", userinfo(email=["a@example.org"]), told="email_needed"),
    Forgery("two addresses in one", userinfo(email="a@example.org,b@example.org"), told="email_needed"),
    Forgery("an address with a line end", userinfo(email="a@example.org\nBcc: b"), told="email_needed"),
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
    Forgery("no ID token", tokens(id_token=DROPPED)),
    Forgery("an ID token that is a number", tokens(id_token=1)),
    Forgery("no access token", tokens(access_token=DROPPED)),
    Forgery("an access token with a line end", tokens(access_token="a\r\nHost: b")),
    Forgery("an access token of 1 MB", tokens(access_token="a" * MEGABYTE)),
    Forgery("a token that is no bearer's", tokens(token_type="mac")),
    Forgery("no token type", tokens(token_type=DROPPED)),
    Forgery("tokens beside an error", tokens(error="invalid_grant")),
    Forgery("tokens as a list", reply("token", lambda: JSONResponse([]))),
    Forgery("tokens as a page", reply("token", lambda: HTMLResponse("<h1>Bonjour</h1>"))),
    Forgery("tokens that are no JSON", reply("token", _json(b"{"))),
    Forgery("tokens that are no UTF-8", reply("token", _json(b'{"a":"\xff"}'))),
    Forgery("tokens named twice", reply("token", _json(b'{"id_token":"a","id_token":"b"}'))),
    Forgery("tokens elsewhere", reply("token", lambda: RedirectResponse(f"{ELSEWHERE}/token", 307))),
    Forgery(
        "tokens compressed", reply("token", lambda: Response(b"x", headers={"content-encoding": "gzip"}))
    ),
    Forgery("tokens of 10 MB", reply("token", _json(b" " * 10 * MEGABYTE))),
    Forgery("the code is refused", reply("token", lambda: JSONResponse({"error": "invalid_grant"}, 400))),
    Forgery("a status nobody expects", reply("token", lambda: JSONResponse({}, 204))),
    Forgery(
        "a reply's header of 10 MB",
        reply("token", lambda: Response(b"{}", headers={"x-pad": "x" * 10 * MEGABYTE})),
        told="unavailable",
    ),
    Forgery("the provider is broken", reply("token", lambda: Response(status_code=502)), told="unavailable"),
    Forgery("keys elsewhere", reply("jwks", lambda: RedirectResponse(f"{ELSEWHERE}/keys"))),
    Forgery("keys of 10 MB", reply("jwks", _json(b" " * 10 * MEGABYTE))),
    Forgery("keys that are no list", reply("jwks", _json(b'{"keys":{}}'))),
    Forgery("no keys", keys(lambda _: [])),
    Forgery("a thousand keys", keys(lambda found: [_public(found, kid=str(n)) for n in range(1000)])),
    Forgery("keys that are numbers", keys(lambda _: [1, 2])),
    Forgery(
        "two keys of one name", keys(lambda found: [_public(found), attacker().as_dict() | {"kid": "first"}])
    ),
    Forgery("a key for encrypting", keys(lambda found: [_public(found, use="enc")])),
    Forgery("a key for another algorithm", keys(lambda found: [_public(found, alg="RS512")])),
    Forgery("a key with nothing to verify", keys(lambda found: [_public(found, key_ops=["sign"])])),
    Forgery(
        "a key without exponent", keys(lambda found: [{k: v for k, v in _public(found).items() if k != "e"}])
    ),
    Forgery("a key whose modulus is a number", keys(lambda found: [_public(found, n=3)])),
    Forgery("a key of 1024 bits", keys(lambda _: [weak()])),
    Forgery("a key of a million bits", keys(lambda found: [_public(found, n="x" * 200_000)])),
    Forgery("a shared secret among the keys", _symmetric),
]


# --- The browser ---


def _changed(url: str, **changes: str | None) -> str:
    found = httpx.URL(url)
    parameters = {**dict(found.params), **changes}
    return str(
        found.copy_with(params={name: value for name, value in parameters.items() if value is not None})
    )


def back_with(**changes: str | None) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        return await browser.come_back(_changed(url, **changes))

    return come_back


async def _without_cookie(browser: Browser, url: str) -> httpx.Response:
    browser.client.cookies.clear()
    return await browser.come_back(url)


def _with_cookie(value: str) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        browser.client.cookies.clear()
        return await browser.client.get(url, headers={"Cookie": f"ancrage_visit={value}"})

    return come_back


async def _twice(browser: Browser, url: str, name: str) -> httpx.Response:
    value = dict(httpx.URL(url).params)[name]
    return await browser.come_back(f"{url}&{name}={value}")


async def _state_twice(browser: Browser, url: str) -> httpx.Response:
    return await _twice(browser, url, "state")


async def _code_twice(browser: Browser, url: str) -> httpx.Response:
    return await _twice(browser, url, "code")


async def _posted(browser: Browser, url: str) -> httpx.Response:
    bare, _, query = url.partition("?")
    content_type = {"Content-Type": "application/x-www-form-urlencoded"}
    return await browser.client.post(bare, content=query, headers=content_type)


def _at(provider: str) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        return await browser.come_back(url.replace("/proconnect/", f"/{provider}/"))

    return come_back


async def _attackers_code(browser: Browser, url: str) -> httpx.Response:
    """Come back with the code of another visit of the same browser: the nonce is that one's."""
    other = await browser.leave_for("proconnect")
    return await browser.come_back(_changed(url, code=dict(httpx.URL(other).params)["code"]))


async def _used_code(browser: Browser, url: str) -> httpx.Response:
    """Use the code in one visit, then in a second one."""
    other = await browser.leave_for("proconnect")
    code = dict(httpx.URL(other).params)["code"]
    # The first use fails too, for the code is of the second visit.
    await browser.come_back(_changed(url, code=code))
    return await browser.come_back(other)


BROWSERS = [
    Forgery("another browser (login CSRF)", come_back=_without_cookie, told=None),
    Forgery("a cookie of somebody's making", come_back=_with_cookie("0" * 64), told=None),
    Forgery("an empty cookie", come_back=_with_cookie(""), told=None),
    Forgery("a cookie of 50 kB", come_back=_with_cookie("0" * 50_000), told=None, statuses=(422, 431)),
    Forgery(
        "a request's header of 10 MB",
        come_back=_with_cookie("0" * 10 * MEGABYTE),
        told=None,
        statuses=(422, 431),
    ),
    Forgery("no state", come_back=back_with(state=None), told=None),
    Forgery("an empty state", come_back=back_with(state=""), told=None),
    Forgery("another state", come_back=back_with(state="0" * 64), told=None),
    Forgery("a state of 10 kB", come_back=back_with(state="0" * 10_000), told=None, statuses=(422, 431)),
    Forgery("a state that is SQL", come_back=back_with(state="' OR true --"), told=None),
    Forgery("a state with a NUL", come_back=back_with(state="\0"), told=None, statuses=(400,)),
    Forgery("two states", come_back=_state_twice, told=None),
    Forgery("two codes", come_back=_code_twice, told=None),
    Forgery("another provider's callback", come_back=_at("plain"), told=None),
    Forgery("no provider's callback", come_back=_at("nobody"), told=None, statuses=(404,)),
    Forgery("posted", come_back=_posted, told=None, statuses=(405,)),
    Forgery("no code", come_back=back_with(code=None)),
    Forgery("an empty code", come_back=back_with(code="")),
    Forgery("a code of somebody's making", come_back=back_with(code="0123456789")),
    Forgery("a code of 60 kB", come_back=back_with(code="0" * 60_000), told=None, statuses=(422, 431)),
    Forgery("a code and an error", come_back=back_with(error="access_denied")),
    Forgery("the code of another visit", come_back=_attackers_code),
    Forgery("a code used before", come_back=_used_code),
    Forgery("another issuer beside the code", come_back=back_with(iss=ELSEWHERE)),
    Forgery("no issuer, where it always says it", come_back=back_with(iss=None), provider="franceconnect"),
    Forgery("cancelled", come_back=back_with(code=None, error="access_denied"), told="cancelled"),
    Forgery("an error", come_back=back_with(code=None, error="server_error")),
    Forgery("an error that is a script", come_back=back_with(code=None, error="<script>alert(1)</script>")),
    Forgery(
        "an error with words",
        come_back=back_with(code=None, error="temporarily_unavailable", error_description="%0d%0aSet-Cookie"),
    ),
]


FAMILIES = {
    "header and signature": SIGNATURES,
    "claims": CLAIMS,
    "userinfo": USERINFO,
    "tokens and keys": TOKENS,
    "browser": BROWSERS,
}
