"""Persons, what they may do where, and the programs and organisations they act for."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id, Timestamps
from service.models.personal import plain
from service.models.tenancy import Tenancy


class Person(Base, Timestamps):
    """Somebody who signs in. One person, several hats: see :class:`RoleGrant`.

    ``email`` is in lower case and verified: a person exists from the first sign-in on. It is NULL once the
    person was anonymised; the row then stays so that counts stay true.
    """

    __tablename__ = "person"

    id: Mapped[Id]
    email: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    given_name: Mapped[str | None] = mapped_column(info={"pii": "identity"})
    family_name: Mapped[str | None] = mapped_column(info={"pii": "identity"})
    language: Mapped[str] = mapped_column(default="fr", info={"pii": "preference"})
    birth_date: Mapped[datetime.date | None] = mapped_column(info={"pii": "identity"})
    guardian_email: Mapped[str | None] = mapped_column(
        comment="Of the parent who consents for a person under 15", info={"pii": "contact"}
    )
    last_seen_at: Mapped[Created] = mapped_column(info={"pii": "activity"})
    dormancy_warned_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})
    email_bounced_at: Mapped[datetime.datetime | None] = mapped_column(
        comment="Mail to the address came back for good", info={"pii": "activity"}
    )
    anonymised_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": None})
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("uq_person_email", "email", unique=True),
        Index("ix_person_last_seen", "last_seen_at", postgresql_where=text("anonymised_at IS NULL")),
        CheckConstraint("(email IS NULL) = (anonymised_at IS NOT NULL)", name="anonymised"),
        {"info": {"tenancy": Tenancy(person="id")}},
    )


class Identity(Base):
    """A person's account at an OpenID provider, linked over a verified e-mail."""

    __tablename__ = "identity"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(info={"pii": "activity"})
    issuer: Mapped[str] = mapped_column(info={"pii": "activity"})
    subject: Mapped[str] = mapped_column(info={"pii": "identifier"})
    created_at: Mapped[Created]
    last_used_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})

    __table_args__ = (
        Index("uq_identity_issuer_subject", "issuer", "subject", unique=True),
        {"info": {"tenancy": Tenancy(person="person_id")}},
    )


class Partner(Base, Timestamps):
    """An organisation a territory works with: landlord, school, CPAM, chamber of commerce."""

    __tablename__ = "partner"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(
        comment="housing | education | health | administration | economy | other"
    )
    description: Mapped[str | None] = mapped_column(info={"pii": "text"})
    url: Mapped[str | None]
    contact_name: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    contact_email: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    contact_phone: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("uq_partner_territory_name", "territory_id", "name", unique=True),
        CheckConstraint(
            "kind IN ('housing', 'education', 'health', 'administration', 'economy', 'other')", name="kind"
        ),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", partner="id"),
                "plain": plain("name kind url"),
            }
        },
    )


class RoleGrant(Base):
    """A hat: ``role`` (a name in ``domain.access.ROLES``) held by a person at one place.

    ``territory_id`` is always set but for operators; for an employer's or a partner's member it is the
    organisation's own territory, for those who manage it, and gives the member nothing.
    """

    __tablename__ = "role_grant"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(info={"pii": "role"})
    territory_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("territory.id"), index=True)
    employer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("employer.id"), index=True)
    partner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("partner.id"), index=True)
    given_by: Mapped[str] = mapped_column(comment="Actor", info={"pii": None})
    created_at: Mapped[Created]
    expires_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "role"})
    revoked_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "role"})

    __table_args__ = (
        Index(
            "uq_role_grant_held",
            "person_id",
            "role",
            "territory_id",
            "employer_id",
            "partner_id",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("(role = 'operator') = (territory_id IS NULL)", name="territory"),
        CheckConstraint("(role = 'employer_member') = (employer_id IS NOT NULL)", name="employer"),
        CheckConstraint("(role = 'partner_member') = (partner_id IS NOT NULL)", name="partner"),
        {
            "info": {
                "tenancy": Tenancy(
                    territory="territory_id",
                    employer="employer_id",
                    partner="partner_id",
                    person="person_id",
                    reserved=True,
                )
            }
        },
    )


class Invitation(Base):
    """A hat offered by e-mail; whoever signs in with that address may take it until it expires.

    ``link_digest`` is of the token in the mail, worked out again from ``id`` whenever it is sent.
    ``invited_by`` is who vouches: they must still be allowed to give the role when it is taken.
    """

    __tablename__ = "invitation"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(index=True, info={"pii": "contact"})
    language: Mapped[str] = mapped_column(info={"pii": "preference"})
    role: Mapped[str] = mapped_column(info={"pii": "role"})
    territory_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("territory.id"), index=True)
    employer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("employer.id"))
    partner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("partner.id"))
    link_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, info={"pii": None})
    invited_by: Mapped[str] = mapped_column(comment="Actor", info={"pii": None})
    sent_at: Mapped[datetime.datetime] = mapped_column(comment="The newest mail", info={"pii": None})
    sendings: Mapped[int] = mapped_column(default=1, comment="Mails so far", info={"pii": None})
    role_expires_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "role"})
    created_at: Mapped[Created]
    expires_at: Mapped[datetime.datetime] = mapped_column(info={"pii": "role"})
    accepted_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "activity"})
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime.datetime | None] = mapped_column(info={"pii": "role"})

    __table_args__ = (
        Index(
            "uq_invitation_open",
            "email",
            "role",
            "territory_id",
            "employer_id",
            "partner_id",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
        {
            "info": {
                "tenancy": Tenancy(
                    territory="territory_id",
                    employer="employer_id",
                    partner="partner_id",
                    email="email",
                    reserved=True,
                )
            }
        },
    )
