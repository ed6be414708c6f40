"""ID tokens with another header, key, signature or form."""

import base64
import json
from collections.abc import Callable
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from tests.oidc.forgery import ELSEWHERE, MEGABYTE, Forgery, Lie, attacker, hmac_token, raw_payload
from tests.oidc.standin import StandIn, encode, signed


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


def by_attacker(make: Callable[[], dict[str, Any]] = dict, **changes: Any) -> Lie:
    """Return a token whose header points to the attacker's key, and which that key signed."""

    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: signed(found | changes | make(), claims, attacker())

    return lie


def hmac_with(secret: Callable[[StandIn], bytes]) -> Lie:
    def lie(provider: StandIn) -> None:
        provider.lies.sign = lambda found, claims: hmac_token(
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
    Forgery("alg none, no signature", "algorithm_not_agreed", unsigned("none")),
    Forgery("alg None, in capitals", "algorithm_not_agreed", unsigned("NONE")),
    Forgery("alg none, a signature beside", "algorithm_not_agreed", unsigned("none", keep_signature=True)),
    Forgery("alg empty", "algorithm_not_agreed", unsigned("")),
    Forgery("alg missing", "algorithm_not_agreed", _raw_header(b'{"typ":"JWT"}')),
    Forgery("alg a list", "algorithm_not_agreed", _raw_header(b'{"alg":["RS256"]}')),
    Forgery(
        "HS256 with the public key as PEM",
        "algorithm_not_agreed",
        hmac_with(lambda found: found.key.as_pem(private=False)),
    ),
    Forgery(
        "HS256 with the public key as DER",
        "algorithm_not_agreed",
        hmac_with(lambda found: found.key.as_der(private=False)),
    ),
    Forgery(
        "HS256 with the modulus",
        "algorithm_not_agreed",
        hmac_with(lambda found: str(found.key.as_dict(private=False)["n"]).encode()),
    ),
    Forgery(
        "HS256 with the key set",
        "algorithm_not_agreed",
        hmac_with(lambda found: json.dumps(found.key.as_dict()).encode()),
    ),
    Forgery(
        "HS256 with the client's secret",
        "algorithm_not_agreed",
        hmac_with(lambda found: found.client_secret.encode()),
    ),
    Forgery("HS256 with an empty secret", "algorithm_not_agreed", hmac_with(lambda _: b"")),
    Forgery("RS512, not agreed on", "algorithm_not_agreed", another_algorithm("RS512")),
    Forgery("PS256, not agreed on", "algorithm_not_agreed", another_algorithm("PS256")),
    Forgery("ES256, not agreed on", "algorithm_not_agreed", another_algorithm("ES256")),
    Forgery("another key of the same name", "signature_wrong", by_attacker()),
    Forgery("an unknown key", "unknown_key", by_attacker(kid="attacker")),
    Forgery("no name of a key, signed by another", "signature_wrong", by_attacker(kid=None)),
    Forgery("a key's name that is a path", "unknown_key", by_attacker(kid="../../../dev/null")),
    Forgery("a key's name that is SQL", "unknown_key", by_attacker(kid="' UNION SELECT 'x")),
    Forgery("a key's name that is a number", "token_malformed", header(kid=1)),
    Forgery("a key's name that is empty", "token_malformed", header(kid="")),
    Forgery("a key's name of 1 MB", "answer_too_large", header(kid="k" * MEGABYTE)),
    Forgery(
        "jwk, the attacker's",
        "token_chooses_its_key",
        by_attacker(lambda: {"jwk": attacker().as_dict(private=False)}),
    ),
    Forgery("jwk, with the provider's signature", "token_chooses_its_key", header(jwk={"kty": "RSA"})),
    Forgery("jku, the attacker's", "token_chooses_its_key", by_attacker(jku=f"{ELSEWHERE}/keys")),
    Forgery("x5u, the attacker's", "token_chooses_its_key", by_attacker(x5u=f"{ELSEWHERE}/certificate")),
    Forgery(
        "x5c, the attacker's",
        "token_chooses_its_key",
        by_attacker(lambda: {"x5c": [encode(attacker().as_der(private=False))]}),
    ),
    Forgery("crit, unknown", "token_chooses_its_key", header(crit=["exp"], exp=1)),
    Forgery("crit, empty", "token_chooses_its_key", header(crit=[])),
    Forgery("b64 false", "token_chooses_its_key", header(b64=False, crit=["b64"])),
    Forgery("b64 false, the payload left out", "token_chooses_its_key", _detached_b64),
    Forgery("zip", "token_chooses_its_key", header(zip="DEF")),
    Forgery("encrypted", "token_malformed", _five_parts),
    Forgery("nested", "token_chooses_its_key", _nested),
    Forgery("typ of an access token", "token_of_another_type", header(typ="at+jwt")),
    Forgery("typ of a logout token", "token_of_another_type", header(typ="logout+jwt")),
    Forgery("typ a number", "token_of_another_type", header(typ=1)),
    Forgery("no signature", "token_malformed", token(_part(2, lambda _: ""))),
    Forgery("a cut signature", "signature_wrong", token(_part(2, lambda text: text[:-4]))),
    Forgery("the signature of something else", "signature_wrong", token(_other_payload)),
    Forgery("padding", "token_malformed", token(_part(1, lambda text: text + "="))),
    Forgery("a line end inside", "token_malformed", token(_part(2, lambda text: f"{text[:9]}\n{text[9:]}"))),
    Forgery("a space before", "token_malformed", token(lambda text: f" {text}")),
    Forgery("two parts", "token_malformed", token(lambda text: text.rpartition(".")[0])),
    Forgery("four parts", "token_malformed", token(lambda text: f"{text}.{text}")),
    Forgery("empty", "token_malformed", token(lambda _: "")),
    Forgery("no token at all", "token_malformed", token(lambda _: "☃" * 40)),
    Forgery("a header that is no JSON", "token_malformed", _raw_header(b"{alg:RS256}")),
    Forgery("a header that is a list", "token_malformed", _raw_header(b'["RS256"]')),
    Forgery("a header with two algs", "token_malformed", _raw_header(b'{"alg":"RS256","alg":"none"}')),
    Forgery("a header that is no UTF-8", "token_malformed", _raw_header(b'{"alg":"RS256\xff"}')),
    Forgery(
        "a header of 10 MB",
        "answer_too_large",
        _raw_header(b'{"alg":"RS256","pad":"' + b"x" * 10 * MEGABYTE + b'"}'),
    ),
    Forgery(
        "a payload of 1 MB",
        "answer_too_large",
        raw_payload(lambda claims: json.dumps(claims).encode() + b" " * MEGABYTE),
    ),
    Forgery(
        "a payload of 40 kB",
        "token_malformed",
        raw_payload(lambda claims: json.dumps(claims).encode() + b" " * 40_000),
    ),
]
