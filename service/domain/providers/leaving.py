"""Signing out at the provider too, once the session here has ended."""

import base64
import binascii
import hmac
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
import structlog
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.oidc import ProviderError, Providers
from service.core.clock import now
from service.core.database import Database
from service.core.errors import BadRequest
from service.core.reach import NOWHERE, elevated
from service.core.security import Keyring
from service.domain.providers.departing import provider_called
from service.models import ApiClient, PersonSession

_LASTS: Final = timedelta(minutes=10)
_USE: Final = "sign out at a provider"
_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
_NOBODY: Final = uuid.UUID(int=0)
_MOMENT_BYTES: Final = 5
_MAC_BYTES: Final = 32

log = structlog.get_logger(__name__)


def logout_url(keyring: Keyring, person_session: PersonSession, *, here: str) -> str | None:
    """Return where to send the browser of a session that ends, to sign out at its provider too.

    None when no provider vouched. It is an address of the platform's own, good for ten minutes, which sends
    the browser on: nobody waits for a provider while a session is ended.
    """
    if person_session.provider is None or person_session.id_token is None:
        return None
    facts = {
        "provider": person_session.provider,
        "id_token": person_session.id_token,
        "client": str(person_session.client_id) if person_session.client_id else None,
        "until": now() + _LASTS,
    }
    # Encrypted, for it passes through the website's hands and logs.
    ticket = jwe.encrypt_compact(_HEADER, orjson.dumps(facts), OctKey.import_key(keyring.key(_USE)))
    return f"{here}/v1/sign-in/providers/{person_session.provider}/sign-out?ticket={ticket}"


def _open(keyring: Keyring, name: str, ticket: str) -> dict[str, Any]:
    try:
        opened = jwe.decrypt_compact(
            ticket, OctKey.import_key(keyring.key(_USE)), algorithms=list(_HEADER.values())
        )
        facts: dict[str, Any] = orjson.loads(opened.plaintext or b"")
    except (JoseError, ValueError):
        facts = {}
    if facts.get("provider") != name or datetime.fromisoformat(facts["until"]) <= now():
        message = "This `ticket` is not one that signing out gave for this provider in the last ten minutes."
        raise BadRequest(message)
    return facts


async def leave(
    database: Database, keyring: Keyring, providers: Providers, name: str, ticket: str, *, here: str
) -> str:
    """Return where the browser signs out at the provider; the page to end on when that cannot be.

    Raises :class:`BadRequest` for a ticket that is none, :class:`NotFound`.
    """
    visiting = provider_called(providers, name)
    facts = _open(keyring, name, ticket)
    client_id = uuid.UUID(facts["client"]) if facts["client"] else None
    back = f"{here}/v1/sign-in/providers/{name}/signed-out"
    try:
        url = await visiting.end_session_url(
            facts["id_token"], redirect_uri=back, state=_state(keyring, name, client_id)
        )
    except ProviderError as error:
        log.warning("provider.sign_out_failed", provider=name, reason=error.reason)
        url = None
    return url or await _page(database, client_id, here)


def _state(keyring: Keyring, name: str, client_id: uuid.UUID | None) -> str:
    until = int((now() + _LASTS).timestamp()).to_bytes(_MOMENT_BYTES, "big")
    body = until + (client_id or _NOBODY).bytes
    return base64.urlsafe_b64encode(body + keyring.sign(_USE, name, body)).decode().rstrip("=")


async def signed_out(database: Database, keyring: Keyring, name: str, state: str | None, *, here: str) -> str:
    """Return the page a browser ends on that comes back from signing out at a provider.

    Without the state it was sent with, in time, that is the console's sign-in page: never what it asks for.
    """
    text = state or ""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    known = hmac.compare_digest(mac, keyring.sign(_USE, name, body))
    if not known or int.from_bytes(body[:_MOMENT_BYTES], "big") <= now().timestamp():
        return await _page(database, None, here)
    client_id = uuid.UUID(bytes=body[_MOMENT_BYTES:])
    return await _page(database, None if client_id == _NOBODY else client_id, here)


async def _page(database: Database, client_id: uuid.UUID | None, here: str) -> str:
    """Return the first page of the website a session was bound to, or the console's sign-in page."""
    async with database.transaction(NOWHERE) as session:
        return await _page_of(session, client_id, here)


async def _page_of(session: AsyncSession, client_id: uuid.UUID | None, here: str) -> str:
    # Nobody is signed in any more; which website it was is in what we signed ourselves.
    async with elevated(session):
        origins = await session.scalar(select(ApiClient.origins).where(ApiClient.id == client_id))
    return f"{origins[0]}/" if origins else f"{here}/sign-in"
