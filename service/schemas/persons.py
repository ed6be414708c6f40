"""Persons as they see themselves: who they are, their roles, where they are signed in."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from service.core.email_address import MAX_LENGTH, normalise
from service.schemas.base import Language, ReadModel, WriteModel

PersonEmail = Annotated[
    str,
    AfterValidator(normalise),
    Field(
        max_length=MAX_LENGTH,
        description="One e-mail address. Capitals do not count; the domain may hold accents.",
        examples=["camille.exemple@example.org"],
    ),
]
PersonName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class PersonUpdate(WriteModel):
    """What to change of yourself; what is left out stays, `null` empties."""

    given_name: PersonName | None = None
    family_name: PersonName | None = None
    language: Language | None = Field(None, description="For mails and words.", examples=["uk"])
    birth_date: date | None = Field(None, description="Under 15, a parent confirms every consent.")
    guardian_email: PersonEmail | None = Field(
        None, description="The parent's address; mail goes there only to confirm a consent."
    )


class PersonRead(ReadModel):
    """A person who signed in."""

    id: UUID
    email: str | None
    given_name: str | None
    family_name: str | None
    language: str


class Place(ReadModel):
    """Where a role is held."""

    kind: str = Field(description="`platform`, `territory`, `employer` or `partner`.")
    id: UUID | None
    slug: str | None = Field(description="Of a territory.")
    name: str


class RoleRead(ReadModel):
    """A role the person holds now."""

    id: UUID
    role: str
    title: str = Field(description="The role in words, in the person's language where there are some.")
    place: Place
    since: datetime
    expires_at: datetime | None


class MeRead(PersonRead):
    """The person whose token was sent."""

    birth_date: date | None
    guardian_email: str | None
    email_bounced_at: datetime | None = Field(description="Mail to the address came back for good.")
    roles: list[RoleRead]
    version: int
    created_at: datetime


class SessionRead(ReadModel):
    """A device or browser the person is signed in on."""

    id: UUID
    current: bool = Field(description="The session whose token was sent.")
    kind: str = Field(description="`api`: through a website. `console`: in Ancrage's own pages.")
    website: str | None = Field(description="Name of the API client the person signed in through.")
    device: str | None = Field(
        description="Browser and system, as far as they are told: of the person, or of the website's server.",
        examples=["Firefox, Windows"],
    )
    network: str | None = Field(
        description="Where the sign-in came from: an IPv4 address, or an IPv6 network."
    )
    provider: str | None = Field(description="The OpenID provider that vouched; none for a code or link.")
    created_at: datetime
    last_used_at: datetime = Field(description="Exact to five minutes.")
    expires_at: datetime
