"""One valid call of every operation that asks for a permission, about any side's objects."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.access.world import Side

Make = Callable[[Side], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Example:
    """A call. ``about_one``: it names a side's object; else it is about whatever the caller may see.

    ``own_anywhere``: at any side it makes something of the person's own. ``refusing``: even who may is
    answered 401, for what they send proves nothing.

    ``names`` says which of the side's objects a path parameter is, when its own name does not;
    ``values`` gives it one that is nobody's.
    """

    about_one: bool = True
    own_anywhere: bool = False
    refusing: bool = False
    body: Make | None = None
    query: Make | None = None
    form: Make | None = None
    content: Callable[[Side], tuple[str, bytes]] | None = None
    names: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    def path(self, template: str, side: Side) -> str:
        """Return the path of the call."""
        return re.sub(r"\{(\w+)\}", lambda found: self._value(found[1], side), template)

    def _value(self, parameter: str, side: Side) -> str:
        if parameter == "slug":
            return side.slug
        if parameter in dict(self.values):
            return dict(self.values)[parameter]
        return side[dict(self.names).get(parameter, parameter)]


_LIST = Example(about_one=False)
_OWN = Example(about_one=False)

EXAMPLES: dict[str, Example] = {
    "create_territory": Example(
        body=lambda side: {
            "slug": f"new-{side.mark}",
            "name": "Nouvelle",
            "kind": "commune",
            "parent": side.slug,
            "coverage": {"communes": ["07019"]},
        }
    ),
    "update_territory": Example(body=lambda _: {"name": "Autre nom"}),
    "list_employers": _LIST,
    "create_employer": Example(
        body=lambda side: {"territory": side.slug, "siret": "73282932000074", "name": "Le Moulin"}
    ),
    "get_employer": Example(),
    "update_employer": Example(body=lambda _: {"description": "Pains au levain."}),
    "list_postings": _LIST,
    "create_posting": Example(body=lambda side: {"employer_id": side["employer_id"], "title": "Boulanger"}),
    "get_posting": Example(),
    "update_posting": Example(body=lambda _: {"title": "Boulangère"}),
    "publish_posting": Example(names=(("posting_id", "draft_id"),)),
    "pause_posting": Example(),
    "fill_posting": Example(),
    "withdraw_posting": Example(),
    "list_posting_changes": Example(),
    "list_posting_matches": Example(),
    "list_candidate_profiles": _LIST,
    "create_candidate_profile": Example(
        own_anywhere=True, body=lambda side: {"territory": side.slug, "occupation_codes": ["D1102"]}
    ),
    "get_candidate_profile": Example(),
    "update_candidate_profile": Example(body=lambda _: {"active": False}),
    "delete_candidate_profile": Example(),
    "list_candidate_matches": Example(),
    "list_feeds": _LIST,
    "create_feed": Example(
        body=lambda side: {"territory": side.slug, "source": "france-travail", "name": "b"}
    ),
    "get_feed": Example(),
    "update_feed": Example(body=lambda _: {"enabled": False}),
    "request_import": Example(),
    "list_import_reports": _LIST,
    "get_import_report": Example(),
    "list_partners": _LIST,
    "create_partner": Example(
        body=lambda side: {"territory": side.slug, "name": "École des Sources", "kind": "education"}
    ),
    "get_partner": Example(),
    "update_partner": Example(body=lambda _: {"description": "Ouvert le lundi."}),
    "list_members": _LIST,
    "get_member": Example(),
    "remove_member": Example(),
    "list_invitations": _LIST,
    "create_invitation": Example(
        body=lambda side: {"email": "nouvelle@example.org", "role": "ambassador", "territory": side.slug}
    ),
    "accept_invitation": Example(body=lambda side: {"token": side.invitation_token}),
    "get_invitation": Example(),
    "revoke_invitation": Example(),
    "resend_invitation": Example(),
    "list_my_invitations": _OWN,
    "accept_my_invitation": Example(),
    "list_api_clients": _LIST,
    "create_api_client": Example(
        body=lambda side: {
            "name": "Site",
            "kind": "secret",
            "territories": [side.slug],
            "scopes": ["employers:read"],
        }
    ),
    "get_api_client": Example(),
    "update_api_client": Example(body=lambda _: {"name": "Autre site"}),
    "revoke_api_client": Example(),
    "list_api_client_keys": Example(),
    "create_api_client_key": Example(body=lambda _: {"overlap_hours": 1}),
    "revoke_api_client_key": Example(),
    "create_sign_in_code": Example(
        body=lambda side: {"email": "camille@example.org", "territory": side.slug}
    ),
    # A proof of nobody's: who may ask is told 422 for the proof.
    "create_sign_in_tokens": Example(
        about_one=False, refusing=True, body=lambda side: {"link": side.invitation_token}
    ),
    "sign_out": _OWN,
    "get_me": _OWN,
    "update_me": Example(about_one=False, body=lambda _: {"given_name": "Camille"}),
    "list_my_sessions": _OWN,
    "delete_my_other_sessions": _OWN,
    "delete_my_session": Example(),
    "list_audit_entries": _LIST,
    "report_mail_bounce": Example(
        about_one=False, content=lambda _: ("message/rfc822", b"Subject: none of ours\r\n\r\n")
    ),
    "list_my_consents": _OWN,
    "give_consent": Example(
        own_anywhere=True,
        body=lambda side: {"purpose": "matching", "text_version": "1", "territory": side.slug},
    ),
    "withdraw_consent": Example(about_one=False, values=(("purpose", "matching"),)),
    "export_my_data": _OWN,
    "erase_my_data": Example(about_one=False, body=lambda _: {"confirm": True}),
    "create_privacy_request": Example(
        own_anywhere=True,
        body=lambda side: {"kind": "objection", "territory": side.slug, "message": "Plus de courriels."},
    ),
    "list_privacy_requests": _LIST,
    "get_privacy_request": Example(),
    "answer_privacy_request": Example(body=lambda _: {"outcome": "refused", "answer": "Rien à vous."}),
}
