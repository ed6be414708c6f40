"""``OIDC_PROVIDERS``: who may vouch for the persons who sign in, and how each wants to be asked.

Sources of the presets: ProConnect's documentation for service providers and the source of its federation
(proconnect-gouv on GitHub), FranceConnect's documentation for service providers, as read in 2026.
See ``docs/decisions/0008-openid-connect.md``.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

ALGORITHMS: Final = frozenset({"RS256", "PS256", "ES256", "HS256"})
# RFC 7518, section 3.2: the key of HS256 has at least as many bits as its hash.
_SHORTEST_HMAC_SECRET: Final = 32
_MOST_PROVIDERS: Final = 50


class AskAcr(StrEnum):
    """How a level of assurance is asked for."""

    ACR_VALUES = "acr_values"
    CLAIMS = "claims"
    """The parameter ``claims``, as essential: the one ProConnect takes for binding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """One provider, every choice made.

    ``algorithms`` are the only ones its signatures may use. A level counts when it is one of ``acr_values``,
    or comes after one of them in ``acr_ranking``. ``signed_userinfo``: what it tells about a person must be
    a signed JWT. ``email_vouched_for``: its addresses belong to the persons even without ``email_verified``.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    algorithms: frozenset[str]
    acr_values: tuple[str, ...]
    acr_request: AskAcr
    acr_ranking: tuple[str, ...]
    pkce: bool
    signed_userinfo: bool
    email_vouched_for: bool
    secret_in_body: bool

    @property
    def accepted_levels(self) -> frozenset[str]:
        """Return every level that is enough; none when none is asked for."""
        ranks = [self.acr_ranking.index(level) for level in self.acr_values if level in self.acr_ranking]
        return frozenset(self.acr_values) | frozenset(self.acr_ranking[min(ranks) :] if ranks else ())


_Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class _Preset(BaseModel):
    """What an entry may leave out, when it names a preset."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    label: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    issuer: str | None = None
    scopes: tuple[_Word, ...] = ("openid", "email", "profile")
    algorithms: Annotated[frozenset[str], Field(min_length=1)] = frozenset({"RS256"})
    acr_values: tuple[_Word, ...] = ()
    acr_request: AskAcr = AskAcr.ACR_VALUES
    pkce: bool = True
    signed_userinfo: bool = False
    email_vouched_for: bool = False
    secret_in_body: bool = False


_PRESETS: Final[Mapping[str, tuple[_Preset, Mapping[str, str]]]] = {
    # Agents. Whoever gives an address here answers for its domain (the federation refuses the others), so
    # that ProConnect sends no `email_verified`.
    "proconnect": (
        _Preset(
            label="ProConnect",
            scopes=("openid", "given_name", "usual_name", "email"),
            acr_request=AskAcr.CLAIMS,
            signed_userinfo=True,
            email_vouched_for=True,
            secret_in_body=True,
        ),
        {
            "production": "https://auth.agentconnect.gouv.fr/api/v2",
            "integration": "https://fca.integ01.dev-agentconnect.fr/api/v2",
        },
    ),
    # Citizens. The address is where to write to, not who someone is: couples share one. A parameter that is
    # not in its documentation, such as PKCE's, is answered with an error page (Y000400).
    "franceconnect": (
        _Preset(
            label="FranceConnect",
            scopes=("openid", "given_name", "family_name", "email"),
            acr_values=("eidas1",),
            pkce=False,
            signed_userinfo=True,
            secret_in_body=True,
        ),
        {
            "production": "https://oidc.franceconnect.gouv.fr/api/v2",
            "integration": "https://fcp-low.integ01.dev-franceconnect.fr/api/v2",
        },
    ),
}
_EIDAS: Final = ("eidas1", "eidas2", "eidas3")


