"""Candidate profiles: an allow-list of facts about the work someone wants, and nothing else."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from service.models.enums import ContractKind, RemoteKind, SalaryUnit, WorkingTime
from service.schemas.base import CommuneCode, OccupationCode, ReadModel, SkillCode, Slug, WriteModel
from service.schemas.privacy import ConsentGiven

UNKNOWN_FIELD = "extra_forbidden"
NOT_ALLOWED = "not_on_allow_list"

LicenceCategory = Literal[
    "AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE"
]  # fmt: skip


def _bare_category(value: Any) -> Any:
    return "".join(value.upper().replace("+", " ").split()) if isinstance(value, str) else value


Licence = Annotated[LicenceCategory, BeforeValidator(_bare_category)]
SpokenLanguage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_lower=True)]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]


class CandidateProfileUpdate(WriteModel):
    """What to change; what is left out stays, `null` empties."""

    reference: Reference | None = Field(
        None,
        description="Your own opaque key for this person, unique in the territory; never a name or an "
        "address. Employers never see it.",
        examples=["crm-10482"],
    )
    active: bool | None = Field(None, description="`false` pauses: no suggestions until it is `true` again.")
    occupation_codes: list[OccupationCode] | None = Field(
        None, max_length=10, description="Wanted trades, ROME 4.0, first choice first.", examples=[["D1102"]]
    )
    skill_codes: list[SkillCode] | None = Field(
        None, max_length=100, description="Skills the person has, by ROME (OGR) code.", examples=[["124960"]]
    )
    contract_kinds: list[ContractKind] | None = Field(
        None, max_length=10, description="Contracts the person would take; empty: not said."
    )
    working_time: WorkingTime | None = None
    salary_wish: Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)] | None = Field(
        None, description="Least gross pay wished, in euros per `salary_unit`. Employers never see it."
    )
    salary_unit: SalaryUnit | None = None
    commune_code: CommuneCode | None = Field(
        None, description="Centre of the person's own radius (INSEE code). Employers never see it."
    )
    radius_km: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="How far from `commune_code` the work may be; `null`: anywhere in the territory."
    )
    available_from: date | None = None
    languages: list[SpokenLanguage] | None = Field(
        None, max_length=20, description="ISO 639-1.", examples=[["fr", "en"]]
    )
    licences: list[Licence] | None = Field(
        None, max_length=15, description="Driving licences held, by category.", examples=[["B"]]
    )
    remote: RemoteKind | None = Field(None, description="Remote work wished.")

    @model_validator(mode="wrap")
    @classmethod
    def _nothing_else(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Say why an unknown field is refused: the list is closed by law, not by taste."""
        try:
            return handler(value)
        except ValidationError as error:
            if all(found["type"] != UNKNOWN_FIELD for found in error.errors(include_url=False)):
                raise
            raise ValidationError.from_exception_data(
                error.title, [_explained(cls, found) for found in error.errors(include_url=False)]
            ) from None


def _explained(model: type[WriteModel], found: Any) -> InitErrorDetails:
    kind = found["type"]
    if kind == UNKNOWN_FIELD:
        kind = PydanticCustomError(
            NOT_ALLOWED,
            "is not accepted. Matching may use only facts directly linked to the work (Labour Code L1221-6), "
            "never age, sex, name, nationality, origin, health, family situation or the like (L1132-1), so a "
            "profile holds these facts and no others: {accepted}",
            {"accepted": ", ".join(model.model_fields)},
        )
    details = InitErrorDetails(type=kind, loc=found["loc"], input=found["input"])
    if "ctx" in found and found["type"] != UNKNOWN_FIELD:
        details["ctx"] = found["ctx"]
    return details


class CandidateProfileCreate(CandidateProfileUpdate):
    """A new profile: at least one wanted trade or one skill, or nothing could ever be suggested."""

    territory: Slug = Field(description="Slug of the territory the person wishes to work in.")
    consent: ConsentGiven | None = Field(
        None,
        description="With a person's own token: their yes to the purpose `matching`, unless they gave it "
        "before. No program sends it.",
        examples=[{"text_version": "1"}],
    )


class CandidateProfileRead(ReadModel):
    """A profile as whoever keeps it for the person sees it."""

    id: UUID
    territory: str
    reference: str | None
    active: bool
    occupation_codes: list[str]
    skill_codes: list[str]
    contract_kinds: list[ContractKind]
    working_time: WorkingTime | None
    salary_wish: float | None
    salary_unit: SalaryUnit | None
    commune_code: str | None
    radius_km: int | None
    available_from: date | None
    languages: list[str]
    licences: list[str]
    remote: RemoteKind | None
    last_contact_at: datetime = Field(
        description="Any change counts as contact, an empty one too. Two years without: it is erased."
    )
    version: int
    created_at: datetime
    updated_at: datetime
