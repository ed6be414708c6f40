"""The audit trail: who did or read what, chained by hashes so that an edit shows."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Big, Created
from service.models.tenancy import PLATFORM, Tenancy


class AuditChain(Base):
    """The head of one chain: a territory's, or the platform's own (``id`` all zeros)."""

    __tablename__ = "audit_chain"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    length: Mapped[Big] = mapped_column(default=0)
    digest: Mapped[bytes] = mapped_column(LargeBinary, comment="Of the newest entry; 32 zero bytes before")

    __table_args__ = ({"info": {"tenancy": PLATFORM}},)


class AuditEntry(Base):
    """One deed. ``digest`` covers every column but ``circumstances`` and ``salt``, and the entry before.

    ``circumstances`` is what may be personal: {network, user_agent, reason}. The chain covers only
    ``commitment``, the SHA-256 of ``salt`` and circumstances: both can be erased without breaking it.
    """

    __tablename__ = "audit_entry"
    # Whoever adds an entry may well not read it.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - as SQLAlchemy declares it

    chain_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("audit_chain.id"), primary_key=True)
    sequence: Mapped[Big] = mapped_column(primary_key=True)
    at: Mapped[Created] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(index=True, comment="person:<id> | client:<id> | system:<what>")
    action: Mapped[str] = mapped_column(comment="noun.past_participle, or noun.read")
    object_kind: Mapped[str | None]
    object_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    territory_id: Mapped[uuid.UUID | None]
    request_id: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(comment="Ids and plain facts, never personal data")
    circumstances: Mapped[dict[str, Any] | None] = mapped_column(info={"pii": "network"})
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    commitment: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_audit_entry_territory", "territory_id", "at"),
        {"info": {"tenancy": Tenancy(territory="territory_id", addable=True, fixed=True)}},
    )
