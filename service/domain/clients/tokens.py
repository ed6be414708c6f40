"""Exchanging a secret key for an access token, as RFC 6749 section 4.4 has standard clients do it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.errors import Unauthenticated
from service.core.reach import elevated
from service.core.security import Kind, hash_secret, kind_of, new_key
from service.domain.access import Presented, authenticate
from service.models import ApiClient, ApiKey, Token
from service.schemas.oauth import AccessTokenRead, OAuthErrorCode

LIFETIME: Final = timedelta(hours=1)


class OAuthRefusal(Exception):  # noqa: N818 - as a Problem: no error of ours
    """A refusal that leaves as RFC 6749 section 5.2 shapes it, not as a problem document.

    ``description`` has printable ASCII only, without quotes and backslashes, and never repeats what was sent.
    """

    def __init__(self, error: OAuthErrorCode, description: str) -> None:
        super().__init__(description)
        self.error: OAuthErrorCode = error
        self.description = description


_REFUSED: Final = (
    "The client_id must be the id of a client, and the client_secret a secret key of it that has neither "
    "expired nor been revoked."
)


async def exchange(
    session: AsyncSession, *, client_id: str, client_secret: str, scope: str | None
) -> AccessTokenRead:
    """Return an access token for some of a client's scopes, all of them when ``scope`` names none.

    It ends after an hour, or with the key it was given for. Raises :class:`OAuthRefusal`.
    """
    if kind_of(client_secret) is not Kind.SECRET_KEY:
        raise OAuthRefusal("invalid_client", _REFUSED)
    try:
        actor = await authenticate(session, Presented(authorization=f"Bearer {client_secret}"))
    except Unauthenticated:
        raise OAuthRefusal("invalid_client", _REFUSED) from None
    if client_id != str(actor.client_id):
        raise OAuthRefusal("invalid_client", _REFUSED)
    # Tokens are the platform's own: no client reads or writes one.
    async with elevated(session):
        key, client = (
            await session.execute(
                select(ApiKey, ApiClient)
                .join(ApiClient, ApiClient.id == ApiKey.client_id)
                .where(ApiKey.digest == hash_secret(client_secret))
            )
        ).one()
        asked = set((scope or "").split(" ")) - {""} or set(client.scopes)
        if not asked <= set(client.scopes):
            allowed = " ".join(client.scopes) or "no scope at all"
            raise OAuthRefusal("invalid_scope", f"This client may ask for: {allowed}")
        moment = now()
        expires_at = min(moment + LIFETIME, key.expires_at or moment + LIFETIME)
        value = new_key(Kind.ACCESS)
        session.add(
            Token(
                kind="client",
                digest=hash_secret(value),
                key_id=key.id,
                scopes=sorted(asked),
                created_at=moment,
                expires_at=expires_at,
            )
        )
    return AccessTokenRead(
        access_token=value,
        expires_in=int((expires_at - moment).total_seconds()),
        scope=" ".join(sorted(asked)),
    )
