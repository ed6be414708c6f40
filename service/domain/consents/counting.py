"""Which consents count now."""

import uuid
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.reach import elevated
from service.models import Consent, Person

AGE_OF_CONSENT: Final = 15
"""Years: from then on a person consents alone (French Data Protection Act, art. 45)."""
_ZONE: Final = ZoneInfo("Europe/Paris")


def latest_birth_date(moment: datetime) -> date:
    """Return the latest birth date of those who are of age to consent at ``moment``."""
    today = moment.astimezone(_ZONE).date()
    year = today.year - AGE_OF_CONSENT
    try:
        return today.replace(year=year)
    except ValueError:
        # 29 February, and no such day that year.
        return today.replace(year=year, day=28)


def is_child(person: Person) -> bool:
    """Tell whether a parent must confirm what the person consents to. Who told no birth date is of age."""
    return person.birth_date is not None and person.birth_date > latest_birth_date(now())


def counts() -> ColumnElement[bool]:
    """Return the condition that a consent counts now, beside its person's row."""
    return and_(
        Consent.withdrawn_at.is_(None),
        Person.anonymised_at.is_(None),
        or_(
            Consent.guardian_confirmed_at.is_not(None),
            # Unknown is not of age, and must not make the answer unknown.
            and_(Person.birth_date.is_not(None), Person.birth_date <= latest_birth_date(now())),
            and_(Person.birth_date.is_(None), Consent.needs_guardian.is_(False)),
        ),
    )


async def has(
    session: AsyncSession, person_id: uuid.UUID, purpose: str, territory_id: uuid.UUID | None = None
) -> bool:
    """Tell whether the person consents to ``purpose`` now: at the territory, or wherever it is."""
    # Whoever acts: it is the platform that must know.
    async with elevated(session):
        found = await session.scalar(
            select(Consent.id)
            .join(Person, Person.id == Consent.person_id)
            .where(
                Consent.person_id == person_id,
                Consent.purpose == purpose,
                or_(Consent.territory_id.is_(None), Consent.territory_id == territory_id),
                counts(),
            )
            .limit(1)
        )
    return found is not None
