"""Posting titles classified into occupations, and titles completed while typing."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from service.matching.titles import OccupationFacts, OccupationTitleIndex, TitleFacts
from service.matching.titles.vectors import SparseRows, letters
from service.matching.titles.words import stem, telling_words, words

OCCUPATIONS = (
    OccupationFacts(
        "G1803", "Serveur / Serveuse en restauration", "Sert les plats et les boissons en salle."
    ),
    OccupationFacts("G1602", "Cuisinier / Cuisinière", "Prépare les plats, cuit les aliments."),
    OccupationFacts("G1601", "Chef / Cheffe de cuisine", "Dirige la brigade et compose la carte."),
    OccupationFacts("J1501", "Aide-soignant / Aide-soignante", "Donne des soins d'hygiène aux patients."),
    OccupationFacts(
        "J1506", "Infirmier / Infirmière en soins généraux (IDE)", "Réalise les soins infirmiers."
    ),
    OccupationFacts("H2206", "Menuisier / Menuisière bois", "Fabrique des meubles et des ouvrages en bois."),
    OccupationFacts("F1607", "Poseur / Poseuse de menuiseries", "Pose fenêtres, portes et volets."),
    OccupationFacts("N4101", "Conducteur / Conductrice de poids lourd", "Conduit un camion, livre."),
    OccupationFacts("K1304", "Employé familial / Employée familiale", "Entretient le domicile."),
)
TITLES = (
    TitleFacts("1", "Serveur / Serveuse en restauration", "G1803"),
    TitleFacts("2", "Serveur / Serveuse de bar", "G1803"),
    TitleFacts("3", "Cuisinier / Cuisinière", "G1602"),
    TitleFacts("4", "Cuisinier / Cuisinière de collectivité", "G1602"),
    TitleFacts("5", "Chef / Cheffe de cuisine", "G1601"),
    TitleFacts("6", "Aide-soignant / Aide-soignante", "J1501"),
    TitleFacts("7", "Infirmier / Infirmière en soins généraux (IDE)", "J1506"),
    TitleFacts("8", "Menuisier / Menuisière bois", "H2206"),
    TitleFacts("9", "Menuisier poseur / Menuisière poseuse", "F1607"),
    TitleFacts("10", "Conducteur / Conductrice de poids lourd", "N4101"),
    TitleFacts("11", "Chauffeur / Chauffeuse de poids lourd", "N4101", rarely_used=True),
    TitleFacts("12", "Aide à domicile", "K1304"),
    TitleFacts("13", "Obsolète sans métier", "Z0000"),
)
LINKS = (
    ("G1803", "100"),
    ("G1602", "100"),
    ("G1602", "200"),
    ("H2206", "300"),
    ("F1607", "400"),
    ("Z0000", "300"),
)
INDEX = OccupationTitleIndex(TITLES, OCCUPATIONS, LINKS)


def codes(title: str, description: str | None = None, skills: Sequence[str] = ()) -> list[str]:
    return [found.occupation_code for found in INDEX.suggest(title, description, skills)]


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Serveur / Serveuse (H/F)", "G1803"),
        ("SERVEUSE F/H", "G1803"),
        ("Serveur(se) en salle - CDI 35h", "G1803"),
        ("Serveur·se", "G1803"),
        ("Servuer de bar", "G1803"),
        ("2 cuisinières de collectivité - URGENT", "G1602"),
        ("Cheffe de cuisine", "G1601"),
        ("Aide soignant(e) de nuit H/F", "J1501"),
        ("ASDE NUIT", "J1501"),
        ("IDE en EHPAD", "J1506"),
        ("Chauffeur PL (H/F)", "N4101"),
        ("Menuisier-poseur", "F1607"),
        ("L'aide à domicile", "K1304"),
    ],
)
def test_the_right_occupation_comes_first(title: str, code: str) -> None:
    assert codes(title)[0] == code


def test_the_nearest_title_is_named() -> None:
    best = INDEX.suggest("Serveuse de bar de nuit")[0]
    assert (best.title_code, best.label) == ("2", "Serveur / Serveuse de bar")


def test_the_description_settles_a_vague_title() -> None:
    assert codes("Menuisier", "Vous fabriquez des meubles, des ouvrages en bois.")[0] == "H2206"
    assert codes("Menuisier", "Vous posez portes, fenêtres et volets sur chantier.")[0] == "F1607"


def test_skills_settle_a_vague_title() -> None:
    assert codes("Menuisier", skills=["300"])[0] == "H2206"
    assert codes("Menuisier", skills=["400", "unknown"])[0] == "F1607"


def test_the_description_or_the_skills_speak_when_the_title_does_not() -> None:
    assert codes("Rejoignez-nous !", "Vous préparez les plats et cuisez les aliments.")[0] == "G1602"
    assert codes("", skills=["200"])[0] == "G1602"


@pytest.mark.parametrize("title", ["", "H/F", "!!!", "CDI urgent", "42"])
def test_nothing_told_gives_nothing(title: str) -> None:
    assert INDEX.suggest(title) == []


def test_an_empty_referential_gives_nothing() -> None:
    empty = OccupationTitleIndex((), ())
    assert empty.suggest("Serveur") == []
    assert empty.complete("serv") == []


def test_an_occupation_without_titles_is_found_by_its_own_label() -> None:
    index = OccupationTitleIndex((), OCCUPATIONS)
    best = index.suggest("Serveuse")[0]
    assert (best.occupation_code, best.title_code, best.label) == (
        "G1803",
        None,
        "Serveur / Serveuse en restauration",
    )


def test_confidence_is_higher_for_a_clear_title() -> None:
    clear, vague = INDEX.suggest("Serveur en restauration")[0], INDEX.suggest("Menuisier")[0]
    assert 0 < vague.confidence < clear.confidence <= 0.85


@given(
    st.text(max_size=60),
    st.none() | st.text(max_size=200),
    st.lists(st.sampled_from(["100", "200", "300", "x"])),
)
def test_suggestions_are_ordered_and_their_confidences_are_chances(
    title: str, description: str | None, skills: list[str]
) -> None:
    found = INDEX.suggest(title, description, skills, limit=4)
    confidences = [suggestion.confidence for suggestion in found]
    assert confidences == sorted(confidences, reverse=True)
    assert len({suggestion.occupation_code for suggestion in found}) == len(found) <= 4
    assert sum(confidences) <= 0.8501


@given(st.randoms(use_true_random=False), st.sampled_from(["Serveur", "Menuisier", "Aide", "plats"]))
def test_the_order_of_the_referential_does_not_matter(draw: random.Random, title: str) -> None:
    titles, occupations, links = list(TITLES), list(OCCUPATIONS), list(LINKS)
    for rows in (titles, occupations, links):
        draw.shuffle(rows)
    shuffled = OccupationTitleIndex(titles, occupations, links)
    assert shuffled.suggest(title, "plats", ["100"]) == INDEX.suggest(title, "plats", ["100"])
    assert shuffled.complete(title) == INDEX.complete(title)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("serv", "Serveur / Serveuse en restauration"),
        ("Serveuse de b", "Serveur / Serveuse de bar"),
        ("serveuses bar", "Serveur / Serveuse de bar"),
        ("cuisinières", "Cuisinier / Cuisinière"),
        ("cuisiniere de col", "Cuisinier / Cuisinière de collectivité"),
        ("infirmeir", "Infirmier / Infirmière en soins généraux (IDE)"),
        ("l'aide à dom", "Aide à domicile"),
        ("aide-soignante", "Aide-soignant / Aide-soignante"),
        ("AIDE SOIGNANT", "Aide-soignant / Aide-soignante"),
        ("menuisier bois", "Menuisier / Menuisière bois"),
        ("ide", "Infirmier / Infirmière en soins généraux (IDE)"),
        ("conducteur poids lourd", "Conducteur / Conductrice de poids lourd"),
        ("chef cuisne", "Chef / Cheffe de cuisine"),
        ("menuisier xyzxyz", "Menuisier / Menuisière bois"),
    ],
)
def test_completion(typed: str, first: str) -> None:
    assert INDEX.complete(typed)[0].label == first


@pytest.mark.parametrize("typed", ["", "   ", "zzzz", "!!", "xyzxyz qsdqsd menuisier"])
def test_completion_of_nothing_known_is_empty(typed: str) -> None:
    assert INDEX.complete(typed) == []


def test_a_title_whose_first_word_is_typed_comes_before_one_that_only_has_it() -> None:
    titles = (
        TitleFacts("1", "Aide menuisier / Aide menuisière", "H2206"),
        TitleFacts("2", "Menuisier agenceur / Menuisière agenceuse de magasins", "H2206"),
    )
    found = OccupationTitleIndex(titles, OCCUPATIONS).complete("menuisière")
    assert [completion.title_code for completion in found] == ["2", "1"]


NURSES = (
    OccupationFacts("J1511", "Infirmier / Infirmière scolaire"),
    OccupationFacts("J1506", "Infirmier / Infirmière en soins généraux (IDE)"),
    OccupationFacts("J1503", "Infirmier / Infirmière anesthésiste (IADE)"),
)
NURSE_TITLES = (
    TitleFacts("1", "Infirmier / Infirmière scolaire", "J1511"),
    TitleFacts("2", "Infirmier / Infirmière anesthésiste (IADE)", "J1503"),
    TitleFacts("3", "Infirmier / Infirmière en soins généraux (IDE)", "J1506"),
    TitleFacts("4", "Infirmier / Infirmière en gériatrie", "J1506"),
    TitleFacts("5", "Infirmier / Infirmière militaire", "J1506"),
)


@pytest.mark.parametrize("typed", ["infirmier", "Infirmière", "infirmi", "infirmeir"])
def test_the_general_trade_comes_before_special_ones_with_shorter_names(typed: str) -> None:
    found = OccupationTitleIndex(NURSE_TITLES, NURSES).complete(typed)
    assert [completion.title_code for completion in found][:3] == ["3", "1", "2"]


def test_what_is_typed_exactly_comes_before_the_general_trade() -> None:
    index = OccupationTitleIndex(NURSE_TITLES, NURSES)
    assert index.complete("infirmière scolaire")[0].title_code == "1"
    plain = OccupationTitleIndex((*NURSE_TITLES, TitleFacts("6", "Infirmier / Infirmière", "J1503")), NURSES)
    assert [completion.title_code for completion in plain.complete("infirmiere")][:2] == ["6", "3"]


def test_an_occupation_without_titles_completes_by_its_own_label() -> None:
    found = OccupationTitleIndex(TITLES[:2], OCCUPATIONS).complete("menuisiere b")[0]
    assert (found.occupation_code, found.title_code, found.label) == ("H2206", None, found.occupation_label)


def test_a_completion_tells_its_occupation() -> None:
    found = INDEX.complete("serveuse de bar")[0]
    assert (found.occupation_code, found.title_code) == ("G1803", "2")
    assert found.occupation_label == "Serveur / Serveuse en restauration"


@given(st.sampled_from(TITLES[:-1]), st.integers(3, 30))
def test_every_title_is_found_from_its_beginning(title: TitleFacts, length: int) -> None:
    typed = title.label[:length]
    found = INDEX.complete(typed, limit=len(TITLES))
    assert title.code in [completion.title_code for completion in found]


@given(st.text(max_size=200))
def test_any_typed_text_is_answered(typed: str) -> None:
    assert len(INDEX.complete(typed, limit=3)) <= 3


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Serveur(se) en salle H/F - CDI", ["serveur", "salle"]),
        ("Technicien.ne de maintenance (f/h/x)", ["technicien", "maintenance"]),
        ("Directeur (trice) de camping", ["directeur", "camping"]),
        ("Développeur/euse Java, C++", ["developpeur", "java", "c++"]),
        ("Chargé·e d'affaires 2024", ["charge", "affaires"]),
        ("Éducateur-trice spécialisé-e", ["educateur", "specialise"]),
    ],
)
def test_telling_words(title: str, expected: list[str]) -> None:
    assert telling_words(title) == expected


@pytest.mark.parametrize(
    "forms",
    [
        "serveur serveuse serveurs serveuses",
        "infirmier infirmiere infirmieres",
        "technicien technicienne techniciennes",
        "conducteur conductrice conductrices",
        "educatif educative educatives",
        "macon maconne macons",
        "assistant assistante assistants",
        "commercial commerciale commerciaux",
    ],
)
def test_feminine_and_plural_share_a_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


def test_distinct_trades_keep_distinct_stems() -> None:
    trades = ["serveur", "cuisinier", "boulanger", "macon", "infirmier", "vendeur", "gardien", "agent"]
    assert len({stem(trade) for trade in trades}) == len(trades)


def test_similarities_are_cosines() -> None:
    rows = [dict.fromkeys(words(title.label), 1.0) for title in TITLES]
    vectors = SparseRows(rows)
    for number, row in enumerate(rows):
        scores = vectors.similarities(row)
        assert scores[number] == pytest.approx(1, abs=1e-6)
        assert scores.max() <= 1 + 1e-6
        assert scores.min() >= 0
    assert not vectors.similarities({"unknown": 1.0}).any()
    assert letters({"as": 1.0}) == {"^as": 1.0, "as$": 1.0, "^as$": 1.0}
