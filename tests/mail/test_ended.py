"""A mail whose subject has ended is dropped, and says in one word why."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days, now
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import mail
from service.models import Territory
from tests.factories import create_person, create_territory
from tests.mail.makers import (
    ask,
    create_consent,
    create_invitation,
    create_privacy_request,
    create_sign_in,
    row,
    send,
)
from tests.mail.postbox import postbox

Arrange = Callable[[AsyncSession, Territory], Awaitable[dict[str, Any]]]


async def _sign_in(session: AsyncSession, **overrides: Any) -> dict[str, Any]:
    found = await create_sign_in(session, **overrides)
    return {"template": "sign_in_code", "data": {"sign_in_id": found.id}}


async def _invite(session: AsyncSession, territory: Territory, **overrides: Any) -> dict[str, Any]:
    found = await create_invitation(session, territory, **overrides)
    return {"template": "invitation", "data": {"invitation_id": found.id}}


async def _consent(
    session: AsyncSession, person: dict[str, Any] | None = None, **overrides: Any
) -> dict[str, Any]:
    child = await create_person(session, **({"guardian_email": "camille@example.fr"} | (person or {})))
    found = await create_consent(session, child, **overrides)
    return {"template": "guardian_consent", "person_id": child.id, "data": {"consent_id": found.id}}


async def _request(
    session: AsyncSession, territory: Territory, template: str, **overrides: Any
) -> dict[str, Any]:
    found = await create_privacy_request(session, territory, **overrides)
    return {"template": template, "data": {"privacy_request_id": found.id}}


async def _warn(session: AsyncSession, **overrides: Any) -> dict[str, Any]:
    person = await create_person(session, **overrides)
    return {"template": "dormancy_warning", "person_id": person.id}


ENDED: dict[str, tuple[Arrange, str]] = {
    "sign-in used": (lambda session, _: _sign_in(session, used_at=now()), "used"),
    "sign-in expired": (lambda session, _: _sign_in(session, expires_at=now()), "expired"),
    "sign-in of another": (lambda session, _: _sign_in(session, email="noe@example.fr"), "missing"),
    "invitation accepted": (lambda session, at: _invite(session, at, accepted_at=now()), "accepted"),
    "invitation revoked": (lambda session, at: _invite(session, at, revoked_at=now()), "revoked"),
    "invitation expired": (lambda session, at: _invite(session, at, expires_at=now()), "expired"),
    "consent withdrawn": (lambda session, _: _consent(session, withdrawn_at=now()), "withdrawn"),
    "consent confirmed": (lambda session, _: _consent(session, guardian_confirmed_at=now()), "confirmed"),
    "fifteen by now": (lambda session, _: _consent(session, needs_guardian=False), "confirmed"),
    "another parent": (
        lambda session, _: _consent(session, {"guardian_email": "parent@example.fr"}),
        "another_guardian",
    ),
    "came back": (lambda session, _: _warn(session, last_seen_at=in_days(1)), "came_back"),
    "anonymised": (
        lambda session, _: _warn(session, email=None, anonymised_at=now()),
        "anonymised",
    ),
    "request answered": (
        lambda session, at: _request(session, at, "privacy_request_received", state="answered"),
        "answered",
    ),
    "reminder of an answered one": (
        lambda session, at: _request(session, at, "privacy_request_due", state="refused"),
        "answered",
    ),
    "answer to an open one": (
        lambda session, at: _request(session, at, "privacy_request_answered"),
        "not_answered",
    ),
    **{
        f"no {template}": (
            lambda _session, _at, template=template, key=key: _nothing(template, key),  # type: ignore[misc]
            "missing",
        )
        for template, key in mail.TEMPLATES.items()
        if key is not None
    },
}


async def _nothing(template: str, key: str) -> dict[str, Any]:
    return {"template": template, "data": {key: new_id()}}


@pytest.mark.parametrize("case", ENDED)
async def test_what_has_ended_is_not_written_about(
    database: Database, session: AsyncSession, settings: Settings, case: str
) -> None:
    arrange, reason = ENDED[case]
    territory = await create_territory(session)
    wanted = await arrange(session, territory)
    await session.commit()
    mail_id = await ask(database, to="camille@example.fr", **wanted)
    async with postbox() as box:
        await send(database, box.settings(settings))
        assert box.mails == []
    found = await row(session, mail_id)
    assert (found.state, found.error, found.message_id) == ("dropped", reason, None)
