"""Changing a posting's columns: from the API's shape to the table's, with the difference kept."""

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Posting, PostingChange
from service.models.enums import OccupationOrigin, SalaryUnit
from service.schemas.postings import PostingUpdate

# Paid hours of a year at the legal 35 hours (151.67 a month), and paid days of a year.
LEGAL_WEEKLY_HOURS = Decimal(35)
WEEKS = Decimal(52)
WORKED_DAYS = Decimal(218)

_PARTS: dict[str, dict[str, str]] = {
    "contract": {
        "kind": "contract_kind",
        "label": "contract_label",
        "months": "contract_months",
        "working_time": "working_time",
        "weekly_hours": "weekly_hours",
        "hours_label": "hours_label",
        "start_date": "start_date",
    },
    "salary": {
        "min": "salary_min",
        "max": "salary_max",
        "unit": "salary_unit",
        "months": "salary_months",
        "label": "salary_label",
    },
    "place": {
        "commune_code": "commune_code",
        "label": "place_label",
        "latitude": "latitude",
        "longitude": "longitude",
    },
    "experience": {
        "kind": "experience",
        "months": "experience_months",
        "label": "experience_label",
    },
    "apply": {
        "url": "apply_url",
        "email": "apply_email",
        "phone": "apply_phone",
        "contact": "apply_contact",
    },
}
_LISTS = ("skills", "education", "languages", "licences")
# What an explicit null empties to, where the column holds no NULL.
_EMPTY: dict[str, Any] = {"positions": 1, "benefits": [], "apprenticeship": False} | {
    name: [] for name in _LISTS
}
# Contact data stays out of the history, which outlives it.
_UNRECORDED = {"apply_email", "apply_phone", "apply_contact"}


def columns(data: PostingUpdate) -> dict[str, Any]:
    """Return the table's columns for the fields that ``data`` sets."""
    values: dict[str, Any] = {}
    for name in data.model_fields_set:
        value = getattr(data, name)
        if name in _PARTS:
            values |= {
                column: None if value is None else getattr(value, part)
                for part, column in _PARTS[name].items()
            }
        elif name in _LISTS:
            values[name] = [item.model_dump(mode="json") for item in value or []]
        elif value is None and name in _EMPTY:
            values[name] = _EMPTY[name]
        else:
            values[name] = value
    values.pop("employer_id", None)
    if "occupation_code" in values:
        values["occupation_origin"] = OccupationOrigin.ENTERED if values["occupation_code"] else None
    return values


def parts(posting: Posting) -> dict[str, Any]:
    """Return the nested parts of a posting as the API shows them."""
    return {
        name: {part: getattr(posting, column) for part, column in fields.items()}
        for name, fields in _PARTS.items()
    }


def yearly(
    amount: Decimal | None, unit: SalaryUnit | None, *, months: Decimal | None, weekly_hours: Decimal | None
) -> Decimal | None:
    """Return a gross amount as euros a year: 52 weeks of hours, 218 days, or 12 (or ``months``) months."""
    if amount is None or unit is None:
        return None
    factor = {
        SalaryUnit.HOUR: (weekly_hours or LEGAL_WEEKLY_HOURS) * WEEKS,
        SalaryUnit.DAY: WORKED_DAYS,
        SalaryUnit.MONTH: months or Decimal(12),
        SalaryUnit.YEAR: Decimal(1),
    }[unit]
    return min((amount * factor).quantize(Decimal("0.01")), Decimal("9999999999.99"))


def derive(posting: Posting) -> None:
    """Set the columns that follow from others: yearly salary, skill codes."""
    for bound in ("min", "max"):
        value = yearly(
            getattr(posting, f"salary_{bound}"),
            posting.salary_unit,
            months=posting.salary_months,
            weekly_hours=posting.weekly_hours,
        )
        setattr(posting, f"yearly_salary_{bound}", value)
    posting.skill_codes = sorted({skill["code"] for skill in posting.skills or [] if skill.get("code")})


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, Decimal) and isinstance(after, Decimal):
        return before == after
    return bool(_plain(before) == _plain(after))


def apply(posting: Posting, values: dict[str, Any]) -> dict[str, Any]:
    """Set ``values`` on the posting; return the differences as ``{column: [before, after]}``, JSON-ready."""
    changed: dict[str, Any] = {}
    for column, after in values.items():
        before = getattr(posting, column)
        if _same(before, after):
            continue
        setattr(posting, column, after)
        changed[column] = ["…", "…"] if column in _UNRECORDED else [_plain(before), _plain(after)]
    if changed:
        derive(posting)
    return changed


def note(session: AsyncSession, posting: Posting, action: str, actor: str, changes: dict[str, Any]) -> None:
    """Add an entry to the posting's history and move its version on."""
    if action not in {"created", "imported"}:
        posting.version += 1
    session.add(
        PostingChange(
            posting_id=posting.id, action=action, actor=actor, version=posting.version, changes=changes
        )
    )
