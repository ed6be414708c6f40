"""Employers: establishments that recruit in a territory."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from service.core.siret import is_siret
from service.schemas.base import (
    CommuneCode,
    EmailAddress,
    LongText,
    ReadModel,
    ShortText,
    Slug,
    WebAddress,
    WriteModel,
)


def _siret(value: str) -> str:
    bare = value.replace(" ", "")
    if not is_siret(bare):
        message = "is not a SIRET: 14 digits whose check digits agree (a SIREN has only 9)"
        raise ValueError(message)
    return bare


Siret = Annotated[str, AfterValidator(_siret), Field(max_length=20, examples=["73282932000074"])]
NafCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{2}[A-Z]$")]
Phone = Annotated[str, StringConstraints(pattern=r"^[+0-9 ().-]{6,25}$")]


class EmployerUpdate(WriteModel):
    """What to change; what is left out stays, `null` empties."""

    name: ShortText | None = None
    legal_name: ShortText | None = None
    description: LongText | None = None
    url: WebAddress | None = None
    logo_url: WebAddress | None = None
    naf_code: NafCode | None = Field(None, examples=["10.71C"])
    headcount_band: Annotated[str, StringConstraints(max_length=40)] | None = None
    commune_code: CommuneCode | None = None
    contact_name: ShortText | None = Field(None, description="Never public.")
    contact_email: EmailAddress | None = Field(None, description="Never public.")
    contact_phone: Phone | None = Field(None, description="Never public.")


class EmployerCreate(EmployerUpdate):
    """A new employer. Its SIRET identifies it and cannot be changed later."""

    territory: Slug
    siret: Siret
    name: ShortText


class EmployerRead(ReadModel):
    """An employer as those who manage it see it."""

    id: UUID
    territory: str
    siret: str | None
    name: str
    legal_name: str | None
    description: str | None
    url: str | None
    logo_url: str | None
    naf_code: str | None
    sector_code: str | None
    headcount_band: str | None
    commune_code: str | None
    contact_name: str | None
    contact_email: str | None
    contact_phone: str | None
    version: int
    created_at: datetime
    updated_at: datetime
