"""Finishing a sign-in: one proof, one session.

A refusal is a result, not an error: what it counts must be committed.
"""

import hmac
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import FieldError, Invalid
from service.core.reach import elevated
from service.core.security import Keyring, Kind, hash_secret, kind_of
from service.domain import identities, persons, sessions
from service.domain.access import Actor
from service.domain.events import record
from service.domain.sessions import Opened
from service.domain.sign_in.proof import code_digest
from service.models import Person, SignIn
from service.schemas.sign_in import TokenCreate

ATTEMPTS: Final = 5
"""Wrong codes that end a sign-in: with eight digits and five mails an hour, one chance in four million."""


async def exchange(session: AsyncSession, keyring: Keyring, actor: Actor, data: TokenCreate) -> Opened | None:
    """Give tokens for one proof, to the API client that may have them; None for anything wrong.

    Let the transaction commit in either case. Raises :class:`Invalid` unless there is exactly one proof.
    """
    proofs = [name for name in ("code", "link", "refresh_token") if getattr(data, name) is not None]
    if len(proofs) != 1 or ("code" in proofs) != (data.sign_in_id is not None):
        message = "Send either `sign_in_id` and `code`, or `link`, or `refresh_token`, and nothing beside."
        raise Invalid(
            message, errors=[FieldError(f"/{name}", message, "one_proof") for name in proofs or ["code"]]
        )
    if actor.client_id is None:
        # A person's token, an operator's: tokens go to programs alone.
        return None
    if data.refresh_token is not None:
        return await sessions.refresh(session, token=data.refresh_token, client_id=actor.client_id)
    if data.link is not None:
        return await finish_with_link(session, link=data.link, client_id=actor.client_id)
    return await finish_with_code(
        session,
        keyring,
        sign_in_id=data.sign_in_id or uuid.UUID(int=0),
        code=data.code or "",
        client_id=actor.client_id,
    )


async def finish_with_code(
    session: AsyncSession,
    keyring: Keyring,
    *,
    sign_in_id: uuid.UUID,
    code: str,
    client_id: uuid.UUID | None,
    kind: Literal["api", "console"] = "api",
) -> Opened | None:
    """Sign in whoever knows the code of a sign-in that ``client_id`` (None: the console) started.

    None for anything wrong; a wrong code is counted, so let the transaction commit.
    """
    digits = "".join(character for character in code if character not in " -\u00a0\u202f")
    digest = code_digest(keyring, sign_in_id, digits)
    async with elevated(session):
        sign_in = await _lock(session, SignIn.id == sign_in_id, SignIn.kind == "email")
        # Compared even with nothing, so that an unknown sign-in takes as long as a wrong code.
        expected = sign_in.code_digest if sign_in is not None else None
        right = hmac.compare_digest(expected or bytes(len(digest)), digest)
        if sign_in is None or not _stands(sign_in) or sign_in.client_id != client_id:
            return None
        if not right:
            sign_in.attempts += 1
            if sign_in.attempts == ATTEMPTS:
                record(
                    session,
                    "sign_in.locked",
                    actor=f"client:{client_id}" if client_id else "system:console",
                    territory_id=sign_in.territory_id,
                    subject_id=sign_in.id,
                )
            return None
        return await _finish(session, sign_in, kind)


async def finish_with_link(
    session: AsyncSession,
    *,
    link: str,
    client_id: uuid.UUID | None,
    kind: Literal["api", "console"] = "api",
) -> Opened | None:
    """Sign in whoever holds the link of a mail, or the token a provider's visit ended with; None if wrong.

    It counts for the API client that started the sign-in; in the console for what was started there, and
    for a website that gave no ``return_url``.
    """
    digest = hash_secret(link)
    async with elevated(session):
        if kind_of(link) is not Kind.LINK:
            return None
        sign_in = await _lock(session, SignIn.link_digest == digest)
        if sign_in is None or not _stands(sign_in):
            return None
        mailed_to_console = kind == "console" and sign_in.kind == "email" and sign_in.return_url is None
        if sign_in.client_id != client_id and not mailed_to_console:
            return None
        if sign_in.kind == "email":
            # A link may be followed by somebody who never was at the provider: only the code, typed in the
            # browser that was there, makes the provider's account theirs.
            sign_in.facts = {}
        return await _finish(session, sign_in, kind)


async def link_stands(session: AsyncSession, *, link: str) -> bool:
    """Tell whether a link would sign somebody in to the console now, without using it."""
    async with elevated(session):
        sign_in = await session.scalar(select(SignIn).where(SignIn.link_digest == hash_secret(link)))
    if sign_in is None or not _stands(sign_in):
        return False
    return sign_in.client_id is None or (sign_in.kind == "email" and sign_in.return_url is None)


async def _lock(session: AsyncSession, *conditions: ColumnElement[bool]) -> SignIn | None:
    """Return a sign-in, locked: who presents the same proof at once comes one by one."""
    return (
        await session.scalars(
            select(SignIn).where(*conditions).with_for_update().execution_options(populate_existing=True)
        )
    ).one_or_none()


def _stands(sign_in: SignIn) -> bool:
    return sign_in.used_at is None and sign_in.expires_at > now() and sign_in.attempts < ATTEMPTS


async def _finish(session: AsyncSession, sign_in: SignIn, kind: Literal["api", "console"]) -> Opened | None:
    """Use a sign-in up and open the person's session."""
    facts = sign_in.facts
    if sign_in.kind == "provider":
        person = await session.get(Person, sign_in.person_id)
        if person is None or person.anonymised_at is not None:
            return None
        person.last_seen_at, person.dormancy_warned_at = now(), None
    else:
        person = await persons.find_or_create(
            session,
            sign_in.email,
            language=sign_in.language,
            given_name=facts.get("given_name"),
            family_name=facts.get("family_name"),
        )
        await persons.mail_arrived(session, person)
        if facts and not await _link(session, person, facts):
            return None
    # What the provider told has served: nothing of it stays here.
    sign_in.used_at, sign_in.person_id, sign_in.facts = now(), person.id, {}
    return await sessions.open_session(
        session,
        person,
        kind=kind,
        client_id=sign_in.client_id if kind == "api" else None,
        provider=facts.get("provider"),
        acr=facts.get("acr"),
        id_token=facts.get("id_token"),
        territory_id=sign_in.territory_id,
    )


async def _link(session: AsyncSession, person: Person, facts: Mapping[str, Any]) -> bool:
    """Make the account a provider vouched for the person's, now that they proved their address."""
    return await identities.link(
        session, person, provider=facts["provider"], issuer=facts["issuer"], subject=facts["subject"]
    )
