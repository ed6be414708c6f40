"""Signing in and staying so: codes, visits to providers, sessions and their tokens. Secrets are hashed."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id
from service.models.personal import plain
from service.models.tenancy import PLATFORM, Tenancy


class SignIn(Base):
    """An attempt to sign in: by a code or link sent to ``email``, or by a provider that vouched for someone.

    The code and the link are worked out again from ``id`` and the platform's secret when the mail is sent,
    so that only their hashes are stored. Single use: ``used_at``; dead after ``attempts`` wrong codes.
    """

    __tablename__ = "sign_in"

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(comment="email | provider", info={"pii": None})
    email: Mapped[str] = mapped_column(info={"pii": "contact"})
    person_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("person.id", ondelete="CASCADE"), index=True, comment="Known when a provider vouched"
    )
    code_digest: Mapped[bytes | None] = mapped_column(LargeBinary, info={"pii": None})
    link_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, info={"pii": None})
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_client.id", ondelete="CASCADE"))
    territory_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("territory.id"), comment="Whose brand the mail wears"
    )
    language: Mapped[str] = mapped_column(info={"pii": "preference"})
    return_url: Mapped[str | None] = mapped_column(
        comment="Page of the website that receives the link", info={"pii": None}
    )
    facts: Mapped[dict[str, Any]] = mapped_column(
        comment="What the provider said: {provider, acr, id_token, given_name, family_name}",
        info={"pii": "identity"},
    )
    network: Mapped[str | None] = mapped_column(info={"pii": "network"})
    attempts: Mapped[int] = mapped_column(default=0, info={"pii": None})
    created_at: Mapped[Created] = mapped_column(index=True)
    expires_at: Mapped[datetime.datetime] = mapped_column(info={"pii": None})
    used_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})

    __table_args__ = (
        Index("ix_sign_in_email", "email", "created_at"),
        CheckConstraint("kind IN ('email', 'provider')", name="kind"),
        CheckConstraint("(kind = 'email') = (code_digest IS NOT NULL)", name="code"),
        {"info": {"tenancy": PLATFORM}},
    )


class ProviderVisit(Base):
    """A browser sent to an OpenID provider and expected back: once, in time, and the same browser."""

    __tablename__ = "provider_visit"

    id: Mapped[Id]
    provider: Mapped[str]
    state_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    browser_digest: Mapped[bytes] = mapped_column(
        LargeBinary, comment="Of the cookie set when the browser left: nobody else may come back"
    )
    nonce: Mapped[str]
    code_verifier: Mapped[str]
    return_url: Mapped[str] = mapped_column(comment="Where the browser goes after: console page or website")
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_client.id", ondelete="CASCADE"))
    territory_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("territory.id"))
    created_at: Mapped[Created] = mapped_column(index=True)
    expires_at: Mapped[datetime.datetime]
    used_at: Mapped[datetime.datetime | None]

    __table_args__ = ({"info": {"tenancy": PLATFORM}},)


class PersonSession(Base):
    """One device or browser a person is signed in on. Revoking it ends its tokens at once."""

    __tablename__ = "person_session"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(comment="api | console", info={"pii": "activity"})
    client_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_client.id", ondelete="CASCADE"))
    provider: Mapped[str | None] = mapped_column(info={"pii": "activity"})
    acr: Mapped[str | None] = mapped_column(info={"pii": "activity"})
    id_token: Mapped[str | None] = mapped_column(
        comment="For the provider's logout; never shown", info={"pii": "identifier"}
    )
    user_agent: Mapped[str | None] = mapped_column(info={"pii": "network"})
    network: Mapped[str | None] = mapped_column(info={"pii": "network"})
    created_at: Mapped[Created]
    last_used_at: Mapped[Created] = mapped_column(info={"pii": "activity"})
    expires_at: Mapped[datetime.datetime] = mapped_column(info={"pii": None})
    revoked_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})
    revoked_because: Mapped[str | None] = mapped_column(
        comment="signed_out | by_owner | reused_token | erased | expired", info={"pii": "activity"}
    )

    __table_args__ = (
        CheckConstraint("kind IN ('api', 'console')", name="kind"),
        {"info": {"tenancy": Tenancy(person="person_id")}},
    )


class Token(Base):
    """A token handed out, stored as its SHA-256.

    ``access`` and ``refresh`` belong to an API session, ``console`` to a console one, ``client`` to an API
    client that exchanged its secret key at ``/oauth/token``. A refresh token is used once (``used_at``).
    """

    __tablename__ = "token"

    id: Mapped[Id]
    kind: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("person_session.id", ondelete="CASCADE"), index=True
    )
    key_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_key.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[list[str]] = mapped_column(comment="Of a client's token: what it was asked for")
    created_at: Mapped[Created]
    expires_at: Mapped[datetime.datetime] = mapped_column(index=True)
    used_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        CheckConstraint("kind IN ('access', 'refresh', 'console', 'client')", name="kind"),
        CheckConstraint("(kind = 'client') = (key_id IS NOT NULL)", name="key"),
        CheckConstraint("(kind = 'client') = (session_id IS NULL)", name="session"),
        Index("ix_token_refresh", "session_id", postgresql_where=text("kind = 'refresh'")),
        {"info": {"tenancy": PLATFORM, "plain": plain("kind digest scopes expires_at used_at")}},
    )
