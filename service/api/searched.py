"""What the header of an answer says of the search behind it."""

from collections.abc import Mapping
from typing import Any

from service.domain.searching import Found

SEARCH_HEADER = "Ancrage-Search"

ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {
                "description": "Names this exact answer; send it back as `If-None-Match`. "
                "Absent from one that is not to be kept.",
                "schema": {"type": "string"},
            },
            SEARCH_HEADER: {
                "description": "The engine that answered; followed by `; degraded` when another should have "
                "and could not: such an answer has no `ETag` and is not to be kept.",
                "required": True,
                "schema": {"type": "string", "examples": ["postgresql", "postgresql; degraded"]},
            },
        }
    }
}
"""What documents the header, among the responses of an operation."""


def search_headers(found: Found, headers: Mapping[str, str], etag: str) -> dict[str, str]:
    """Return ``headers`` with the engine that answered, and the ``ETag`` by which the answer may be kept.

    What an engine answers in another's stead is nobody's to keep: soon the other answers again.
    """
    if found.degraded:
        kept = {"Cache-Control": "no-store", SEARCH_HEADER: f"{found.engine}; degraded"}
    else:
        kept = {"ETag": etag, SEARCH_HEADER: found.engine}
    return {**headers, **kept}
