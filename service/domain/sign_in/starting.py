"""Starting a sign-in: a code and a link by mail, or the word of a provider.

Nothing here depends on whether the address is known: the person is looked up once they have proved it is
theirs.
"""

import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.circumstances import circumstances
from service.core.clock import now
from service.core.email_address import normalise
from service.core.errors import FieldError, Invalid, NotFound, TooManyRequests
from service.core.ids import new_id
from service.core.networks import network_of
from service.core.reach import elevated
from service.core.security import Keyring, hash_secret
from service.domain import mail
from service.domain.access import Actor
from service.domain.derived import sign_in_code, sign_in_link
from service.domain.sign_in.proof import code_digest
from service.models import ApiClient, Person, SignIn, Territory
from service.schemas.sign_in import SignInCodeCreate

LASTS: Final = timedelta(minutes=10)
VOUCHED_LASTS: Final = timedelta(minutes=5)
RESEND_AFTER: Final = timedelta(seconds=60)
WINDOW: Final = timedelta(hours=1)
PER_ADDRESS: Final = 5
"""Mails to one address in an hour. As each counts for ten minutes, no more than these count at once: a new
one ends none of the earlier, so nobody can spoil the code somebody else is about to type."""
PER_NETWORK: Final = 30
"""Mails asked from one network in an hour, by browsers."""
PER_SERVER: Final = 600
"""Mails asked by one program in an hour: its server's address is not its visitors', it throttles those."""


@dataclass(frozen=True, slots=True)
class Through:
    """Where somebody signs in: the console, unless an API client is named.

    ``client_id`` is the one that may finish it, ``territory_id`` whose brand the mail wears. ``server``: the
    network the request comes from is a website's server, not the person's.
    """

    client_id: uuid.UUID | None = None
    territory_id: uuid.UUID | None = None
    return_url: str | None = None
    server: bool = False
    actor: str = "system:console"


