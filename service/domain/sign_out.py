"""Signing out: the session ends here; the person is told how to leave the OpenID provider too."""

from sqlalchemy.ext.asyncio import AsyncSession

from service.domain import sessions
from service.domain.access import Actor


async def sign_out(session: AsyncSession, actor: Actor) -> str | None:
    """End the acting person's session; return where their browser leaves the provider, if one vouched."""
    if actor.session_id is None:
        return None
    await sessions.revoke(session, actor.session_id, "signed_out", actor=actor.name)
    return None
