"""Territories and their brands."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from service.models.enums import TerritoryKind
from service.schemas.base import (
    CommuneCode,
    EmailAddress,
    Language,
    ReadModel,
    ShortText,
    Slug,
    WebAddress,
    WriteModel,
)

Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
ColourName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
Feature = Annotated[str, StringConstraints(pattern=r"^(postings|matching)$")]
RegionCode = Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
DepartementCode = Annotated[str, StringConstraints(pattern=r"^(\d{2}|2[AB]|97\d)$")]
SirenCode = Annotated[str, StringConstraints(pattern=r"^\d{9}$")]


class Coverage(WriteModel):
    """Which communes a territory covers, by INSEE codes; the levels add up."""

    regions: list[RegionCode] = Field(default_factory=list, max_length=20)
    departements: list[DepartementCode] = Field(default_factory=list, max_length=110)
    epcis: list[SirenCode] = Field(default_factory=list, max_length=500, description="SIREN numbers")
    communes: list[CommuneCode] = Field(default_factory=list, max_length=5000)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.regions or self.departements or self.epcis or self.communes):
            message = "name at least one region, departement, EPCI or commune"
            raise ValueError(message)
        return self


class Contact(WriteModel):
    """Whom the public may ask: a function, never a private person's data."""

    label: ShortText = Field(examples=["La conciergerie"])
    email: EmailAddress | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^[+0-9 ().-]{6,25}$")] | None = None
    url: WebAddress | None = None


class Brand(WriteModel):
    """What a territory promises, and how it looks."""

    name: ShortText | None = None
    promise: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    values: list[ShortText] = Field(default_factory=list, max_length=20)
    colours: dict[ColourName, Colour] = Field(
        default_factory=dict, max_length=20, examples=[{"primary": "#0b6e6e", "accent": "#f2a541"}]
    )
    logo_url: WebAddress | None = None
    languages: list[Language] = Field(default=["fr"], min_length=1, max_length=20)
    contacts: list[Contact] = Field(default_factory=list, max_length=20)


class TerritoryCreate(WriteModel):
    """A new territory inside one of the key's territories."""

    slug: Slug = Field(examples=["pays-des-sources"])
    name: ShortText
    kind: TerritoryKind
    parent: Slug = Field(description="Slug of the territory that holds it.")
    coverage: Coverage
    brand: Brand = Field(default_factory=Brand)
    features: list[Feature] = Field(default=["postings", "matching"], max_length=10)


class TerritoryUpdate(WriteModel):
    """What to change; what is left out stays. `brand` is replaced as a whole."""

    name: ShortText | None = None
    coverage: Coverage | None = None
    brand: Brand | None = None
    features: list[Feature] | None = Field(None, max_length=10)


class TerritoryRead(ReadModel):
    """A territory as the public sees it."""

    slug: str
    name: str
    kind: TerritoryKind
    parent: str | None = Field(description="Slug of the territory that holds it.")
    brand: Brand
    features: list[str]
    coverage: Coverage
    communes: int = Field(description="How many communes it covers.")
    version: int
