"""A territory's newest postings as an Atom feed, for readers and website builders that know no JSON."""

from typing import Annotated, Any
from xml.etree import ElementTree

import orjson
from fastapi import APIRouter, Query, Request, Response

from service.api.dependencies import PreferredLanguage, ReadSession, SearchDoor, entity_tag, not_modified
from service.api.lane.marking import storable
from service.api.problems import problems
from service.api.searched import ANSWERED, search_headers
from service.core.pagination import MAX_LIMIT
from service.domain import lasting, searching, territories
from service.models import Territory
from service.schemas.base import Slug
from service.schemas.public import PostingSearch
from service.schemas.search import SearchOrder

router = APIRouter(prefix="/v1", tags=["Public postings"])
MEDIA_TYPE = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
_HEADERS = {"Vary": "Accept-Language", "Cache-Control": "public, no-cache"}


def _writable(text: str) -> str:
    """Return ``text`` without the characters that XML 1.0 has no way to write."""
    return "".join(char for char in text if (char >= " " and char not in "\ufffe\uffff") or char in "\n\t")


def _add(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    written = {key: _writable(value) for key, value in attributes.items()}
    element = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}", written)
    element.text = text and _writable(text)
    return element


def _entry(feed: ElementTree.Element, posting: dict[str, Any], base: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:uuid:{posting['id']}")
    _add(entry, "title", posting["title"])
    _add(entry, "published", posting["published_at"])
    _add(entry, "updated", posting["updated_at"])
    source = posting["source"]
    link = source["url"] or f"{base}/{posting['id']}"
    _add(entry, "link", href=link, rel="alternate")
    _add(_add(entry, "author"), "name", posting["employer"]["name"] or source["name"])
    place = posting["place"]["commune"] or posting["place"]["label"]
    if place:
        _add(entry, "category", term=place)
    if posting["occupation"]:
        _add(entry, "category", term=posting["occupation"]["code"], label=posting["occupation"]["label"])
    _add(entry, "rights", source["name"])
    _add(entry, "content", posting["description"] or posting["title"], type="text")


def _document(territory: Territory, items: list[dict[str, Any]], base: str, address: str) -> bytes:
    ElementTree.register_namespace("", _ATOM)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    _add(feed, "id", f"urn:uuid:{territory.id}")
    _add(feed, "title", territory.brand_name or territory.name)
    _add(feed, "link", href=address, rel="self", type=MEDIA_TYPE)
    newest = max((item["updated_at"] for item in items), default=territory.updated_at.isoformat())
    _add(feed, "updated", newest)
    for item in items:
        _entry(feed, item, base)
    written: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


@router.get(
    "/territories/{slug}/feed.atom",
    response_class=Response,
    responses=problems(404)
    | {
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}} | ANSWERED[200],
        304: {"description": "Not modified: what you have is still right"},
    },
)
async def get_postings_feed(
    request: Request,
    session: ReadSession,
    engine: SearchDoor,
    language: PreferredLanguage,
    slug: Slug,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many entries at most.")] = 50,
) -> Response:
    """Read the newest postings of a territory, and of all inside it, as an Atom feed (RFC 4287).

    Each entry links to the posting at its source, or to its document here. Ask again with `If-None-Match`:
    an unchanged feed costs almost nothing.

    Example: `GET /v1/territories/pays-des-sources/feed.atom?limit=20`
    """
    territory = await territories.get_showing(session, slug, "postings")
    # Unless configured, our own address is the one we were called by.
    here = request.app.state.settings.public_url or str(request.base_url).rstrip("/")
    until = await lasting.next_expiry(session, territory)
    etag = entity_tag(
        "atom", here, territory.id, territory.public_version, territory.version, until, language, limit
    )
    if (unchanged := not_modified(request, etag, _HEADERS)) is not None:
        return unchanged
    search = PostingSearch(limit=limit, order=SearchOrder.DATE)
    found = await searching.find_postings(session, engine, territory, search, after=None, language=language)
    base = f"{here}/v1/territories/{slug}/postings"
    address = f"{here}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
    items = [orjson.loads(item) for item in found.items]
    if not found.degraded:
        storable(request, territory.id, until)
    return Response(
        _document(territory, items, base, address),
        media_type=MEDIA_TYPE,
        headers=search_headers(found, _HEADERS, etag),
    )
