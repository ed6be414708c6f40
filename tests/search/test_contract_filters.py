"""What every engine leaves out, and how it counts."""

import math
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from service.core.clock import frozen
from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.search import Around, FacetValue, PostingFacet
from tests.factories import create_employer, create_occupation, create_territory
from tests.search.world import NOON, World, value

NASTY = [
    "' OR 1=1 --",
    "'; DROP TABLE posting; --",
    "%",
    "\\",
    "{}",
    "a,b",
    "07019'",
    "\u2028",
    '" OR commune EXISTS OR commune = "',
    "'] OR placed = true OR commune IN ['",
    '07019\\" OR in_tension = false',
    "[07019]",
    "~3037303139",
    "07019" * 100,
]
NOT_EVEN_TEXT = ["a\0b", "\0", "\ud800"]


async def test_only_the_territories_asked_for_are_searched(world: World) -> None:
    inner = await create_territory(world.session, parent=world.territory)
    foreign = await create_territory(world.session)
    await world.add("Ici")
    await world.add("Dedans", territory_id=inner.id)
    await world.add("Ailleurs", territory_id=foreign.id)
    assert await world.found() == ["Ici"]
    assert await world.found(territory_ids=(world.territory.id, inner.id)) == ["Ici", "Dedans"]
    assert await world.found("ailleurs") == []
    assert await world.found(territory_ids=()) == []


async def test_an_expired_posting_is_not_found(world: World) -> None:
    await world.add("Toujours")
    await world.add("Demain", valid_through=NOON + timedelta(days=1))
    await world.add("Hier", valid_through=NOON - timedelta(days=1))
    with frozen(NOON):
        assert await world.found() == ["Toujours", "Demain"]
    with frozen(NOON + timedelta(days=2)):
        assert await world.found() == ["Toujours"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"occupations": ("D1102",)}, {"a"}),
        ({"occupations": ("D1102", "J1506")}, {"a", "b"}),
        ({"occupation_domains": ("J",)}, {"b"}),
        ({"occupation_domains": ("D11", "J")}, {"a", "b"}),
        ({"occupation_domains": ("D1102",)}, set()),
        ({"sectors": ("10",)}, {"a"}),
        ({"contracts": (ContractKind.PERMANENT, ContractKind.SEASONAL)}, {"a", "c"}),
        ({"working_times": (WorkingTime.PART_TIME,)}, {"b"}),
        ({"in_tension": True}, {"b"}),
        ({"in_tension": False}, {"a", "c"}),
        ({"communes": ("07019", "26362")}, {"a", "c"}),
        ({"departements": ("07",)}, {"a", "b"}),
        ({"yearly_salary_from": Decimal(24000)}, {"a", "b"}),
        ({"yearly_salary_from": Decimal("24000.01")}, {"a", "b"}),
        ({"yearly_salary_from": Decimal(28001)}, set()),
        ({"remotes": (RemoteKind.PARTIAL, RemoteKind.FULL)}, {"c"}),
        ({"published_since": NOON - timedelta(minutes=1)}, {"a", "b"}),
        ({"sources": ("france-travail",)}, {"c"}),
        ({"sources": ("france-travail", "ancrage"), "in_tension": False, "departements": ("26",)}, {"c"}),
        ({"contracts": (ContractKind.PERMANENT,), "in_tension": True}, set()),
    ],
)
@pytest.mark.parametrize("text", ["", "poste"])
async def test_filters_keep_what_fits(
    world: World, text: str, filters: dict[str, Any], expected: set[str]
) -> None:
    await world.add(
        "Poste a",
        commune="Aubenas",
        occupation_code="D1102",
        sector_code="10",
        contract_kind=ContractKind.PERMANENT,
        working_time=WorkingTime.FULL_TIME,
        yearly_salary_min=Decimal(20000),
        yearly_salary_max=Decimal(28000),
    )
    await world.add(
        "Poste b",
        commune="Privas",
        occupation_code="J1506",
        contract_kind=ContractKind.FIXED_TERM,
        working_time=WorkingTime.PART_TIME,
        in_tension=True,
        yearly_salary_min=Decimal(24000),
        remote=RemoteKind.NONE,
    )
    await world.add(
        "Poste c",
        commune="Valence",
        contract_kind=ContractKind.SEASONAL,
        remote=RemoteKind.PARTIAL,
        source="france-travail",
    )
    assert {title[-1] for title in await world.found(text, **filters)} == expected


async def test_filters_on_the_employer(world: World) -> None:
    employer = await create_employer(world.session, world.territory)
    await world.add("Chez eux", employer_id=employer.id)
    await world.add("Ailleurs")
    assert await world.found(employers=(employer.id,)) == ["Chez eux"]
    assert await world.found(employers=(uuid.uuid4(),)) == []


