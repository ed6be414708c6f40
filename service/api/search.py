"""The one search box of a brand website: everything a territory shows, ranked together."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from service.api.dependencies import (
    PageCursors,
    PreferredLanguage,
    ReadSession,
    SearchDoor,
    entity_tag,
    not_modified,
)
from service.api.lane.marking import storable
from service.api.pages import link_next
from service.api.problems import problems
from service.api.searched import ANSWERED, search_headers
from service.domain import finding, lasting, territories
from service.schemas.base import Slug
from service.schemas.together import FoundTogether, TogetherSearch

router = APIRouter(prefix="/v1", tags=["Search"])
_HEADERS = {"Vary": "Accept-Language", "Cache-Control": "public, no-cache"}
_SCOPE = "search"
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: what you have is still right"}
}


@router.get(
    "/territories/{slug}/search",
    response_model=FoundTogether,
    responses=_NOT_MODIFIED | problems(404) | ANSWERED,
)
async def search_territory(
    request: Request,
    session: ReadSession,
    engine: SearchDoor,
    cursors: PageCursors,
    language: PreferredLanguage,
    slug: Slug,
    search: Annotated[TogetherSearch, Query()],
) -> Response:
    """Search everything a territory and all territories inside it show: postings, and the territories inside.

    For the one search box of a website. Each item says its `kind` and holds the very `document` that the
    kind's own operation answers; `totals` says how many there are of each kind, for tabs such as
    "Offres (12)". A kind that the territory has switched off has a total of 0. To filter postings or count
    facets, use `GET /v1/territories/{slug}/postings`.

    Without `q`, the newest come first: a search page has something to show before anybody types.

    Kinds will be added: give `kinds` to get only those that your page knows how to show.

    Examples:
    * `GET /v1/territories/ardeche/search?q=boulanger+aubenas`
    * `GET /v1/territories/ardeche/search?q=bassin&kinds=postings&kinds=territories&limit=5`
    """
    territory = await territories.get_by_slug(session, slug)
    asked = search.model_dump(mode="json", exclude={"after"})
    asked["kinds"] = sorted(set(asked["kinds"]))
    until = await lasting.next_expiry_of_anything(session, territory)
    etag = entity_tag(_SCOPE, territory.id, territory.public_version, until, language, asked, search.after)
    if (unchanged := not_modified(request, etag, _HEADERS)) is not None:
        return unchanged
    filters = {"territory": slug, "language": language} | asked
    filters.pop("limit")
    start = None
    if search.after is not None:
        start = tuple(cursors.decode(search.after, scope=_SCOPE, filters=filters))
    found = await finding.find_together(session, engine, territory, search, after=start, language=language)
    following = None
    if found.next is not None:
        following = cursors.encode(found.next, scope=_SCOPE, filters=filters)
    head = orjson.dumps(found.summary | {"next": following})
    body = b"".join([head[:-1], b',"items":[', ",".join(found.items).encode(), b"]}"])
    response = Response(body, media_type="application/json", headers=search_headers(found, _HEADERS, etag))
    link_next(request, response, following)
    if not found.degraded:
        storable(request, territory.id, until)
    return response
