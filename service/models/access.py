"""API clients, their secret keys, and the answers kept for repeated requests."""

import datetime
import uuid
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id


class ApiClient(Base):
    """A program that calls the API for one or more territories."""

    __tablename__ = "api_client"

    id: Mapped[Id]
    name: Mapped[str]
    territory_ids: Mapped[list[uuid.UUID]] = mapped_column(comment="Territories, each with all inside it")
    scopes: Mapped[list[str]]
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime.datetime | None]


class ApiKey(Base):
    """A secret key of a client, stored as its SHA-256; ``hint`` is its last four characters."""

    __tablename__ = "api_key"

    id: Mapped[Id]
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("api_client.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str]
    created_at: Mapped[Created]
    expires_at: Mapped[datetime.datetime | None]
    last_used_at: Mapped[datetime.datetime | None]
    revoked_at: Mapped[datetime.datetime | None]


class IdempotencyRecord(Base):
    """The answer given to a POST with an Idempotency-Key, replayed for 24 hours."""

    __tablename__ = "idempotency_record"

    client_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("api_client.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of method, path, query and body")
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Created] = mapped_column(index=True)


class PlatformSecret(Base):
    """A secret the platform made for itself when none was configured."""

    __tablename__ = "platform_secret"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
