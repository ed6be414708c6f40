"""API clients: the programs and web pages that call for territories, and their keys."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from service.schemas.base import Moment, ReadModel, ShortText, Slug, WriteModel
from service.schemas.origins import Origin

ClientKind = Literal["secret", "publishable"]
ScopeName = Annotated[str, StringConstraints(min_length=1, max_length=60)]
LONGEST_OVERLAP_HOURS = 30 * 24

_Territories = Annotated[
    list[Slug],
    Field(min_length=1, max_length=50, description="Slugs; everything inside each is granted too."),
]
_Scopes = Annotated[
    list[ScopeName],
    Field(
        max_length=50,
        description="What a program may do. Only what you may do yourself, in all its territories. "
        "A publishable key has none: it may start a sign-in and send a privacy request.",
        examples=[["postings:read", "postings:write"]],
    ),
]
_Origins = Annotated[
    list[Origin],
    Field(
        max_length=50,
        description="The pages a publishable key is taken from, each as browsers send it in `Origin`: "
        "https (http for localhost alone), the host in ASCII, a port if it is not 443, no path.",
    ),
]
_KeyExpiry = Annotated[
    Moment | None, Field(description="When the key ends by itself; never, when left out. In the future.")
]


class ApiClientCreate(WriteModel):
    """A new client with its first key."""

    name: ShortText = Field(examples=["Website of the Pays des Sources"])
    kind: ClientKind = Field(
        "secret",
        description="`secret`: a server, which keeps its key to itself. `publishable`: a page in a browser.",
    )
    territories: _Territories
    scopes: _Scopes = Field(default_factory=list)
    origins: _Origins = Field(default_factory=list)
    key_expires_at: _KeyExpiry = None


class ApiClientUpdate(WriteModel):
    """What to change; what is left out stays. A list replaces the one before."""

    name: ShortText | None = None
    territories: _Territories | None = None
    scopes: _Scopes | None = None
    origins: _Origins | None = None


class ApiKeyCreate(WriteModel):
    """A new key for a client that exists."""

    overlap_hours: int = Field(
        24,
        ge=0,
        le=LONGEST_OVERLAP_HOURS,
        description="How long the keys before it still work, in hours; 0 ends them at once.",
    )
    expires_at: _KeyExpiry = None


class ApiKeyRead(ReadModel):
    """A key, without the key itself."""

    id: UUID
    hint: str = Field(description="Its last four characters.")
    created_at: datetime
    last_used_at: datetime | None = Field(description="Exact to an hour.")
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeyIssued(ApiKeyRead):
    """A key that was just made."""

    value: str = Field(
        description="The key itself, in this answer and never again.",
        examples=["ancrage_sk_000000000000000000000000000000002wjyrI"],
    )


class ApiClientRead(ReadModel):
    """A client as those see it who look after its territories."""

    id: UUID
    name: str
    kind: ClientKind
    territories: list[str]
    scopes: list[str]
    origins: list[str]
    created_by: str | None = Field(description="Who made it: `person:<id>`, or `system:<command>`.")
    created_at: datetime
    revoked_at: datetime | None
    version: int


class ApiClientCreated(ApiClientRead):
    """A client that was just made, with its first key."""

    key: ApiKeyIssued
