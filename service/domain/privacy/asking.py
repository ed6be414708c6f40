"""What a person does with their own data in one step: erase all of it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Conflict, Problem
from service.core.security import Keyring
from service.domain.access import Actor
from service.domain.persons import get_me
from service.domain.privacy.erasure import erase_person
from service.models import PersonSession
from service.schemas.privacy import ErasureRead

RECENT: Final = timedelta(minutes=15)
"""How long after signing in a person may do what cannot be undone."""


class SignInAgain(Problem):
    """The person signed in too long ago for what they ask."""

    type_name = "recent-sign-in-needed"
    status = 403
    title = "Sign in again first"


async def require_recent_sign_in(session: AsyncSession, actor: Actor) -> None:
    """Raise :class:`SignInAgain` unless the actor signed in within the last minutes."""
    signed_in_at = await session.scalar(
        select(PersonSession.created_at).where(PersonSession.id == actor.session_id)
    )
    if signed_in_at is None or signed_in_at <= now() - RECENT:
        raise SignInAgain(
            "This cannot be undone, so it takes a sign-in of the last 15 minutes. Have the person sign in "
            "again (`POST /v1/sign-in/codes`), then send it with the new token."
        )


async def erase_me(session: AsyncSession, keyring: Keyring, actor: Actor) -> ErasureRead:
    """Erase everything about the acting person, at once; a last mail confirms it.

    Raises :class:`SignInAgain`.
    """
    person = await get_me(session, actor, "me.erase")
    # It waited for its turn: somebody with another of their tokens may have been faster.
    await session.refresh(person)
    if person.anonymised_at is None:
        await require_recent_sign_in(session, actor)
    erasure = await erase_person(session, keyring, actor, person.id, because="asked")
    if erasure is None:
        message = "Your data are erased already."
        raise Conflict(message)
    return ErasureRead(
        erased_at=erasure.erased_at,
        detail="Your data are erased, and every session has ended. A last mail to your address confirms it.",
    )
