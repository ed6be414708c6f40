"""How a consent ends."""

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain.events import record
from service.models import Consent


def end(session: AsyncSession, consent: Consent, *, actor: str, channel: str) -> None:
    """Withdraw one consent that stands."""
    consent.withdrawn_at, consent.withdrawn_channel = now(), channel
    record(
        session,
        "consent.withdrawn",
        actor=actor,
        territory_id=consent.territory_id,
        subject_id=consent.id,
        data={"purpose": consent.purpose, "channel": channel},
    )
