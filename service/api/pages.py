"""Pages of a list: where one starts, what its answer looks like."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

from service.core.pagination import Cursors
from service.schemas.base import Page

Item = TypeVar("Item")


def start_after(
    cursors: Cursors, after: str | None, *, scope: str, filters: Mapping[str, Any]
) -> list[Any] | None:
    """Return the sort values the page starts after, or None for the first page. Raises ``BadCursor``."""
    return None if after is None else cursors.decode(after, scope=scope, filters=filters)


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add ``Link: <…>; rel="next"`` when there is a following page."""
    if cursor is not None:
        asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = urlencode([*((name, value) for name, value in asked if name != "after"), ("after", cursor)])
        response.headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'


def next_page(
    request: Request,
    response: Response,
    cursors: Cursors,
    found: Sequence[Item],
    limit: int,
    *,
    key: Callable[[Item], Sequence[Any]],
    scope: str,
    filters: Mapping[str, Any],
) -> Page[Item]:
    """Return the page of ``found``, which was asked with one item more than ``limit``."""
    items = list(found[:limit])
    cursor = None
    if len(found) > limit:
        cursor = cursors.encode(key(items[-1]), scope=scope, filters=filters)
    link_next(request, response, cursor)
    return Page[Any](items=items, next=cursor)