CONSOLE: Final = Through()


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that waits for its code or link."""

    sign_in_id: uuid.UUID
    expires_at: datetime
    resend_after: datetime


async def start_through(
    session: AsyncSession, keyring: Keyring, actor: Actor, data: SignInCodeCreate, *, language: str
) -> Started:
    """Start a sign-in on the website of the acting API client, or for the console when a person acts.

    ``language`` is the mail's when ``data`` names none. Raises :class:`NotFound` for a territory that is not
    the client's, :class:`Invalid` for a ``return_url`` of an origin that is not, :class:`TooManyRequests`.
    """
    territory_id = await _territory_id(session, actor, data.territory)
    if data.return_url is not None:
        await _check_return(session, actor, data.return_url)
    through = Through(
        client_id=actor.client_id,
        territory_id=territory_id,
        return_url=data.return_url,
        server=actor.client_id is not None and not actor.publishable,
        actor=actor.name,
    )
    return await start(
        session, keyring, email=data.email, language=data.language or language, through=through
    )


async def start(
    session: AsyncSession,
    keyring: Keyring,
    *,
    email: str,
    language: str,
    through: Through = CONSOLE,
    facts: Mapping[str, Any] | None = None,
) -> Started:
    """Have a code and a link sent to ``email``, whoever reads mail there.

    ``facts`` is what a provider said that does not answer for the address: whoever types the code is whom it
    vouches for. Raises :class:`Invalid` for what is no address, :class:`TooManyRequests` when address or
    network asked too often.
    """
    try:
        address = normalise(email)
    except ValueError as error:
        message = f"The address {error}."
        raise Invalid(message, errors=[FieldError("/email", message, "value_error")]) from None
    found = circumstances.get().network
    # A server's is not its visitors': it would be counted for who asks with a browser from there.
    network = network_of(found) if found and not through.server else None
    moment, sign_in_id = now(), new_id()
    sign_in = SignIn(
        id=sign_in_id,
        kind="email",
        email=address,
        code_digest=code_digest(keyring, sign_in_id, sign_in_code(keyring, sign_in_id)),
        link_digest=hash_secret(sign_in_link(keyring, sign_in_id)),
        client_id=through.client_id,
        territory_id=through.territory_id,
        language=language,
        return_url=through.return_url,
        facts=dict(facts or {}),
        network=network,
        attempts=0,
        created_at=moment,
        expires_at=moment + LASTS,
    )
    # Sign-ins are the platform's own: no actor reads or writes them.
    async with elevated(session):
        await _throttle(session, address, network, through)
        session.add(sign_in)
        mail.request(
            session,
            template="sign_in_code",
            to=address,
            language=language,
            territory_id=through.territory_id,
            data={"sign_in_id": sign_in_id},
            actor=through.actor,
        )
    return Started(sign_in_id, moment + LASTS, moment + RESEND_AFTER)


async def vouch(
    session: AsyncSession,
    keyring: Keyring,
    *,
    person: Person,
    facts: Mapping[str, Any],
    client_id: uuid.UUID | None,
    territory_id: uuid.UUID | None,
    return_url: str | None,
) -> str:
    """Return a link token for a person a provider vouched for, exchanged like a mail's, within 5 minutes.

    ``facts``: {provider, acr, id_token, …}, kept until then. ``client_id`` is the API client that may
    exchange it; None is the console.
    """
    moment, sign_in_id = now(), new_id()
    link = sign_in_link(keyring, sign_in_id)
    async with elevated(session):
        session.add(
            SignIn(
                id=sign_in_id,
                kind="provider",
                email=person.email or "",
                person_id=person.id,
                link_digest=hash_secret(link),
                client_id=client_id,
                territory_id=territory_id,
                language=person.language,
                return_url=return_url,
                facts=dict(facts),
                attempts=0,
                created_at=moment,
                expires_at=moment + VOUCHED_LASTS,
            )
        )
        await session.flush()
    return link


async def _throttle(session: AsyncSession, address: str, network: str | None, through: Through) -> None:
    """Refuse who asked too often. The counts are exact: those who ask at once wait for each other here."""
    counted: list[tuple[str, ColumnElement[bool], int, str]] = [
        (f"address {address}", SignIn.email == address, PER_ADDRESS, "to this address")
    ]
    if through.server:
        by_client = SignIn.client_id == through.client_id
        counted.append((f"client {through.client_id}", by_client, PER_SERVER, "by this key"))
    elif network is not None:
        counted.append((f"network {network}", SignIn.network == network, PER_NETWORK, "from this network"))
    for number in sorted(_lock_number(name) for name, *_ in counted):
        await session.execute(select(func.pg_advisory_xact_lock(number)))
    moment = now()
    for _, condition, limit, words in counted:
        # The one that must leave the window before another is let in.
        oldest = await session.scalar(
            select(SignIn.created_at)
            .where(condition, SignIn.kind == "email", SignIn.created_at > moment - WINDOW)
            .order_by(SignIn.created_at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        if oldest is not None:
            seconds = max(1, math.ceil((oldest + WINDOW - moment).total_seconds()))
            message = (
                f"{limit} sign-in mails were asked {words} within an hour, and no more may be. Those sent in "
                "the last ten minutes still count; ask again after `Retry-After` seconds."
            )
            raise TooManyRequests(message, retry_after=seconds)


def _lock_number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"sign-in {name}".encode()).digest()[:8], "big", signed=True)


async def _territory_id(session: AsyncSession, actor: Actor, slug: str | None) -> uuid.UUID | None:
    """Return whose brand the mail wears. Raises :class:`NotFound` for one the actor does not act for."""
    mine = actor.client_territory_ids
    if slug is None:
        return mine[0] if mine else None
    territory = await session.scalar(select(Territory).where(Territory.slug == slug))
    if territory is None or not (actor.everywhere or set(mine) & set(territory.lineage)):
        message = f"There is no territory `{slug}` among those you act for."
        raise NotFound(message)
    return territory.id


async def _check_return(session: AsyncSession, actor: Actor, address: str) -> None:
    """Refuse a page that is not of the client's origins: the link in the mail would hand it a sign-in."""
    origins = await session.scalar(select(ApiClient.origins).where(ApiClient.id == actor.client_id))
    problem = None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
        problem = "is not a web address"
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port is not None and port != default else "")
    if problem is None and (parts.username is not None or parts.password is not None):
        problem = "must not hold a user name"
    if problem is None and parts.fragment:
        problem = "must not hold a fragment (#…): the token comes as a query parameter"
    if problem is None and origin not in (origins or []):
        named = ", ".join(origins or [])
        problem = (
            f"must be a page of one of your key's origins ({named})"
            if named
            else "is for a page's publishable key, which has origins: leave it out with a secret key"
        )
    if problem is not None:
        message = f"The `return_url` {problem}."
        raise Invalid(message, errors=[FieldError("/return_url", message, "not_yours")])
