"""The few files the pages need, served from memory."""

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from service.api.dependencies import not_modified

router = APIRouter(include_in_schema=False)
_KEPT = {"Cache-Control": "public, max-age=300"}


@lru_cache(maxsize=4)
def _file(name: str) -> tuple[bytes, str]:
    content = files("service.console").joinpath("static", name).read_bytes()
    return content, f'"{blake2b(content, digest_size=12).hexdigest()}"'


def _serve(request: Request, name: str, media_type: str) -> Response:
    content, etag = _file(name)
    unchanged = not_modified(request, etag, _KEPT)
    return unchanged or Response(content, media_type=media_type, headers=_KEPT | {"ETag": etag})


@router.get("/console.css")
async def get_console_style(request: Request) -> Response:
    """Give the pages their style."""
    return _serve(request, "console.css", "text/css")


@router.get("/console.svg")
async def get_console_icon(request: Request) -> Response:
    """Give the pages their icon."""
    return _serve(request, "console.svg", "image/svg+xml")
