"""OpenID Connect: the client's side of the protocol, with Authlib's client and joserfc. No database."""

from service.adapters.oidc.errors import (
    NotBelieved,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from service.adapters.oidc.visiting import Providers, Sent, Visiting, Vouched

__all__ = [
    "NotBelieved",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "Providers",
    "Sent",
    "Visiting",
    "Vouched",
]
