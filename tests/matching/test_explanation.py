"""Words: every outcome has its sentence, in both languages; place is for the candidate alone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from service.matching.explanation import (
    Audience,
    Language,
    explain,
    figure,
    obstacle_words,
    score_words,
    visible,
    words,
)
from service.matching.explanation.english import PHRASEBOOK as ENGLISH
from service.matching.explanation.french import PHRASEBOOK as FRENCH
from service.matching.facts import (
    CandidateFacts,
    MatchingContext,
    OccupationGraph,
    Point,
    PostingFacts,
    SkillRarity,
)
from service.matching.gates import Obstacle
from service.matching.scoring import PLACE, CriterionResult, Suggestion, evaluate
from service.matching.weights import UNKNOWN
from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)
from tests.matching.strategies import PATIENT, TODAY, candidates, contexts, postings, suggestible

LANGUAGES: tuple[Language, ...] = get_args(Language)
AUDIENCES: tuple[Audience, ...] = get_args(Audience)

LABELS = {
    "G1602": "Commis / Commise de cuisine",
    "G1603": "Équipier polyvalent / Équipière polyvalente de restauration rapide",
    "100023": "Éplucher des légumes",
    "100063": "Dresser une assiette",
    "300426": "Utiliser les outils numériques",
}
CONTEXT = MatchingContext(
    graph=OccupationGraph(near={"G1602": frozenset({"G1603"})}),
    rarity=SkillRarity(),
    as_of=TODAY,
)
CANDIDATE = CandidateFacts(
    id=UUID(int=1),
    version=1,
    wanted_occupations=("G1602",),
    skills=frozenset({"100023"}),
    contract_kinds=frozenset({ContractKind.PERMANENT}),
    working_time=WorkingTime.FULL_TIME,
    salary_amount=Decimal(1900),
    salary_unit=SalaryUnit.MONTH,
    point=Point(49.1193, 6.1757),
    radius_km=30,
    available_from=date(2026, 5, 1),
    languages=frozenset({"fr"}),
    licences=frozenset({"B"}),
)
POSTING = PostingFacts(
    id=UUID(int=2),
    version=1,
    open=True,
    occupation="G1603",
    occupation_origin=OccupationOrigin.SUGGESTED,
    occupation_confidence=80,
    required_skills=frozenset({"100063"}),
    wished_skills=frozenset({"100023", "300426"}),
    contract_kind=ContractKind.PERMANENT,
    working_time=WorkingTime.PART_TIME,
    salary_minimum=Decimal("1850.50"),
    salary_maximum=Decimal(2300),
    salary_unit=SalaryUnit.MONTH,
    point=Point(49.3594, 6.1683),
    remote=RemoteKind.NONE,
    wished_licences=frozenset({"B"}),
    languages=frozenset({"fr", "de"}),
    published_on=date(2026, 2, 28),
    starts_on=date(2026, 4, 1),
)


def lines(language: Language, audience: Audience) -> dict[str, str]:
    """Return the words of the pair above, by criterion, with plain spaces."""
    result = evaluate(CANDIDATE, POSTING, CONTEXT)
    assert isinstance(result, Suggestion)
    return {
        line.code: line.words.replace("\N{NO-BREAK SPACE}", " ")
        for line in explain(result.criteria, language, audience, LABELS)
    }


def test_a_candidate_reads_french() -> None:
    assert lines("fr", "candidate") == {
        "occupation": (
            "Ce métier, « Équipier polyvalent / Équipière polyvalente de restauration rapide », est "
            "proche de celui que vous recherchez en premier, « Commis / Commise de cuisine ». Le "
            "métier de l'offre est déduit de son intitulé (confiance : 80 %)."
        ),
        "skills": (
            "Vous avez l'une des 3 compétences demandées : « Éplucher des légumes ». Exigée par "
            "l'offre et absente de votre profil : « Dresser une assiette »."
        ),
        "contract": "Le contrat proposé, CDI, est de ceux que vous souhaitez.",
        "salary": ("Le salaire proposé, de 1 850,50 à 2 300 € brut par mois, peut atteindre votre souhait."),
        "availability": "Vous serez disponible dans le mois qui suit le début prévu, le 1er avril 2026.",
        "working_time": "L'offre est à temps partiel, ce qui n'est pas votre souhait.",
        "languages": "L'offre demande allemand et français ; vous parlez français.",
        "remote": (
            "Télétravail souhaité : non précisé dans votre profil ; l'offre prévoit : travail sur place."
        ),
        "freshness": "Offre toute récente, publiée le 28 février 2026.",
        "licences": "Vous avez le permis souhaité par l'offre : B.",
        "place": "À 27 km de chez vous, dans le rayon que vous avez choisi.",
    }


def test_an_employer_reads_the_same_facts_without_place() -> None:
    french = lines("fr", "employer")
    assert list(french) == list(lines("fr", "candidate"))[:-1]
    assert french["occupation"].startswith("La personne recherche en premier un métier proche : « Commis")
    assert french["skills"] == (
        "La personne a l'une des 3 compétences demandées : « Éplucher des légumes ». Exigée par "
        "l'offre et absente du profil : « Dresser une assiette »."
    )
    assert french["remote"] == "Télétravail souhaité : non précisé par la personne."


def test_english_says_it_too() -> None:
    english = lines("en", "candidate")
    assert english["salary"] == ("The pay offered, €1,850.50 to €2,300 gross a month, can reach your wish.")
    assert english["availability"] == (
        "You will be available within a month of the planned start, on 1 April 2026."
    )
    assert english["place"] == "27 km from home, within the radius you chose."


def test_french_punctuation_never_starts_a_line() -> None:
    result = evaluate(CANDIDATE, POSTING, CONTEXT)
    assert isinstance(result, Suggestion)
    for line in explain(result.criteria, "fr", "candidate", LABELS):
        assert not re.search(r" [:;!?%€»]|« ", line.words)


@PATIENT
@given(suggestible())
def test_every_outcome_has_words_and_silence_is_said(
    pair: tuple[CandidateFacts, PostingFacts, MatchingContext],
) -> None:
    result = evaluate(*pair)
    assert isinstance(result, Suggestion)
    silence = {"fr": "non précisé", "en": "not specified"}
    for language in LANGUAGES:
        for audience in AUDIENCES:
            for line in explain(result.criteria, language, audience, LABELS):
                assert line.title
                assert line.words.endswith(".")
                assert "{" not in line.words
                if line.outcome == UNKNOWN:
                    assert silence[language] in line.words


@PATIENT
@given(suggestible(), st.sampled_from(LANGUAGES))
def test_an_employer_never_learns_the_place(
    pair: tuple[CandidateFacts, PostingFacts, MatchingContext], language: Language
) -> None:
    """The employer's explanation is the same wherever the candidate lives."""
    candidate, posting, context = pair
    anywhere = replace(candidate, point=None, radius_km=None)
    shown, elsewhere = evaluate(candidate, posting, context), evaluate(anywhere, posting, context)
    assert isinstance(shown, Suggestion)
    assert isinstance(elsewhere, Suggestion)
    assert visible(shown.criteria, "employer") == visible(elsewhere.criteria, "employer")
    assert explain(shown.criteria, language, "employer", LABELS) == explain(
        elsewhere.criteria, language, "employer", LABELS
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_place_has_no_words_for_an_employer(language: Language) -> None:
    place = CriterionResult(PLACE, "within_radius", 0, 0, {"distance_km": 12})
    assert "12 km" in words(place, language, "candidate", {})
    with pytest.raises(ValueError, match="candidate alone"):
        words(place, language, "employer", {})


def test_the_phrasebooks_hold_the_same_keys_and_fields() -> None:
    fields = re.compile(r"\{(\w+)\}")
    assert FRENCH.titles.keys() == ENGLISH.titles.keys()
    assert FRENCH.obstacles.keys() == ENGLISH.obstacles.keys()
    assert FRENCH.grammar.values.keys() == ENGLISH.grammar.values.keys()
    assert FRENCH.sentences.keys() == ENGLISH.sentences.keys()
    for key, french in FRENCH.sentences.items():
        english = ENGLISH.sentences[key]
        assert sorted(fields.findall(french.candidate)) == sorted(fields.findall(english.candidate))
        assert sorted(fields.findall(french.employer or "")) == sorted(fields.findall(english.employer or ""))


@pytest.mark.parametrize("language", LANGUAGES)
@PATIENT
@given(candidates(), postings(), contexts())
def test_every_obstacle_has_words(
    language: Language, candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext
) -> None:
    result = evaluate(candidate, posting, context)
    if isinstance(result, Obstacle):
        assert obstacle_words(result, language).endswith(".")


def test_an_unknown_place_says_so() -> None:
    result = evaluate(CANDIDATE, replace(POSTING, point=None), CONTEXT)
    assert isinstance(result, Obstacle)
    assert "pas précisé" in obstacle_words(result, "fr")
    result = evaluate(replace(CANDIDATE, radius_km=None), replace(POSTING, point=None), CONTEXT)
    assert isinstance(result, Suggestion)
    assert "distance est inconnue" in words(result.criteria[-1], "fr", "candidate", {})


def skills(common: int, missing: int) -> CriterionResult:
    """Return a skills result with this many codes."""
    return CriterionResult(
        "skills",
        "some",
        0,
        0,
        {
            "common": [f"{number}" for number in range(common)],
            "missing_required": [f"{number}" for number in range(100, 100 + missing)],
            "asked": common + missing,
            "percent": 0,
        },
    )


@pytest.mark.parametrize(
    ("common", "missing", "expected"),
    [
        (1, 0, "Vous avez la compétence demandée : « 0 »."),
        (2, 0, "Vous avez les 2 compétences demandées : « 0 » et « 1 »."),
        (0, 1, "aucune des compétences demandées. Exigée par l'offre et absente de votre profil : « 100 »."),
        (2, 2, "Exigées par l'offre et absentes de votre profil : « 100 » et « 101 »."),
        (6, 0, "« 0 », « 1 », « 2 », « 3 », « 4 » et une autre."),
        (8, 0, "« 4 » et 3 autres."),
    ],
)
def test_skills_are_counted_and_named_in_good_french(common: int, missing: int, expected: str) -> None:
    text = words(skills(common, missing), "fr", "candidate", {}).replace("\N{NO-BREAK SPACE}", " ")
    assert text.endswith(expected)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"minimum": "11.88", "maximum": None, "unit": "hour"}, "à partir de 11,88 € brut de l'heure"),
        ({"minimum": None, "maximum": "30000", "unit": "year"}, "jusqu'à 30 000 € brut par an"),
        ({"minimum": "120", "maximum": "120", "unit": "day"}, "120 € brut par jour"),
    ],
)
def test_pay_is_written_as_offered(data: Mapping[str, str | None], expected: str) -> None:
    criterion = CriterionResult("salary", "covers", 800, 800, dict(data))
    text = words(criterion, "fr", "candidate", {}).replace("\N{NO-BREAK SPACE}", " ")
    assert text == f"Le salaire proposé, {expected}, atteint votre souhait."


@pytest.mark.parametrize(
    ("hundredths", "french", "english"),
    [(8245, "82,45", "82.45"), (8240, "82,4", "82.4"), (8000, "80", "80"), (5, "0,05", "0.05")],
)
def test_figures_are_exact(hundredths: int, french: str, english: str) -> None:
    assert (figure(hundredths, "fr"), figure(hundredths, "en")) == (french, english)


def test_a_score_is_out_of_a_hundred() -> None:
    assert score_words(8245, "fr") == "82,45 sur 100"
    assert score_words(10_000, "en") == "100 out of 100"
