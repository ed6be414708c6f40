"""Calls to a provider: bounded in time and size, never redirected, and what fails has a name."""

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx
from authlib.deprecate import AuthlibDeprecationWarning

from service.adapters.oidc.errors import NotBelieved, ProviderUnavailable

with warnings.catch_warnings():
    # Authlib 1.9 announces the end of its httpx support at import; httpx is what this house uses.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client

__all__ = ["AsyncOAuth2Client", "Reply", "call"]

# ProConnect's codes and tokens live 30 and 60 seconds: a provider slower than this has lost them anyway.
_WHOLE_CALL_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 4.0
TIMEOUT: Final = httpx.Timeout(_WHOLE_CALL_SECONDS, connect=_CONNECT_SECONDS)
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, media type in lower case without parameters, body."""

    status: int
    media_type: str
    body: bytes


async def call(
    client: AsyncOAuth2Client,
    method: str,
    url: str,
    *,
    largest: int,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    auth: httpx.Auth | None = None,
) -> Reply:
    """Return what ``url`` answers, if it has at most ``largest`` bytes and comes within ten seconds.

    Raises :class:`ProviderUnavailable` for a network that fails and for 429 and 5xx; :class:`NotBelieved`
    for a redirect, a compressed body (its size would be anybody's guess) or one too large.
    """
    try:
        async with (
            asyncio.timeout(_WHOLE_CALL_SECONDS),
            client.stream(
                method,
                url,
                withhold_token=True,
                headers={"Accept-Encoding": "identity", **(headers or {})},
                data=form,
                auth=auth,
                follow_redirects=False,
            ) as response,
        ):
            if response.status_code >= _SERVER_ERROR or response.status_code == _TOO_MANY:
                raise ProviderUnavailable("provider_broken")
            if response.is_redirect:
                raise NotBelieved("redirected")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NotBelieved("compressed")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > largest:
                    raise NotBelieved("answer_too_large")
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Reply(response.status_code, media_type, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError):
        # Their words may hold the address with its code: only that it failed is told.
        raise ProviderUnavailable("unreachable") from None
