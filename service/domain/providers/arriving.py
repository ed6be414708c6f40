"""A browser back from a provider: whose it is, and what the website or the console is told."""

import uuid
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.oidc import ProviderError, Providers, ProviderUnavailable, Sent, Vouched
from service.core.clock import now
from service.core.database import Database
from service.core.email_address import normalise
from service.core.errors import SignInRefused, TooManyRequests
from service.core.reach import NOWHERE, elevated
from service.core.security import Keyring, hash_secret
from service.domain import identities, persons, sign_in
from service.domain.providers.departing import callback_of, provider_called
from service.domain.providers.pages import Error, is_path, page_with
from service.models import ProviderVisit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider gave the browser: ``code`` or ``error``, and who says so (``issuer``)."""

    state: str | None = None
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the page is told: one of these."""

    sign_in: str | None = None
    sign_in_id: uuid.UUID | None = None
    error: Error | None = None


async def arrive(
    database: Database,
    keyring: Keyring,
    providers: Providers,
    name: str,
    answer: Answer,
    *,
    here: str,
    browser: str | None,
    language: str,
) -> str:
    """Return where the browser goes now, with a token to exchange, a sign-in to confirm, or an error.

    ``browser`` is its cookie, ``language`` that of a person nobody knew, ``here`` the platform's public
    address. Raises :class:`SignInRefused` for what answers no visit of this browser, :class:`NotFound`.
    """
    provider_called(providers, name)
    visit, live = await _take(database, name, answer.state, browser)
    if visit is None:
        message = (
            "No sign-in is under way that this answers: it was begun in another browser, long ago, or not at "
            f"all. Begin again at `GET /v1/sign-in/providers/{name}/start`."
        )
        raise SignInRefused(message)
    told = await _hear(database, keyring, providers, visit, answer, here, language) if live else None
    told = told or _Told(error="expired")
    return page_with(
        visit.return_url, here, sign_in=told.sign_in, sign_in_id=told.sign_in_id, sign_in_error=told.error
    )


async def _take(
    database: Database, name: str, state: str | None, browser: str | None
) -> tuple[ProviderVisit | None, bool]:
    """Return the visit of this browser that the state belongs to, and whether it may be ended now.

    It is used up: whatever comes of it, the same answer is worth nothing a second time.
    """
    if not state or not browser:
        return None, False
    # Visits are the platform's own; state and cookie together say which one may be read.
    async with database.transaction(NOWHERE) as session, elevated(session):
        visit = await session.scalar(
            select(ProviderVisit)
            .where(
                ProviderVisit.state_digest == hash_secret(state),
                ProviderVisit.browser_digest == hash_secret(browser),
                ProviderVisit.provider == name,
            )
            .with_for_update()
        )
        live = visit is not None and visit.used_at is None and visit.expires_at > now()
        if visit is not None and live:
            visit.used_at = now()
    return visit, live


async def _hear(
    database: Database,
    keyring: Keyring,
    providers: Providers,
    visit: ProviderVisit,
    answer: Answer,
    here: str,
    language: str,
) -> _Told:
    """Return what an answer in time is worth."""
    visiting = provider_called(providers, visit.provider)
    if answer.issuer not in {None, visiting.provider.issuer} or (answer.code is None) == (
        answer.error is None
    ):
        return _failed(visit, "refused", "answer_malformed")
    if answer.error is not None:
        cancelled = answer.error == "access_denied"
        return _failed(visit, "cancelled" if cancelled else "refused", "answered_with_error")
    sent = Sent(callback_of(visit.provider, here), visit.nonce, visit.code_verifier)
    # No transaction is open while the provider is asked.
    try:
        vouched = await visiting.identify(answer.code or "", sent, said_issuer=answer.issuer)
    except ProviderUnavailable as error:
        return _failed(visit, "unavailable", error.reason)
    except ProviderError as error:
        return _failed(visit, "refused", error.reason)
    try:
        async with database.transaction(NOWHERE) as session:
            return await _recognise(session, keyring, visit, vouched, language)
    except TooManyRequests:
        return _failed(visit, "too_many", "too_many_mails")


def _failed(visit: ProviderVisit, error: Error, reason: str) -> _Told:
    log.warning("provider.sign_in_failed", provider=visit.provider, reason=reason)
    return _Told(error=error)


async def _recognise(
    session: AsyncSession, keyring: Keyring, visit: ProviderVisit, vouched: Vouched, language: str
) -> _Told:
    """Return the token of the person whose account this is: known, or linked now over a proved address.

    An address that the provider does not answer for is proved by a code sent there: whoever reads it in the
    browser that came back becomes the account's person.
    """
    facts = {"provider": visit.provider, "acr": vouched.acr, "id_token": vouched.id_token}
    person = await identities.find(session, issuer=vouched.issuer, subject=vouched.subject)
    if person is None:
        try:
            address = normalise(vouched.email or "")
        except ValueError:
            return _failed(visit, "email_needed", "no_usable_address")
        if not vouched.email_verified:
            started = await sign_in.start(
                session,
                keyring,
                email=address,
                language=language,
                through=_through(visit),
                facts=facts
                | {
                    "issuer": vouched.issuer,
                    "subject": vouched.subject,
                    "given_name": vouched.given_name,
                    "family_name": vouched.family_name,
                },
            )
            return _Told(sign_in_id=started.sign_in_id)
        person = await persons.find_or_create(
            session,
            address,
            language=language,
            given_name=vouched.given_name,
            family_name=vouched.family_name,
        )
        linked = await identities.link(
            session,
            person,
            provider=visit.provider,
            issuer=vouched.issuer,
            subject=vouched.subject,
        )
        if not linked:
            return _failed(visit, "refused", "account_of_another_person")
    token = await sign_in.vouch(
        session,
        keyring,
        person=person,
        facts=facts,
        client_id=visit.client_id,
        territory_id=visit.territory_id,
        return_url=visit.return_url,
    )
    return _Told(sign_in=token)


def _through(visit: ProviderVisit) -> sign_in.Through:
    return sign_in.Through(
        client_id=visit.client_id,
        territory_id=visit.territory_id,
        return_url=None if is_path(visit.return_url) else visit.return_url,
        actor=f"client:{visit.client_id}" if visit.client_id else "system:console",
    )
