"""One item of the API read into a posting: tolerant of fields, strict on identity."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from service.adapters.france_travail import parse_item
from service.adapters.france_travail.reading import plain_text
from service.models.enums import ContractKind, ExperienceKind, RemoteKind, SalaryUnit, WorkingTime
from service.schemas.feed import FeedPosting, Note, Rejection

FULL: dict[str, Any] = {
    "id": "199INVT",
    "intitule": "Menuisier / Menuisière d'agencement (H/F)",
    "description": "Atelier de l'Invention.\r\n\r\nVous fabriquez des meubles.",
    "dateCreation": "2025-05-31T16:14:44.737+02:00",
    "dateActualisation": "2025-06-01",
    "romeCode": "H2206",
    "romeLibelle": "Menuisier / Menuisière bois",
    "appellationlibelle": "Menuisier / Menuisière d'agencement",
    "lieuTravail": {
        "libelle": "07 - AUBENAS",
        "latitude": 44.61,
        "longitude": 4.39,
        "codePostal": "07200",
        "commune": "07019",
    },
    "entreprise": {
        "nom": "ATELIER INVENTÉ",
        "siret": "732 829 320 00074",
        "description": "Une maison qui n'existe pas.",
        "url": "https://atelier.example/",
        "logo": "KlLUv9vRH2cohxIk6d2WAuRXfs6kjn42",
        "entrepriseAdaptee": False,
    },
    "typeContrat": "CDD",
    "typeContratLibelle": "Contrat à durée déterminée - 6 Mois",
    "natureContrat": "Contrat travail",
    "experienceExige": "E",
    "experienceLibelle": "2 An(s) - en atelier",
    "competences": [
        {"code": "100341", "libelle": "Lire un plan", "exigence": "S"},
        {"code": "100341", "libelle": "Lire un plan", "exigence": "E"},
        {"code": "", "libelle": "Poser un parquet", "exigence": "S"},
    ],
    "salaire": {
        "libelle": "Mensuel de 2100.0 Euros à 2300.0 Euros sur 12.0 mois",
        "commentaire": "Selon expérience",
        "complement1": "Autre",
        "complement2": "Mutuelle",
        "listeComplements": [{"code": "1", "libelle": "Mutuelle"}, {"code": "2", "libelle": "Primes"}],
    },
    "permis": [{"libelle": "B - Véhicule léger", "exigence": "E"}],
    "langues": [{"libelle": "Anglais", "exigence": "S"}],
    "formations": [
        {
            "codeFormation": "23076",
            "domaineLibelle": "Menuiserie",
            "niveauLibelle": "CAP, BEP et équivalents",
            "exigence": "S",
        }
    ],
    "qualitesProfessionnelles": [{"libelle": "Faire preuve d'autonomie", "description": "Agir seul."}],
    "outilsBureautiques": ["Tableur"],
    "dureeTravailLibelle": "35H/semaine Travail en journée",
    "dureeTravailLibelleConverti": "Temps plein",
    "alternance": False,
    "nombrePostes": 2,
    "accessibleTH": True,
    "qualificationCode": "6",
    "qualificationLibelle": "Employé qualifié",
    "codeNAF": "16.23Z",
    "secteurActivite": "16",
    "secteurActiviteLibelle": "Fabrication de charpentes et d'autres menuiseries",
    "trancheEffectifEtab": "3 à 5 salariés",
    "offresManqueCandidats": True,
    "deplacementCode": "1",
    "deplacementLibelle": "Jamais",
    "contexteTravail": {"horaires": ["35H/semaine"], "conditionsExercice": ["Autre", "Port de charges"]},
    "contact": {
        "nom": "Alix Inventée",
        "courriel": "alix@atelier.example",
        "telephone": "04 00 00 00 00",
        "coordonnees1": "1 rue Imaginaire",
        "urlPostulation": "https://atelier.example/postuler",
    },
    "origineOffre": {
        "origine": "2",
        "urlOrigine": "https://candidat.francetravail.fr/offres/recherche/detail/199INVT",
        "partenaires": [{"nom": "EMPLOI INVENTÉ", "url": "https://emploi.example/1"}],
    },
}


def parsed(**fields: object) -> FeedPosting:
    posting = parse_item({"id": "199INVT", "intitule": "Menuisier", **fields})
    assert isinstance(posting, FeedPosting)
    return posting


def without(**fields: object) -> dict[str, object]:
    return {**FULL, **fields}


def test_a_full_item_is_read_whole() -> None:
    posting = parse_item(FULL)
    assert isinstance(posting, FeedPosting)
    assert (posting.source, posting.source_id) == ("france-travail", "199INVT")
    assert posting.source_url == "https://candidat.francetravail.fr/offres/recherche/detail/199INVT"
    assert posting.source_partner == "EMPLOI INVENTÉ"
    assert posting.source_created_at == datetime(2025, 5, 31, 14, 14, 44, 737000, tzinfo=UTC)
    assert posting.source_updated_at == datetime(2025, 6, 1, tzinfo=UTC)
    assert posting.title == "Menuisier / Menuisière d'agencement (H/F)"
    assert posting.description == "Atelier de l'Invention.\n\nVous fabriquez des meubles."
    assert posting.occupation_code == "H2206"
    assert posting.occupation_title == "Menuisier / Menuisière d'agencement"
    assert posting.employer.name == "ATELIER INVENTÉ"
    assert posting.employer.siret == "73282932000074"
    assert posting.employer.logo_url is None
    assert posting.employer.headcount == "3 à 5 salariés"
    assert posting.employer.adapted is False
    assert (posting.place.latitude, posting.place.commune_code) == (44.61, "07019")
    assert posting.contract.kind is ContractKind.FIXED_TERM
    assert posting.contract.duration_months == 6
    assert posting.working_time.kind is WorkingTime.FULL_TIME
    assert posting.working_time.weekly_hours == 35
    assert (posting.salary.minimum, posting.salary.maximum) == (Decimal(2100), Decimal(2300))
    assert (posting.salary.unit, posting.salary.months_per_year) == (SalaryUnit.MONTH, Decimal(12))
    assert posting.salary.complements == ("Mutuelle", "Primes")
    assert (posting.experience.kind, posting.experience.months) == (ExperienceKind.REQUIRED, 24)
    assert [(skill.code, skill.required) for skill in posting.skills] == [("100341", True), (None, False)]
    assert [(licence.code, licence.required) for licence in posting.licences] == [("B", True)]
    assert [(language.code, language.required) for language in posting.languages] == [("en", False)]
    assert posting.trainings[0].level == "CAP, BEP et équivalents"
    assert posting.qualities[0].label == "Faire preuve d'autonomie"
    assert posting.tools == ("Tableur",)
    assert (posting.positions, posting.few_candidates) == (2, True)
    assert posting.accessible_to_disabled_workers is True
    assert (posting.naf_code, posting.sector_code) == ("16.23Z", "16")
    assert posting.working_conditions == ("Port de charges",)
    assert posting.application.url == "https://atelier.example/postuler"
    assert posting.application.email == "alix@atelier.example"
    assert posting.notes == (Note(pointer="/entreprise/logo", reason="not an http address"),)


def test_two_fields_suffice_and_nothing_is_invented() -> None:
    posting = parsed()
    told = posting.model_dump(exclude_defaults=True)
    assert told == {
        "source": "france-travail",
        "source_id": "199INVT",
        "source_url": "https://candidat.francetravail.fr/offres/recherche/detail/199INVT",
        "title": "Menuisier",
    }


@pytest.mark.parametrize(
    ("raw", "source_id", "pointer"),
    [
        ("199INVT", None, ""),
        (None, None, ""),
        ([], None, ""),
        ({}, None, "/id"),
        (without(id=None), None, "/id"),
        (without(id="   "), None, "/id"),
        (without(id=True), None, "/id"),
        (without(id={"code": 1}), None, "/id"),
        (without(id="a\u0000b"), None, "/id"),
        (without(id="x" * 101), None, "/id"),
        (without(intitule=None), "199INVT", "/intitule"),
        (without(intitule=" \u0000 "), "199INVT", "/intitule"),
        (without(intitule="---"), "199INVT", "/intitule"),
        (without(intitule=["Menuisier"]), "199INVT", "/intitule"),
    ],
)
def test_identity_is_strict(raw: object, source_id: str | None, pointer: str) -> None:
    rejection = parse_item(raw)
    assert isinstance(rejection, Rejection)
    assert (rejection.source_id, rejection.pointer) == (source_id, pointer)
    assert rejection.reason


def test_a_number_may_be_an_identifier() -> None:
    posting = parse_item({"id": 6815615, "intitule": "Menuisier"})
    assert isinstance(posting, FeedPosting)
    assert posting.source_id == "6815615"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"dateCreation": "hier"}, "/dateCreation"),
        ({"dateCreation": "0001-01-01T00:00:00+14:00"}, "/dateCreation"),
        ({"dateActualisation": "1970-01-01"}, "/dateActualisation"),
        ({"dateActualisation": ["2025-01-01"]}, "/dateActualisation"),
        ({"romeCode": "menuisier"}, "/romeCode"),
        ({"lieuTravail": 7}, "/lieuTravail"),
        ({"lieuTravail": {"latitude": "nord", "longitude": 4}}, "/lieuTravail/latitude"),
        ({"lieuTravail": {"latitude": 0, "longitude": 0}}, "/lieuTravail/latitude"),
        ({"lieuTravail": {"latitude": 444, "longitude": 4}}, "/lieuTravail/latitude"),
        ({"lieuTravail": {"codePostal": "7 rue"}}, "/lieuTravail/codePostal"),
        ({"entreprise": {"siret": "73282932000075"}}, "/entreprise/siret"),
        ({"entreprise": {"url": "javascript:alert(1)"}}, "/entreprise/url"),
        ({"salaire": {"libelle": "De 2056,00 Euros à 2372,00 Euros"}}, "/salaire/libelle"),
        ({"salaire": {"libelle": "Mensuel de 45000.0 Euros"}}, "/salaire/libelle"),
        ({"nombrePostes": 0}, "/nombrePostes"),
        ({"nombrePostes": "plusieurs"}, "/nombrePostes"),
        ({"nombrePostes": True}, "/nombrePostes"),
        ({"alternance": "peut-être"}, "/alternance"),
        ({"competences": "bois"}, "/competences"),
        ({"competences": [{"code": "1"}]}, "/competences/0/libelle"),
        ({"competences": [7]}, "/competences/0"),
        ({"permis": [{"libelle": "Permis tondeuse"}]}, "/permis/0/libelle"),
        ({"codeNAF": "bois"}, "/codeNAF"),
        ({"contact": {"courriel": "au magasin"}}, "/contact/courriel"),
        ({"intitule": "M" * 400}, "/intitule"),
    ],
)
def test_an_unusable_field_is_a_note_and_never_a_rejection(fields: dict[str, object], pointer: str) -> None:
    assert pointer in [note.pointer for note in parsed(**fields).notes]


@pytest.mark.parametrize(
    ("salary", "expected"),
    [
        ("Mensuel de 2100.0 Euros à 2300.0 Euros sur 12.0 mois", (2100, 2300, "month", 12)),
        ("Annuel de 30000.00 Euros", (30000, 30000, "year", None)),
        ("Horaire de 12,50 Euros", (Decimal("12.50"), Decimal("12.50"), "hour", None)),
        ("Horaire de 11.88 Euros sur 12 mois", (Decimal("11.88"), Decimal("11.88"), "hour", 12)),
        ("Annuel de 40000,00 Euros à 30000,00 Euros", (30000, 40000, "year", None)),
        ("Mensuel de 1 802,50 Euros", (Decimal("1802.50"), Decimal("1802.50"), "month", None)),
        ("Mensuel de 1600,00 Euros ï¿½ 1800,00 Euros", (1600, 1800, "month", None)),
        ("Mensuel de 2000 € sur 13,5 mois", (2000, 2000, "month", Decimal("13.5"))),
        ("Annuel de", (None, None, None, None)),
        ("Annuel de 0.0 Euros", (None, None, None, None)),
        ("Autre de 2000,00 Euros à 2400,00 Euros", (None, None, None, None)),
        ("Selon profil", (None, None, None, None)),
        ("Mensuel de 2000 Euros sur 99 mois", (2000, 2000, "month", None)),
    ],
)
@pytest.mark.parametrize("shape", [lambda text: {"libelle": text}, lambda text: text, lambda text: [text]])
def test_salary_wordings(salary: str, expected: tuple[object, ...], shape: Callable[[str], object]) -> None:
    found = parsed(salaire=shape(salary)).salary
    assert (found.minimum, found.maximum, found.unit, found.months_per_year) == expected


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"typeContrat": "CDI"}, ContractKind.PERMANENT),
        ({"typeContrat": {"code": "CDI", "libelle": "CDI"}}, ContractKind.PERMANENT),
        ({"typeContrat": "Contrat à durée indéterminée"}, ContractKind.PERMANENT),
        ({"typeContrat": "DIN", "typeContratLibelle": "CDI intérimaire"}, ContractKind.PERMANENT),
        ({"typeContrat": "MIS"}, ContractKind.TEMPORARY),
        ({"typeContratLibelle": "Mission intérimaire - 3 Mois"}, ContractKind.TEMPORARY),
        ({"typeContrat": "SAI"}, ContractKind.SEASONAL),
        ({"typeContrat": "LIB"}, ContractKind.SELF_EMPLOYED),
        ({"typeContrat": "CDI", "natureContrat": "Contrat apprentissage"}, ContractKind.APPRENTICESHIP),
        (
            {"typeContrat": "CDD", "natureContrat": "Cont. professionnalisation"},
            ContractKind.PROFESSIONALISATION,
        ),
        ({"typeContrat": "XYZ"}, ContractKind.OTHER),
        ({}, None),
    ],
)
def test_contract_shapes(fields: dict[str, object], kind: ContractKind | None) -> None:
    assert parsed(**fields).contract.kind is kind


@pytest.mark.parametrize(
    ("label", "months", "days"),
    [
        ("CDD - 6 Mois", 6, None),
        ("Mission intérimaire - 15 Jour(s)", None, 15),
        ("CDD - 2 Semaine(s)", None, 14),
        ("CDD - 1,5 mois", None, 45),
        ("Contrat à durée déterminée - 2 An(s)", 24, None),
        ("CDI", None, None),
    ],
)
def test_contract_durations(label: str, months: int | None, days: int | None) -> None:
    contract = parsed(typeContrat="CDD", typeContratLibelle=label).contract
    assert (contract.duration_months, contract.duration_days) == (months, days)


@pytest.mark.parametrize(
    ("label", "kind", "hours"),
    [
        ("35H Autre", WorkingTime.FULL_TIME, Decimal(35)),
        ("temps partiel - 17H50 Autre", WorkingTime.PART_TIME, Decimal("17.83")),
        ("temps partiel - 5H Autre", WorkingTime.PART_TIME, Decimal(5)),
        ("24 H  Travail en journée", WorkingTime.PART_TIME, Decimal(24)),
        ("Temps plein", WorkingTime.FULL_TIME, None),
        ("8 H", None, None),
        ("Travail en journée", None, None),
    ],
)
def test_working_time(label: str, kind: WorkingTime | None, hours: Decimal | None) -> None:
    found = parsed(dureeTravailLibelle=label).working_time
    assert (found.kind, found.weekly_hours) == (kind, hours)


@pytest.mark.parametrize(
    ("code", "label", "kind", "months"),
    [
        ("D", "Débutant accepté", ExperienceKind.NONE, None),
        ("E", "6 Mois - TECHNIQUE DE VENTE", ExperienceKind.REQUIRED, 6),
        ("S", "1 an", ExperienceKind.WISHED, 12),
        ("E", "1 an - Débutant accepté domaine similaire", ExperienceKind.REQUIRED, 12),
        (None, "Débutant accepté", ExperienceKind.NONE, None),
        (None, None, None, None),
    ],
)
def test_experience(
    code: str | None, label: str | None, kind: ExperienceKind | None, months: int | None
) -> None:
    found = parsed(experienceExige=code, experienceLibelle=label).experience
    assert (found.kind, found.months) == (kind, months)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("B - Véhicule léger", "B"),
        ("B - Véhicule léger Exigé", "B"),
        ("CE - Poids lourd + remorque (= EC)", "CE"),
        ("B mention 79.06 (= EB)", "BE"),
        ("A - Moto", "A"),
        ("Caces", None),
    ],
)
def test_licence_categories(label: str, code: str | None) -> None:
    assert parsed(permis=[{"libelle": label}]).licences[0].code == code


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("Médecin coordonnateur (100% Télétravail)", RemoteKind.FULL),
        ("Poste en full remote.", RemoteKind.FULL),
        ("1 à 2 jours de télétravail par semaine", RemoteKind.PARTIAL),
        ("Télétravail partiel possible", RemoteKind.PARTIAL),
        ("Pas de télétravail, présence sur site indispensable", RemoteKind.NONE),
        ("Un accord sur le télétravail, des congés payés", None),
        ("Formation en alternance 100% à distance", None),
        ("Pas de télétravail cette année, 2 jours de télétravail ensuite", None),
        ("Vous posez des parquets.", None),
    ],
)
def test_remote_is_read_only_when_explicit(text: str, remote: RemoteKind | None) -> None:
    assert parsed(description=text).remote is remote


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Un &amp; deux<br>trois</p><ul><li>quatre</li></ul>", "Un & deux\ntrois\n\n- quatre"),
        ("Data Engineer &lt;br /&gt;Description", "Data Engineer\nDescription"),
        ("Moins de 5 ans < 10 et <nom> d'usage", "Moins de 5 ans < 10 et <nom> d'usage"),
        ("a<script>alert(1)</script>b<style>p{}", "a b"),
        ("NUL\x00 et \ud800 et\u2028ligne\ttabulée", "NUL et et ligne tabulée"),
        ("un\r\n\r\n\r\n\r\ndeux\u00a0trois", "un\n\ndeux trois"),
        ("lien?a=1&copy=2", "lien?a=1&copy=2"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_plain_text(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_the_apply_link_hidden_in_the_email_field_is_found() -> None:
    link = "https://candidat.francetravail.fr/offres/recherche/detail/199INVT"
    contact = {"courriel": f"Pour postuler, utiliser le lien suivant : {link}."}
    application = parsed(contact=contact).application
    assert (application.url, application.email) == (link, None)


def test_fingerprint_follows_content_and_ignores_notes() -> None:
    assert parsed().fingerprint() == parsed(dateCreation="hier").fingerprint()
    assert parsed().fingerprint() != parsed(nombrePostes=2).fingerprint()
    assert len(parsed().fingerprint()) == 64


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*FULL, "libelle"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), JSON, max_size=3))
def test_no_shape_of_the_fields_makes_the_parser_fail(fields: dict[str, object]) -> None:
    result = parse_item({"id": "199INVT", "intitule": "Menuisier", **fields})
    assert result == parse_item({"id": "199INVT", "intitule": "Menuisier", **fields})
    stored = result.model_dump_json()
    assert "\\u0000" not in stored
    json.loads(stored)
