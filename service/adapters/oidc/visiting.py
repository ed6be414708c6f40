"""One sign-in at a provider, from sending the browser there to what it says about the person."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx
import orjson
from authlib.common.urls import add_params_to_uri

from service.adapters.oidc.calls import TIMEOUT, AsyncOAuth2Client, call
from service.adapters.oidc.errors import NotBelieved, ProviderRefused, ProviderUnavailable
from service.adapters.oidc.metadata import Metadata, Source
from service.adapters.oidc.strict_json import read_object
from service.adapters.oidc.tokens import (
    LARGEST_TOKEN,
    check_id_token,
    check_userinfo,
    read_signed,
    subject_of,
)
from service.core.oidc_providers import AskAcr, OidcProvider

_OK: Final = 200
# Up to four calls; whoever waits in the browser is told before their request is broken off.
_WHOLE_VISIT_SECONDS: Final = 20.0
_REFUSALS: Final = range(400, 500)
_LARGEST_ANSWER: Final = 3 * LARGEST_TOKEN
_MAX_ACCESS_TOKEN: Final = 16 * 1024
_MAX_NAME: Final = 200


@cache
def _authorities() -> ssl.SSLContext:
    # Reading them takes a while, and they are everybody's.
    return httpx.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent along with a browser, and must fit what comes back."""

    redirect_uri: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouches for. ``email`` is as it was sent, ``email_verified`` when surely theirs."""

    issuer: str
    subject: str
    acr: str | None
    id_token: str
    email: str | None
    email_verified: bool
    given_name: str | None
    family_name: str | None


class Visiting:
    """The client's part of OpenID Connect's code flow with one provider."""

    def __init__(self, provider: OidcProvider) -> None:
        self.provider = provider
        self._client = AsyncOAuth2Client(
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            token_endpoint_auth_method=(
                "client_secret_post" if provider.secret_in_body else "client_secret_basic"
            ),
            code_challenge_method="S256" if provider.pkce else None,
            scope=" ".join(provider.scopes),
            timeout=TIMEOUT,
            verify=_authorities(),
            headers={"User-Agent": "Ancrage"},
            # One pool serves everybody who signs in: it must remember nothing of anybody.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._source = Source(provider, self._client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def authorization_url(self, sent: Sent, state: str) -> str:
        """Return where to send the browser. Raises :class:`ProviderError`."""
        metadata = await self._source.metadata.get()
        url, _state = self._client.create_authorization_url(
            metadata.authorization_endpoint,
            state=state,
            code_verifier=sent.code_verifier,
            redirect_uri=sent.redirect_uri,
            nonce=sent.nonce,
            **self._acr(),
        )
        return str(url)

    def _acr(self) -> dict[str, str]:
        levels = self.provider.acr_values
        if not levels:
            return {}
        if self.provider.acr_request is AskAcr.ACR_VALUES:
            return {"acr_values": " ".join(levels)}
        asked = {"id_token": {"acr": {"essential": True, "values": levels}}}
        return {"claims": orjson.dumps(asked).decode()}

    async def identify(self, code: str, sent: Sent, *, said_issuer: str | None) -> Vouched:
        """Return whom the provider vouches for, in exchange for ``code``.

        ``said_issuer`` is what came back as ``iss``. Raises :class:`ProviderRefused` for a code it does not
        take, :class:`NotBelieved` for an answer that is not what was agreed, :class:`ProviderUnavailable`.
        """
        try:
            async with asyncio.timeout(_WHOLE_VISIT_SECONDS):
                return await self._identify(code, sent, said_issuer)
        except TimeoutError:
            raise ProviderUnavailable("too_slow") from None

    async def _identify(self, code: str, sent: Sent, said_issuer: str | None) -> Vouched:
        metadata = await self._source.metadata.get()
        self._check_issuer(said_issuer, metadata)
        access_token, id_token = await self._exchange(metadata, code, sent)
        claims = await read_signed(id_token, self.provider, self._source)
        check_id_token(claims, self.provider, nonce=sent.nonce, access_token=access_token)
        about = claims
        if metadata.userinfo_endpoint is not None:
            about = await self._userinfo(metadata.userinfo_endpoint, access_token, subject_of(claims))
        elif self.provider.signed_userinfo:
            raise NotBelieved("metadata_malformed")
        acr = claims.get("acr")
        said, vouched = about.get("email_verified"), self.provider.email_vouched_for
        return Vouched(
            issuer=self.provider.issuer,
            subject=subject_of(claims),
            acr=acr if isinstance(acr, str) and len(acr) <= _MAX_NAME else None,
            id_token=id_token,
            email=_text(about.get("email")),
            # A provider that is believed without saying so is believed too when it says no.
            email_verified=said is True or (said is None and "email_verified" not in about and vouched),
            given_name=_text(about.get("given_name")),
            family_name=_text(about.get("usual_name")) or _text(about.get("family_name")),
        )

    def _check_issuer(self, said: str | None, metadata: Metadata) -> None:
        """Refuse an answer that names another provider, or none where this one always names itself."""
        if said != self.provider.issuer if said is not None else metadata.says_issuer:
            raise NotBelieved("answer_of_another_issuer")

    async def _exchange(self, metadata: Metadata, code: str, sent: Sent) -> tuple[str, str]:
        verifier = {"code_verifier": sent.code_verifier} if self.provider.pkce else {}
        reply = await call(
            self._client,
            "POST",
            metadata.token_endpoint,
            largest=_LARGEST_ANSWER,
            headers={"Accept": "application/json"},
            form={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": sent.redirect_uri,
                **verifier,
            },
            auth=self._client.client_auth(self._client.token_endpoint_auth_method),
        )
        if reply.status in _REFUSALS:
            raise ProviderRefused("code_refused")
        if reply.status != _OK or reply.media_type != "application/json":
            raise NotBelieved("tokens_malformed")
        tokens = read_object(reply.body, "tokens")
        access_token, id_token = tokens.get("access_token"), tokens.get("id_token")
        kind = tokens.get("token_type")
        if (
            not isinstance(access_token, str)
            or not 0 < len(access_token) <= _MAX_ACCESS_TOKEN
            # It goes into a header.
            or not all("!" <= character <= "~" for character in access_token)
            or not isinstance(id_token, str)
            or not isinstance(kind, str)
            or kind.lower() != "bearer"
            or "error" in tokens
        ):
            raise NotBelieved("tokens_malformed")
        return access_token, id_token

    async def _userinfo(self, url: str, access_token: str, subject: str) -> dict[str, Any]:
        reply = await call(
            self._client,
            "GET",
            url,
            largest=_LARGEST_ANSWER,
            headers={
                "Accept": "application/jwt, application/json",
                "Authorization": f"Bearer {access_token}",
            },
        )
        if reply.status != _OK:
            raise NotBelieved("userinfo_refused")
        signed = reply.media_type == "application/jwt"
        if signed:
            try:
                token = reply.body.decode("ascii").strip()
            except UnicodeDecodeError:
                raise NotBelieved("token_malformed") from None
            claims = await read_signed(token, self.provider, self._source)
        elif reply.media_type == "application/json" and not self.provider.signed_userinfo:
            claims = read_object(reply.body, "userinfo")
        else:
            raise NotBelieved("userinfo_not_signed")
        check_userinfo(claims, self.provider, subject=subject, signed=signed)
        return claims

    async def end_session_url(self, id_token: str, *, redirect_uri: str, state: str) -> str | None:
        """Return where a browser signs out at the provider too; None when it offers no such thing.

        Raises :class:`ProviderUnavailable`, :class:`NotBelieved` when nothing is known of it.
        """
        metadata = await self._source.metadata.get()
        if metadata.end_session_endpoint is None:
            return None
        parameters = {
            "id_token_hint": id_token,
            "post_logout_redirect_uri": redirect_uri,
            "state": state,
        }
        return str(add_params_to_uri(metadata.end_session_endpoint, parameters))


def _text(value: Any) -> str | None:
    """Return a name or address as text of a sensible length, or None."""
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    return text if 0 < len(text) <= _MAX_NAME and text.isprintable() else None


class Providers:
    """Every provider there is, by name, in the order of the configuration."""

    def __init__(self, configured: Sequence[OidcProvider]) -> None:
        self._visiting = {provider.name: Visiting(provider) for provider in configured}

    def __iter__(self) -> Iterator[OidcProvider]:
        return (visiting.provider for visiting in self._visiting.values())

    def get(self, name: str) -> Visiting | None:
        """Return the provider ``name``, if there is one."""
        return self._visiting.get(name)

    async def aclose(self) -> None:
        """Close every connection."""
        for visiting in self._visiting.values():
            await visiting.aclose()
