"""ID tokens rightly signed that claim something else."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.oidc.forgery import ELSEWHERE, Forgery, Lie, raw_payload
from tests.oidc.standin import DROPPED, StandIn


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
    Forgery("another issuer", "another_issuer", claims(iss=ELSEWHERE)),
    Forgery(
        "the issuer with a slash", "another_issuer", claims_of(lambda found: {"iss": f"{found.issuer}/"})
    ),
    Forgery("no issuer", "another_issuer", claims(iss=DROPPED)),
    Forgery("a list of issuers", "another_issuer", claims_of(lambda found: {"iss": [found.issuer]})),
    Forgery("another audience", "another_audience", claims(aud="somebody-else")),
    Forgery("no audience", "another_audience", claims(aud=DROPPED)),
    Forgery(
        "an audience too many",
        "another_audience",
        claims_of(lambda found: {"aud": [found.client_id, "somebody-else"]}),
    ),
    Forgery("an empty list of audiences", "another_audience", claims(aud=[])),
    Forgery(
        "an audience that begins alike",
        "another_audience",
        claims_of(lambda found: {"aud": f"{found.client_id}0"}),
    ),
    Forgery(
        "an audience that is an object",
        "another_audience",
        claims_of(lambda found: {"aud": {"id": found.client_id}}),
    ),
    Forgery("another party", "another_party", claims(azp="somebody-else")),
    Forgery("a party that is null", "another_party", claims(azp=None)),
    Forgery("expired", "expired", claims(exp=_now() - 120)),
    Forgery("no expiry", "claims_missing", claims(exp=DROPPED)),
    Forgery("an expiry that is text", "claims_malformed", claims(exp=str(_now() + 60))),
    Forgery("an expiry that is true", "claims_malformed", claims(exp=True)),
    Forgery("an expiry that is null", "claims_malformed", claims(exp=None)),
    Forgery("an expiry that is NaN", "claims_malformed", _text(b'"exp": ', b'"exp": NaN, "was": ')),
    Forgery("an expiry beyond all numbers", "claims_malformed", _text(b'"exp": ', b'"exp": 1e999, "was": ')),
    Forgery(
        "an expiry of 5000 digits",
        "claims_malformed",
        _text(b'"exp": ', b'"exp": ' + b"9" * 5000 + b', "was": '),
    ),
    Forgery("issued tomorrow", "issued_at_another_time", claims(iat=_now() + 86_400)),
    Forgery("issued an hour ago", "issued_at_another_time", claims(iat=_now() - 3600)),
    Forgery("no moment of issue", "claims_missing", claims(iat=DROPPED)),
    Forgery("not valid yet", "not_yet_valid", claims(nbf=_now() + 3600)),
    Forgery("nbf that is text", "claims_malformed", claims(nbf="now")),
    Forgery("no nonce", "another_visit", claims(nonce=DROPPED)),
    Forgery("another nonce", "another_visit", claims(nonce="0" * 64)),
    Forgery("an empty nonce", "another_visit", claims(nonce="")),
    Forgery("a list as nonce", "another_visit", claims(nonce=["0" * 64])),
    Forgery("a nonce that is no ASCII", "another_visit", claims(nonce="é" * 64)),
    Forgery("no subject", "subject_malformed", claims(sub=DROPPED)),
    Forgery("an empty subject", "subject_malformed", claims(sub="")),
    Forgery("a subject that is a number", "subject_malformed", claims(sub=1)),
    Forgery("a subject of 256 characters", "subject_malformed", claims(sub="s" * 256)),
    Forgery("a subject with a NUL", "subject_malformed", claims(sub="agent-1\0")),
    Forgery("a subject that is no ASCII", "subject_malformed", claims(sub="agent-１")),
    Forgery("two subjects", "claims_malformed", _text(b'"sub": ', b'"sub": "admin", "sub": ')),
    Forgery("the hash of another access token", "another_access_token", claims(at_hash="0" * 22)),
    Forgery("a level below the one asked for", "level_too_low", claims(acr="eidas0")),
    Forgery("no level", "level_too_low", claims(acr=DROPPED)),
    Forgery("a list of levels", "level_too_low", claims(acr=["eidas1"])),
    Forgery("claims that are a list", "claims_malformed", raw_payload(lambda _: b"[]")),
    Forgery("claims that are no JSON", "claims_malformed", raw_payload(lambda _: b"iss=me")),
    Forgery("no claims", "token_malformed", raw_payload(lambda _: b"")),
    Forgery(
        "claims nested a thousand deep",
        "claims_malformed",
        raw_payload(lambda _: b'{"a":' * 1000 + b"1" + b"}" * 1000),
    ),
    Forgery("claims nested 9000 deep", "claims_malformed", raw_payload(lambda _: b"[" * 9000 + b"]" * 9000)),
]
