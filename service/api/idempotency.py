"""``Idempotency-Key``: the same POST sent twice has one effect and one answer.

The answer is stored in the same transaction as the effect, so there is no moment in which one exists
without the other. A transaction-level advisory lock tells a second request that the first still runs.
"""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession

from service.api.dependencies import AnyActor, Session
from service.core.errors import BadRequest, InFlight, KeyReused
from service.domain import idempotency
from service.models import IdempotencyRecord

_MAX_KEY = 255


class _Replay(Exception):  # noqa: N818 - control flow inside this file
    def __init__(self, stored: IdempotencyRecord) -> None:
        super().__init__()
        self.stored = stored


async def _fingerprint(request: Request) -> bytes:
    target = f"{request.method} {request.url.path}?{request.url.query}".encode()
    return hashlib.sha256(target + b"\0" + await request.body()).digest()


async def remember(
    request: Request,
    session: Session,
    actor: AnyActor,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Any string unique to this action, such as a UUID. Sent again within 24 hours with "
            "the same body, it gives the same answer and has no second effect.",
            examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
        ),
    ] = None,
) -> None:
    """Take the lock of the key, replay a stored answer, refuse the key of another request."""
    if idempotency_key is None or actor.owner_id is None:
        return
    if not 1 <= len(idempotency_key) <= _MAX_KEY or not idempotency_key.isprintable():
        message = f"The `Idempotency-Key` header must have 1 to {_MAX_KEY} printable characters."
        raise BadRequest(message)
    if not await idempotency.lock(session, actor.owner_id, idempotency_key):
        message = "Wait for the answer of the first request with this Idempotency-Key."
        raise InFlight(message, headers={"Retry-After": "1"})
    fingerprint = await _fingerprint(request)
    stored = await idempotency.find(session, actor.owner_id, idempotency_key)
    if stored is not None:
        if stored.fingerprint != fingerprint:
            message = (
                "This Idempotency-Key came before with another path or body. Use a new key for a new action."
            )
            raise KeyReused(message)
        raise _Replay(stored)
    request.state.idempotency = (actor.owner_id, idempotency_key, fingerprint)


class IdempotentRoute(APIRoute):
    """A route that stores its answer with the effect, when an Idempotency-Key was sent."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: the session is still open when the answer is known."""
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await original(request)
            except _Replay as replay:
                stored = replay.stored
                return Response(
                    stored.body, stored.status, headers=stored.headers | {"Idempotency-Replayed": "true"}
                )
            taken = getattr(request.state, "idempotency", None)
            if taken is not None:
                session: AsyncSession = request.state.session
                owner_id, key, fingerprint = taken
                await idempotency.store(
                    session,
                    IdempotencyRecord(
                        owner_id=owner_id,
                        key=key,
                        fingerprint=fingerprint,
                        status=response.status_code,
                        headers={
                            name: value
                            for name, value in response.headers.items()
                            if name in {"content-type", "location", "etag"}
                        },
                        body=bytes(response.body),
                    ),
                )
            return response

        return handle


Idempotent = Depends(remember)