class _Entry(_Preset):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
    preset: str | None = None
    environment: str = "production"
    client_id: _Word
    client_secret: SecretStr = Field(min_length=1, max_length=500)

    @model_validator(mode="before")
    @classmethod
    def _filled_from_its_preset(cls, given: Any) -> Any:
        name = given.get("preset") if isinstance(given, dict) else None
        if name is None:
            return given
        if not isinstance(name, str) or name not in _PRESETS:
            raise ValueError(f"preset: must be one of {', '.join(_PRESETS)}")
        preset, issuers = _PRESETS[name]
        environment = given.get("environment", "production")
        if not isinstance(environment, str) or environment not in issuers:
            raise ValueError(f"environment: must be one of {', '.join(issuers)}")
        return preset.model_dump() | {"issuer": issuers[environment]} | given

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.issuer is None:
            raise ValueError("issuer: give its address, or one of the presets " + ", ".join(_PRESETS))
        if self.preset is None and "environment" in self.model_fields_set:
            raise ValueError("environment: only presets have several; give the issuer's address")
        _check_issuer(self.issuer)
        if unknown := sorted(self.algorithms - ALGORITHMS):
            raise ValueError(f"algorithms: {', '.join(unknown)} is not among {', '.join(sorted(ALGORITHMS))}")
        if "HS256" in self.algorithms:
            if len(self.algorithms) > 1:
                raise ValueError("algorithms: HS256 beside others would let a public key pass for a secret")
            if len(self.client_secret.get_secret_value()) < _SHORTEST_HMAC_SECRET:
                raise ValueError(
                    f"client_secret: HS256 needs one of {_SHORTEST_HMAC_SECRET} characters or more"
                )
        if not all("!" <= character <= "~" for character in self.client_secret.get_secret_value()):
            raise ValueError("client_secret: must have printable ASCII characters only, no space")
        return self


def is_loopback(host: str | None) -> bool:
    """Tell whether ``host`` is this machine, where nobody listens in on plain HTTP."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _check_issuer(issuer: str) -> None:
    try:
        parts = urlsplit(issuer)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("issuer: is not an address") from None
    if parts.scheme not in {"https", "http"} or not host or parts.username or parts.query or parts.fragment:
        raise ValueError("issuer: must look like https://id.example.org, without ? and #")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("issuer: must begin with https://, but on this machine itself")


def parse_oidc_providers(text: str) -> tuple[OidcProvider, ...]:
    """Return what the JSON list ``text`` says. The messages of :class:`ValueError` never repeat a secret."""
    try:
        entries = json.loads(text)
    except ValueError:
        raise ValueError(
            'it must be a JSON list, such as [{"name": "…", "preset": "proconnect", …}]'
        ) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError('it must be a JSON list of objects, such as [{"name": "…", "issuer": "…", …}]')
    if len(entries) > _MOST_PROVIDERS:
        raise ValueError(f"it may have at most {_MOST_PROVIDERS} providers")
    found = tuple(_provider(number, entry) for number, entry in enumerate(entries, start=1))
    for what, values in (
        ("name", [provider.name for provider in found]),
        # An account is known by its issuer and subject.
        ("issuer and client_id", [(provider.issuer, provider.client_id) for provider in found]),
    ):
        if len(set(values)) != len(values):
            raise ValueError(f"two providers have the same {what}")
    return found


def _provider(number: int, given: dict[str, Any]) -> OidcProvider:
    try:
        entry = _Entry.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise ValueError(f"provider {number}: {f'{where}: ' if where else ''}{said}") from None
    return OidcProvider(
        name=entry.name,
        label=entry.label or entry.name,
        issuer=entry.issuer or "",
        client_id=entry.client_id,
        client_secret=entry.client_secret.get_secret_value(),
        scopes=("openid", *(scope for scope in dict.fromkeys(entry.scopes) if scope != "openid")),
        algorithms=entry.algorithms,
        acr_values=entry.acr_values,
        acr_request=entry.acr_request,
        acr_ranking=_EIDAS if entry.preset else (),
        pkce=entry.pkce,
        signed_userinfo=entry.signed_userinfo,
        email_vouched_for=entry.email_vouched_for,
        secret_in_body=entry.secret_in_body,
    )
