"""Partners: organisations a territory works with."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from service.schemas.base import EmailAddress, LongText, ReadModel, ShortText, Slug, WebAddress, WriteModel
from service.schemas.employers import Phone

PartnerKind = Literal["housing", "education", "health", "administration", "economy", "other"]


class PartnerUpdate(WriteModel):
    """What to change; what is left out stays, `null` empties."""

    name: ShortText | None = None
    kind: PartnerKind | None = Field(
        None, description="What it helps with: a landlord is `housing`, a chamber of commerce `economy`."
    )
    description: LongText | None = None
    url: WebAddress | None = None
    contact_name: ShortText | None = Field(None, description="Never public.")
    contact_email: EmailAddress | None = Field(None, description="Never public.")
    contact_phone: Phone | None = Field(None, description="Never public.")


class PartnerCreate(PartnerUpdate):
    """A new partner. Its name is its own in the territory."""

    territory: Slug
    name: ShortText
    kind: PartnerKind


class PartnerRead(ReadModel):
    """A partner as those who work with it see it."""

    id: UUID
    territory: str
    name: str
    kind: PartnerKind
    description: str | None
    url: str | None
    contact_name: str | None
    contact_email: str | None
    contact_phone: str | None
    version: int
    created_at: datetime
    updated_at: datetime
