"""From what a feed says of a posting to the columns of one. Pure: no database, so it runs in a thread."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from service.core.siret import is_siret
from service.domain.imports.references import References
from service.matching.places import ResolvedPlace
from service.models.enums import OccupationOrigin
from service.schemas.feed import FeedPosting, FeedSalary

# Below this confidence the first suggestion is more often wrong than right (measured, see
# ``OccupationTitleIndex.suggest``), and none is kept.
SUGGESTION_THRESHOLD: Final = 0.34
_SUGGESTIONS_READ: Final = 10

# What the shapes of the API hold at most; what a feed says beyond is cut or left out.
_LABEL: Final = 200
_TEXT: Final = 500
_MOST_MONEY: Final = Decimal("99999999.99")
_MOST_SALARY_MONTHS: Final = 24
_MOST_CONTRACT_MONTHS: Final = 600
_MOST_EXPERIENCE_MONTHS: Final = 600
_MOST_WEEKLY_HOURS: Final = 80
_DAYS_PER_MONTH: Final = Decimal("30.4375")
_PHONE: Final = re.compile(r"[+0-9 ().-]{6,25}")
_EMAIL: Final = re.compile(r"[^@\s<>\"(),:;]+@[^@\s<>\"(),:;]+\.[A-Za-z]{2,}")
_LONGEST_EMAIL: Final = 254
_LICENCE: Final = re.compile(r"[A-Z][A-Z0-9]{0,4}")
_LANGUAGE: Final = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_SKILL: Final = re.compile(r"\d{1,7}")


@dataclass(frozen=True, slots=True)
class Reading:
    """An item ready to be stored: a posting's columns, and the employer it names.

    ``digest`` identifies the content and what it was read with. ``employer`` holds the columns of an
    establishment to know by its ``siret``; both are None when the item gives no valid SIRET.
    """

    item: FeedPosting
    digest: str
    columns: Mapping[str, Any]
    siret: str | None
    employer: Mapping[str, Any] | None

    @property
    def source_id(self) -> str:
        """The source's own identifier."""
        return self.item.source_id


def read_item(item: FeedPosting, references: References) -> Reading:
    """Return the columns that ``item`` fills; every column it does not fill is there too, empty.

    The references must be equipped for the item.
    """
    assert references.places is not None  # noqa: S101 - see above
    place = references.places.resolve(
        label=item.place.label,
        postal_code=item.place.postal_code,
        commune_code=item.place.commune_code,
        latitude=item.place.latitude,
        longitude=item.place.longitude,
        title=item.title,
        description=item.description,
    )
    occupation, doubt = _occupation(item, references)
    siret = item.employer.siret if item.employer.siret and is_siret(item.employer.siret) else None
    sector = item.sector_code or (item.naf_code[:2] if item.naf_code else None)
    columns: dict[str, Any] = {
        "employer_name": _cut(item.employer.name),
        "source_partner": item.source_partner,
        "source_url": item.source_url,
        "source_created_at": item.source_created_at,
        "source_updated_at": item.source_updated_at,
        "source_data": _rest(item, place, doubt) or None,
        "title": item.title,
        "description": item.description,
        **occupation,
        **_contract(item),
        **_salary(item.salary),
        "positions": item.positions,
        "commune_code": place.commune_code,
        "departement_code": place.departement_code,
        "place_label": _cut(item.place.label),
        "postal_code": item.place.postal_code,
        "latitude": item.place.latitude,
        "longitude": item.place.longitude,
        "remote": item.remote,
        "sector_code": sector,
        "naf_code": item.naf_code,
        **_demands(item),
        "benefits": [_cut(text) for text in item.salary.complements],
        "travel_label": _cut(item.travel),
        "apprenticeship": item.apprenticeship,
        "accessible": item.accessible_to_disabled_workers,
        "few_candidates": item.few_candidates,
        **_application(item),
    }
    return Reading(
        item=item,
        digest=references.digest(item.fingerprint()),
        columns=columns,
        siret=siret,
        employer=_employer(item, siret, sector) if siret else None,
    )


def _cut(text: str | None, length: int = _LABEL) -> str | None:
    if text is None or len(text) <= length:
        return text
    return text[: length - 1].rstrip() + "…"


def _occupation(item: FeedPosting, references: References) -> tuple[dict[str, Any], str | None]:
    """Return the occupation's columns, and why the source's own code was not taken as it is."""
    columns: dict[str, Any] = {
        "occupation_code": None,
        "occupation_origin": None,
        "occupation_title": _cut(item.occupation_title or item.occupation_label),
        "suggested_occupation_code": None,
        "suggestion_confidence": None,
    }
    given = item.occupation_code
    code = references.occupation(given)
    heirs = references.successors.get(given or "", ())
    doubt = None
    if given != code:
        came = code if code is not None else f"{len(heirs)} occupations"
        doubt = f"not in force; {came} came of it" if heirs else "not in ROME"
    if code is not None:
        return columns | {"occupation_code": code, "occupation_origin": OccupationOrigin.SOURCE}, doubt
    found = _suggestion(item, references, heirs or None)
    if found is not None:
        columns["suggested_occupation_code"], columns["suggestion_confidence"] = found
    return columns, doubt


