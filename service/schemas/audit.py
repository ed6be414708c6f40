"""Entries of the audit trail, as managers read them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from service.schemas.base import ReadModel

ActorName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(:[^\s]{1,100})?$", max_length=120)]
Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=80)]


class AuditCircumstances(ReadModel):
    """From where and why something was asked."""

    network: str | None = Field(None, description="The caller's network address.")
    user_agent: str | None = Field(None, description="The program, as it named itself.")
    reason: str | None = Field(None, description="What the person gave in `Ancrage-Reason`.")


class AuditEntryRead(ReadModel):
    """One thing done or read. Nobody can change or remove it."""

    territory: str | None = Field(description="Slug of the territory it concerns; null: the platform's own.")
    sequence: int = Field(description="Its number in the chain of that territory, from 1, without gaps.")
    at: datetime
    actor: str = Field(
        description="Who: `person:<id>`, `client:<id>` (a program), `system:<what>`, `anonymous`.",
        examples=["person:0199c0de-0000-7000-8000-000000000001"],
    )
    action: str = Field(
        description="`noun.past_participle` for a change, `noun.read` for a reading.",
        examples=["candidate.read"],
    )
    object_kind: str | None
    object_id: UUID | None = Field(description="What it was done to; null when `data.ids` names several.")
    request_id: str | None = Field(description="The `X-Request-ID` of the request it was done by.")
    data: dict[str, Any] = Field(description="Ids and plain facts, never personal data.")
    circumstances: AuditCircumstances | None = Field(
        description="Null for what the platform did by itself, and after twelve months."
    )
    digest: str = Field(description="SHA-256 of this entry and the one before it, in hexadecimal.")
