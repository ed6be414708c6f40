"""Who may do what: the rules on one page, actors, and the conditions every query starts from."""

from service.domain.access.actor import ANONYMOUS, Actor, Grant, system
from service.domain.access.authentication import (
    Presented,
    actor_of,
    authenticate,
    authenticate_console,
    client_actor,
    wearing,
)
from service.domain.access.conditions import (
    allowed,
    obtain,
    readable,
    refusal,
    require,
    require_territory,
)
from service.domain.access.rules import (
    GRANTABLE,
    PERMISSIONS,
    PERSONAL_READS,
    PUBLISHABLE,
    REASON_ASKED,
    ROLES,
    SCOPES,
    Place,
    Role,
)

__all__ = [
    "ANONYMOUS",
    "GRANTABLE",
    "PERMISSIONS",
    "PERSONAL_READS",
    "PUBLISHABLE",
    "REASON_ASKED",
    "ROLES",
    "SCOPES",
    "Actor",
    "Grant",
    "Place",
    "Presented",
    "Role",
    "actor_of",
    "allowed",
    "authenticate",
    "authenticate_console",
    "client_actor",
    "obtain",
    "readable",
    "refusal",
    "require",
    "require_territory",
    "system",
    "wearing",
]