def _suggestion(
    item: FeedPosting, references: References, among: tuple[str, ...] | None
) -> tuple[str, float] | None:
    """Return the likeliest occupation (of ``among``, if given) and its confidence, if it is high enough."""
    assert references.titles is not None  # noqa: S101 - equipped for an item without a code
    suggestions = references.titles.suggest(
        item.occupation_title or item.title,
        item.description,
        [skill.code for skill in item.skills if skill.code],
        limit=_SUGGESTIONS_READ,
    )
    for suggestion in suggestions:
        if among is None or suggestion.occupation_code in among:
            if suggestion.confidence < SUGGESTION_THRESHOLD:
                return None
            return suggestion.occupation_code, round(suggestion.confidence, 4)
    return None


def _contract(item: FeedPosting) -> dict[str, Any]:
    contract, working = item.contract, item.working_time
    months: Decimal | None = None
    if contract.duration_months is not None:
        months = Decimal(contract.duration_months)
    elif contract.duration_days is not None:
        months = max((contract.duration_days / _DAYS_PER_MONTH).quantize(Decimal("0.01")), Decimal("0.01"))
    hours = working.weekly_hours
    return {
        "contract_kind": contract.kind,
        "contract_label": _cut(contract.text),
        "contract_months": months if months is None or months <= _MOST_CONTRACT_MONTHS else None,
        "working_time": working.kind,
        "weekly_hours": hours if hours is None or hours <= _MOST_WEEKLY_HOURS else None,
        "hours_label": _cut(working.text, _TEXT),
    }


def _salary(salary: FeedSalary) -> dict[str, Any]:
    amounts = [amount for amount in (salary.minimum, salary.maximum) if amount is not None]
    sensible = all(amount <= _MOST_MONEY for amount in amounts)
    months = salary.months_per_year
    return {
        "salary_min": salary.minimum if sensible else None,
        "salary_max": salary.maximum if sensible else None,
        "salary_unit": salary.unit if sensible else None,
        "salary_months": months if months is None or months <= _MOST_SALARY_MONTHS else None,
        "salary_label": _cut(salary.text or salary.comment, _TEXT),
    }


def _coded(code: str | None, pattern: re.Pattern[str]) -> str | None:
    return code if code is not None and pattern.fullmatch(code) else None


def _demands(item: FeedPosting) -> dict[str, Any]:
    def listed(parts: Iterable[Any], pattern: re.Pattern[str]) -> list[dict[str, Any]]:
        return [
            {"code": _coded(part.code, pattern), "label": _cut(part.label), "required": part.required}
            for part in parts
        ]

    months = item.experience.months
    return {
        "skills": listed(item.skills, _SKILL),
        "experience": item.experience.kind,
        "experience_months": months if months is None or months <= _MOST_EXPERIENCE_MONTHS else None,
        "experience_label": _cut(item.experience.text),
        "qualification_label": _cut(item.qualification_label),
        "education": [
            {
                "level": _cut(training.level),
                "label": _cut(training.field or training.comment),
                "required": training.required,
            }
            for training in item.trainings
            if training.level or training.field or training.comment
        ],
        "languages": listed(item.languages, _LANGUAGE),
        "licences": listed(item.licences, _LICENCE),
    }


def _application(item: FeedPosting) -> dict[str, Any]:
    """Return how to apply: the only columns where contact data may go."""
    application = item.application
    address = application.url
    email, phone = application.email, application.phone
    if email is not None and (len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email)):
        email = None
    if phone is not None and not _PHONE.fullmatch(phone):
        phone = None
    contact = [application.contact_name]
    if not (address or email or phone):
        # Writing is then the only way to apply.
        contact.append(application.postal_address)
    return {
        "apply_url": None if address is None or re.search(r"\s", address) else address,
        "apply_email": email,
        "apply_phone": phone,
        "apply_contact": _cut(", ".join(part for part in contact if part)) or None,
    }


def _employer(item: FeedPosting, siret: str | None, sector: str | None) -> dict[str, Any] | None:
    employer = item.employer
    if employer.name is None:
        return None
    return {
        "siret": siret,
        "name": _cut(employer.name),
        "description": employer.description,
        "url": employer.url,
        "logo_url": employer.logo_url,
        "naf_code": item.naf_code,
        "sector_code": sector,
        "headcount_band": _cut(employer.headcount, 40),
    }


def _rest(item: FeedPosting, place: ResolvedPlace, doubt: str | None) -> dict[str, Any]:
    """Return the facts that no column holds. Contact data never goes here."""
    occupation = {"code": item.occupation_code, "label": item.occupation_label, "doubt": doubt}
    facts: dict[str, Any] = {
        "occupation": occupation if item.occupation_code or item.occupation_label else None,
        "place": {
            "commune_code": item.place.commune_code,
            "precision": place.precision.value,
            "region_code": place.region_code,
            "how": place.how,
            "confidence": place.confidence,
        },
        "employer": {
            "adapted": item.employer.adapted,
            # An establishment with a SIRET has these in a row of its own.
            "description": None if item.employer.siret else item.employer.description,
            "url": None if item.employer.siret else item.employer.url,
            "headcount": item.employer.headcount,
        },
        "contract_nature": item.contract.nature,
        "hours": list(item.working_time.conditions),
        "salary_comment": item.salary.comment,
        "qualification_code": item.qualification_code,
        "qualities": [quality.model_dump(exclude_none=True) for quality in item.qualities],
        "tools": list(item.tools),
        "trainings": [training.model_dump(exclude_none=True) for training in item.trainings],
        "travel_code": item.travel_code,
        "working_conditions": list(item.working_conditions),
        "sector_label": item.sector_label,
    }
    return {name: filled for name, value in facts.items() if (filled := _filled(value))}


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if part is not None}
    return value
