"""Public referentials, imported from their publishers' files: ROME, communes, tension.

A code that a new release no longer holds gets ``obsolete_since``; nothing is ever deleted, because
postings and profiles keep naming it.
"""

import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id
from service.models.tenancy import EVERYBODY


class ReferentialRelease(Base):
    """One import of a referential: which release, from which bytes, with which effect."""

    __tablename__ = "referential_release"

    id: Mapped[Id]
    referential: Mapped[str] = mapped_column(
        comment="rome | communes | families | tension-dares | tension-official | bmo"
    )
    version: Mapped[str]
    checksum: Mapped[str] = mapped_column(comment="SHA-256 of the imported files")
    counts: Mapped[dict[str, Any]]
    imported_at: Mapped[Created]

    __table_args__ = (
        Index("ix_referential_release_latest", "referential", "imported_at"),
        {"info": {"tenancy": EVERYBODY}},
    )


class Commune(Base):
    """A commune, by its INSEE code (never by its postal code)."""

    __tablename__ = "commune"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(comment="name through core.text.fold")
    search_name: Mapped[str] = mapped_column(
        Computed(
            "regexp_replace(regexp_replace(regexp_replace(folded_name, '^(le|la|les|l) ', ''), "
            r"'\mst\M', 'saint', 'g'), '\mste\M', 'sainte', 'g')",
            persisted=True,
        ),
        comment="folded_name without its leading article, st and ste written out",
    )
    postal_codes: Mapped[list[str]]
    population: Mapped[int | None]
    departement_code: Mapped[str] = mapped_column(index=True)
    departement_name: Mapped[str]
    region_code: Mapped[str] = mapped_column(index=True)
    region_name: Mapped[str]
    epci_code: Mapped[str | None] = mapped_column(index=True)
    epci_name: Mapped[str | None]
    employment_area_code: Mapped[str | None]
    employment_area_name: Mapped[str | None]
    bmo_area_code: Mapped[str | None]
    bmo_area_name: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    obsolete_since: Mapped[datetime.datetime | None]

    __table_args__ = (
        # Written a few times a year: a pending list would only slow every search until the next vacuum.
        Index(
            "ix_commune_postal_codes",
            "postal_codes",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        Index("ix_commune_folded_name", "folded_name", "code"),
        Index("ix_commune_search_name", "search_name", postgresql_ops={"search_name": "text_pattern_ops"}),
        {"info": {"tenancy": EVERYBODY}},
    )


class Sector(Base):
    """A NAF division (two digits), with ROME's label for it."""

    __tablename__ = "sector"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    obsolete_since: Mapped[datetime.datetime | None]


class Occupation(Base):
    """A ROME 4.0 occupation (fiche métier)."""

    __tablename__ = "occupation"

    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    folded_label: Mapped[str]
    definition: Mapped[str | None]
    access: Mapped[str | None] = mapped_column(comment="How one enters the trade, in ROME's words")
    parent_code: Mapped[str | None] = mapped_column(comment="The code it came from in ROME v3", index=True)
    domain_code: Mapped[str | None]
    domain_label: Mapped[str | None]
    major_domain_code: Mapped[str | None]
    major_domain_label: Mapped[str | None]
    obsolete_since: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index("ix_occupation_folded_label", "folded_label", "code"),
        {"info": {"tenancy": EVERYBODY}},
    )


class OccupationTitle(Base):
    """One of the 13,120 titles (appellations) that name an occupation."""

    __tablename__ = "occupation_title"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    code: Mapped[str] = mapped_column(primary_key=True, comment="OGR code")
    occupation_code: Mapped[str] = mapped_column(ForeignKey("occupation.code"), index=True)
    label: Mapped[str]
    short_label: Mapped[str]
    folded_label: Mapped[str]
    rarely_used: Mapped[bool]
    obsolete_since: Mapped[datetime.datetime | None]