@pytest.mark.parametrize("nasty", NASTY)
async def test_values_of_filters_are_only_values(world: World, nasty: str) -> None:
    await world.add("Maçon", commune="Aubenas")
    page = await world.search(
        "macon",
        occupations=(nasty,),
        sectors=(nasty,),
        communes=(nasty,),
        departements=(nasty,),
        occupation_domains=(nasty,),
        sources=(nasty,),
        facets=tuple(PostingFacet),
    )
    assert page.total == 0
    assert value(page.facets[PostingFacet.COMMUNE], nasty) == FacetValue(value=nasty, label=None, count=0)


@pytest.mark.parametrize(
    "other",
    ["d1102", "Ｄ1102", "D1102 ", " D1102", "Ancrage", "ANCRAGE", "ancragé", "ancrage\u200b", "ａncrage"],
)
async def test_values_that_only_look_alike_are_others(world: World, other: str) -> None:
    await world.add("Boulanger", occupation_code="D1102")
    assert await world.found(occupations=(other,)) == []
    assert await world.found(sources=(other,)) == []
    assert await world.counts(PostingFacet.OCCUPATION, occupations=(other,)) == {"D1102": 1, other: 0}


async def test_values_of_any_letters_are_found_and_counted(world: World) -> None:
    source = "Flux « Été » / n°1"
    await world.add("Boulanger", source=source)
    await world.add("Plombier", source="flux")
    assert await world.found(sources=(source,)) == ["Boulanger"]
    assert await world.found(sources=(source.lower(),)) == []


@pytest.mark.parametrize("nothing", NOT_EVEN_TEXT)
async def test_values_no_database_can_hold_equal_nothing(world: World, nothing: str) -> None:
    await world.add("Maçon", commune="Aubenas")
    assert await world.found(communes=(nothing,)) == []
    assert await world.found(communes=(nothing, "07019"), sources=("ancrage", nothing)) == ["Maçon"]
    assert await world.counts(PostingFacet.COMMUNE, communes=(nothing,)) == {"07019": 1}


@pytest.mark.parametrize(
    ("since", "count"),
    [
        (NOON.replace(tzinfo=None), 1),
        (NOON.astimezone(timezone(timedelta(hours=14))), 1),
        ((NOON + timedelta(seconds=1)).replace(tzinfo=None), 0),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), 1),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))), 0),
    ],
)
async def test_any_date_can_be_asked_for(world: World, since: datetime, count: int) -> None:
    await world.add("Maçon")
    assert len(await world.found(published_since=since)) == count


async def test_any_salary_can_be_offered_and_asked_for(world: World) -> None:
    await world.add("Maçon", yearly_salary_max=Decimal("9999999999.99"))
    assert await world.found(yearly_salary_from=Decimal(10**12)) == ["Maçon"]
    assert await world.found(yearly_salary_from=Decimal(-(10**12))) == ["Maçon"]


AUBENAS = (44.62, 4.39)


@pytest.mark.parametrize(
    ("kilometres", "expected"),
    [
        (0.5, ["Aubenas"]),
        (10, ["Aubenas", "Saint-Étienne"]),
        (20, ["Aubenas", "Saint-Étienne", "Privas"]),
        (60, ["Aubenas", "Saint-Étienne", "Privas", "Valence"]),
        (20_100, ["Aubenas", "Saint-Étienne", "Privas", "Valence"]),
    ],
)
async def test_around_a_point(world: World, kilometres: float, expected: list[str]) -> None:
    await world.add("Aubenas", commune="Aubenas")
    await world.add("Saint-Étienne", commune="Saint-Étienne-de-Fontbellon")  # 2.4 km
    await world.add("Privas", commune="Privas")  # 19.98 km
    await world.add("Valence", commune="Valence")  # 52.4 km
    await world.add("Nulle part")
    around = Around(latitude=AUBENAS[0], longitude=AUBENAS[1], kilometres=kilometres)
    assert await world.found(around=around) == expected


async def test_a_circle_is_round(world: World) -> None:
    # 10 km north-east by 10 km each way is 14.1 km away, though both are inside the box.
    await world.add("En diagonale", latitude=44.62 + 0.08993, longitude=4.39 + 0.12635)
    for kilometres, count in ((14.0, 0), (14.3, 1)):
        around = Around(latitude=AUBENAS[0], longitude=AUBENAS[1], kilometres=kilometres)
        assert len(await world.found(around=around)) == count


@pytest.mark.parametrize(
    ("here", "there", "far"),
    [
        ((-14.3, -179.9), (-14.3, 179.9), 22.0),  # across the 180th meridian, near Futuna
        ((-14.3, 179.9), (-14.3, -179.9), 22.0),
        ((89.95, 0.0), (89.95, 180.0), 12.0),  # across the pole
    ],
)
async def test_a_circle_goes_round_the_earth(
    world: World, here: tuple[float, float], there: tuple[float, float], far: float
) -> None:
    await world.add("En face", latitude=there[0], longitude=there[1])
    near = Around(latitude=here[0], longitude=here[1], kilometres=far)
    nearer = Around(latitude=here[0], longitude=here[1], kilometres=far - 2)
    assert await world.found(around=near) == ["En face"]
    assert await world.found(around=nearer) == []


