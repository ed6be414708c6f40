"""One opening published several times is found, and two openings are not taken for one."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from service.matching.duplicates import DuplicateFacts, group, similar_to
from service.models.enums import ContractKind

MAY = datetime(2025, 5, 1, tzinfo=UTC)
KITCHEN = (
    "Vous préparez avec le chef les entrées et les desserts, tenez votre plan de travail propre, suivez les "
    "températures et les dates, et participez au service du midi du mardi au samedi dans une équipe de six."
)
ROOM = (
    "Accueillir nos clients, prendre les commandes, servir les boissons à l'étage puis encaisser : voilà vos "
    "soirées dans notre établissement familial, ouvert toute l'année, avec deux jours de repos consécutifs."
)
REWORDED = (
    "Notre maison cherche un renfort en cuisine froide. Le poste comprend la mise en place, les pâtisseries "
    "simples et le nettoyage. Salaire selon convention, repas offerts, logement possible pour la saison."
)


def posting(number: int, **fields: object) -> DuplicateFacts[str]:
    base = DuplicateFacts(
        id=f"p{number:02d}",
        source="a",
        title="Commis de cuisine (H/F)",
        description=KITCHEN,
        employer_name="Auberge des Inventions",
        commune_code="07019",
        contract=ContractKind.PERMANENT,
        updated_at=MAY,
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # fields are named by each test


def grouped(*postings: DuplicateFacts[str]) -> list[list[str]]:
    return group(postings)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": "COMMIS / COMMISE DE CUISINE - CDI"},
        {"title": "Commis(e) de cuisine h/f", "source": "b"},
        {"employer_name": "SARL AUBERGE DES INVENTIONS"},
        {"employer_name": None},
        {"employer_name": None, "description": f"Description du poste : {KITCHEN} Postulez !"},
        {"description": KITCHEN[:150]},
        {"description": None},
        {"description": REWORDED, "source": "b"},
        {"contract": None},
        {"contract": ContractKind.OTHER},
        {"title": "Commis de cuisine (H/F) - Aubenas"},
    ],
)
def test_the_same_opening_is_found(fields: dict[str, object]) -> None:
    assert grouped(posting(1), posting(2, **fields)) == [["p01", "p02"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"commune_code": "07010"},
        {"commune_code": None},
        {"employer_name": "Hôtel des Chimères"},
        {"title": "Serveur (H/F)"},
        {"title": "Chef de cuisine (H/F)"},
        {"title": "Commis de cuisine de nuit (H/F)"},
        {"title": "Commis de cuisine - alternance"},
        {"contract": ContractKind.FIXED_TERM},
        {"description": REWORDED},
        {"description": REWORDED, "employer_name": None, "source": "b"},
        {"description": None, "employer_name": None, "source": "b"},
        {"title": "Commis de cuisine temps partiel"},
    ],
)
def test_another_opening_is_kept_apart(fields: dict[str, object]) -> None:
    assert grouped(posting(1), posting(2, **fields)) == []


def test_titles_that_each_say_something_of_their_own_are_apart() -> None:
    bank, industry = "Développeur Java - Services financiers", "Développeur Java - Industrie et services"
    assert grouped(posting(1, title=bank), posting(2, title=industry)) == []
    assert grouped(posting(1, title="Technicien niveau 2"), posting(2, title="Technicien niveau 3")) == []


def test_the_siret_decides_over_the_name() -> None:
    one = posting(1, siret="73282932000074")
    assert grouped(one, posting(2, siret="73282932000074", employer_name="Autre enseigne")) == [
        ["p01", "p02"]
    ]
    assert grouped(one, posting(2, siret="35600000000048")) == []


def test_without_a_commune_the_text_must_be_the_same() -> None:
    nowhere = {"commune_code": None, "departement_code": "07"}
    one = posting(1, **nowhere)
    assert grouped(one, posting(2, **nowhere)) == [["p01", "p02"]]
    assert grouped(one, posting(2, commune_code=None, departement_code="26")) == []
    unknown = posting(3, commune_code=None)
    assert grouped(unknown, posting(4, commune_code=None)) == [["p03", "p04"]]
    assert grouped(unknown, posting(4, commune_code=None, description=REWORDED, source="b")) == []


def test_the_fullest_then_the_freshest_then_the_first_is_shown() -> None:
    later = MAY + timedelta(days=1)
    assert grouped(posting(1), posting(2, completeness=3)) == [["p02", "p01"]]
    assert grouped(posting(1), posting(2, updated_at=later)) == [["p02", "p01"]]
    assert grouped(posting(1, updated_at=None), posting(2)) == [["p02", "p01"]]
    assert grouped(posting(2), posting(1)) == [["p01", "p02"]]


def test_likeness_does_not_travel_along_a_chain() -> None:
    middle = posting(2, title="Commis de cuisine", source="b", employer_name="Auberge des Inventions Aubenas")
    first = posting(1, completeness=2)
    last = posting(3, source="c", description=ROOM, employer_name="Inventions Aubenas", completeness=1)
    assert similar_to(first, [middle, last]) == ["p02"]
    assert similar_to(middle, [first, last]) == ["p01", "p03"]
    assert grouped(first, middle, last) == [["p01", "p02"]]


def test_identifiers_may_be_uuids() -> None:
    one, other = UUID(int=1), UUID(int=2)
    facts = [
        DuplicateFacts(id=number, source="a", title="Serveur", description=ROOM, commune_code="07019")
        for number in (other, one)
    ]
    assert group(facts) == [[one, other]]


def test_a_posting_is_not_its_own_duplicate() -> None:
    assert similar_to(posting(1), [posting(1), posting(2)]) == ["p02"]


def test_nothing_and_one_make_no_group() -> None:
    assert grouped() == []
    assert grouped(posting(1)) == []


@pytest.mark.parametrize("count", [301, 700])
def test_a_crowd_of_copies_is_one_group(count: int) -> None:
    crowd = [posting(number, id=f"{number:04d}") for number in range(count)]
    crowd.sort(key=lambda facts: facts.id[::-1])
    assert group(crowd) == [[f"{number:04d}" for number in range(count)]]


POSTINGS = st.lists(
    st.builds(
        posting,
        st.integers(0, 40),
        source=st.sampled_from("ab"),
        title=st.sampled_from(
            ["Commis de cuisine (H/F)", "Commis cuisine", "Serveur", "Serveuse de nuit", "Serveur bar"]
        ),
        description=st.sampled_from([KITCHEN, KITCHEN[:140], ROOM, REWORDED, None, ""]),
        employer_name=st.sampled_from(["Auberge des Inventions", "Inventions", "Hôtel des Chimères", None]),
        siret=st.sampled_from([None, None, "73282932000074", "35600000000048"]),
        commune_code=st.sampled_from(["07019", "07010", None]),
        contract=st.sampled_from([None, ContractKind.PERMANENT, ContractKind.SEASONAL]),
        completeness=st.integers(0, 2),
    ),
    max_size=14,
    unique_by=lambda facts: facts.id,
)


@settings(max_examples=60)
@given(POSTINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_postings_does_not_matter(
    postings: list[DuplicateFacts[str]], draw: random.Random
) -> None:
    groups = group(postings)
    draw.shuffle(postings)
    assert group(postings) == groups


@settings(max_examples=60)
@given(POSTINGS)
def test_groups_are_disjoint_and_each_member_resembles_the_one_shown(
    postings: list[DuplicateFacts[str]],
) -> None:
    groups = group(postings)
    facts = {one.id: one for one in postings}
    members = [member for found in groups for member in found]
    assert len(members) == len(set(members))
    for shown, *others in groups:
        assert others
        assert set(similar_to(facts[shown], postings)) >= set(others)
        for other in others:
            assert facts[shown].completeness >= facts[other].completeness
    # No pair is missed: of two duplicates, at least one is in a group.
    for one, another in combinations(postings, 2):
        if similar_to(one, [another]):
            assert {one.id, another.id} & set(members)


@given(POSTINGS)
def test_resemblance_is_mutual(postings: list[DuplicateFacts[str]]) -> None:
    for one, other in combinations(postings, 2):
        assert bool(similar_to(one, [other])) == bool(similar_to(other, [one]))
