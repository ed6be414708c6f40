"""Postings as the public finds them: lists, search, one posting, its JobPosting for search engines."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response

from service.api.dependencies import (
    LINKED_DATA,
    PageCursors,
    PreferredLanguage,
    ReadSession,
    SearchDoor,
    entity_tag,
    not_modified,
    wants_linked_data,
)
from service.api.lane.marking import storable
from service.api.pages import link_next
from service.api.problems import problems
from service.api.searched import ANSWERED, search_headers
from service.domain import lasting, postings, searching, territories
from service.schemas.base import Slug
from service.schemas.public import FoundPostings, PostingSearch
from service.schemas.public_postings import PublicPosting

router = APIRouter(prefix="/v1", tags=["Public postings"])
SCOPE = "public-postings"
CACHING = {"Vary": "Accept, Accept-Language", "Cache-Control": "public, no-cache"}
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: what you have is still right"}
}


@router.get(
    "/territories/{slug}/postings",
    response_model=FoundPostings,
    responses=_NOT_MODIFIED | problems(404) | ANSWERED,
)
async def search_postings(
    request: Request,
    session: ReadSession,
    engine: SearchDoor,
    cursors: PageCursors,
    language: PreferredLanguage,
    slug: Slug,
    search: Annotated[PostingSearch, Query()],
) -> Response:
    """List or search the postings of a territory and of all territories inside it.

    Without `q`, the newest come first. Near-duplicates from several sources are shown once. Each item is
    the whole public document; show `source.name`, `source.updated_at` and its link with it. `apply` serves
    for applying only.

    Examples:
    * `GET /v1/territories/pays-des-sources/postings?limit=20`
    * `GET /v1/territories/pays-des-sources/postings?q=boulanger+aubenas&contract=permanent&facets=contract`
    * `GET /v1/territories/pays-des-sources/postings?in_tension=true&near=07019&radius_km=30`
    """
    territory = await territories.get_showing(session, slug, "postings")
    asked = search.model_dump(mode="json", exclude={"after"})
    until = await lasting.next_expiry(session, territory)
    etag = entity_tag(territory.id, territory.public_version, until, language, asked, search.after)
    if (unchanged := not_modified(request, etag, CACHING)) is not None:
        return unchanged
    filters = {"territory": slug, "language": language} | asked
    filters.pop("limit")
    start = None
    if search.after is not None:
        start = tuple(cursors.decode(search.after, scope=SCOPE, filters=filters))
    found = await searching.find_postings(session, engine, territory, search, after=start, language=language)
    following = None
    if found.next is not None:
        following = cursors.encode(found.next, scope=SCOPE, filters=filters)
    head = orjson.dumps(found.summary | {"next": following})
    body = b"".join([head[:-1], b',"items":[', ",".join(found.items).encode(), b"]}"])
    response = Response(body, media_type="application/json", headers=search_headers(found, CACHING, etag))
    link_next(request, response, following)
    if not found.degraded:
        storable(request, territory.id, until)
    return response


@router.get(
    "/territories/{slug}/postings/{posting_id}",
    response_model=PublicPosting,
    responses=_NOT_MODIFIED
    | problems(404, 410)
    | {
        200: {
            "description": "The posting; with `Accept: application/ld+json`, as schema.org JobPosting",
            "content": {LINKED_DATA: {"schema": {"type": "object"}}},
        }
    },
)
async def get_public_posting(
    request: Request, session: ReadSession, language: PreferredLanguage, slug: Slug, posting_id: UUID
) -> Response:
    """Read one public posting; a closed one answers 410 so that search engines forget it.

    With `Accept: application/ld+json` the answer is a schema.org JobPosting by Google's rules, to be put as
    it is in `<script type="application/ld+json">`: it holds no `<`.
    What is not known, such as the salary, is left out.

    Example: `curl -H 'Accept: application/ld+json' …/v1/territories/pays-des-sources/postings/0190…`
    """
    territory = await territories.get_showing(session, slug, "postings")
    linked = wants_linked_data(request.headers.get("accept", ""))
    document, until = await postings.public_posting(session, territory, posting_id, language, linked=linked)
    if linked:
        # Put into a page as it is, no text of a posting may end the script element it stands in.
        document = document.replace("<", "\\u003c")
    etag = entity_tag(document)
    if (unchanged := not_modified(request, etag, CACHING)) is not None:
        return unchanged
    storable(request, territory.id, until)
    return Response(
        document,
        media_type=LINKED_DATA if linked else "application/json",
        headers=CACHING | {"ETag": etag},
    )
