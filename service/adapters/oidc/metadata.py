"""What a provider says of itself: its addresses and its keys, read once in a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from service.adapters.oidc.calls import AsyncOAuth2Client, call
from service.adapters.oidc.errors import NotBelieved, ProviderError, ProviderUnavailable
from service.adapters.oidc.strict_json import read_object
from service.core.clock import now
from service.core.oidc_providers import OidcProvider, is_loopback

FRESH: Final = timedelta(hours=1)
# A provider that is down for a while can still be signed in to by what it said before.
_USABLE: Final = timedelta(hours=24)
# A token may name any key it likes: it must not make us ask the provider each time.
REFETCH: Final = timedelta(minutes=1)
# While it is down, nobody waits for it again so soon.
_AFTER_FAILURE: Final = timedelta(seconds=5)
_LARGEST: Final = 256 * 1024
_MOST_KEYS: Final = 100
# In base64url, 2048 to 8192 bits; an exponent of up to 48 bits. Beyond, arithmetic takes anybody's time.
_RSA_MODULUS_LENGTHS: Final = range(342, 1367)
_LONGEST_RSA_EXPONENT: Final = 8
_OK: Final = 200
_MAX_ADDRESS: Final = 2000

log = structlog.get_logger(__name__)
Value = TypeVar("Value")
Key = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's addresses. ``says_issuer``: it names itself when it sends a browser back (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    says_issuer: bool


class Kept(Generic[Value]):
    """A value read from a provider: fresh for an hour, read by one at a time, kept when reading fails."""

    def __init__(self, read: Callable[[], Awaitable[Value]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._value: Value | None = None
        self._read_at: datetime | None = None
        self._failed_at: datetime | None = None

    def known(self) -> Value | None:
        """Return the value if it was read in the last 24 hours, without asking anybody."""
        usable = self._read_at is not None and now() - self._read_at < _USABLE
        return self._value if usable else None

    async def get(self, *, anew: bool = False) -> Value:
        """Return the value, read again when it is an hour old, or ``anew``. Raises :class:`ProviderError`."""
        async with self._lock:
            moment = now()
            fresh = self._read_at is not None and moment - self._read_at < FRESH
            if self._value is not None and fresh and not anew:
                return self._value
            if self._failed_at is not None and moment - self._failed_at < _AFTER_FAILURE:
                if (known := self.known()) is not None:
                    return known
                raise ProviderUnavailable("failed_lately")
            try:
                self._value = await self._read()
            except ProviderError as error:
                self._failed_at = moment
                known = self.known()
                log.warning("provider.metadata_not_read", reason=error.reason, known=known is not None)
                if known is None:
                    raise
                return known
            self._read_at, self._failed_at = moment, None
            return self._value


class Source:
    """One provider's metadata and keys."""

    def __init__(self, provider: OidcProvider, client: AsyncOAuth2Client) -> None:
        self._provider = provider
        self._client = client
        self.metadata: Kept[Metadata] = Kept(self._read_metadata)
        self._keys: Kept[tuple[dict[str, Any], ...]] = Kept(self._read_keys)
        self._read_anew_at: datetime | None = None

    async def _read_metadata(self) -> Metadata:
        url = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._read_json(url, "metadata")
        if found.get("issuer") != self._provider.issuer:
            raise NotBelieved("metadata_of_another_issuer")
        return Metadata(
            authorization_endpoint=self._address(found, "authorization_endpoint"),
            token_endpoint=self._address(found, "token_endpoint"),
            jwks_uri=self._address(found, "jwks_uri"),
            userinfo_endpoint=self._optional_address(found, "userinfo_endpoint"),
            end_session_endpoint=self._optional_address(found, "end_session_endpoint"),
            says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        )

    async def _read_json(self, url: str, what: str) -> dict[str, Any]:
        reply = await call(self._client, "GET", url, largest=_LARGEST, headers={"Accept": "application/json"})
        if reply.status != _OK:
            raise NotBelieved(f"{what}_missing")
        return read_object(reply.body, what)

    def _optional_address(self, found: dict[str, Any], name: str) -> str | None:
        return None if found.get(name) is None else self._address(found, name)

    def _address(self, found: dict[str, Any], name: str) -> str:
        """Return the address ``name``: HTTPS, unless provider and address are both on this machine."""
        value = found.get(name)
        if not isinstance(value, str) or len(value) > _MAX_ADDRESS or not value.isascii():
            raise NotBelieved("metadata_malformed")
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname, parts.port
        except ValueError:
            raise NotBelieved("metadata_malformed") from None
        here = self._provider.issuer.startswith("http://") and is_loopback(host)
        if (
            not host
            or parts.fragment
            or parts.username
            or not (parts.scheme == "https" or (parts.scheme == "http" and here))
        ):
            raise NotBelieved("metadata_unsafe_address")
        return value

    async def _read_keys(self) -> tuple[dict[str, Any], ...]:
        found = await self._read_json((await self.metadata.get()).jwks_uri, "keys")
        keys = found.get("keys")
        if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
            raise NotBelieved("keys_malformed")
        return tuple(key for key in keys if isinstance(key, dict))

    async def key(self, algorithm: str, kid: str | None) -> Key:
        """Return the provider's one public key for ``algorithm`` called ``kid``.

        A name that is not known makes the keys be read again, at most once a minute. Without a name there
        must be no choice. Raises :class:`NotBelieved`, :class:`ProviderUnavailable`.
        """
        found = _fitting(await self._keys.get(), algorithm, kid)
        if not found:
            # Whoever comes while they are read anew waits for them here.
            found = _fitting(await self._keys.get(anew=self._may_read_anew()), algorithm, kid)
        if len(found) != 1:
            raise NotBelieved("unknown_key" if not found else "ambiguous_key")
        return _import(found[0])

    def _may_read_anew(self) -> bool:
        moment = now()
        if self._read_anew_at is not None and moment - self._read_anew_at < REFETCH:
            return False
        self._read_anew_at = moment
        return True


def _fitting(keys: tuple[dict[str, Any], ...], algorithm: str, kid: str | None) -> list[dict[str, Any]]:
    return [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    """Tell whether ``key`` is for verifying signatures made with ``algorithm``."""
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("kty") == ("EC" if algorithm == "ES256" else "RSA")
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def _import(key: dict[str, Any]) -> Key:
    try:
        if key["kty"] == "EC":
            elliptic = ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
            if elliptic.curve_name != "P-256":
                raise NotBelieved("weak_key")
            return elliptic
        if len(key["n"]) not in _RSA_MODULUS_LENGTHS or len(key["e"]) > _LONGEST_RSA_EXPONENT:
            raise NotBelieved("weak_key")
        return RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")})
    except (JoseError, ValueError, TypeError, KeyError):
        raise NotBelieved("key_malformed") from None
