"""Consents, requests of persons about their data, erasures, and the mails that went out."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id, Timestamps
from service.models.tenancy import PLATFORM, Tenancy


class Consent(Base):
    """A person's yes to one purpose, in one version of its text; kept as proof once withdrawn.

    Of a person under 15 it counts once a parent confirmed it (``guardian_confirmed_at``).
    """

    __tablename__ = "consent"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(info={"pii": "consent"})
    text_version: Mapped[str] = mapped_column(info={"pii": "consent"})
    language: Mapped[str] = mapped_column(info={"pii": "consent"})
    channel: Mapped[str] = mapped_column(comment="website | console | email | paper", info={"pii": "consent"})
    territory_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("territory.id"), index=True)
    given_at: Mapped[datetime.datetime] = mapped_column(info={"pii": "consent"})
    needs_guardian: Mapped[bool] = mapped_column(default=False, info={"pii": "consent"})
    guardian_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True, info={"pii": None})
    guardian_confirmed_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "consent"})
    withdrawn_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "consent"})
    withdrawn_channel: Mapped[str | None] = mapped_column(info={"pii": "consent"})

    __table_args__ = (
        Index(
            "uq_consent_standing",
            "person_id",
            "purpose",
            "territory_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        {"info": {"tenancy": Tenancy(person="person_id", territory="territory_id")}},
    )


class PrivacyRequest(Base, Timestamps):
    """What a person asks about their data; answered within a month."""

    __tablename__ = "privacy_request"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    email: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    kind: Mapped[str] = mapped_column(
        comment="access | rectification | erasure | restriction | portability | objection",
        info={"pii": "request"},
    )
    message: Mapped[str | None] = mapped_column(info={"pii": "request"})
    answer: Mapped[str | None] = mapped_column(info={"pii": "request"})
    state: Mapped[str] = mapped_column(comment="received | answered | refused", info={"pii": "request"})
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    received_at: Mapped[Created] = mapped_column(info={"pii": "request"})
    due_at: Mapped[datetime.datetime] = mapped_column(info={"pii": "request"})
    answered_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "request"})
    handled_by: Mapped[str | None] = mapped_column(comment="Actor", info={"pii": None})
    reminded_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": None})
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("state IN ('received', 'answered', 'refused')", name="state"),
        {"info": {"tenancy": Tenancy(territory="territory_id", person="person_id", addable=True)}},
    )


class Erasure(Base):
    """That somebody's data were erased: without a name, to be done again after a restore."""

    __tablename__ = "erasure"

    id: Mapped[Id]
    subject_kind: Mapped[str] = mapped_column(comment="person | address | candidate_profile")
    subject_id: Mapped[uuid.UUID] = mapped_column(index=True)
    email_digest: Mapped[bytes | None] = mapped_column(
        LargeBinary,
        comment="Keyed SHA-256 of the address, to find what is known by address alone",
        info={"pii": None},
    )
    because: Mapped[str] = mapped_column(comment="asked | dormant | retention | replayed")
    erased_at: Mapped[Created]

    __table_args__ = ({"info": {"tenancy": PLATFORM}},)


class Mail(Base):
    """One mail: which template, to whom, what became of it. Its words are made when it is sent."""

    __tablename__ = "mail"
    # Whoever has a mail sent may well not read it.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - as SQLAlchemy declares it

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    to_address: Mapped[str | None] = mapped_column(index=True, info={"pii": "contact"})
    template: Mapped[str] = mapped_column(info={"pii": "activity"})
    language: Mapped[str] = mapped_column(info={"pii": "preference"})
    territory_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("territory.id"), comment="Whose brand it wears"
    )
    data: Mapped[dict[str, Any]] = mapped_column(
        comment="Ids and plain facts its template needs, never a secret", info={"pii": None}
    )
    state: Mapped[str] = mapped_column(default="waiting", info={"pii": "activity"})
    message_id: Mapped[str | None] = mapped_column(unique=True, info={"pii": None})
    bounce_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True, info={"pii": None})
    error: Mapped[str | None] = mapped_column(
        comment="The server's enhanced status code and class, never its text", info={"pii": None}
    )
    created_at: Mapped[Created] = mapped_column(index=True)
    sent_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})
    bounced_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'refused', 'bounced', 'dropped')", name="state"),
        {"info": {"tenancy": Tenancy(territory="territory_id", person="person_id", addable=True)}},
    )
