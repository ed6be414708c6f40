"""Files that hold personal data, outside the database."""

import uuid
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Mail


async def without_address(session: AsyncSession, mail_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return those mails of ``mail_ids`` that no row says are anybody's: erased, or past their time."""
    kept = set(
        await session.scalars(select(Mail.id).where(Mail.id.in_(mail_ids), Mail.to_address.is_not(None)))
    )
    return [mail_id for mail_id in mail_ids if mail_id not in kept]
