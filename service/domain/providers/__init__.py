"""Signing in through OpenID providers: there, back, and out again."""

from service.adapters.oidc import Providers
from service.domain.providers.arriving import Answer, arrive
from service.domain.providers.departing import VISIT_LASTS, Departure, configured, depart, list_providers
from service.domain.providers.leaving import leave, logout_url, signed_out

__all__ = [
    "VISIT_LASTS",
    "Answer",
    "Departure",
    "Providers",
    "arrive",
    "configured",
    "depart",
    "leave",
    "list_providers",
    "logout_url",
    "signed_out",
]
