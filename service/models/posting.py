"""Postings (offres d'emploi): the union of France Travail's fields and schema.org JobPosting."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Computed, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Big, Created, Id, Timestamps, text_enum
from service.models.enums import (
    ContractKind,
    ExperienceKind,
    OccupationOrigin,
    PostingState,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)
from service.models.personal import plain
from service.models.tenancy import Tenancy

OWN_SOURCE = "ancrage"


class Posting(Base, Timestamps):
    """One opening, entered by an employer (source ``ancrage``) or imported from a feed.

    ``occupation_code`` is what the employer or the source said; ``suggested_occupation_code`` is our
    own reading of the title, with its confidence (0 to 1), kept apart. ``effective_occupation_code``
    is the first that exists. ``shown`` is false on near-duplicates hidden behind another of the group.
    """

    __tablename__ = "posting"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"))
    employer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("employer.id"), index=True)
    employer_name: Mapped[str | None]

    source: Mapped[str] = mapped_column(default=OWN_SOURCE)
    source_id: Mapped[str | None]
    source_partner: Mapped[str | None]
    source_url: Mapped[str | None]
    source_created_at: Mapped[datetime.datetime | None]
    source_updated_at: Mapped[datetime.datetime | None]
    source_digest: Mapped[str | None] = mapped_column(comment="SHA-256 of the normalised source item")
    source_data: Mapped[dict[str, Any] | None] = mapped_column(
        comment="Facts of the source that no column holds (formations, context, notes)",
        info={"pii": "text"},
    )
    last_listed_at: Mapped[datetime.datetime | None]

    state: Mapped[PostingState] = mapped_column(
        text_enum(PostingState, "posting_state"), default=PostingState.DRAFT
    )
    title: Mapped[str]
    description: Mapped[str | None] = mapped_column(info={"pii": "text"})
    language: Mapped[str] = mapped_column(default="fr")

    occupation_code: Mapped[str | None] = mapped_column(ForeignKey("occupation.code"))
    occupation_title: Mapped[str | None]
    occupation_origin: Mapped[OccupationOrigin | None] = mapped_column(
        text_enum(OccupationOrigin, "occupation_origin")
    )
    suggested_occupation_code: Mapped[str | None] = mapped_column(ForeignKey("occupation.code"))
    suggestion_confidence: Mapped[float | None]
    effective_occupation_code: Mapped[str | None] = mapped_column(
        Computed("COALESCE(occupation_code, suggested_occupation_code)", persisted=True)
    )

    contract_kind: Mapped[ContractKind | None] = mapped_column(text_enum(ContractKind, "contract_kind"))
    contract_label: Mapped[str | None]
    contract_months: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    working_time: Mapped[WorkingTime | None] = mapped_column(text_enum(WorkingTime, "working_time"))
    weekly_hours: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    hours_label: Mapped[str | None]
    start_date: Mapped[datetime.date | None]
    positions: Mapped[int] = mapped_column(default=1)

    salary_min: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    salary_max: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    salary_unit: Mapped[SalaryUnit | None] = mapped_column(text_enum(SalaryUnit, "salary_unit"))
    salary_months: Mapped[Decimal | None] = mapped_column(Numeric(4, 2))
    salary_label: Mapped[str | None]
    yearly_salary_min: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    yearly_salary_max: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))

    commune_code: Mapped[str | None] = mapped_column(ForeignKey("commune.code"))
    departement_code: Mapped[str | None]
    place_label: Mapped[str | None]
    postal_code: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    remote: Mapped[RemoteKind | None] = mapped_column(text_enum(RemoteKind, "remote_kind"))

    sector_code: Mapped[str | None] = mapped_column(comment="NAF division, two digits")
    naf_code: Mapped[str | None]
    skills: Mapped[list[dict[str, Any]]] = mapped_column(comment="[{code, label, required}]")
    skill_codes: Mapped[list[str]]
    experience: Mapped[ExperienceKind | None] = mapped_column(text_enum(ExperienceKind, "experience_kind"))
    experience_months: Mapped[int | None]
    experience_label: Mapped[str | None]
    qualification_label: Mapped[str | None]
    education: Mapped[list[dict[str, Any]]] = mapped_column(comment="[{level, label, required}]")
    languages: Mapped[list[dict[str, Any]]] = mapped_column(comment="[{code, label, required}]")
    licences: Mapped[list[dict[str, Any]]] = mapped_column(comment="[{code, label, required}]")
    benefits: Mapped[list[str]]
    travel_label: Mapped[str | None]
    apprenticeship: Mapped[bool] = mapped_column(default=False)
    accessible: Mapped[bool | None] = mapped_column(comment="Open to workers with a disability")
    few_candidates: Mapped[bool | None]

    apply_url: Mapped[str | None]
    apply_email: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    apply_contact: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    apply_phone: Mapped[str | None] = mapped_column(info={"pii": "contact"})

    tension: Mapped[dict[str, Any] | None] = mapped_column(
        comment="schemas.referentials.TensionFact: what official sources say, each with its year"
    )
    in_tension: Mapped[bool] = mapped_column(default=False)

    valid_through: Mapped[datetime.datetime | None]
    published_at: Mapped[datetime.datetime | None]
    closed_at: Mapped[datetime.datetime | None] = mapped_column(comment="filled, withdrawn or expired")
    confirmed_at: Mapped[datetime.datetime | None]

    held: Mapped[bool] = mapped_column(
        default=False, comment="A person took this imported posting off; imports leave it so"
    )
    group_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    shown: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint(
            "salary_min IS NULL OR salary_max IS NULL OR salary_min <= salary_max", name="salary"
        ),
        CheckConstraint(
            "(salary_min IS NULL AND salary_max IS NULL) OR salary_unit IS NOT NULL", name="salary_has_unit"
        ),
        CheckConstraint("positions >= 1", name="positions"),
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
        CheckConstraint("(source = 'ancrage') = (source_id IS NULL)", name="source_id"),
        Index(
            "uq_posting_territory_source",
            "territory_id",
            "source",
            "source_id",
            unique=True,
            postgresql_where=text("source_id IS NOT NULL"),
        ),
        Index(
            "ix_posting_public",
            "territory_id",
            "published_at",
            "id",
            postgresql_where=text("state = 'published' AND shown"),
        ),
        Index("ix_posting_occupation", "effective_occupation_code"),
        Index("ix_posting_commune", "commune_code"),
        Index("ix_posting_skill_codes", "skill_codes", postgresql_using="gin"),
        Index("ix_posting_valid_through", "valid_through", postgresql_where=text("state = 'published'")),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", employer="employer_id"),
                "plain": plain(
                    "employer_name source source_id source_partner source_url source_created_at "
                    "source_updated_at source_digest last_listed_at state title language "
                    "occupation_title occupation_origin suggestion_confidence "
                    "effective_occupation_code contract_kind contract_label contract_months "
                    "working_time weekly_hours hours_label start_date positions salary_min "
                    "salary_max salary_unit salary_months salary_label yearly_salary_min "
                    "yearly_salary_max departement_code place_label postal_code latitude longitude "
                    "remote sector_code naf_code skills skill_codes experience experience_months "
                    "experience_label qualification_label education languages licences benefits "
                    "travel_label apprenticeship accessible few_candidates apply_url tension "
                    "in_tension valid_through published_at closed_at confirmed_at held group_id "
                    "shown"
                ),
            }
        },
    )


class PostingDocument(Base):
    """What the public reads of a posting, rendered once per language by the verb that changed it.

    ``document`` is handed through as it is; ``linked_data`` is the schema.org JobPosting.
    """

    __tablename__ = "posting_document"
    __table_args__ = (
        {
            "info": {
                "tenancy": Tenancy(through=(("posting_id", "posting"),), readable="true"),
                "plain": plain("territory_version rendered_at"),
            }
        },
    )

    posting_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("posting.id", ondelete="CASCADE"), primary_key=True
    )
    language: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON, info={"pii": "contact"})
    linked_data: Mapped[dict[str, Any]] = mapped_column(JSON, info={"pii": "text"})
    territory_version: Mapped[Big]
    rendered_at: Mapped[Created]


class PostingChange(Base):
    """One entry of a posting's history: what changed, by whom, when."""

    __tablename__ = "posting_change"
    __table_args__ = (
        {
            "info": {
                "tenancy": Tenancy(through=(("posting_id", "posting"),)),
                "plain": plain("action actor at"),
            }
        },
    )

    id: Mapped[Id]
    posting_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posting.id", ondelete="CASCADE"), index=True)
    action: Mapped[str]
    actor: Mapped[str]
    version: Mapped[int]
    changes: Mapped[dict[str, Any]] = mapped_column(comment="{field: [before, after]}", info={"pii": "text"})
    at: Mapped[Created]
