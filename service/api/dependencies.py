"""What routes ask for: a session, the actor, the language, the version a caller has in hand."""

import re
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from service import __version__
from service.core.circumstances import circumstances
from service.core.database import Database
from service.core.errors import BadRequest, PreconditionRequired, Stale
from service.core.pagination import MAX_LIMIT, Cursors
from service.core.reach import NOWHERE
from service.core.security import Keyring
from service.core.settings import Settings
from service.domain.access import PERMISSIONS, REASON_ASKED, Actor, Presented, authenticate, require
from service.domain.labels import LANGUAGES
from service.search import SearchEngine

LINKED_DATA = "application/ld+json"
_VERSION_DIGITS = 9
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def get_database(request: Request) -> Database:
    """Return the application's database."""
    database: Database = request.app.state.database
    return database


def get_cursors(request: Request) -> Cursors:
    """Return the maker of page cursors."""
    cursors: Cursors = request.app.state.cursors
    return cursors


def get_search(request: Request) -> SearchEngine:
    """Return the engine that answers searches."""
    engine: SearchEngine = request.app.state.search
    return engine


def get_keyring(request: Request) -> Keyring:
    """Return the platform's keys."""
    keyring: Keyring = request.app.state.keyring
    return keyring


def get_configuration(request: Request) -> Settings:
    """Return the application's settings."""
    settings: Settings = request.app.state.settings
    return settings


async def get_session(
    request: Request, database: Annotated[Database, Depends(get_database)]
) -> AsyncIterator[AsyncSession]:
    """Yield the request's session. It commits before the answer leaves: a failed commit is a 500.

    It reaches only what is public, until somebody is authenticated.
    """
    async with database.transaction(NOWHERE) as session:
        request.state.session = session
        yield session


# "function": the commit happens before the answer is sent, never after.
Session = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadSession = Session
WriteSession = Session
PageCursors = Annotated[Cursors, Depends(get_cursors)]
SearchDoor = Annotated[SearchEngine, Depends(get_search)]
Keys = Annotated[Keyring, Depends(get_keyring)]
Configuration = Annotated[Settings, Depends(get_configuration)]


async def get_actor(request: Request, session: Session) -> Actor:
    """Return who is asking: the person or program of what was sent, or nobody in particular."""
    headers = request.headers
    return await authenticate(
        session,
        Presented(
            authorization=headers.get("authorization"),
            key=headers.get("ancrage-key"),
            origin=headers.get("origin"),
        ),
    )


AnyActor = Annotated[Actor, Depends(get_actor)]


class Permitted:
    """Dependency: the actor, who must hold ``permission`` somewhere."""

    def __init__(self, permission: str) -> None:
        if permission not in PERMISSIONS:
            message = f"Nobody may {permission}: list it in domain.access.rules"
            raise ValueError(message)
        self.permission = permission

    async def __call__(self, actor: AnyActor) -> Actor:
        """Return the actor or refuse."""
        require(actor, self.permission)
        if self.permission in REASON_ASKED and actor.person_id is not None and not circumstances.get().reason:
            message = (
                "Say why you need to see this, in the header `Ancrage-Reason`: it is kept in the audit trail."
            )
            raise BadRequest(message)
        return actor


def preferences(header: str) -> dict[str, float]:
    """Return what an ``Accept…`` header names, in lower case, with its weight from 0 to 1, in its order."""
    weights: dict[str, float] = {}
    for part in header.split(",")[:20]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        weights[name] = float(weight) if _WEIGHT.fullmatch(weight) else 0.0
    return weights


def wants_linked_data(accept: str) -> bool:
    """Tell whether an ``Accept`` header asks for schema.org's JSON-LD rather than our own JSON."""
    weights = preferences(accept)
    return weights.get(LINKED_DATA, 0) > 0 and weights[LINKED_DATA] >= weights.get("application/json", 0)


def get_language(
    accept_language: Annotated[
        str | None,
        Header(
            description="The languages the reader prefers. Labels exist in French and English; the first "
            "one that exists is used, French otherwise.",
            examples=["en, fr;q=0.8"],
        ),
    ] = None,
) -> str:
    """Return the best supported language for an ``Accept-Language`` header, French by default."""
    weights = preferences(accept_language or "")
    for tag in sorted(weights, key=lambda tag: -weights[tag]):
        language = tag.partition("-")[0]
        if weights[tag] and language in LANGUAGES:
            return language
    return LANGUAGES[0]


PreferredLanguage = Annotated[str, Depends(get_language)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"How many items at most, up to {MAX_LIMIT}.")]
After = Annotated[
    str | None,
    Query(max_length=2000, description="The `next` value of the page before, asked with the same filters."),
]


def entity_tag(*parts: Any) -> str:
    """Return a strong ETag for whatever identifies one exact answer of this version of the code."""
    digest = blake2b(
        orjson.dumps((__version__, *parts), default=str, option=orjson.OPT_SORT_KEYS), digest_size=12
    )
    return f'"{digest.hexdigest()}"'


def tags(header: str) -> set[str]:
    """Return the tags that an ``If-None-Match`` header names, weak ones as strong."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def not_modified(request: Request, etag: str, headers: dict[str, str] | None = None) -> Response | None:
    """Return the 304 answer when the caller already has ``etag``, else None."""
    known = request.headers.get("if-none-match")
    if known is not None and (known.strip() == "*" or etag in tags(known)):
        return Response(status_code=304, headers={"ETag": etag} | (headers or {}))
    return None


def version_tag(version: int) -> str:
    """Return the ETag of an object that callers update: its version number, quoted."""
    return f'"{version}"'


def get_expected_version(
    if_match: Annotated[
        str | None,
        Header(
            description="The `ETag` of the version you read and are changing. Missing: 428. Stale: 412.",
            examples=['"3"'],
        ),
    ] = None,
) -> int:
    """Return the version number in ``If-Match``; refuse an update that names none."""
    if if_match is None:
        message = "Send `If-Match` with the `ETag` you read, so that nobody's change is lost."
        raise PreconditionRequired(message)
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not tag.isascii() or not tag.isdigit() or len(tag) > _VERSION_DIGITS:
        message = 'The `If-Match` header must be an `ETag` of this object, such as "3".'
        raise BadRequest(message)
    return int(tag)


ExpectedVersion = Annotated[int, Depends(get_expected_version)]


def require_version(stored: int, expected: int) -> None:
    """Raise :class:`Stale` unless the caller changes the version that is stored."""
    if stored != expected:
        message = (
            f"You are changing version {expected}, the stored one is {stored}. Read it again, then decide."
        )
        raise Stale(message, headers={"ETag": version_tag(stored)})
