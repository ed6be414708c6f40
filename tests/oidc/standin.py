"""An OpenID provider that holds its service providers to the rules, and lies when it is told to.

Written from the public documentation of ProConnect and FranceConnect: what is not in their tables of
parameters is answered with an error page (Y000400), ``state`` and ``nonce`` have at least 32 characters, the
secret comes in the body, codes live 30 seconds and count once, ``userinfo`` is a signed JWT, and signing out
takes ``id_token_hint``, ``state`` and a registered address.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import uvicorn
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

DROPPED: Any = object()
"""As a value: the name is left out."""
_CODE_SECONDS = 30
_SHORTEST = 32
_COMMON = {"response_type", "client_id", "redirect_uri", "scope", "claims", "state", "nonce", "prompt"}
_REGISTRY = jws.JWSRegistry(
    algorithms=["RS256", "PS256", "ES256", "HS256", "RS512"], strict_check_header=False
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one provider asks of its service providers."""

    parameters: frozenset[str]
    scopes: frozenset[str]
    acr_values: frozenset[str] = frozenset()
    alphanumeric_nonce: bool = False
    signed_userinfo: bool = True
    names_itself: bool = False


PROCONNECT = Rules(
    parameters=frozenset(
        _COMMON | {"acr_values", "idp_hint", "login_hint", "code_challenge", "code_challenge_method"}
    ),
    scopes=frozenset({"openid", "given_name", "usual_name", "email", "uid", "siret", "idp_id", "idp_acr"}),
)
FRANCECONNECT = Rules(
    parameters=frozenset(_COMMON | {"acr_values"}),
    scopes=frozenset(
        {"openid", "given_name", "family_name", "birthdate", "gender", "birthplace", "birthcountry"}
        | {"email", "preferred_username", "profile"}
    ),
    acr_values=frozenset({"eidas1"}),
    alphanumeric_nonce=True,
    names_itself=True,
)
PLAIN = Rules(
    parameters=frozenset(_COMMON | {"acr_values", "code_challenge", "code_challenge_method"}),
    scopes=frozenset({"openid", "email", "profile"}),
    signed_userinfo=False,
)


@dataclass
class Lies:
    """What the provider does otherwise, for one test; each is applied last."""

    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    id_token: Callable[[str], str] | None = None
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    userinfo_header: dict[str, Any] = field(default_factory=dict)
    userinfo_claims: dict[str, Any] = field(default_factory=dict)
    userinfo_sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    tokens: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] | None = None
    replies: dict[str, Response] = field(default_factory=dict)
    """By path: answered instead of anything else."""


def changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (values | changes).items() if value is not DROPPED}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: dict[str, Any], claims: dict[str, Any] | bytes, key: RSAKey | ECKey | OctKey) -> str:
    """Return a JWS with any header at all: it is written here, only the signature is joserfc's."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    body = f"{encode(json.dumps(header).encode())}.{encode(payload)}"
    algorithm = _REGISTRY.get_alg(header["alg"])
    return f"{body}.{encode(algorithm.sign(body.encode(), key))}"


class _Server(uvicorn.Server):
    """Leaves the signals to whoever runs the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class StandIn:
    """A provider on loopback, and what it was asked."""

    def __init__(self, rules: Rules, *, callback: str, signed_out: str, algorithm: str = "RS256") -> None:
        self.rules = rules
        self.callback = callback
        self.signed_out = signed_out
        self.algorithm = algorithm
        self.client_id = secrets.token_hex(16)
        self.client_secret = secrets.token_hex(32)
        self.issuer = ""
        self.key: RSAKey | ECKey = self.new_key("first")
        self.person: dict[str, Any] = {}
        self.lies = Lies()
        self.asked: list[str] = []
        self.watch: Callable[[str], None] | None = None
        self.authorized: list[dict[str, str]] = []
        self.refusals: list[str] = []
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    def new_key(self, kid: str) -> RSAKey | ECKey:
        if self.algorithm == "ES256":
            return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})
        return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})

    def configuration(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "algorithms": [self.algorithm],
        } | more

    # What it signs with: the secret shared with the service provider, or its own key.
    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        key = OctKey.import_key(self.client_secret) if self.algorithm == "HS256" else self.key
        return signed(header, claims, key)

    def _header(self) -> dict[str, Any]:
        kid = {} if self.algorithm == "HS256" else {"kid": self.key.kid}
        return {"alg": self.algorithm, "typ": "JWT"} | kid

    def id_token(self, visit: dict[str, Any], access_token: str) -> str:
        moment = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "sub": self.person["sub"],
            "aud": self.client_id,
            "exp": moment + 60,
            "iat": moment,
            "auth_time": moment,
            "nonce": visit["nonce"],
            "at_hash": encode(half),
            "acr": "eidas1",
        }
        lies = self.lies
        token = (lies.sign or self.sign)(changed(self._header(), lies.header), changed(claims, lies.claims))
        return lies.id_token(token) if lies.id_token else token

    def userinfo_token(self) -> str:
        moment = int(time.time())
        claims = self.person | {
            "iss": self.issuer,
            "aud": self.client_id,
            "exp": moment + 60,
            "iat": moment,
        }
        lies = self.lies
        return (lies.userinfo_sign or self.sign)(
            changed(self._header(), lies.userinfo_header), changed(claims, lies.userinfo_claims)
        )

    # --- The addresses ---

    def _refuse(self, reason: str) -> Response:
        self.refusals.append(reason)
        return HTMLResponse("<h1>Y000400</h1>", 400)

    async def discovery(self, _request: Request) -> Response:
        return JSONResponse(
            changed(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                    "end_session_endpoint": f"{self.issuer}/session/end",
                    "jwks_uri": f"{self.issuer}/jwks",
                    "authorization_response_iss_parameter_supported": self.rules.names_itself,
                },
                self.lies.metadata,
            )
        )

    async def jwks(self, _request: Request) -> Response:
        keys = self.lies.keys if self.lies.keys is not None else [self.key.as_dict(private=False)]
        return JSONResponse({"keys": keys})

    async def authorize(self, request: Request) -> Response:
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        asked = dict(pairs)
        problem = self._unacceptable(asked, len(pairs))
        if problem is not None:
            return self._refuse(problem)
        self.authorized.append(asked)
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked | {"until": time.time() + _CODE_SECONDS}
        back = {"code": code, "state": asked["state"]}
        if self.rules.names_itself:
            back["iss"] = self.issuer
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    def _unacceptable(self, asked: dict[str, str], given: int) -> str | None:
        rules, scopes = self.rules, set(asked.get("scope", "").split(" "))
        nonce = asked.get("nonce", "")
        problems = {
            "twice": given != len(asked),
            "parameter": not set(asked) <= rules.parameters,
            "response_type": asked.get("response_type") != "code",
            "client_id": asked.get("client_id") != self.client_id,
            "redirect_uri": asked.get("redirect_uri") != self.callback,
            "scope": "openid" not in scopes or not scopes <= rules.scopes,
            "state": len(asked.get("state", "")) < _SHORTEST,
            "nonce": len(nonce) < _SHORTEST or (rules.alphanumeric_nonce and not nonce.isalnum()),
            "acr_values": bool(rules.acr_values) and asked.get("acr_values") not in rules.acr_values,
            "code_challenge": asked.get("code_challenge_method", "S256") != "S256",
        }
        return next((name for name, wrong in problems.items() if wrong), None)

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        visit = self.codes.pop(form.get("code", ""), None)
        wanted = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": self.callback,
        }
        if (
            request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded"
            or "authorization" in request.headers
            or any(form.get(name) != value for name, value in wanted.items())
        ):
            self.refusals.append("token")
            return JSONResponse({"error": "invalid_client"}, 401)
        if visit is None or visit["until"] < time.time() or not self._proved(visit, form):
            self.refusals.append("code")
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(24)
        self.tokens[access_token] = visit
        tokens = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 60,
            "id_token": self.id_token(visit, access_token),
        }
        return JSONResponse(changed(tokens, self.lies.tokens))

    @staticmethod
    def _proved(visit: dict[str, Any], form: dict[str, str]) -> bool:
        challenge: str | None = visit.get("code_challenge")
        if challenge is None:
            return "code_verifier" not in form
        return encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) == challenge

    async def userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            return JSONResponse({"error": "invalid_token"}, 401)
        if self.rules.signed_userinfo:
            return Response(self.userinfo_token(), media_type="application/jwt")
        return JSONResponse(changed(self.person, self.lies.userinfo_claims))

    async def session_end(self, request: Request) -> Response:
        asked = dict(parse_qsl(request.url.query))
        hint = asked.get("id_token_hint", "")
        try:
            claims = json.loads(
                jws.deserialize_compact(hint, self.key, algorithms=["RS256", "ES256"]).payload
            )
        except (ValueError, IndexError):
            claims = {}
        if (
            set(asked) != {"id_token_hint", "state", "post_logout_redirect_uri"}
            or claims.get("aud") != self.client_id
            or len(asked["state"]) < _SHORTEST
            or asked["post_logout_redirect_uri"] != self.signed_out
        ):
            return self._refuse("session_end")
        return RedirectResponse(f"{self.signed_out}?{urlencode({'state': asked['state']})}", 303)

    def application(self) -> Starlette:
        endpoints = {
            "/api/v2/.well-known/openid-configuration": self.discovery,
            "/api/v2/jwks": self.jwks,
            "/api/v2/authorize": self.authorize,
            "/api/v2/token": self.token,
            "/api/v2/userinfo": self.userinfo,
            "/api/v2/session/end": self.session_end,
        }

        def counted(path: str) -> Callable[[Request], Any]:
            async def answer(request: Request) -> Response:
                name = path.removeprefix("/api/v2/")
                self.asked.append(name)
                if self.watch is not None:
                    self.watch(name)
                return self.lies.replies.get(name) or await endpoints[path](request)

            return answer

        return Starlette(routes=[Route(path, counted(path), methods=["GET", "POST"]) for path in endpoints])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        listener = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v2"
        server = _Server(
            uvicorn.Config(self.application(), log_config=None, access_log=False, lifespan="off")
        )
        # The listener queues what comes before the server accepts.
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            listener.close()
