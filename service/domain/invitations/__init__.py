"""Invitations: a role offered by mail, taken by whoever signs in with the address it went to."""

from service.domain.invitations.giving import create_invitation, resend_invitation, revoke_invitation
from service.domain.invitations.reading import (
    get_invitation,
    list_invitations,
    list_own,
    read,
    read_offer,
    state_of,
)
from service.domain.invitations.taking import accept_by_token, accept_own

__all__ = [
    "accept_by_token",
    "accept_own",
    "create_invitation",
    "get_invitation",
    "list_invitations",
    "list_own",
    "read",
    "read_offer",
    "resend_invitation",
    "revoke_invitation",
    "state_of",
]
