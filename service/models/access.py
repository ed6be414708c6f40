"""API clients, their secret keys, and the answers kept for repeated requests."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id
from service.models.personal import plain
from service.models.tenancy import PLATFORM, Tenancy


class ApiClient(Base):
    """A program that calls the API for one or more territories.

    ``secret``: a server, with secret keys. ``publishable``: a page in a browser, with a key that anybody may
    see; it is taken from the pages of ``origins`` alone.
    """

    __tablename__ = "api_client"

    id: Mapped[Id]
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="secret", server_default="secret")
    territory_ids: Mapped[list[uuid.UUID]] = mapped_column(comment="Territories, each with all inside it")
    scopes: Mapped[list[str]]
    origins: Mapped[list[str]] = mapped_column(
        default=list, server_default="{}", comment="https://www.example.fr, as browsers send it"
    )
    created_by: Mapped[str | None] = mapped_column(comment="Actor")
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime.datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        CheckConstraint("kind IN ('secret', 'publishable')", name="kind"),
        {"info": {"tenancy": Tenancy(territories="territory_ids", client="id", reserved=True)}},
    )


class ApiKey(Base):
    """A key of a client, stored as its SHA-256; ``hint`` is its last four characters."""

    __tablename__ = "api_key"

    id: Mapped[Id]
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("api_client.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str]
    created_at: Mapped[Created]
    expires_at: Mapped[datetime.datetime | None]
    last_used_at: Mapped[datetime.datetime | None]
    revoked_at: Mapped[datetime.datetime | None]

    __table_args__ = ({"info": {"tenancy": Tenancy(through=(("client_id", "api_client"),), reserved=True)}},)


class IdempotencyRecord(Base):
    """The answer given to a POST with an Idempotency-Key, replayed for 24 hours.

    ``owner_id`` is the person or API client who sent it.
    """

    __tablename__ = "idempotency_record"

    owner_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of method, path, query and body")
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary, info={"pii": "answer"})
    created_at: Mapped[Created] = mapped_column(index=True)

    __table_args__ = (
        {
            "info": {
                "tenancy": Tenancy(person="owner_id", client="owner_id"),
                "plain": plain("fingerprint status headers"),
            }
        },
    )


class PlatformSecret(Base):
    """A secret the platform made for itself when none was configured."""

    __tablename__ = "platform_secret"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = ({"info": {"tenancy": PLATFORM}},)
