"""Candidate profiles: an allow-list of facts about the work someone wants, and nothing else."""

import datetime
import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id, Timestamps, text_enum
from service.models.enums import RemoteKind, SalaryUnit, WorkingTime
from service.models.tenancy import Tenancy


class CandidateProfile(Base, Timestamps):
    """A person's wish to work in a territory.

    No name, age, sex, nationality, health or family column exists here (Labour Code L1221-6,
    L1132-1). The commune serves the candidate's own radius and is never shown to an employer.
    """

    __tablename__ = "candidate_profile"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    person_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("person.id"), index=True, comment="Whose it is, when the person signed in to make it"
    )
    reference: Mapped[str | None] = mapped_column(
        comment="The caller's own key for this person", info={"pii": "identifier"}
    )
    active: Mapped[bool] = mapped_column(default=True, info={"pii": "work"})
    occupation_codes: Mapped[list[str]] = mapped_column(info={"pii": "work"})
    skill_codes: Mapped[list[str]] = mapped_column(info={"pii": "work"})
    contract_kinds: Mapped[list[str]] = mapped_column(
        ARRAY(Text()),
        info={"pii": "work"},
    )
    working_time: Mapped[WorkingTime | None] = mapped_column(
        text_enum(WorkingTime, "candidate_working_time"), info={"pii": "work"}
    )
    salary_wish: Mapped[Decimal | None] = mapped_column(Numeric(12, 2), info={"pii": "work"})
    salary_unit: Mapped[SalaryUnit | None] = mapped_column(
        text_enum(SalaryUnit, "candidate_salary_unit"), info={"pii": "work"}
    )
    commune_code: Mapped[str | None] = mapped_column(ForeignKey("commune.code"), info={"pii": "place"})
    radius_km: Mapped[int | None] = mapped_column(info={"pii": "place"})
    available_from: Mapped[datetime.date | None] = mapped_column(info={"pii": "work"})
    languages: Mapped[list[str]] = mapped_column(info={"pii": "work"})
    licences: Mapped[list[str]] = mapped_column(info={"pii": "work"})
    remote: Mapped[RemoteKind | None] = mapped_column(
        text_enum(RemoteKind, "candidate_remote_kind"), info={"pii": "work"}
    )
    last_contact_at: Mapped[Created] = mapped_column(info={"pii": "activity"})
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("(radius_km IS NULL) OR (radius_km > 0 AND commune_code IS NOT NULL)", name="radius"),
        CheckConstraint("(salary_wish IS NULL) = (salary_unit IS NULL)", name="salary"),
        Index(
            "uq_candidate_profile_territory_reference",
            "territory_id",
            "reference",
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        {"info": {"tenancy": Tenancy(territory="territory_id", person="person_id")}},
    )
