"""Territories: the nested tenants, each with a brand and the communes it covers."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Big, Id, Timestamps, text_enum
from service.models.enums import TerritoryKind
from service.models.personal import plain
from service.models.tenancy import Tenancy


class Territory(Base, Timestamps):
    """A région, département, EPCI or commune that runs its hospitality here.

    ``lineage`` holds its own id and those of all its ancestors, so that "this territory and all
    inside it" is one indexed condition. ``public_version`` grows by one with every change the public
    can see in it or below it.
    """

    __tablename__ = "territory"

    id: Mapped[Id]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("territory.id"), index=True)
    lineage: Mapped[list[uuid.UUID]]
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[TerritoryKind] = mapped_column(text_enum(TerritoryKind, "territory_kind"))
    coverage: Mapped[dict[str, Any]] = mapped_column(
        comment="INSEE codes declared: {regions, departements, epcis, communes}"
    )
    brand_name: Mapped[str | None]
    promise: Mapped[str | None]
    brand_values: Mapped[list[str]]
    colours: Mapped[dict[str, Any]]
    logo_url: Mapped[str | None]
    languages: Mapped[list[str]]
    contacts: Mapped[list[dict[str, Any]]] = mapped_column(info={"pii": "contact"})
    features: Mapped[list[str]]
    version: Mapped[int] = mapped_column(default=1)
    public_version: Mapped[Big] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_territory_lineage", "lineage", postgresql_using="gin"),
        {
            "info": {
                "tenancy": Tenancy(lineage=True, readable="true"),
                "plain": plain(
                    "lineage slug name kind coverage brand_name promise brand_values colours logo_url "
                    "languages features public_version"
                ),
            }
        },
    )


class TerritoryCommune(Base):
    """One commune a territory covers, worked out from its declared coverage."""

    __tablename__ = "territory_commune"
    __table_args__ = ({"info": {"tenancy": Tenancy(territory="territory_id", readable="true")}},)

    territory_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), primary_key=True
    )
    commune_code: Mapped[str] = mapped_column(ForeignKey("commune.code"), primary_key=True, index=True)
