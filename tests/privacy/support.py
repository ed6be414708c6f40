"""What tests about personal data share."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.settings import Settings
from service.domain.derived import guardian_link
from service.domain.platform import get_keyring
from service.models import Consent, Mail

YES: dict[str, Any] = {"purpose": "matching", "text_version": "1"}
WISHES: dict[str, Any] = {"territory": "bassin", "occupation_codes": ["D1102"]}


async def mails(session: AsyncSession, template: str) -> list[Mail]:
    """Return the mails asked for by a template, oldest first."""
    found = await session.scalars(select(Mail).where(Mail.template == template).order_by(Mail.id))
    return list(found)


async def guardian_token(database: Database, settings: Settings, consent: Consent) -> str:
    """Return the token in the mail that asks the parent about a consent."""
    async with database.transaction() as session:
        return guardian_link(await get_keyring(session, settings), consent.id)


def errors(answer: Any) -> dict[str, str]:
    """Return the errors of a problem: pointer and code."""
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}
