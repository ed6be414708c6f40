"""Sending a browser to a provider, so that it alone can come back, once and in time."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.oidc import ProviderError, Providers, Sent, Visiting
from service.core.clock import now
from service.core.database import Database
from service.core.errors import NotFound, Unauthenticated
from service.core.oidc_providers import parse_oidc_providers
from service.core.reach import NOWHERE, elevated
from service.core.security import hash_secret, new_word
from service.core.settings import Settings
from service.domain.access import Presented, authenticate, require
from service.domain.providers.pages import CONSOLE_HOME, is_path, origin_of, page_with
from service.models import ProviderVisit
from service.schemas.providers import ProviderRead

VISIT_LASTS: Final = timedelta(minutes=15)
_PATH: Final = "/v1/sign-in/providers"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and the value of the cookie it must come back with."""

    url: str
    browser: str = field(repr=False)


def configured(settings: Settings) -> Providers:
    """Return the providers of the configuration. Raises :class:`ValueError` for one that makes no sense."""
    said = settings.oidc_providers
    return Providers(parse_oidc_providers(said.get_secret_value()) if said is not None else ())


def list_providers(providers: Providers) -> list[ProviderRead]:
    """Return the providers a person may choose from, in the order of the configuration."""
    return [
        ProviderRead(name=provider.name, label=provider.label, start_path=f"{_PATH}/{provider.name}/start")
        for provider in providers
    ]


def provider_called(providers: Providers, name: str) -> Visiting:
    """Return the provider ``name``. Raises :class:`NotFound`."""
    found = providers.get(name)
    if found is None:
        raise NotFound(f"There is no provider `{name}`. `GET {_PATH}` lists those there are.")
    return found


def callback_of(name: str, here: str) -> str:
    """Return the address the provider sends browsers back to, as it is registered there."""
    return f"{here}{_PATH}/{name}/callback"


async def depart(
    database: Database,
    providers: Providers,
    name: str,
    *,
    here: str,
    return_url: str | None,
    key: str | None,
    browser: str | None,
) -> Departure:
    """Begin a visit to the provider ``name``, which ends on the page ``return_url``.

    ``here`` is the platform's public address; ``browser`` the cookie of visits this browser has already, in
    other tabs. A page of a website needs its publishable ``key``. Raises :class:`NotFound`,
    :class:`Invalid`, :class:`Unauthenticated`.
    """
    visiting = provider_called(providers, name)
    page = return_url or CONSOLE_HOME
    client_id, territory_id = await _website(database, page, key)
    browser, state = browser or new_word(), new_word()
    sent = Sent(callback_of(name, here), nonce=new_word(), code_verifier=new_word())
    # No transaction is open while the provider is asked for its addresses.
    try:
        url = await visiting.authorization_url(sent, state)
    except ProviderError as error:
        log.warning("provider.not_reached", provider=name, reason=error.reason)
        return Departure(page_with(page, here, sign_in_error="unavailable"), browser)
    moment = now()
    # Visits are the platform's own: no actor reads or writes them.
    async with database.transaction(NOWHERE) as session, elevated(session):
        session.add(
            ProviderVisit(
                provider=name,
                state_digest=hash_secret(state),
                browser_digest=hash_secret(browser),
                nonce=sent.nonce,
                code_verifier=sent.code_verifier,
                return_url=page,
                client_id=client_id,
                territory_id=territory_id,
                created_at=moment,
                expires_at=moment + VISIT_LASTS,
            )
        )
    return Departure(url, browser)


async def _website(
    database: Database, page: str, key: str | None
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """Return the API client whose page it is and its first territory; none for a page of the console."""
    if is_path(page):
        return None, None
    async with database.transaction(NOWHERE) as session:
        return await _client_of(session, page, key)


async def _client_of(
    session: AsyncSession, page: str, key: str | None
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    origin = origin_of(page)
    if key is None:
        message = "Give the publishable key of your site as `key`: only its pages are sent who signed in."
        raise Unauthenticated(message)
    # The page is what will receive the sign-in: the key must be for its origin, as if it called itself.
    actor = await authenticate(session, Presented(key=key, origin=origin))
    require(actor, "sign_in.create")
    return actor.client_id, next(iter(actor.client_territory_ids), None)
