"""What rests on a consent, and is stopped when it no longer counts."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import candidates, consents
from service.domain.access import system
from service.domain.privacy.purposes import CONSENTED, MATCHING
from service.models import CandidateProfile, Consent

Stop = Callable[[AsyncSession, uuid.UUID], Awaitable[int]]


async def _stop_matching(session: AsyncSession, person_id: uuid.UUID) -> int:
    """Erase the person's own profiles, with every suggestion, where they no longer consent."""
    count = 0
    profiles = await session.execute(
        select(CandidateProfile.id, CandidateProfile.territory_id)
        .where(CandidateProfile.person_id == person_id)
        .order_by(CandidateProfile.id)
    )
    for profile_id, territory_id in profiles.all():
        if not await consents.has(session, person_id, MATCHING, territory_id):
            await candidates.delete_candidate_profile(session, system("consents"), profile_id)
            count += 1
    return count


async def _nothing(_: AsyncSession, __: uuid.UUID) -> int:
    """Nothing is kept for the purpose: whoever acts on it asks ``consents.has`` each time."""
    return 0


STOPS: Final[Mapping[str, Stop]] = dict.fromkeys(CONSENTED, _nothing) | {MATCHING: _stop_matching}


async def stop(session: AsyncSession, consent_id: uuid.UUID) -> int:
    """Stop what rested on a consent, as far as no other consent carries it; return how much there was.

    For the platform's own work: the session reaches everywhere.
    """
    consent = await session.get(Consent, consent_id)
    if consent is None or consent.purpose not in STOPS:
        return 0
    return await STOPS[consent.purpose](session, consent.person_id)
