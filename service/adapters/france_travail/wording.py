"""France Travail's French wordings read into values. Pure: text in, values out.

The wordings are those of the API's ``libelle`` fields, and of the partners' feeds it relays, whose
spelling varies. A wording that is not understood gives ``None``; the caller keeps the text.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from service.core.text import fold
from service.models.enums import (
    ContractKind,
    ExperienceKind,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)

CONTRACT_KINDS: Final = {
    "CDI": ContractKind.PERMANENT,
    "DIN": ContractKind.PERMANENT,  # CDI intérimaire
    "CDD": ContractKind.FIXED_TERM,
    "DDI": ContractKind.FIXED_TERM,  # CDD d'insertion
    "DDT": ContractKind.FIXED_TERM,  # CDD temporaire
    "MIS": ContractKind.TEMPORARY,
    "TTI": ContractKind.TEMPORARY,  # travail temporaire d'insertion
    "SAI": ContractKind.SEASONAL,
    "LIB": ContractKind.SELF_EMPLOYED,
    "CCE": ContractKind.SELF_EMPLOYED,  # profession commerciale
    "FRA": ContractKind.SELF_EMPLOYED,
    "REP": ContractKind.SELF_EMPLOYED,  # reprise d'entreprise
}
WORK_STUDY: Final = frozenset({ContractKind.APPRENTICESHIP, ContractKind.PROFESSIONALISATION})
# Order matters: "CDI intérimaire" is permanent, "travail saisonnier en CDD" is seasonal.
_CONTRACT_WORDS: Final = (
    ("apprentissage", ContractKind.APPRENTICESHIP),
    ("professionnalisation", ContractKind.PROFESSIONALISATION),
    ("duree indeterminee", ContractKind.PERMANENT),
    ("cdi", ContractKind.PERMANENT),
    ("saisonnier", ContractKind.SEASONAL),
    ("saison", ContractKind.SEASONAL),
    ("interim", ContractKind.TEMPORARY),
    ("interimaire", ContractKind.TEMPORARY),
    ("travail temporaire", ContractKind.TEMPORARY),
    ("duree determinee", ContractKind.FIXED_TERM),
    ("cdd", ContractKind.FIXED_TERM),
    ("stage", ContractKind.INTERNSHIP),
    ("fonction publique", ContractKind.CIVIL_SERVICE),
    ("profession liberale", ContractKind.SELF_EMPLOYED),
    ("franchise", ContractKind.SELF_EMPLOYED),
    ("non salarie", ContractKind.SELF_EMPLOYED),
    ("independant", ContractKind.SELF_EMPLOYED),
)
_SALARY_UNITS: Final = (
    ("horaire", SalaryUnit.HOUR),
    ("journalier", SalaryUnit.DAY),
    ("mensuel", SalaryUnit.MONTH),
    ("annuel", SalaryUnit.YEAR),
)
# Amounts out of these bounds, in euros, are slips (a yearly amount under "Mensuel"), never pay.
_PLAUSIBLE: Final = {
    SalaryUnit.HOUR: (4, 300),
    SalaryUnit.DAY: (20, 3_000),
    SalaryUnit.MONTH: (100, 30_000),
    SalaryUnit.YEAR: (1_000, 500_000),
}
_MOST_MONTHS: Final = 24
_LONGEST_AMOUNT: Final = 15
_AMOUNT: Final = r"(\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
_AMOUNTS: Final = re.compile(_AMOUNT + r"\s*(?:euros?|€)", re.IGNORECASE)
_MONTHS_PAID: Final = re.compile(r"\bsur\s+" + _AMOUNT + r"\s*mois", re.IGNORECASE)
_DURATION: Final = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(an|mois|semaine|jour)(?:nee)?(?:\(?s\)?)?", re.IGNORECASE
)
_HOURS: Final = re.compile(r"\b(\d{1,2})\s*[Hh]\s*([0-5]\d)?(?!\w)")
_FULL_TIME_HOURS: Final = 35
_LONGEST_DAY_HOURS: Final = 12
_WIDENED: Final = re.compile(r"=\s*E([BCD])\b")
_LICENCE: Final = re.compile(r"\s*(AM|A[12]?|BE?|B1|C1?E?|D1?E?)\b(?!')")
_DAYS_PER_WEEK: Final = 7
_MONTHS_PER_YEAR: Final = 12

_REMOTE: Final = r"(?:teletravail|remote)"
_NO_REMOTE: Final = re.compile(
    rf"\b(?:pas de|sans|aucun|non eligible au) {_REMOTE}\b"
    r"|\bteletravail (?:est )?(?:impossible|non (?:possible|autorise|envisageable))\b"
)
_FULL_REMOTE: Final = re.compile(
    rf"\bfull remote\b|\b100 (?:en )?{_REMOTE}\b"
    rf"|\b{_REMOTE} (?:a 100|100|complet|total|integral)\b"
)
_PARTIAL_REMOTE: Final = re.compile(
    rf"\b\d (?:a \d |ou \d )?jours? (?:de |en )?{_REMOTE}\b"
    rf"|\b{_REMOTE} (?:est )?(?:possible |autorise )?\d (?:a \d |ou \d )?jours?\b"
    rf"|\b{_REMOTE} (?:partiel|hybride)\b|\bhybride (?:avec )?{_REMOTE}\b"
)

_LANGUAGES: Final = {
    "albanais": "sq",
    "allemand": "de",
    "anglais": "en",
    "arabe": "ar",
    "armenien": "hy",
    "basque": "eu",
    "breton": "br",
    "bulgare": "bg",
    "catalan": "ca",
    "chinois": "zh",
    "coreen": "ko",
    "corse": "co",
    "croate": "hr",
    "danois": "da",
    "espagnol": "es",
    "estonien": "et",
    "finnois": "fi",
    "flamand": "nl",
    "francais": "fr",
    "georgien": "ka",
    "grec": "el",
    "hebreu": "he",
    "hindi": "hi",
    "hongrois": "hu",
    "islandais": "is",
    "italien": "it",
    "japonais": "ja",
    "letton": "lv",
    "lituanien": "lt",
    "luxembourgeois": "lb",
    "malgache": "mg",
    "mandarin": "zh",
    "neerlandais": "nl",
    "norvegien": "no",
    "occitan": "oc",
    "persan": "fa",
    "polonais": "pl",
    "portugais": "pt",
    "roumain": "ro",
    "russe": "ru",
    "serbe": "sr",
    "slovaque": "sk",
    "slovene": "sl",
    "suedois": "sv",
    "tcheque": "cs",
    "thai": "th",
    "turc": "tr",
    "ukrainien": "uk",
    "vietnamien": "vi",
}


@dataclass(frozen=True, slots=True)
class Amounts:
    """Pay read from a wording: euros per ``unit``, and why amounts were set aside, if they were."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    unit: SalaryUnit | None = None
    months: Decimal | None = None
    doubt: str | None = None


