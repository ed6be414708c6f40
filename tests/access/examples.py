"""One valid call of every operation that asks for a permission, about any side's objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.access.world import Side

Make = Callable[[Side], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Example:
    """A call. ``about_one``: it names a side's object; else it is about whatever the caller may see.

    ``own_anywhere``: at any side it makes something of the person's own.

    ``names`` says which of the side's objects a path parameter is, when its own name does not.
    """

    about_one: bool = True
    own_anywhere: bool = False
    body: Make | None = None
    query: Make | None = None
    form: Make | None = None
    content: Callable[[Side], tuple[str, bytes]] | None = None
    names: tuple[tuple[str, str], ...] = ()

    def fill(self, parameter: str, side: Side) -> str:
        """Return the value of a path parameter."""
        if parameter == "slug":
            return side.slug
        return side[dict(self.names).get(parameter, parameter)]


_LIST = Example(about_one=False)

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
}
