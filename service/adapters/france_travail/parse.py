"""France Travail, "Offres d'emploi" v2: its items read into postings.

One parser for the live API and for files saved from it. Source: the API's OpenAPI file (version
2), whose every field is optional in practice. Identity is strict: an item without a readable ``id``
and ``intitule`` is rejected with a reason. Everything else is tolerant: an optional field that
cannot be used is left out with a note.
"""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from service.adapters.france_travail import wording
from service.adapters.france_travail.reading import Item, first_address
from service.core.siret import is_siret
from service.schemas.feed import (
    SOURCE_ID_LENGTH,
    TITLE_LENGTH,
    FeedApplication,
    FeedContract,
    FeedEmployer,
    FeedExperience,
    FeedLanguage,
    FeedLicence,
    FeedPlace,
    FeedPosting,
    FeedQuality,
    FeedSalary,
    FeedSkill,
    FeedTraining,
    FeedWorkingTime,
    Note,
    Rejection,
)

SOURCE: Final = "france-travail"
_DETAIL_PAGE: Final = "https://candidat.francetravail.fr/offres/recherche/detail/"
_PARTNER_ORIGIN: Final = "2"
_SAYS_NOTHING: Final = frozenset({"Autre", "Autres"})
_MOST_POSITIONS: Final = 10_000
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_REDIRECTION: Final = re.compile(r"https?://", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def parse_item(raw: object) -> FeedPosting | Rejection:
    """Return the posting that one ``Offre`` of the API describes, or why there is none."""
    if not isinstance(raw, Mapping):
        return Rejection(source_id=None, reason="expected an object")
    source_id = _identity(raw)
    if source_id is None:
        return Rejection(source_id=None, reason="no usable identifier", pointer="/id")
    notes: list[Note] = []
    item = Item(raw, notes)
    title = item.text("intitule", TITLE_LENGTH)
    if title is None or not any(char.isalnum() for char in title):
        return Rejection(source_id=source_id, reason="no title", pointer="/intitule")
    try:
        return _posting(source_id, title, item)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        pointer = "/" + "/".join(str(part) for part in fault["loc"])
        return Rejection(source_id=source_id, reason=fault["msg"], pointer=pointer)


def _identity(raw: Mapping[str, object]) -> str | None:
    value = raw.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    source_id = str(value).strip()
    usable = 0 < len(source_id) <= SOURCE_ID_LENGTH and not _CONTROL.search(source_id)
    return source_id if usable else None


def _posting(source_id: str, title: str, item: Item) -> FeedPosting:
    description = item.prose("description")
    origin = item.part("origineOffre")
    partners = list(origin.parts("partenaires", "nom"))
    is_partner = origin.text("origine") == _PARTNER_ORIGIN
    partner = partners[0] if is_partner and partners else None
    naf_code = item.code("codeNAF", r"\d{2}\.?\d{2}[A-Z]")
    if naf_code is not None:
        naf_code = f"{naf_code[:2]}.{naf_code[-3:]}"
    sector_code = item.code("secteurActivite", r"\d{2}", width=2)
    context = item.part("contexteTravail")
    contract = _contract(item)
    conditions = (*context.texts("conditionsExercice"), item.text("conditionExercice"))
    return FeedPosting(
        source=SOURCE,
        source_id=source_id,
        source_url=_source_url(source_id, origin),
        source_partner=partner.text("nom") if partner else None,
        source_created_at=item.moment("dateCreation"),
        source_updated_at=item.moment("dateActualisation"),
        title=title,
        description=description,
        occupation_code=item.code("romeCode", r"[A-N]\d{4}"),
        occupation_label=item.text("romeLibelle"),
        occupation_title=item.text("appellationlibelle"),
        employer=_employer(item),
        place=_place(item.part("lieuTravail", "libelle")),
        contract=contract,
        working_time=_working_time(item, context),
        salary=_salary(item.part("salaire", "libelle")),
        experience=_experience(item),
        application=_application(item, partner),
        remote=wording.remote_kind(title, description),
        positions=int(item.number("nombrePostes", 1, _MOST_POSITIONS) or 1),
        apprenticeship=bool(item.flag("alternance")) or contract.kind in wording.WORK_STUDY,
        few_candidates=item.flag("offresManqueCandidats"),
        accessible_to_disabled_workers=item.flag("accessibleTH"),
        skills=_skills(item),
        licences=_licences(item),
        languages=_languages(item),
        trainings=_trainings(item),
        qualities=_qualities(item),
        tools=item.texts("outilsBureautiques"),
        qualification_code=item.code("qualificationCode", r"\d"),
        qualification_label=item.text("qualificationLibelle"),
        travel_code=item.code("deplacementCode", r"\d"),
        travel=item.text("deplacementLibelle"),
        working_conditions=_telling(conditions),
        naf_code=naf_code,
        sector_code=sector_code or (naf_code[:2] if naf_code else None),
        sector_label=item.text("secteurActiviteLibelle"),
        notes=tuple(item.notes),
    )


def _source_url(source_id: str, origin: Item) -> str | None:
    given = origin.address("urlOrigine")
    if given is None and source_id.isascii() and source_id.isalnum():
        # The API's identifier is the one in the address of the posting's page on the site.
        return _DETAIL_PAGE + source_id
    return given


def _employer(item: Item) -> FeedEmployer:
    part = item.part("entreprise", "nom")
    siret = part.code("siret", r"\d{14}", width=14)
    if siret is not None and not is_siret(siret):
        part.note("siret", "the check digits are wrong")
        siret = None
    adapted = part.flag("entrepriseAdaptee")
    return FeedEmployer(
        name=part.text("nom"),
        siret=siret,
        description=part.prose("description"),
        url=part.address("url"),
        logo_url=part.address("logo"),
        headcount=item.text("trancheEffectifEtab"),
        adapted=item.flag("entrepriseAdaptee") if adapted is None else adapted,
    )


def _place(part: Item) -> FeedPlace:
    latitude = part.number("latitude", -90, 90)
    longitude = part.number("longitude", -180, 180)
    if latitude is None or longitude is None:
        latitude = longitude = None
    elif latitude == longitude == 0:
        part.note("latitude", "the point 0, 0 stands for no point")
        latitude = longitude = None
    return FeedPlace(
        label=part.text("libelle"),
        latitude=latitude,
        longitude=longitude,
        postal_code=part.code("codePostal", r"\d{5}", width=5),
        commune_code=part.code("commune", r"\d[0-9AB]\d{3}", width=5),
    )


def _contract(item: Item) -> FeedContract:
    coded = item.part("typeContrat", "code")
    code = coded.text("code")
    label = item.text("typeContratLibelle") or coded.text("libelle")
    nature = item.text("natureContrat")
    months, days = wording.duration(label or "")
    return FeedContract(
        kind=wording.contract_kind(code, label, nature),
        text=label or code,
        nature=nature,
        duration_months=months,
        duration_days=days,
    )


def _working_time(item: Item, context: Item) -> FeedWorkingTime:
    text = item.text("dureeTravailLibelle")
    kind, hours = wording.weekly_hours(text or "")
    stated, _none = wording.weekly_hours(item.text("dureeTravailLibelleConverti") or "")
    return FeedWorkingTime(
        kind=stated or kind,
        weekly_hours=hours,
        text=text,
        conditions=context.texts("horaires"),
    )


def _salary(part: Item) -> FeedSalary:
    text = part.text("libelle")
    amounts = wording.salary(text or "")
    if amounts.doubt is not None:
        part.note("libelle", amounts.doubt)
    listed = (entry.text("libelle") for entry in part.parts("listeComplements"))
    return FeedSalary(
        minimum=amounts.minimum,
        maximum=amounts.maximum,
        unit=amounts.unit,
        months_per_year=amounts.months,
        text=text,
        comment=part.text("commentaire"),
        complements=_telling((part.text("complement1"), part.text("complement2"), *listed)),
    )


def _experience(item: Item) -> FeedExperience:
    text = item.text("experienceLibelle")
    kind, months = wording.experience(item.text("experienceExige"), text)
    return FeedExperience(kind=kind, months=months, text=text or item.text("experienceCommentaire"))


def _application(item: Item, partner: Item | None) -> FeedApplication:
    contact = item.part("contact")
    agency = item.part("agence")
    email = contact.text("courriel") or agency.text("courriel")
    redirection = None
    if email is not None and _REDIRECTION.search(email):
        # Since 2022 the API answers "Pour postuler, utiliser le lien suivant : https://…" here.
        redirection, email = first_address(email), None
    elif email is not None and not _EMAIL.fullmatch(email):
        contact.note("courriel", "not an e-mail address")
        email = None
    street = (contact.text(f"coordonnees{line}") for line in (1, 2, 3))
    lines = [line for line in street if line and not _REDIRECTION.search(line)]
    return FeedApplication(
        url=contact.address("urlPostulation")
        or (partner.address("url") if partner else None)
        or redirection
        or contact.address("urlRecruteur"),
        contact_name=contact.text("nom"),
        email=email,
        phone=contact.text("telephone") or agency.text("telephone"),
        postal_address=", ".join(lines)[:500] or None,
        comment=contact.prose("commentaire"),
    )


def _skills(item: Item) -> tuple[FeedSkill, ...]:
    found: dict[tuple[str | None, str], FeedSkill] = {}
    for part in item.parts("competences"):
        label = part.text("libelle")
        if label is None:
            part.note("libelle", "a skill without a label")
            continue
        code = part.code("code", r"\d{1,9}") or None
        required = part.required()
        known = found.get((code, label))
        if known is None or (required and not known.required):
            found[code, label] = FeedSkill(code=code, label=label, required=required)
    return tuple(found.values())


def _licences(item: Item) -> tuple[FeedLicence, ...]:
    found: dict[str, FeedLicence] = {}
    for part in item.parts("permis"):
        label = part.text("libelle")
        if label is None:
            continue
        code = wording.licence_category(label)
        if code is None:
            part.note("libelle", "an unknown licence category")
        licence = FeedLicence(code=code, label=label, required=part.required())
        found.setdefault(code or label, licence)
    return tuple(found.values())


def _languages(item: Item) -> tuple[FeedLanguage, ...]:
    found: dict[str, FeedLanguage] = {}
    for part in item.parts("langues"):
        label = part.text("libelle")
        if label is None:
            continue
        language = FeedLanguage(code=wording.language_code(label), label=label, required=part.required())
        found.setdefault(label.casefold(), language)
    return tuple(found.values())


def _trainings(item: Item) -> tuple[FeedTraining, ...]:
    found = []
    for part in item.parts("formations", "commentaire"):
        training = FeedTraining(
            code=part.text("codeFormation"),
            field=part.text("domaineLibelle"),
            level=part.text("niveauLibelle"),
            comment=part.text("commentaire"),
            required=part.required(),
        )
        if training.model_dump(exclude={"required"}, exclude_none=True):
            found.append(training)
    return tuple(dict.fromkeys(found))


def _qualities(item: Item) -> tuple[FeedQuality, ...]:
    found: dict[str, FeedQuality] = {}
    for part in item.parts("qualitesProfessionnelles"):
        label = part.text("libelle")
        if label is not None:
            found.setdefault(label, FeedQuality(label=label, description=part.prose("description")))
    return tuple(found.values())


def _telling(texts: tuple[str | None, ...]) -> tuple[str, ...]:
    kept = (text for text in texts if text and text not in _SAYS_NOTHING)
    return tuple(dict.fromkeys(kept))
