"""Purposes, consents, requests about one's data, the export and the erasure."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from service.schemas.base import ReadModel, Slug, WriteModel
from service.schemas.persons import PersonEmail

TextLanguage = Literal["fr", "en"]
TextVersion = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
PurposeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
RequestKind = Literal["access", "rectification", "erasure", "restriction", "portability", "objection"]
RequestState = Literal["received", "answered", "refused"]
Words = Annotated[str, StringConstraints(min_length=1, max_length=5000)]


class PurposeRead(ReadModel):
    """Something personal data serve."""

    name: str = Field(examples=["matching"])
    title: str
    asks_consent: bool = Field(description="Whether it takes the person's yes; others rest on the law.")
    basis: str = Field(description="What makes it lawful.", examples=["consent"])
    basis_label: str
    text_version: str = Field(description="Send it back with the consent to this very text.", examples=["1"])
    text: str = Field(description="Show it as it is.")
    language: TextLanguage
    retention: list[str] = Field(description="How long data are kept for it.")


class PurposeList(ReadModel):
    """Every purpose, those that take a consent first."""

    items: list[PurposeRead]


class ConsentGiven(WriteModel):
    """The text the person said yes to."""

    text_version: TextVersion = Field(description="As `GET /v1/purposes` gave it with the text shown.")
    language: TextLanguage | None = Field(
        None, description="In which language it was shown. Left out: the best of `Accept-Language`."
    )


class ConsentCreate(ConsentGiven):
    """A person's yes to one purpose."""

    purpose: PurposeName = Field(examples=["matching"])
    territory: Slug | None = Field(None, description="Only for this territory. Left out: wherever it is.")


class ConsentRead(ReadModel):
    """A person's yes, standing or withdrawn."""

    id: UUID
    purpose: str
    text_version: str
    language: str
    channel: str = Field(description="`website`, `console`, `email` or `paper`.")
    territory: str | None = Field(description="Slug; `null`: wherever it is.")
    given_at: datetime
    counts: bool = Field(description="Whether it counts now: not withdrawn, and not waiting for a parent.")
    waits_for_guardian: bool = Field(description="Under 15, a parent confirms it by the mail they received.")
    guardian_confirmed_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_channel: str | None


class GuardianDecisionCreate(WriteModel):
    """What a parent says."""

    token: Annotated[str, StringConstraints(min_length=10, max_length=200)] = Field(
        description="From the link in the mail.", examples=["ancrage_lk_…"]
    )
    confirm: bool = Field(default=True, description="`false` declines, or takes back what was confirmed.")


class GuardianDecisionRead(ReadModel):
    """What a parent decided on."""

    purpose: str
    title: str
    text: str = Field(description="The text the child agreed to.")
    child: str | None = Field(description="The child's given name, if they told it.")
    confirmed: bool
    decided_at: datetime | None


class PrivacyRequestCreate(WriteModel):
    """What a person asks about their data."""

    kind: RequestKind
    territory: Slug = Field(description="Whose data it is about; its managers answer.")
    email: PersonEmail | None = Field(
        None, description="Where the answer goes. Of a signed-in person it is their own: leave it out."
    )
    message: Words | None = Field(None, description="In the person's own words.")


class PrivacyRequestRead(ReadModel):
    """A request, and how far it is."""

    id: UUID
    kind: RequestKind
    territory: str
    state: RequestState
    email: str | None = Field(description="None once it was erased.")
    known: bool = Field(description="The person was signed in: the address is theirs.")
    message: str | None
    answer: str | None
    received_at: datetime
    due_at: datetime = Field(description="One month after it was received: the law's limit.")
    answered_at: datetime | None
    version: int


class PrivacyRequestFiled(ReadModel):
    """The request was received; a mail confirms it."""

    id: UUID
    due_at: datetime


class PrivacyRequestAnswer(WriteModel):
    """How a request ends."""

    outcome: Literal["answered", "refused"]
    answer: Words | None = Field(
        None,
        description="Words for the person; a refusal needs them. They go out by mail: name nobody there.",
    )
    identity_checked: bool = Field(
        default=False,
        description="You made sure that who asks is who they say. Needed to erase for somebody who was not "
        "signed in.",
    )


class ErasureCreate(WriteModel):
    """The person's last word."""

    confirm: Literal[True] = Field(description="`true`: there is no way back.")


class ErasureRead(ReadModel):
    """The person's data are erased."""

    erased_at: datetime
    detail: str


class ExportField(ReadModel):
    """A column of the export."""

    name: str
    label: str
    category: str | None = Field(description="Kind of personal data; `null`: there to make it readable.")


class ExportSection(ReadModel):
    """What one table holds about the person, and how it knows."""

    name: str
    title: str
    known_by: str = Field(description="How these rows are known to be about the person.")
    fields: list[ExportField]
    rows: list[dict[str, Any]]
    not_shown: list[str] = Field(description="Secrets: they are there, and showing them would endanger you.")


class ExportRead(ReadModel):
    """Everything the platform holds about the person who asks."""

    made_at: datetime
    person_id: UUID
    language: TextLanguage
    about: str
    purposes: list[PurposeRead]
    sections: list[ExportSection]
