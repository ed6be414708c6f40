"""What the public reads of a posting: one document and one schema.org JobPosting per language.

Pure: everything needed is handed in, so that an import renders thousands without asking the database.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any

from service.domain.labels import label
from service.models import Commune, Employer, Posting
from service.models.enums import (
    ContractKind,
    ExperienceKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The rows a posting refers to, as far as they exist."""

    territory_slug: str
    employer: Employer | None = None
    commune: Commune | None = None
    occupation_labels: dict[str, str] = field(default_factory=dict)
    sector_labels: dict[str, str] = field(default_factory=dict)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")


def _labelled(group: str, code: str | None, language: str) -> dict[str, str] | None:
    return None if code is None else {"code": str(code), "label": label(group, str(code), language)}


def _occupation(posting: Posting, around: Surroundings) -> dict[str, Any] | None:
    code = effective_occupation(posting)
    if code is None:
        return None
    suggested = posting.occupation_code is None
    return {
        "code": code,
        "label": around.occupation_labels.get(code, code),
        "title": None if suggested else posting.occupation_title,
        "origin": str(
            OccupationOrigin.SUGGESTED if suggested else posting.occupation_origin or OccupationOrigin.ENTERED
        ),
        "confidence": posting.suggestion_confidence if suggested else None,
    }


def effective_occupation(posting: Posting) -> str | None:
    """Return the occupation said by employer or source, else the suggested one."""
    return posting.occupation_code or posting.suggested_occupation_code


def _salary(posting: Posting, language: str) -> dict[str, Any] | None:
    if posting.salary_min is None and posting.salary_max is None and not posting.salary_label:
        return None
    return {
        "min": _number(posting.salary_min),
        "max": _number(posting.salary_max),
        "unit": _labelled("salary_unit", posting.salary_unit, language),
        "months": _number(posting.salary_months),
        "label": posting.salary_label,
    }


def document(posting: Posting, around: Surroundings, language: str) -> dict[str, Any]:
    """Return what lists, search hits and feeds serve of ``posting`` in ``language``."""
    employer, commune = around.employer, around.commune
    return {
        "id": str(posting.id),
        "territory": around.territory_slug,
        "title": posting.title,
        "description": posting.description,
        "language": posting.language,
        "employer": {
            "id": str(employer.id) if employer else None,
            "name": employer.name if employer else posting.employer_name,
            "url": employer.url if employer else None,
            "logo_url": employer.logo_url if employer else None,
        },
        "occupation": _occupation(posting, around),
        "contract": {
            "kind": _labelled("contract", posting.contract_kind, language),
            "label": posting.contract_label,
            "months": _number(posting.contract_months),
            "working_time": _labelled("working_time", posting.working_time, language),
            "weekly_hours": _number(posting.weekly_hours),
            "hours_label": posting.hours_label,
            "start_date": posting.start_date.isoformat() if posting.start_date else None,
        },
        "salary": _salary(posting, language),
        "place": {
            "commune_code": posting.commune_code,
            "commune": commune.name if commune else None,
            "departement_code": posting.departement_code,
            "label": posting.place_label,
            "postal_code": posting.postal_code,
            "latitude": posting.latitude,
            "longitude": posting.longitude,
        },
        "remote": _labelled("remote", posting.remote, language),
        "positions": posting.positions,
        "skills": posting.skills,
        "experience": _labelled("experience", posting.experience, language),
        "experience_label": posting.experience_label,
        "qualification_label": posting.qualification_label,
        "education": posting.education,
        "languages": posting.languages,
        "licences": posting.licences,
        "benefits": posting.benefits,
        "travel_label": posting.travel_label,
        "apprenticeship": posting.apprenticeship,
        "accessible": posting.accessible,
        "sector": (
            {
                "code": posting.sector_code,
                "label": around.sector_labels.get(posting.sector_code, posting.sector_code),
            }
            if posting.sector_code
            else None
        ),
        "tension": posting.tension,
        "apply": {
            "url": posting.apply_url or posting.source_url,
            "email": posting.apply_email,
            "phone": posting.apply_phone,
            "contact": posting.apply_contact,
        },
        "source": {
            "code": posting.source,
            "name": label("source", posting.source, language),
            "id": posting.source_id,
            "partner": posting.source_partner,
            "url": posting.source_url,
            "created_at": _moment(posting.source_created_at),
            "updated_at": _moment(posting.source_updated_at or posting.source_created_at),
        },
        "published_at": _moment(posting.published_at),
        "updated_at": _moment(posting.source_updated_at or posting.updated_at),
        "valid_through": _moment(posting.valid_through),
    }


