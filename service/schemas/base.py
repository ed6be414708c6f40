"""The two kinds of shapes: what callers send, and what they read."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

Item = TypeVar("Item")

ERROR_CONTROL = "must not contain control characters (only tabs and line ends)"
# PostgreSQL stores no NUL, and XML can write none of them.
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_NOT_IN_ADDRESS = re.compile(r"[\s<>\"\\^`{|}]")


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise ValueError(ERROR_CONTROL)
    elif isinstance(value, list):
        for item in value:
            _printable(item)
    return value


class WriteModel(BaseModel):
    """What a caller sends: unknown fields are refused, so that a misspelt one is never lost in silence."""

    # What was sent may be personal: it stays out of the words of errors, and so out of logs.
    model_config = ConfigDict(
        extra="forbid", str_strip_whitespace=True, frozen=True, hide_input_in_errors=True
    )

    @field_validator("*")
    @classmethod
    def _no_control(cls, value: Any) -> Any:
        return _printable(value)


class ReadModel(BaseModel):
    """What a caller reads."""

    model_config = ConfigDict(frozen=True, from_attributes=True, hide_input_in_errors=True)


class Page(ReadModel, Generic[Item]):
    """One page of a list: give ``next`` back as ``after`` for the following page; ``null`` on the last."""

    items: list[Item]
    next: str | None = Field(None, description="Cursor of the following page, or null on the last one.")


class ProblemField(ReadModel):
    """One value to change."""

    pointer: str = Field(description="JSON pointer into the body, or `?name` for a query parameter.")
    detail: str
    code: str


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 shapes it. `type` is stable: decide on it, show `detail` to the developer."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:ancrage:problem:invalid"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(None, description="The id of this request; quote it when you ask for help.")
    errors: list[ProblemField] | None = None


def _http_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if scheme.lower() not in {"http", "https"} or not separator or not rest:
        message = "must be an address that begins with https:// or http://"
        raise ValueError(message)
    if (found := _NOT_IN_ADDRESS.search(value)) is not None:
        message = f"must not contain {found.group()!r}: percent-encode it"
        raise ValueError(message)
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        message = "must lie within the years 1 to 9999 in UTC"
        raise ValueError(message) from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
WebAddress = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_http_url)]
EmailAddress = Annotated[
    str, StringConstraints(pattern=r"^[^@\s<>\"(),:;]+@[^@\s<>\"(),:;]+\.[A-Za-z]{2,}$", max_length=254)
]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
CommuneCode = Annotated[str, StringConstraints(pattern=r"^(\d{2}|2[AB])\d{3}$")]
OccupationCode = Annotated[str, StringConstraints(pattern=r"^[A-N]\d{4}$")]
SkillCode = Annotated[str, StringConstraints(pattern=r"^\d{1,7}$")]
