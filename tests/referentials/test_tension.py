"""What official sources say of an occupation in a place, and which of them decides."""

import pytest
from hypothesis import given, strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.referentials import (
    commune_of,
    import_communes,
    import_families,
    import_rome,
    import_tension,
    tension_for,
)
from service.domain.referentials.tension import decide
from service.models import Tension
from service.schemas.referential_files import CrosswalkRow
from service.schemas.referentials import TensionFact, TensionSource
from tests.referentials.releases import (
    ACTOR,
    commune,
    communes,
    dares,
    families,
    level,
    listed,
    official_list,
    rome,
)

_ALL = list("0123456789")


@pytest.fixture
async def referentials(session: AsyncSession) -> AsyncSession:
    """Return a session on six occupations, two communes and a crosswalk."""
    # K1302 came from F1703: a later code reaches its family through the one it had in ROME v3.
    occupations = [
        row._replace(parent_code="F1703") if row.code == "K1302" else row for row in rome().occupations
    ]
    await import_rome(session, ACTOR, rome(occupations=occupations))
    paris = commune(
        "75056",
        "Paris",
        departement_code="75",
        departement_name="Paris",
        region_code="11",
        region_name="Île-de-France",
    )
    await import_communes(session, ACTOR, communes(commune("07019", "Aubenas"), paris))
    await import_families(
        session,
        ACTOR,
        families(
            CrosswalkRow("B2Z40", "F1703", _ALL),
            CrosswalkRow("S0Z20", "D1102", ["1", "2"]),
            CrosswalkRow("S0Z42", "D1102", ["0", "3"]),
            CrosswalkRow("V0Z60", "J1501", None),
            CrosswalkRow("V1Z80", "J1501", None),
            labels={"B2Z40": "Maçons", "S0Z42": "Boulangers, pâtissiers"},
        ),
    )
    return session


async def _one(session: AsyncSession, code: str, area: str | None) -> TensionFact | None:
    return (await tension_for(session, [(code, area)])).get((code, area))


async def test_the_narrowest_area_of_a_source_speaks(referentials: AsyncSession) -> None:
    await import_tension(
        referentials,
        ACTOR,
        dares(
            level("B2Z40", "country", "FR", 3),
            level("B2Z40", "region", "84", 2),
            level("B2Z40", "departement", "07", 5),
        ),
    )
    found = await tension_for(
        referentials, {("F1703", area) for area in ("07019", "07", "75056", "75110", None, "99999")}
    )
    levels = {area: (fact.level, fact.area_kind, fact.area_name) for (_, area), fact in found.items()}
    assert levels == {
        "07019": (5, "departement", "Ardèche"),
        "07": (5, "departement", "Ardèche"),
        "75056": (3, "country", "France"),
        "75110": (3, "country", "France"),
        None: (3, "country", "France"),
        "99999": (3, "country", "France"),
    }
    assert found["F1703", "07019"].in_tension
    assert not found["F1703", None].in_tension


async def test_a_later_occupation_reaches_its_family_through_its_parent(referentials: AsyncSession) -> None:
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "country", "FR", 4)))
    fact = await _one(referentials, "K1302", None)
    assert fact is not None
    assert (fact.family_code, fact.family_label, fact.in_tension) == ("B2Z40", "Maçons", True)


async def test_a_listed_family_is_in_tension_whatever_the_older_indicator_says(
    referentials: AsyncSession,
) -> None:
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "departement", "07", 2)))
    await import_tension(referentials, ACTOR, official_list(listed("B2Z40")))
    fact = await _one(referentials, "F1703", "07019")
    assert fact is not None
    assert (fact.in_tension, fact.source, fact.year, fact.area_code) == (True, "official-list", 2024, "84")
    assert (fact.level, fact.agree) == (2, False)
    assert [(item.source, item.in_tension) for item in fact.facts] == [
        ("official-list", True),
        ("dares", False),
    ]
    assert fact.label == "Métier en tension : sur la liste officielle 2024 (Auvergne-Rhône-Alpes)"
    assert fact.labels["en"] == "Shortage occupation: on the official list of 2024 (Auvergne-Rhône-Alpes)"


async def test_a_high_level_is_enough_where_the_list_is_silent(referentials: AsyncSession) -> None:
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "departement", "07", 4)))
    await import_tension(referentials, ACTOR, official_list(listed("S0Z42")))
    fact = await _one(referentials, "F1703", "07019")
    assert fact is not None
    assert (fact.in_tension, fact.source, fact.year, fact.area_name) == (True, "dares", 2019, "Ardèche")
    assert not fact.agree
    silent = next(item for item in fact.facts if item.source == "official-list")
    assert (silent.listed, silent.in_tension, silent.area_code) == (False, False, "84")


async def test_silence_says_nothing_where_the_list_does_not_speak(referentials: AsyncSession) -> None:
    await import_tension(referentials, ACTOR, official_list(listed("B2Z40")))
    assert await _one(referentials, "F1703", "75056") is None
    assert await _one(referentials, "D1102", None) is None
    everywhere = official_list(listed("B2Z40"), listed("S0Z42", "country", "FR"), year=2025)
    await import_tension(referentials, ACTOR, everywhere)
    fact = await _one(referentials, "D1102", "75056")
    assert fact is not None
    assert (fact.in_tension, fact.area_kind, fact.area_name) == (True, "country", "France")


