"""Members: who holds which role where; and invitations, which offer one."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from service.core.email_address import MAX_LENGTH, normalise
from service.schemas.base import Language, Moment, ReadModel, Slug, WriteModel

RoleName = Literal[
    "operator",
    "territory_manager",
    "concierge_agent",
    "community_animator",
    "employer_member",
    "partner_member",
    "ambassador",
]
InvitationState = Literal["waiting", "accepted", "revoked", "expired"]


class NamedPlace(ReadModel):
    """An employer or a partner, by name."""

    id: UUID
    name: str


class SeatRead(ReadModel):
    """A role at one place: a territory, an employer or a partner of one, or the whole platform."""

    role: RoleName
    territory: str | None = Field(
        description="Slug: of the employer's or partner's territory for their members, null for operators."
    )
    employer: NamedPlace | None
    partner: NamedPlace | None


class MemberPerson(ReadModel):
    """Somebody who holds a role."""

    id: UUID
    email: str | None
    given_name: str | None
    family_name: str | None


class MemberRead(SeatRead):
    """A role somebody holds now."""

    id: UUID = Field(description="Of this role of theirs: a person with two roles is listed twice.")
    person: MemberPerson
    since: datetime
    expires_at: datetime | None = Field(description="When the role ends by itself; null: it does not.")


class InvitationCreate(WriteModel):
    """A role to offer to whoever reads the mails of an address."""

    email: Annotated[
        str,
        StringConstraints(max_length=MAX_LENGTH),
        AfterValidator(normalise),
        Field(examples=["camille@example.org"]),
    ]
    role: RoleName
    territory: Slug | None = Field(None, description="Where, for a role held at a territory.")
    employer_id: UUID | None = Field(None, description="Where, for an `employer_member`.")
    partner_id: UUID | None = Field(None, description="Where, for a `partner_member`.")
    language: Language | None = Field(
        None, description="Of the mail. Left out: the territory's first language.", examples=["fr"]
    )
    role_expires_at: Moment | None = Field(
        None, description="When the role ends by itself. Needed, and no later, where your own ends."
    )


class InvitationRead(SeatRead):
    """A role offered to an address."""

    id: UUID
    email: str
    language: str
    state: InvitationState
    invited_by: str | None = Field(description="Name of the person who invites, if they gave one.")
    sent_at: datetime = Field(description="When the newest mail was asked for.")
    created_at: datetime
    expires_at: datetime = Field(description="The last moment to accept.")
    role_expires_at: datetime | None


class OfferRead(InvitationRead):
    """An invitation as its own page shows it."""

    place: str


class InvitationAcceptance(WriteModel):
    """The token from the link in the mail: what follows the last `/`."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
