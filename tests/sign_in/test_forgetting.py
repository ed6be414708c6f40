"""What signing in leaves behind goes when it has served, and nothing earlier."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import sessions
from service.jobs import SCHEDULE
from service.jobs.sign_in import forget_sign_ins
from service.jobs.work import TaskFacts, Work
from service.models import PersonSession, ProviderVisit, SignIn, Token
from tests.factories import create_person

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def plant(session: AsyncSession, kind: str, moment: datetime) -> None:
    """Add a row of ``kind`` that began, expired or ended at ``moment``."""
    number = new_id().bytes
    if kind == "sign-in":
        values: dict[str, Any] = {"kind": "email", "code_digest": b"", "link_digest": number, "facts": {}}
        session.add(
            SignIn(**values, email="a@example.org", language="fr", created_at=moment, expires_at=moment)
        )
    elif kind == "visit":
        values = {"provider": "proconnect", "state_digest": number, "browser_digest": number, "nonce": "n"}
        values |= {"code_verifier": "v", "return_url": "/", "created_at": moment, "expires_at": moment}
        session.add(ProviderVisit(**values))
    else:
        person = await create_person(session)
        long = MOMENT + timedelta(days=400)
        held = PersonSession(
            id=new_id(),
            person_id=person.id,
            kind="api",
            expires_at=moment if kind == "session expired" else long,
            revoked_at=moment if kind == "session revoked" else None,
        )
        session.add(held)
        await session.flush()
        expires = moment if kind == "token" else long
        session.add(Token(kind="refresh", digest=number, session_id=held.id, scopes=[], expires_at=expires))
    await session.flush()


async def left(session: AsyncSession) -> int:
    tables = (SignIn, ProviderVisit, PersonSession, Token)
    return sum([await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables])


@pytest.mark.parametrize(
    ("kind", "kept", "rows"),
    [
        ("sign-in", timedelta(hours=24), 1),
        ("visit", timedelta(hours=24), 1),
        ("token", timedelta(days=1), 1),
        ("session expired", timedelta(days=30), 2),
        ("session revoked", timedelta(days=30), 2),
    ],
)
async def test_each_kind_goes_at_its_time(
    session: AsyncSession, kind: str, kept: timedelta, rows: int
) -> None:
    await plant(session, kind, MOMENT)
    before = await left(session)
    with frozen(MOMENT + kept - MINUTE):
        assert await sessions.delete_old(session, 10) == 0
        assert await left(session) == before
    with frozen(MOMENT + kept):
        assert await sessions.delete_old(session, 10) == 1
    assert await left(session) == before - rows, "a session takes its tokens along"


async def test_the_clock_deletes_batch_by_batch(
    database: Database, session: AsyncSession, settings: Settings
) -> None:
    for _ in range(7):
        await plant(session, "sign-in", MOMENT)
    await session.commit()
    with frozen(MOMENT + timedelta(days=2)):
        assert await sessions.delete_old(session, 3) == 3
        await session.commit()
        facts = TaskFacts(id=new_id(), event_id=new_id(), kind="clock.ticked")
        await forget_sign_ins(Work(database, settings), facts)
    assert await left(session) == 0
    assert SCHEDULE["sign-ins"].handler is forget_sign_ins
