"""Recording what happened. Everything that follows a write starts from an event row."""

import uuid
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from service.core.clock import now
from service.core.database import EVENTS_RECORDED
from service.domain.audit import note
from service.models import Event


def record(
    session: AsyncSession,
    kind: str,
    *,
    actor: str,
    territory_id: uuid.UUID | None = None,
    subject_id: uuid.UUID | None = None,
    data: dict[str, Any] | None = None,
    audited: bool = True,
) -> Event:
    """Add the event ``kind`` (``noun.past_participle``) to the session, in the writer's own transaction.

    ``actor`` says who did it (``client:<id>``, ``import:<source>``, ``system:<what>``). ``data`` holds ids
    and plain facts, never personal data: handlers read the present state again. The id of the request
    being served is kept with it. The same goes into the audit trail, but for what the machinery tells itself.
    """
    event = Event(
        kind=kind,
        actor=actor,
        territory_id=territory_id,
        subject_id=subject_id,
        data=data or {},
        request_id=get_contextvars().get("request_id"),
        occurred_at=now(),
    )
    session.add(event)
    session.info[EVENTS_RECORDED] = True
    if audited:
        note(
            session,
            actor=actor,
            action=kind,
            object_kind=kind.partition(".")[0],
            object_id=subject_id,
            territory_id=territory_id,
            data=event.data,
        )
    return event