class Skill(Base):
    """A ROME competence or knowledge (savoir), by OGR code."""

    __tablename__ = "skill"

    code: Mapped[str] = mapped_column(primary_key=True, comment="OGR code")
    label: Mapped[str]
    folded_label: Mapped[str]
    kind: Mapped[str]
    category: Mapped[str | None]
    macro_code: Mapped[str | None] = mapped_column(comment="OGR code of the macro-competence it belongs to")
    obsolete_since: Mapped[datetime.datetime | None]

    __table_args__ = (
        CheckConstraint("kind IN ('competence', 'knowledge')", name="kind"),
        Index("ix_skill_folded_label", "folded_label", "code"),
        {"info": {"tenancy": EVERYBODY}},
    )


class OccupationSkill(Base):
    """A skill that ROME lists for an occupation; ``core`` when it is at the heart of the trade."""

    __tablename__ = "occupation_skill"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    occupation_code: Mapped[str] = mapped_column(ForeignKey("occupation.code"), primary_key=True)
    skill_code: Mapped[str] = mapped_column(ForeignKey("skill.code"), primary_key=True, index=True)
    importance: Mapped[str | None] = mapped_column(comment="principale | émergente, as published")


class OccupationMobility(Base):
    """A move ROME sees from one occupation to another; rank 1 is the nearest."""

    __tablename__ = "occupation_mobility"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    from_code: Mapped[str] = mapped_column(ForeignKey("occupation.code"), primary_key=True)
    to_code: Mapped[str] = mapped_column(ForeignKey("occupation.code"), primary_key=True, index=True)
    rank: Mapped[int]


class OccupationSector(Base):
    """A NAF division in which an occupation is practised, as ROME lists it."""

    __tablename__ = "occupation_sector"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    occupation_code: Mapped[str] = mapped_column(ForeignKey("occupation.code"), primary_key=True)
    sector_code: Mapped[str] = mapped_column(ForeignKey("sector.code"), primary_key=True)


class ProfessionalFamily(Base):
    """A family of occupations (famille professionnelle, FAP), in its detailed level.

    FAP 2009 and FAP 2021 share some codes but are two nomenclatures: a code means nothing alone.
    """

    __tablename__ = "professional_family"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    nomenclature: Mapped[str] = mapped_column(primary_key=True, comment="fap2009 | fap2021")
    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]


class FamilyOccupation(Base):
    """Crosswalk: a family of FAP 2009 covers a ROME v3 code, for some qualifications of the worker.

    ``qualifications`` holds France Travail's digits, 1 (labourer) to 9 (executive), and 0 for "not said".
    Within one ROME code each digit belongs to one family. NULL: the source does not tell.
    """

    __tablename__ = "family_occupation"
    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)

    family_code: Mapped[str] = mapped_column(primary_key=True)
    rome_code: Mapped[str] = mapped_column(primary_key=True, comment="As published: ROME v3", index=True)
    qualifications: Mapped[list[str] | None]


class Tension(Base):
    """How hard an occupation's family is to fill, in one area and year, by one official source.

    ``level`` is the Dares category, 1 (very low) to 5 (very high). ``listed`` says the family is on
    the official list of shortage trades. BMO figures are numbers of planned hirings; a masked ``*`` is NULL.
    """

    __tablename__ = "tension"

    id: Mapped[Id]
    source: Mapped[str] = mapped_column(comment="dares | official-list | bmo")
    year: Mapped[int]
    nomenclature: Mapped[str] = mapped_column(comment="fap2009 | fap2021")
    family_code: Mapped[str]
    area_kind: Mapped[str] = mapped_column(comment="country | region | departement | bmo-area")
    area_code: Mapped[str]
    area_name: Mapped[str | None]
    departement_code: Mapped[str | None] = mapped_column(
        comment="BMO only: a bmo-area that crosses a border has one row in each departement"
    )
    level: Mapped[int | None]
    indicator: Mapped[Decimal | None] = mapped_column(Numeric)
    listed: Mapped[bool | None]
    planned_hirings: Mapped[int | None]
    difficult_hirings: Mapped[int | None]
    seasonal_hirings: Mapped[int | None]
    obsolete_since: Mapped[datetime.datetime | None]

    __table_args__ = (
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
        UniqueConstraint(
            "source",
            "year",
            "nomenclature",
            "family_code",
            "area_kind",
            "area_code",
            "departement_code",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_tension_family", "nomenclature", "family_code", "area_kind", "area_code"),
        {"info": {"tenancy": EVERYBODY}},
    )