def contract_kind(code: str | None, label: str | None, nature: str | None) -> ContractKind | None:
    """Return the kind of contract from its code, its label and its nature, the surest first.

    A work-study nature wins over the code: an apprenticeship of unlimited length has code CDI.
    """
    by_nature = _in_words(nature)
    if by_nature in WORK_STUDY:
        return by_nature
    by_code = CONTRACT_KINDS.get((code or "").strip().upper())
    found = by_code or _in_words(code) or _in_words(label) or by_nature
    return found or (ContractKind.OTHER if code or label else None)


def _in_words(text: str | None) -> ContractKind | None:
    words = f" {fold(text or '')} "
    return next((kind for word, kind in _CONTRACT_WORDS if f" {word} " in words), None)


def duration(text: str) -> tuple[int | None, int | None]:
    """Return (months, days) of ``"CDD - 6 Mois"``, ``"Mission - 15 Jour(s)"``, ``"2 An(s)"``.

    Exactly one of the two is set, or neither. Weeks become days; part months are days of 30.
    """
    found = _DURATION.search(_unaccented(text))
    if found is None:
        return None, None
    count = Decimal(found[1].replace(",", "."))
    unit = found[2].lower()
    if unit == "an":
        count, unit = count * _MONTHS_PER_YEAR, "mois"
    if unit == "mois" and count == int(count):
        return int(count) or None, None
    days_each = {"mois": 30, "semaine": _DAYS_PER_WEEK, "jour": 1}[unit]
    return None, int(count * days_each) or None


