"""The one page that says how often one may ask.

Whoever sends a key or token that was good before is counted as that person or API client; everybody else,
and whoever holds a publishable key, which stands in pages for all to read, as their network. Every policy
that fits a request counts it; one that is used up refuses it. Windows begin with the first request in them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Of(StrEnum):
    """Whose requests are counted together."""

    NETWORK = "network"
    """Those of one network, for who is not known as a person or API client."""
    CALLER = "caller"
    """Those of one person or one API client, from wherever they come."""
    NETWORK_OR_PERSON = "network or person"
    """Those of one network, persons included: signing in. A server with a secret key speaks for many."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit: ``setting`` names the quota per window of ``seconds``; 0 there lifts it.

    It fits every request, or those with one of ``methods``, to one of ``paths`` or below one of ``folders``.
    """

    name: str
    of: Of
    setting: str
    seconds: int
    methods: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is of those that the policy counts."""
        if self.methods and method not in self.methods:
            return False
        anywhere = not self.paths and not self.folders
        return anywhere or path in self.paths or path.startswith(self.folders)


_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_POST: Final = frozenset({"POST"})
_MINUTE: Final = 60
_HOUR: Final = 3600

POLICIES: Final = (
    Policy("network", Of.NETWORK, "limit_network_per_minute", _MINUTE),
    Policy("caller", Of.CALLER, "limit_caller_per_minute", _MINUTE),
    Policy("network-writes", Of.NETWORK, "limit_network_writes_per_minute", _MINUTE, _WRITES),
    Policy("caller-writes", Of.CALLER, "limit_caller_writes_per_minute", _MINUTE, _WRITES),
    # Begins a sign-in: a mail goes out.
    Policy(
        "sign-in",
        Of.NETWORK_OR_PERSON,
        "limit_sign_in_per_hour",
        _HOUR,
        _POST,
        frozenset({"/v1/sign-in/codes", "/sign-in"}),
    ),
    # Ends one, or renews it: a guess at a code, a link or a refresh token.
    Policy(
        "tokens",
        Of.NETWORK_OR_PERSON,
        "limit_tokens_per_hour",
        _HOUR,
        _POST,
        frozenset({"/v1/sign-in/tokens", "/sign-in/code"}),
        ("/sign-in/link/",),
    ),
    # Identity providers send the browser here and back, by GET.
    Policy(
        "providers",
        Of.NETWORK_OR_PERSON,
        "limit_tokens_per_hour",
        _HOUR,
        folders=("/v1/sign-in/providers/",),
    ),
    Policy(
        "oauth-token",
        Of.NETWORK_OR_PERSON,
        "limit_oauth_tokens_per_hour",
        _HOUR,
        _POST,
        frozenset({"/oauth/token"}),
    ),
)

EXEMPT: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What a supervisor, a load balancer and Prometheus ask, however often."""

CREDENTIAL_IN_BODY: Final = frozenset({"/oauth/token"})
"""Where the body may be the key: a 401 there is a wrong one, whatever the headers hold."""