@pytest.mark.parametrize(
    ("latitude", "longitude", "kilometres"),
    [(90.1, 0, 1), (0, 180.1, 1), (0, 0, 0), (math.nan, 0, 1), (0, math.inf, 1), (0, 0, math.nan)],
)
def test_a_circle_that_is_nowhere_is_refused(latitude: float, longitude: float, kilometres: float) -> None:
    with pytest.raises(ValueError, match="circle"):
        Around(latitude=latitude, longitude=longitude, kilometres=kilometres)


async def _three_contracts(world: World) -> None:
    await world.add("Maçon 1", commune="Aubenas", contract_kind=ContractKind.PERMANENT)
    await world.add("Maçon 2", commune="Aubenas", contract_kind=ContractKind.PERMANENT, in_tension=True)
    await world.add("Maçon 3", commune="Privas", contract_kind=ContractKind.FIXED_TERM)
    await world.add("Maçon 4", commune="Privas")
    await world.add("Peintre", commune="Privas", contract_kind=ContractKind.SEASONAL)


async def test_facets_count_the_hits_of_the_text_and_the_filters(world: World) -> None:
    await _three_contracts(world)
    page = await world.search("macon", facets=tuple(PostingFacet), communes=("07019", "07186"))
    assert page.facets[PostingFacet.CONTRACT] == (
        FacetValue(value="permanent", label=None, count=2),
        FacetValue(value="fixed_term", label=None, count=1),
    )
    assert page.facets[PostingFacet.COMMUNE] == (
        FacetValue(value="07019", label="Aubenas", count=2),
        FacetValue(value="07186", label="Privas", count=2),
    )
    assert page.facets[PostingFacet.IN_TENSION] == (
        FacetValue(value="false", label=None, count=3),
        FacetValue(value="true", label=None, count=1),
    )
    assert page.facets[PostingFacet.REMOTE] == ()


async def test_a_facet_ignores_its_own_filter_and_obeys_the_others(world: World) -> None:
    await _three_contracts(world)
    filters: dict[str, Any] = {"contracts": (ContractKind.PERMANENT,), "communes": ("07186",)}
    both = (PostingFacet.CONTRACT, PostingFacet.COMMUNE)
    page = await world.search(facets=both, **filters)
    assert page.total == 0
    assert {one.value: one.count for one in page.facets[PostingFacet.CONTRACT]} == {
        "fixed_term": 1,
        "seasonal": 1,
        "permanent": 0,
    }
    assert {one.value: one.count for one in page.facets[PostingFacet.COMMUNE]} == {"07019": 2, "07186": 0}
    assert await world.counts(PostingFacet.IN_TENSION, **filters | {"in_tension": True}) == {"true": 0}


async def test_every_subset_of_facets_agrees_with_counting_by_hand(world: World) -> None:
    await _three_contracts(world)
    for contract in (None, ContractKind.PERMANENT, ContractKind.FIXED_TERM):
        for tension in (None, True, False):
            filters: dict[str, Any] = {"contracts": (contract,) if contract else (), "in_tension": tension}
            counted = await world.counts(PostingFacet.CONTRACT, **filters)
            for kind in (ContractKind.PERMANENT, ContractKind.FIXED_TERM, ContractKind.SEASONAL):
                alone = await world.search(contracts=(kind,), in_tension=tension)
                assert counted.get(kind.value, 0) == alone.total


async def test_a_long_facet_lists_a_hundred_values_and_those_selected(world: World) -> None:
    codes = [f"K{number}" for number in range(1000, 1105)]
    for code in codes:
        await create_occupation(world.session, code=code, label=f"Métier {code}")
    # Twice each, but for the last: which of equally frequent values are listed is each engine's own affair.
    await world.add_all([{"title": code, "occupation_code": code} for code in [*codes, *codes[:-1]]])
    page = await world.search(facets=(PostingFacet.OCCUPATION,))
    assert len(page.facets[PostingFacet.OCCUPATION]) == 100
    page = await world.search(facets=(PostingFacet.OCCUPATION,), occupations=(codes[-1],))
    listed = page.facets[PostingFacet.OCCUPATION]
    assert len(listed) == 101
    assert listed[-1] == FacetValue(value=codes[-1], label=f"Métier {codes[-1]}", count=1)
    assert page.total == 1


async def test_indexing_again_replaces_what_was_said(world: World) -> None:
    posting = await world.add("Maçon", commune="Aubenas", contract_kind=ContractKind.PERMANENT)
    facts = world._facts("Peintre", "Privas", id=posting)
    for _ in range(2):
        await world.engine.index(world.session, [facts])
        assert await world.found("macon aubenas") == []
        assert await world.found("peintre privas") == ["Peintre"]
        assert await world.counts(PostingFacet.CONTRACT) == {}
