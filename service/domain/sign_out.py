"""Signing out: the session ends here; the person is told how to leave the OpenID provider too."""

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.security import Keyring
from service.domain import providers, sessions
from service.domain.access import Actor
from service.models import PersonSession


async def sign_out(session: AsyncSession, keyring: Keyring, actor: Actor, *, here: str) -> str | None:
    """End the acting person's session; return where their browser leaves the provider, if one vouched.

    ``here`` is the platform's public address.
    """
    if actor.session_id is None:
        return None
    ending = await session.get(PersonSession, actor.session_id)
    address = providers.logout_url(keyring, ending, here=here) if ending is not None else None
    await sessions.revoke(session, actor.session_id, "signed_out", actor=actor.name)
    return address