async def test_only_the_latest_year_of_a_source_counts(referentials: AsyncSession) -> None:
    await import_tension(
        referentials, ACTOR, dares(level("B2Z40", "country", "FR", 5), level("S0Z42", "country", "FR", 5))
    )
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "country", "FR", 2), year=2023))
    fact = await _one(referentials, "F1703", None)
    assert fact is not None
    assert (fact.year, fact.level, fact.in_tension) == (2023, 2, False)
    assert fact.label == "Pas de tension signalée : indicateur Dares 2 sur 5 en 2023 (France)"
    assert await _one(referentials, "D1102", None) is None


async def test_the_qualification_chooses_among_families(referentials: AsyncSession) -> None:
    await import_tension(
        referentials, ACTOR, dares(level("S0Z20", "country", "FR", 1), level("S0Z42", "country", "FR", 5))
    )
    asked = [("D1102", None)]
    unsaid = await tension_for(referentials, asked)
    labourer = await tension_for(referentials, asked, qualification="1")
    assert unsaid["D1102", None].family_code == "S0Z42"
    assert labourer["D1102", None].family_code == "S0Z20"
    assert not labourer["D1102", None].in_tension


async def test_where_nothing_chooses_every_family_is_told(referentials: AsyncSession) -> None:
    await import_tension(
        referentials, ACTOR, dares(level("V0Z60", "country", "FR", 2), level("V1Z80", "country", "FR", 4))
    )
    fact = await _one(referentials, "J1501", None)
    assert fact is not None
    assert (fact.in_tension, fact.family_code, fact.level) == (True, "V1Z80", 4)
    assert {item.family_code for item in fact.facts} == {"V0Z60", "V1Z80"}


async def test_a_family_that_left_the_list_is_no_longer_listed(referentials: AsyncSession) -> None:
    whole = [listed(f"B2Z4{number}") for number in range(10)]
    await import_tension(referentials, ACTOR, official_list(*whole))
    await import_tension(referentials, ACTOR, official_list(*whole[1:]))
    fact = await _one(referentials, "F1703", "07")
    assert fact is not None
    assert (fact.in_tension, fact.facts[0].listed) == (False, False)


async def test_hirings_of_bmo_are_stored_and_never_joined(referentials: AsyncSession) -> None:
    referentials.add(
        Tension(
            source="bmo",
            year=2024,
            nomenclature="fap2021",
            family_code="B2Z40",
            area_kind="country",
            area_code="FR",
            planned_hirings=10,
        )
    )
    await referentials.flush()
    assert await _one(referentials, "F1703", None) is None


async def test_an_occupation_without_family_or_that_does_not_exist_has_no_fact(
    referentials: AsyncSession,
) -> None:
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "country", "FR", 4)))
    assert await tension_for(referentials, [("N4101", None), ("Z9999", "07019")]) == {}
    assert await tension_for(referentials, []) == {}


async def test_what_is_stored_with_a_posting_is_plain_json(referentials: AsyncSession) -> None:
    await import_tension(referentials, ACTOR, dares(level("B2Z40", "country", "FR", 4)))
    fact = await _one(referentials, "F1703", None)
    assert fact is not None
    document = fact.as_dict()
    assert TensionFact.model_validate(document) == fact
    assert (document["source"], document["year"], document["in_tension"]) == ("dares", 2019, True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("75101", "75056"), ("75120", "75056"), ("69381", "69123"), ("13216", "13055"), ("07019", "07019")],
)
def test_an_arrondissement_belongs_to_its_city(code: str, expected: str) -> None:
    assert commune_of(code) == expected


def _facts() -> st.SearchStrategy[TensionSource]:
    def build(source: str, year: int, kind: str, value: int, *, on_list: bool) -> TensionSource:
        by_dares = source == "dares"
        return TensionSource.model_validate(
            {
                "in_tension": value >= 4 if by_dares else on_list,
                "level": value if by_dares else None,
                "listed": None if by_dares else on_list,
                "source": source,
                "year": year,
                "area_kind": kind,
                "area_code": "07",
                "area_name": None,
                "family_code": "B2Z40",
                "family_label": None,
            }
        )

    return st.builds(
        build,
        st.sampled_from(["dares", "official-list"]),
        st.integers(2015, 2026),
        st.sampled_from(["country", "region", "departement"]),
        st.integers(1, 5),
        on_list=st.booleans(),
    )


@given(st.lists(_facts(), min_size=1, max_size=6))
def test_one_source_is_enough_and_the_decider_agrees_with_the_answer(facts: list[TensionSource]) -> None:
    answer = decide(facts)
    assert answer.in_tension == any(fact.in_tension for fact in facts)
    agreeing = [fact for fact in facts if fact.in_tension == answer.in_tension]
    assert answer.year == max(fact.year for fact in agreeing)
    assert any(
        (fact.source, fact.year, fact.area_kind) == (answer.source, answer.year, answer.area_kind)
        for fact in agreeing
    )
    assert answer.agree == (len(agreeing) == len(facts))
    assert sorted(map(repr, answer.facts)) == sorted(map(repr, facts))
    assert set(answer.labels) == {"fr", "en"}
