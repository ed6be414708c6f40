"""Employers: establishments, identified by their SIRET."""

import uuid

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Id, Timestamps
from service.models.personal import plain
from service.models.tenancy import Tenancy


class Employer(Base, Timestamps):
    """An establishment that recruits in a territory."""

    __tablename__ = "employer"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    siret: Mapped[str | None]
    name: Mapped[str]
    legal_name: Mapped[str | None]
    description: Mapped[str | None] = mapped_column(info={"pii": "text"})
    url: Mapped[str | None]
    logo_url: Mapped[str | None]
    naf_code: Mapped[str | None]
    sector_code: Mapped[str | None] = mapped_column(comment="NAF division, two digits")
    headcount_band: Mapped[str | None]
    commune_code: Mapped[str | None] = mapped_column(ForeignKey("commune.code"))
    contact_name: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    contact_email: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    contact_phone: Mapped[str | None] = mapped_column(info={"pii": "contact"})
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index(
            "uq_employer_territory_siret",
            "territory_id",
            "siret",
            unique=True,
            postgresql_where=text("siret IS NOT NULL"),
        ),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", employer="id"),
                "plain": plain("siret name legal_name url logo_url naf_code sector_code headcount_band"),
            }
        },
    )
