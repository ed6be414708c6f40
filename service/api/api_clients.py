"""API clients: the programs and web pages that call for a territory, and their keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import (
    After,
    ExpectedVersion,
    Limit,
    PageCursors,
    Permitted,
    ReadSession,
    WriteSession,
    require_version,
    version_tag,
)
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.domain import clients
from service.domain.access import Actor
from service.schemas.api_clients import (
    ApiClientCreate,
    ApiClientCreated,
    ApiClientRead,
    ApiClientUpdate,
    ApiKeyCreate,
    ApiKeyIssued,
    ApiKeyRead,
)
from service.schemas.base import Page, Slug

# No IdempotentRoute: an answer that holds a key must not be stored anywhere.
router = APIRouter(prefix="/v1", tags=["API clients"])
_SCOPE = "api-clients"
_KEYS = "api-client-keys"


@router.get("/api-clients", responses=problems(404))
async def list_api_clients(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("api_client.read"))],
    limit: Limit = 50,
    after: After = None,
    territory: Annotated[Slug | None, Query(description="Only those that may act in this territory.")] = None,
) -> Page[ApiClientRead]:
    """List the programs and pages that call for your territories, in the order they were made.

    Revoked ones stay in the list, with `revoked_at`. One that also calls for a territory that is not yours is
    not shown.

    Example: `GET /v1/api-clients?territory=pays-des-sources`
    """
    filters = {"territory": territory}
    start = start_after(cursors, after, scope=_SCOPE, filters=filters)
    found = await clients.list_clients(
        session, actor, after=UUID(start[0]) if start else None, limit=limit + 1, territory=territory
    )
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_SCOPE, filters=filters
    )


@router.post("/api-clients", status_code=201, responses=problems(404))
async def create_api_client(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.create"))],
    data: ApiClientCreate,
) -> ApiClientCreated:
    """Make a client and its first key. `key.value` is in this answer and never again.

    A server gets a `secret` key with scopes:
    `{"name": "Website", "territories": ["pays-des-sources"], "scopes": ["postings:read"]}`.
    A page in a browser gets a `publishable` key, bound to the origins it is sent from:
    `{"name": "Website, in the page", "kind": "publishable", "territories": ["pays-des-sources"],
    "origins": ["https://www.pays-des-sources.example"]}`.

    Nobody gives more than they hold: a scope or a territory beyond your own answers 403 or 404. While your
    own role has an end, the key needs an earlier `key_expires_at`.

    This POST takes no `Idempotency-Key`, because an answer that holds a key is never stored. If the answer
    was lost, list the clients, revoke the one just made (`DELETE /v1/api-clients/{client_id}`), and ask
    again.
    """
    made = await clients.create_client(session, actor, data)
    response.headers["ETag"] = version_tag(made.version)
    response.headers["Location"] = f"/v1/api-clients/{made.id}"
    return made


@router.get("/api-clients/{client_id}", responses=problems(404))
async def get_api_client(
    response: Response,
    session: ReadSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.read"))],
    client_id: UUID,
) -> ApiClientRead:
    """Read one client: where it calls for whom, and what it may do. Its keys are listed beside it."""
    client = await clients.get_client(session, actor, client_id)
    response.headers["ETag"] = version_tag(client.version)
    return await clients.read(session, client)


@router.patch("/api-clients/{client_id}", responses=problems(404, 409, 412, 428))
async def update_api_client(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.update"))],
    client_id: UUID,
    expected: ExpectedVersion,
    data: ApiClientUpdate,
) -> ApiClientRead:
    """Change a client's name, territories, scopes or origins. Its keys stay, and feel it at the next request.

    What you add must be yours to give; anything may be taken away. A list replaces the one before:
    `{"origins": ["https://www.pays-des-sources.example", "https://preview.pays-des-sources.example"]}`
    """
    client = await clients.get_client(session, actor, client_id, "api_client.update")
    require_version(client.version, expected)
    client = await clients.update_client(session, actor, client, data)
    response.headers["ETag"] = version_tag(client.version)
    return await clients.read(session, client)


@router.delete("/api-clients/{client_id}", status_code=204, responses=problems(404))
async def revoke_api_client(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.revoke"))],
    client_id: UUID,
) -> None:
    """Revoke a client: its keys, its access tokens and the sign-ins made through it end at once, for good."""
    client = await clients.get_client(session, actor, client_id, "api_client.revoke")
    await clients.revoke_client(session, actor, client)


@router.get("/api-clients/{client_id}/keys", responses=problems(404))
async def list_api_client_keys(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    actor: Annotated[Actor, Depends(Permitted("api_client.read"))],
    client_id: UUID,
    limit: Limit = 50,
    after: After = None,
) -> Page[ApiKeyRead]:
    """List the keys of a client, newest last: the last four characters of each, its last use, its end.

    A key that nobody has used for weeks can be revoked without breaking anything.
    """
    client = await clients.get_client(session, actor, client_id)
    filters = {"client_id": str(client_id)}
    start = start_after(cursors, after, scope=_KEYS, filters=filters)
    found = await clients.list_keys(session, client, after=UUID(start[0]) if start else None, limit=limit + 1)
    return next_page(
        request, response, cursors, found, limit, key=lambda item: [item.id], scope=_KEYS, filters=filters
    )


@router.post("/api-clients/{client_id}/keys", status_code=201, responses=problems(404, 409))
async def create_api_client_key(
    response: Response,
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.update"))],
    client_id: UUID,
    data: ApiKeyCreate,
) -> ApiKeyIssued:
    """Make a new key for a client. `value` is in this answer and never again.

    The keys before it still work for `overlap_hours` (24 unless you say), so that you can put the new one in
    place without a gap; `{"overlap_hours": 0}` ends them at once, which is what to do when one leaked.
    All that the client may do must be yours to give.

    This POST takes no `Idempotency-Key`, because an answer that holds a key is never stored. If the answer
    was lost, ask again: the key you never saw runs out with those before it.
    """
    client = await clients.get_client(session, actor, client_id, "api_client.update")
    made = await clients.create_key(session, actor, client, data)
    response.headers["Location"] = f"/v1/api-clients/{client_id}/keys/{made.id}"
    return made


@router.delete("/api-clients/{client_id}/keys/{key_id}", status_code=204, responses=problems(404))
async def revoke_api_client_key(
    session: WriteSession,
    actor: Annotated[Actor, Depends(Permitted("api_client.revoke"))],
    client_id: UUID,
    key_id: UUID,
) -> None:
    """Revoke one key, with the access tokens it was exchanged for, at once. The client's other keys stay."""
    client = await clients.get_client(session, actor, client_id, "api_client.revoke")
    await clients.revoke_key(session, actor, client, key_id)