_EMPLOYMENT_TYPES: dict[ContractKind, str] = {
    ContractKind.FIXED_TERM: "TEMPORARY",
    ContractKind.TEMPORARY: "TEMPORARY",
    ContractKind.SEASONAL: "TEMPORARY",
    ContractKind.INTERNSHIP: "INTERN",
    ContractKind.SELF_EMPLOYED: "CONTRACTOR",
    ContractKind.OTHER: "OTHER",
}
_UNITS = {
    SalaryUnit.HOUR: "HOUR",
    SalaryUnit.DAY: "DAY",
    SalaryUnit.MONTH: "MONTH",
    SalaryUnit.YEAR: "YEAR",
}


def _employment_types(posting: Posting) -> list[str]:
    types = []
    if posting.working_time is WorkingTime.FULL_TIME:
        types.append("FULL_TIME")
    elif posting.working_time is WorkingTime.PART_TIME:
        types.append("PART_TIME")
    if posting.contract_kind in _EMPLOYMENT_TYPES:
        types.append(_EMPLOYMENT_TYPES[posting.contract_kind])
    return types


def _paragraphs(text: str) -> str:
    blocks = [block.strip() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return "".join(f"<p>{escape(block, quote=False).replace(chr(10), '<br>')}</p>" for block in blocks)


def _location(posting: Posting, commune: Commune | None) -> dict[str, Any]:
    address: dict[str, Any] = {"@type": "PostalAddress", "addressCountry": "FR"}
    if commune is not None:
        address |= {"addressLocality": commune.name, "addressRegion": commune.region_name}
        if posting.postal_code or len(commune.postal_codes) == 1:
            address["postalCode"] = posting.postal_code or commune.postal_codes[0]
    place: dict[str, Any] = {"@type": "Place", "address": address}
    if posting.latitude is not None:
        place["geo"] = {
            "@type": "GeoCoordinates",
            "latitude": posting.latitude,
            "longitude": posting.longitude,
        }
    return place


def _base_salary(posting: Posting) -> dict[str, Any] | None:
    if posting.salary_unit is None or (posting.salary_min is None and posting.salary_max is None):
        return None
    value: dict[str, Any] = {"@type": "QuantitativeValue", "unitText": _UNITS[posting.salary_unit]}
    if posting.salary_min == posting.salary_max:
        value["value"] = _number(posting.salary_min)
    else:
        bounds = {"minValue": posting.salary_min, "maxValue": posting.salary_max}
        value |= {name: _number(bound) for name, bound in bounds.items() if bound is not None}
    return {"@type": "MonetaryAmount", "currency": "EUR", "value": value}


def linked_data(posting: Posting, around: Surroundings) -> dict[str, Any]:
    """Return the schema.org JobPosting of ``posting``, by Google's rules for job postings.

    What is not known (salary, region, kind of employment) is left out, never invented. An employer
    that wishes to stay unnamed is ``confidential``, the word Google asks for.
    """
    employer = around.employer
    name = employer.name if employer else posting.employer_name
    organisation: dict[str, Any] | str = "confidential"
    if name:
        organisation = {"@type": "Organization", "name": name}
        if employer and employer.url:
            organisation["sameAs"] = employer.url
        if employer and employer.logo_url:
            organisation["logo"] = employer.logo_url
    result: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "JobPosting",
        "title": posting.title,
        "description": _paragraphs(posting.description or posting.title),
        "datePosted": _moment(posting.source_created_at or posting.published_at),
        "identifier": {
            "@type": "PropertyValue",
            "name": posting.source,
            "value": posting.source_id or str(posting.id),
        },
        "hiringOrganization": organisation,
        "inLanguage": posting.language,
    }
    if posting.remote is RemoteKind.FULL:
        result["jobLocationType"] = "TELECOMMUTE"
        result["applicantLocationRequirements"] = {"@type": "Country", "name": "France"}
    else:
        result["jobLocation"] = _location(posting, around.commune)
    optional: dict[str, Any] = {
        "validThrough": _moment(posting.valid_through),
        "employmentType": _employment_types(posting),
        "baseSalary": _base_salary(posting),
        "url": posting.apply_url or posting.source_url,
        "totalJobOpenings": posting.positions if posting.positions > 1 else None,
        "jobStartDate": posting.start_date.isoformat() if posting.start_date else None,
        "workHours": posting.hours_label,
        "occupationalCategory": effective_occupation(posting),
        "skills": ", ".join(skill["label"] for skill in posting.skills if skill.get("label")),
        "qualifications": posting.qualification_label,
        "jobBenefits": ", ".join(posting.benefits),
    }
    if posting.experience_months:
        result["experienceRequirements"] = {
            "@type": "OccupationalExperienceRequirements",
            "monthsOfExperience": posting.experience_months,
        }
    elif posting.experience is ExperienceKind.NONE:
        result["experienceRequirements"] = "no requirements"
    return result | {name: value for name, value in optional.items() if value}
