"""The audit trail: who did or read what, chained by hashes so that an edit shows."""

import uuid
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Big, Created
from service.models.personal import plain
from service.models.tenancy import Tenancy


def _guards(table: str, permitted: str) -> tuple[str, ...]:
    """Return the SQL that refuses everybody, the owner too, all but adding rows and ``permitted`` updates."""
    return (
        (
            f"CREATE OR REPLACE FUNCTION {table}_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF TG_OP = 'UPDATE' THEN IF {permitted} THEN RETURN NEW; END IF; END IF;"
            " RAISE EXCEPTION 'The audit trail only grows: % of % is refused.', lower(TG_OP), TG_TABLE_NAME"
            " USING ERRCODE = 'insufficient_privilege'; END $$"
        ),
        (
            f"CREATE OR REPLACE TRIGGER {table}_row_grows BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_grows()"
        ),
        (
            f"CREATE OR REPLACE TRIGGER {table}_grows BEFORE TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_grows()"
        ),
        # Whatever the session calls itself, a replica applying changes among it.
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_row_grows",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_grows",
    )


_HEAD_MOVES_ON: Final = "NEW.id = OLD.id AND NEW.length >= OLD.length"
_CIRCUMSTANCES_GO: Final = (
    "NEW.circumstances IS NULL AND NEW.salt IS NULL"
    " AND to_jsonb(NEW) - '{circumstances,salt}'::text[] = to_jsonb(OLD) - '{circumstances,salt}'::text[]"
)


class AuditChain(Base):
    """The head of one chain: a territory's, or the platform's own (``id`` all zeros)."""

    __tablename__ = "audit_chain"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    length: Mapped[Big] = mapped_column(default=0)
    digest: Mapped[bytes] = mapped_column(LargeBinary, comment="Of the newest entry; 32 zero bytes before")

    __table_args__ = (
        {"info": {"tenancy": Tenancy(reserved=True), "guards": _guards("audit_chain", _HEAD_MOVES_ON)}},
    )


class AuditEntry(Base):
    """One deed. ``digest`` covers every column but ``circumstances`` and ``salt``, and the entry before.

    ``circumstances`` is what may be personal: {network, user_agent, reason}. The chain covers only
    ``commitment``, the SHA-256 of ``salt`` and circumstances: both can be erased without breaking it.
    """

    __tablename__ = "audit_entry"

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
    circumstances: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), info={"pii": "network"}
    )
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    commitment: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_audit_entry_territory", "territory_id", "at"),
        # What is left to erase when its time has come.
        Index("ix_audit_entry_circumstances", "at", postgresql_where=text("circumstances IS NOT NULL")),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", reserved=True),
                "guards": _guards("audit_entry", _CIRCUMSTANCES_GO),
                "plain": plain(
                    "at actor action object_kind object_id territory_id request_id data salt "
                    "commitment digest"
                ),
            }
        },
    )
