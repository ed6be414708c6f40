"""Whether a signed token is this provider's, meant for us, about this visit and of now."""

import base64
import binascii
import hashlib
import hmac
import math
from datetime import timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey

from service.adapters.oidc.errors import NotBelieved
from service.adapters.oidc.metadata import Source
from service.adapters.oidc.strict_json import read_object
from service.core.clock import now
from service.core.oidc_providers import OidcProvider

# How far a provider's clock may be from ours.
_LEEWAY: Final = timedelta(seconds=60)
# A token is asked for and read at once: an older one was made for another occasion.
_OLDEST: Final = timedelta(minutes=10)
_MAX_SUBJECT: Final = 255
_MAX_KID: Final = 200
# Each would let the token choose the key, the form or the rules it is verified by; an encrypted or nested
# one is not what was agreed.
_NEVER: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty", "epk", "p2c"})


class _Registry(jws.JWSRegistry):
    max_header_length = 2048
    max_payload_length = 32 * 1024
    max_signature_length = 2048


LARGEST_TOKEN: Final = (
    _Registry.max_header_length + _Registry.max_payload_length + _Registry.max_signature_length
)


def _decode(segment: str) -> bytes:
    # Neither padding nor any other character: one token, one spelling.
    if not segment or not all(
        character.isascii() and (character.isalnum() or character in "-_") for character in segment
    ):
        raise NotBelieved("token_malformed")
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise NotBelieved("token_malformed") from None


def _header(token: str, provider: OidcProvider) -> tuple[str, str | None]:
    """Return the algorithm and the key's name, of a header that asks for nothing else."""
    header = read_object(_decode(token.partition(".")[0]), "token")
    if not _NEVER.isdisjoint(header):
        raise NotBelieved("token_chooses_its_key")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in provider.algorithms:
        raise NotBelieved("algorithm_not_agreed")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise NotBelieved("token_of_another_type")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _MAX_KID):
        raise NotBelieved("token_malformed")
    return algorithm, kid


async def read_signed(token: str, provider: OidcProvider, source: Source) -> dict[str, Any]:
    """Return the claims of ``token``, signed by the provider with an algorithm agreed on.

    Raises :class:`NotBelieved`, and :class:`ProviderUnavailable` when its keys cannot be read.
    """
    if len(token) > LARGEST_TOKEN or token.count(".") != 2:  # noqa: PLR2004 - header, payload, signature
        raise NotBelieved("token_malformed")
    algorithm, kid = _header(token, provider)
    for segment in token.split("."):
        _decode(segment)
    key: OctKey | RSAKey | ECKey
    if algorithm == "HS256":
        key = OctKey.import_key(provider.client_secret.encode())
    else:
        key = await source.key(algorithm, kid)
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        found = jws.deserialize_compact(token, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise NotBelieved("signature_wrong") from None
    return read_object(found.payload, "claims")


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotBelieved("claims_malformed")
    return float(value)


def _check_moments(claims: dict[str, Any], *, required: bool) -> None:
    present, leeway = now().timestamp(), _LEEWAY.total_seconds()
    expires, issued, begins = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
    if required and (expires is None or issued is None):
        raise NotBelieved("claims_missing")
    if expires is not None and expires <= present - leeway:
        raise NotBelieved("expired")
    if issued is not None and not (present - _OLDEST.total_seconds() - leeway <= issued <= present + leeway):
        raise NotBelieved("issued_at_another_time")
    if begins is not None and begins > present + leeway:
        raise NotBelieved("not_yet_valid")


def _check_parties(claims: dict[str, Any], provider: OidcProvider) -> None:
    if claims.get("iss") != provider.issuer:
        raise NotBelieved("another_issuer")
    # Whoever else is named could have received it from somebody who signed in there.
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise NotBelieved("another_audience")
    if "azp" in claims and claims["azp"] != provider.client_id:
        raise NotBelieved("another_party")


def subject_of(claims: dict[str, Any]) -> str:
    """Return ``sub``: 1 to 255 printable ASCII characters."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isascii():
        raise NotBelieved("subject_malformed")
    if not subject.isprintable():
        raise NotBelieved("subject_malformed")
    return subject


def check_id_token(claims: dict[str, Any], provider: OidcProvider, *, nonce: str, access_token: str) -> None:
    """Refuse an ID token that is not for us, not of now or not of this visit. Raises :class:`NotBelieved`."""
    _check_parties(claims, provider)
    _check_moments(claims, required=True)
    subject_of(claims)
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise NotBelieved("another_visit")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token):
        raise NotBelieved("another_access_token")
    accepted = provider.accepted_levels
    if accepted and not (isinstance(claims.get("acr"), str) and claims["acr"] in accepted):
        raise NotBelieved("level_too_low")


def check_userinfo(claims: dict[str, Any], provider: OidcProvider, *, subject: str, signed: bool) -> None:
    """Refuse what is told about a person unless it is about the ``subject`` of the ID token, and for us."""
    if signed:
        _check_parties(claims, provider)
        _check_moments(claims, required=False)
    if subject_of(claims) != subject:
        raise NotBelieved("another_subject")


def _half_hash(access_token: str) -> str:
    # All algorithms agreed on here hash with SHA-256.
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