def salary(text: str) -> Amounts:
    """Read ``"Mensuel de 2100.0 Euros à 2300.0 Euros sur 12.0 mois"`` and its variants.

    Amounts without a period, or out of all proportion with it, are set aside with a ``doubt``.
    """
    months_found = _MONTHS_PAID.search(text)
    months = _decimal(months_found[1]) if months_found else None
    if months is not None and not 1 <= months <= _MOST_MONTHS:
        months = None
    amounts = sorted(filter(None, (_decimal(raw) for raw in _AMOUNTS.findall(text)[:2])))
    if not amounts:
        return Amounts(months=months)
    folded = fold(text)
    unit = next((unit for word, unit in _SALARY_UNITS if word in folded), None)
    if unit is None:
        return Amounts(months=months, doubt="the period the amount is paid for is not said")
    low, high = _PLAUSIBLE[unit]
    if amounts[0] < low or amounts[-1] > high:
        return Amounts(months=months, doubt=f"amount out of proportion for pay by the {unit}")
    return Amounts(amounts[0], amounts[-1], unit, months)


def _decimal(raw: str) -> Decimal:
    digits = re.sub(r"[ \u00a0\u202f]", "", raw[:_LONGEST_AMOUNT])
    return Decimal(digits.replace(",", ".")).quantize(Decimal("0.01"))


def weekly_hours(text: str) -> tuple[WorkingTime | None, Decimal | None]:
    """Return full or part time and hours a week of ``"temps partiel - 17H50 Autre"``, ``"35 H"``.

    Minutes follow the H. A short bare number (``"8 H"``) may be hours a day: it tells nothing.
    """
    folded = fold(text)
    stated = next(
        (
            kind
            for words, kind in (
                ("temps partiel", WorkingTime.PART_TIME),
                ("temps plein", WorkingTime.FULL_TIME),
            )
            if words in folded
        ),
        None,
    )
    found = _HOURS.search(text)
    if found is None:
        return stated, None
    hours = int(found[1]) + Decimal(int(found[2] or 0)) / 60
    if not hours or (stated is None and hours <= _LONGEST_DAY_HOURS):
        return stated, None
    deduced = WorkingTime.FULL_TIME if hours >= _FULL_TIME_HOURS else WorkingTime.PART_TIME
    return stated or deduced, hours.quantize(Decimal("0.01"))


def experience(code: str | None, text: str | None) -> tuple[ExperienceKind | None, int | None]:
    """Return the kind and the months of experience from code D/S/E and ``"2 An(s) - …"``."""
    kinds = {
        "D": ExperienceKind.NONE,
        "S": ExperienceKind.WISHED,
        "E": ExperienceKind.REQUIRED,
    }
    kind = kinds.get((code or "").strip().upper()[:1])
    if text is None:
        return kind, None
    if kind is None and fold(text).startswith("debutant"):
        kind = ExperienceKind.NONE
    months, _days = duration(text)
    return kind, None if kind is ExperienceKind.NONE else months


def licence_category(label: str) -> str | None:
    """Return ``"B"`` for ``"B - Véhicule léger"``, ``"BE"`` for ``"B mention 79.06 (= EB)"``."""
    widened = _WIDENED.search(label)
    if widened:
        return f"{widened[1]}E"
    found = _LICENCE.match(label)
    return found[1] if found else None


def language_code(label: str) -> str | None:
    """Return the ISO 639-1 code of a language named in French."""
    words = fold(label).split()
    return _LANGUAGES.get(words[0]) if words else None


def remote_kind(title: str, description: str | None) -> RemoteKind | None:
    """Return how far the work is remote, only when the text is explicit and not contradictory.

    ``"télétravail possible"``, a company-wide agreement, or a training course followed
    ``"à distance"`` is not explicit enough: ``None``.
    """
    words = fold(f"{title} . {description or ''}")
    if "teletravail" not in words and "remote" not in words:
        return None
    found = [
        kind
        for kind, pattern in (
            (RemoteKind.NONE, _NO_REMOTE),
            (RemoteKind.FULL, _FULL_REMOTE),
            (RemoteKind.PARTIAL, _PARTIAL_REMOTE),
        )
        if pattern.search(words)
    ]
    return found[0] if len(found) == 1 else None


def _unaccented(text: str) -> str:
    return text.replace("é", "e").replace("É", "E")
