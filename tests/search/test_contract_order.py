"""In which order every engine answers, page after page."""

from datetime import timedelta

import pytest

from service.core.errors import BadCursor
from service.models.enums import ContractKind
from service.schemas.search import Hit, PostingFacet, SearchOrder
from tests.search.world import NOON, World

SOME_ID = "01a2011e-f50c-7229-8c63-19c29dcdd89f"
SOME_DATE = "2026-03-02T12:00:00+00:00"


async def test_a_title_weighs_more_than_the_occupation_than_the_place_than_the_description(
    world: World,
) -> None:
    await world.add("Plongeur", description="Avec un boulanger")
    await world.add("Vendeur", employer_name="Boulanger SA")
    await world.add("Second de fournil", occupation_label="Boulanger")
    await world.add("Boulanger de nuit en atelier")
    assert await world.found("boulanger ") == [
        "Boulanger de nuit en atelier",
        "Second de fournil",
        "Vendeur",
        "Plongeur",
    ]


async def test_the_very_title_typed_comes_first(world: World) -> None:
    await world.add("Serveur de restaurant en montagne")
    await world.add("Second serveur de restaurant")
    await world.add("Serveur / Serveuse de restaurant (H/F)")
    assert (await world.found("serveur de restaurant"))[0] == "Serveur / Serveuse de restaurant (H/F)"


async def test_a_whole_word_comes_before_its_beginning_elsewhere(world: World) -> None:
    await world.add("Vendeur en boulangerie")
    await world.add("Ouvrier boulanger")
    assert await world.found("boulanger") == ["Ouvrier boulanger", "Vendeur en boulangerie"]


async def test_a_place_typed_brings_its_postings_before_those_that_mention_it(world: World) -> None:
    await world.add("Boulanger", commune="Privas", description="À vingt minutes d'Aubenas")
    await world.add("Boulanger", commune="Aubenas")
    page = await world.search("boulanger aubenas")
    assert page.total == 2
    communes = await world.counts(PostingFacet.COMMUNE, "boulanger aubenas")
    assert communes == {"07019": 1, "07186": 1}
    assert world.titles[page.hits[0].id] == "Boulanger"
    assert page.hits[0].highlights is not None
    assert page.hits[0].highlights.description is None, "the one that is there has no description"


async def test_equal_hits_come_newest_first(world: World) -> None:
    older = await world.add("Maçon", published_at=NOON - timedelta(days=9))
    newer = await world.add("Maçon", published_at=NOON)
    page = await world.search("macon")
    assert [hit.id for hit in page.hits] == [newer, older]


async def test_date_order_ignores_how_well_words_match(world: World) -> None:
    await world.add("Plongeur", description="Avec un boulanger")
    await world.add("Boulanger")
    assert await world.found("boulanger", order=SearchOrder.DATE) == ["Plongeur", "Boulanger"]
    assert await world.found("boulanger") == ["Boulanger", "Plongeur"]


@pytest.mark.parametrize("order", list(SearchOrder))
@pytest.mark.parametrize("text", ["", "macon", "macon nuit xylophone"])
async def test_pages_hold_every_hit_once_in_order(world: World, text: str, order: SearchOrder) -> None:
    await world.add_all(
        [
            {
                "title": "Maçon" if number % 3 else "Aide maçon de nuit",
                "published_at": NOON - timedelta(hours=number % 5),
                "contract_kind": list(ContractKind)[number % 4],
            }
            for number in range(23)
        ]
    )
    whole = await world.search(text, order=order, limit=100)
    assert whole.next is None
    paged: list[Hit] = []
    after = None
    while True:
        page = await world.search(text, order=order, limit=4, after=after, facets=(PostingFacet.CONTRACT,))
        assert page.total == whole.total, "the total does not depend on the page"
        assert sum(value.count for value in page.facets[PostingFacet.CONTRACT]) == whole.total
        paged += page.hits
        after = page.next
        if after is None:
            break
        assert len(page.hits) == 4
    assert paged == list(whole.hits)
    assert len({hit.id for hit in paged}) == len(paged) == whole.total > 0


async def test_a_page_that_ends_with_the_last_hit_has_no_next(world: World) -> None:
    await world.add_all([{"title": "Maçon"} for _ in range(4)])
    assert (await world.search("macon", limit=4)).next is None
    assert (await world.search("macon", limit=3)).next is not None


async def test_the_next_page_keeps_its_words_given_up(world: World) -> None:
    await world.add_all([{"title": "Boulanger"} for _ in range(3)])
    first = await world.search("boulanger couvreur", limit=2)
    assert first.relaxed
    # Meanwhile something that has every word arrives: the list begun goes on all the same.
    await world.add("Boulanger couvreur")
    second = await world.search("boulanger couvreur", limit=2, after=first.next)
    assert second.relaxed
    assert {hit.id for hit in second.hits}.isdisjoint(hit.id for hit in first.hits)


@pytest.mark.parametrize(
    "after",
    [
        (),
        (0, 1),
        (0, 0, 1, "yesterday", SOME_ID),
        (0, 0, 1, "2026-03-02T12:00:00", SOME_ID),
        (0, 0, 1, SOME_DATE, "nobody"),
        ("x", 0, 1, SOME_DATE, SOME_ID),
        (9, 0, 1, SOME_DATE, SOME_ID),
        (0, 0, -1, SOME_DATE, SOME_ID),
        (0, 0, 1 << 80, SOME_DATE, SOME_ID),
    ],
)
async def test_a_place_no_page_gave_is_refused(world: World, after: tuple[int | str, ...]) -> None:
    await world.add("Maçon")
    with pytest.raises(BadCursor):
        await world.search("macon", after=after)


@pytest.mark.parametrize("order", list(SearchOrder))
async def test_more_than_a_thousand_are_counted_and_reached(world: World, order: SearchOrder) -> None:
    await world.add_all([{"title": "Maçon"} for _ in range(1_050)])
    reached: list[Hit] = []
    after = None
    while True:
        page = await world.search("macon", order=order, limit=100, after=after, highlight=False)
        assert page.total == 1_050
        reached += page.hits
        after = page.next
        if after is None:
            break
    assert len({hit.id for hit in reached}) == len(reached) == 1_050


async def test_what_arrives_meanwhile_comes_twice_on_no_page(world: World) -> None:
    await world.add_all([{"title": "Maçon"} for _ in range(6)])
    for order in SearchOrder:
        first = await world.search("macon", limit=3, order=order)
        await world.add("Maçon", published_at=NOON + timedelta(days=1))
        second = await world.search("macon", limit=3, order=order, after=first.next)
        assert {hit.id for hit in second.hits}.isdisjoint(hit.id for hit in first.hits), order


async def test_what_leaves_meanwhile_hides_nothing(world: World) -> None:
    ids = await world.add_all([{"title": "Maçon"} for _ in range(8)])
    for order, gone in zip(SearchOrder, (ids[1], ids[2]), strict=True):
        whole = [hit.id for hit in (await world.search("macon", order=order)).hits]
        first = await world.search("macon", limit=4, order=order)
        await world.remove(gone)
        second = await world.search("macon", limit=4, order=order, after=first.next)
        reached = [hit.id for hit in (*first.hits, *second.hits)]
        assert reached == whole, order


@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_a_page_has_one_to_a_hundred_hits(world: World, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        await world.search(limit=limit)
