"""Asking for a mail: a row and an event. It is written and sent by a task, after the commit."""

import uuid
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.email_address import normalise
from service.core.ids import new_id
from service.domain.events import record
from service.models import Mail

# What each template needs to be told: the id of the thing it is about, under this name in ``data``.
TEMPLATES: Final[dict[str, str | None]] = {
    "sign_in_code": "sign_in_id",
    "invitation": "invitation_id",
    "guardian_consent": "consent_id",
    "dormancy_warning": None,
    "erasure_done": None,
    "privacy_request_received": "privacy_request_id",
    "privacy_request_answered": "privacy_request_id",
    "privacy_request_due": "privacy_request_id",
}


def request(
    session: AsyncSession,
    *,
    template: str,
    to: str,
    language: str,
    territory_id: uuid.UUID | None = None,
    person_id: uuid.UUID | None = None,
    data: dict[str, Any] | None = None,
    actor: str = "system:mail",
) -> Mail:
    """Have the mail ``template`` sent to the one address ``to`` once the transaction is committed.

    ``territory_id`` is whose brand it wears, ``person_id`` whom it is about, ``actor`` at whose demand it
    goes out. ``data`` holds the id that :data:`TEMPLATES` names for the template, and no secret: what the
    mail says is read, and its secrets worked out, when it is sent. Raises :class:`ValueError` for an unknown
    template, an id that is missing, or what is not one plain address.
    """
    if template not in TEMPLATES:
        raise ValueError(f"No mail is named {template}")
    needed = TEMPLATES[template]
    facts = {
        name: str(value) if isinstance(value, uuid.UUID) else value for name, value in (data or {}).items()
    }
    if needed is not None:
        try:
            uuid.UUID(facts[needed])
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"The mail {template} needs an id as {needed}") from None
    mail = Mail(
        id=new_id(),
        person_id=person_id,
        to_address=normalise(to),
        template=template,
        language=language,
        territory_id=territory_id,
        data=facts,
        state="waiting",
        created_at=now(),
    )
    session.add(mail)
    record(
        session,
        "mail.requested",
        actor=actor,
        territory_id=territory_id,
        subject_id=mail.id,
        data={"template": template},
    )
    return mail
