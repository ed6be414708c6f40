"""The one page that says who may do what: permissions, the scopes of programs, the roles of persons.

A permission is ``resource.verb``; every route names one. A program (API client) holds scopes in its
territories and all inside them. A person holds roles, each at one place. What a role or scope allows is the
union of its permissions, and nothing else in the code decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Place(StrEnum):
    """What a role is held at."""

    PLATFORM = "platform"
    TERRITORY = "territory"
    EMPLOYER = "employer"
    PARTNER = "partner"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Role:
    """A hat. ``inside``: held at a territory it also holds in every territory inside it."""

    place: Place
    title: str
    permissions: frozenset[str]
    inside: bool = False


def _all(*patterns: str) -> frozenset[str]:
    """Return the permissions written ``resource:verb verb``."""
    found = set[str]()
    for pattern in patterns:
        resource, _, verbs = pattern.partition(":")
        found |= {f"{resource}.{verb}" for verb in verbs.split()}
    return frozenset(found)


# What a signed-in person may always do with what is their own.
_OWN: Final = _all(
    "me:read update erase export",
    "session:read revoke",
    "consent:read give withdraw",
    "privacy_request:create read",
    "invitation:accept",
    # One's own roles: to know them, and to lay one down.
    "member:read remove",
    "candidate:read create update delete",
)
_MANAGE: Final = _all(
    "territory:read create update",
    "employer:read create update",
    "posting:read create update publish",
    "candidate:read create update delete",
    "match:read",
    "feed:read create update",
    "import:read create",
    "partner:read create update",
    "member:read remove",
    "invitation:read create revoke",
    "api_client:read create update revoke",
    "audit:read",
    "privacy_request:read answer",
)
# An organisation looks after its own people: who comes, who has left.
_COLLEAGUES: Final = _all("member:read remove", "invitation:read create revoke")
_AGENT: Final = _all(
    "territory:read",
    "employer:read",
    "posting:read",
    "candidate:read create update",
    "match:read",
    "partner:read",
)

ROLES: Final[Mapping[str, Role]] = {
    "operator": Role(Place.PLATFORM, "Platform operator", _MANAGE | _all("mail:report", "sign_in:create")),
    "territory_manager": Role(Place.TERRITORY, "Territory manager", _MANAGE, inside=True),
    "concierge_agent": Role(Place.TERRITORY, "Concierge agent", _AGENT, inside=True),
    # A community is of one place: its animator has no say in the territories inside.
    "community_animator": Role(Place.TERRITORY, "Community animator", _all("territory:read", "partner:read")),
    "employer_member": Role(
        Place.EMPLOYER,
        "Employer's member",
        _all("employer:read update", "posting:read create update publish", "match:read") | _COLLEAGUES,
    ),
    "partner_member": Role(Place.PARTNER, "Partner's member", _all("partner:read update") | _COLLEAGUES),
    "ambassador": Role(Place.TERRITORY, "Ambassador", _all("territory:read")),
    # Everybody who has signed in: newcomers and candidates with what is theirs.
    "person": Role(Place.SELF, "Newcomer or candidate", _OWN),
}
GRANTABLE: Final = frozenset(ROLES) - {"person"}
"""Roles that are given; the last one comes with signing in."""

# What each scope of a program with a secret key allows.
SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "territories:write": _all("territory:read create update"),
    "employers:read": _all("employer:read"),
    "employers:write": _all("employer:read create update"),
    "postings:read": _all("posting:read"),
    "postings:write": _all("posting:read create update publish"),
    "candidates:read": _all("candidate:read"),
    "candidates:write": _all("candidate:read create update delete"),
    "matches:read": _all("match:read"),
    "imports:read": _all("feed:read", "import:read"),
    "imports:write": _all("feed:read create update", "import:read create"),
    "partners:read": _all("partner:read"),
    "partners:write": _all("partner:read create update"),
    "sign-in:write": _all("sign_in:create"),
    "privacy-requests:write": _all("privacy_request:create"),
    "mail:write": _all("mail:report"),
}
# What the publishable key in a page may start, beside public reads; it never reads anything back.
PUBLISHABLE: Final = _all("sign_in:create", "privacy_request:create")

PERMISSIONS: Final[frozenset[str]] = frozenset[str]().union(
    *SCOPES.values(), PUBLISHABLE, *(role.permissions for role in ROLES.values())
)
# Reads that tell about other persons: each leaves an entry in the audit trail.
PERSONAL_READS: Final = frozenset(
    {
        "audit.read",
        "candidate.read",
        "employer.read",
        "invitation.read",
        "match.read",
        "member.read",
        "partner.read",
        "posting.read",
        "privacy_request.read",
    }
)
# Reads for which a person must say why, in the header ``Ancrage-Reason``.
REASON_ASKED: Final = frozenset({"audit.read"})


def scopes_allowing(permission: str) -> list[str]:
    """Return the scopes that allow ``permission``, by name."""
    return sorted(scope for scope, allowed in SCOPES.items() if permission in allowed)


def roles_allowing(permission: str) -> list[str]:
    """Return the roles that allow ``permission``, by name."""
    return sorted(name for name, role in ROLES.items() if permission in role.permissions)
