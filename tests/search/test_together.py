"""How every engine answers a search over several kinds at once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.core.errors import BadCursor
from service.core.ids import new_id
from service.domain import territory_facts
from service.models import Territory, TerritoryCommune
from service.models.enums import TerritoryKind
from service.schemas.search import (
    DocumentFacts,
    Highlights,
    SearchKind,
    Sought,
    TogetherHit,
    TogetherPage,
    TogetherQuery,
)
from tests.factories import create_territory
from tests.search.world import NOON, World

POSTINGS, TERRITORIES = SearchKind.POSTINGS, SearchKind.TERRITORIES
SOME_ID = "01a2011e-f50c-7229-8c63-19c29dcdd89f"
SOME_DATE = "2026-03-02T12:00:00+00:00"


class Country:
    """A world whose territory holds others, and the search over both kinds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.inside: list[uuid.UUID] = [world.territory.id]

    async def add(self, name: str, *communes: str, **overrides: Any) -> Territory:
        """Add a territory inside, and index it; one minute older than what came before."""
        values = {
            "parent": self.world.territory,
            "kind": TerritoryKind.COMMUNE,
            "created_at": NOON - timedelta(minutes=len(self.world.titles)),
        } | overrides
        territory = await create_territory(self.world.session, name=name, **values)
        self.world.session.add_all(
            TerritoryCommune(territory_id=territory.id, commune_code=self.world.communes[commune].code)
            for commune in communes
        )
        await self.world.session.flush()
        await self.index(*await territory_facts.facts(self.world.session, [territory.id]))
        if territory.parent_id == self.world.territory.id:
            self.inside.append(territory.id)
        return territory

    async def index(self, *documents: DocumentFacts) -> None:
        """Index plain documents as they are."""
        await self.world.engine.index(self.world.session, documents)
        self.world.titles |= {facts.id: facts.title for facts in documents}

    async def search(
        self,
        text: str = "",
        *,
        kinds: tuple[SearchKind, ...] = (POSTINGS, TERRITORIES),
        places: dict[SearchKind, tuple[uuid.UUID, ...]] | None = None,
        weights: dict[SearchKind, float] | None = None,
        **values: Any,
    ) -> TogetherPage:
        """Search the kinds in the whole country, unless ``places`` says where."""
        sought = tuple(
            Sought(
                kind=kind,
                territory_ids=(places or {}).get(kind, tuple(self.inside)),
                weight=(weights or {}).get(kind, 1.0),
            )
            for kind in kinds
        )
        query = TogetherQuery(sought=sought, text=text, **values)
        return await self.world.engine.together(self.world.session, query)

    async def found(self, text: str = "", **values: Any) -> list[str]:
        """Return the titles found, in order."""
        page = await self.search(text, **{"limit": 100} | values)
        assert sum(page.totals.values()) == len(page.hits), "the totals must be those of the hits"
        return [self.world.titles[hit.id] for hit in page.hits]

    async def marked(self, text: str) -> Highlights:
        """Return the highlights of the only hit."""
        [hit] = (await self.search(text)).hits
        assert hit.highlights is not None
        return hit.highlights


@pytest.fixture
def country(world: World) -> Country:
    """Return an empty country."""
    return Country(world)


async def test_kinds_are_ranked_together(country: Country) -> None:
    await country.world.add("Boulanger", commune="Aubenas", published_at=NOON + timedelta(days=1))
    await country.world.add("Guide touristique d'Aubenas et alentours")
    await country.add("Aubenas", "Aubenas")
    await country.world.add("Plongeur", description="À vingt minutes d'Aubenas")
    await country.add("Privas", "Privas")
    page = await country.search("aubenas")
    assert [(hit.kind, country.world.titles[hit.id]) for hit in page.hits] == [
        (TERRITORIES, "Aubenas"),
        (POSTINGS, "Guide touristique d'Aubenas et alentours"),
        (POSTINGS, "Boulanger"),
        (POSTINGS, "Plongeur"),
    ]
    assert page.totals == {POSTINGS: 3, TERRITORIES: 1}
    assert page.next is None
    assert not page.relaxed
    assert [hit.score for hit in page.hits] == sorted((hit.score for hit in page.hits), reverse=True)


async def test_only_the_kinds_asked_for_are_found_and_counted(country: Country) -> None:
    await country.world.add("Guide d'Aubenas")
    await country.add("Aubenas")
    postings = await country.search("aubenas", kinds=(POSTINGS,))
    assert [hit.kind for hit in postings.hits] == [POSTINGS]
    assert postings.totals == {POSTINGS: 1}
    territories = await country.search("aubenas", kinds=(TERRITORIES,))
    assert [hit.kind for hit in territories.hits] == [TERRITORIES]
    assert territories.totals == {TERRITORIES: 1}


async def test_without_words_the_newest_come_first_whatever_their_kind(country: Country) -> None:
    await country.world.add("Maçon")
    await country.add("Aubenas")
    await country.world.add("Boulanger")
    await country.add("Privas")
    assert await country.found() == ["Maçon", "Aubenas", "Boulanger", "Privas"]
    # Words that everybody types ask for nothing in particular.
    assert await country.found("offres d'emploi ") == ["Maçon", "Aubenas", "Boulanger", "Privas"]
    page = await country.search(limit=1)
    assert page.totals == {POSTINGS: 2, TERRITORIES: 2}
    assert page.hits[0].highlights is None


async def test_a_weight_moves_a_kind_up(country: Country) -> None:
    await country.world.add("Boulanger", commune="Aubenas")
    await country.add("Bassin", "Aubenas")
    await country.world.add("Vendeur à Aubenas")
    assert (await country.found("aubenas"))[0] == "Vendeur à Aubenas"
    assert (await country.found("aubenas", weights={TERRITORIES: 8.0}))[0] == "Bassin"


async def test_nothing_outside_the_territories_of_its_kind_is_found(country: Country) -> None:
    elsewhere = await country.add("Aubenas du Sud", parent=None)
    inside = await country.add("Aubenas")
    await country.world.add("Guide d'Aubenas", territory_id=elsewhere.id)
    await country.world.add("Accueil à Aubenas", territory_id=inside.id)
    for text in ("aubenas", ""):
        assert sorted(await country.found(text)) == ["Accueil à Aubenas", "Aubenas"]
    places = {POSTINGS: (), TERRITORIES: (inside.id,)}
    assert await country.found("aubenas", places=places) == ["Aubenas"]
    assert (await country.search("aubenas", places=places)).totals == {POSTINGS: 0, TERRITORIES: 1}
    assert await country.found("aubenas", places={POSTINGS: (), TERRITORIES: ()}) == []


@pytest.mark.parametrize(
    "typed",
    [
        "Aubenas",
        "bassin d'aubenas",
        "l'échappée belle",
        "cueillir",
        "07200",
        "fontbellon",
        "ardeche",
        "solidarite",
    ],
)
async def test_a_territory_is_found_by_its_names_its_promise_its_places_and_its_values(
    country: Country, typed: str
) -> None:
    await country.add(
        "Bassin d'Aubenas",
        "Aubenas",
        "Saint-Étienne-de-Fontbellon",
        kind=TerritoryKind.EPCI,
        brand_name="L'échappée belle",
        promise="Venez cueillir le temps.",
        brand_values=["Solidarité"],
    )
    await country.add("Valence", "Valence")
    assert await country.found(typed) == ["Bassin d'Aubenas"]


async def test_a_misspelt_name_is_found_and_said_to_be_corrected(country: Country) -> None:
    await country.world.add("Boulanger")
    await country.add("Vallon-Pont-d'Arc")
    page = await country.search("valon pont darc ")
    assert [country.world.titles[hit.id] for hit in page.hits] == ["Vallon-Pont-d'Arc"]
    assert {correction.typed: correction.read_as for correction in page.corrections}["valon"] == ("vallon",)
    page = await country.search("boulnager ")
    assert [country.world.titles[hit.id] for hit in page.hits] == ["Boulanger"]


async def test_the_last_word_may_be_unfinished(country: Country) -> None:
    await country.world.add("Vallonneur")
    await country.add("Vallon-Pont-d'Arc")
    assert sorted(await country.found("vallo")) == ["Vallon-Pont-d'Arc", "Vallonneur"]
    assert await country.found("vallon po") == ["Vallon-Pont-d'Arc"]


async def test_found_words_are_marked_and_everything_else_is_escaped(country: Country) -> None:
    await country.add(
        '<b>Aubenas</b> & "co"', promise='<script>alert("x")</script> à Aubenas, </mark> <mark> et plus'
    )
    marked = await country.marked("aubenas")
    assert marked.title == "&lt;b&gt;<mark>Aubenas</mark>&lt;/b&gt; &amp; &quot;co&quot;"
    assert marked.description == (
        "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; à <mark>Aubenas</mark>, "
        "&lt;/mark&gt; &lt;mark&gt; et plus"
    )


async def test_a_territory_without_a_promise_has_no_extract(country: Country) -> None:
    await country.add("Aubenas")
    assert (await country.marked("aubenas")).description is None
    [hit] = (await country.search("aubenas", highlight=False)).hits
    assert hit.highlights is None


async def test_all_kinds_give_way_together(country: Country) -> None:
    await country.add("Aubenas")
    await country.world.add("Boulanger", commune="Privas")
    await country.world.add("Boulanger", commune="Aubenas")
    whole = await country.search("boulanger aubenas")
    assert not whole.relaxed
    assert whole.totals == {POSTINGS: 1, TERRITORIES: 0}
    some = await country.search("couvreur aubenas")
    assert some.relaxed
    assert some.ignored == ("couvreur",)
    assert some.totals == {POSTINGS: 1, TERRITORIES: 1}
    none = await country.search("xylophone ")
    assert (none.hits, none.totals) == ((), {POSTINGS: 0, TERRITORIES: 0})
    assert none.ignored == ("xylophone",)


@pytest.mark.parametrize("text", ["", "aubenas", "aubenas xylophone", "guide aubenas"])
async def test_pages_hold_every_hit_of_every_kind_once_in_order(country: Country, text: str) -> None:
    for number in range(11):
        moment = NOON - timedelta(hours=number % 4)
        await country.world.add(
            "Guide d'Aubenas" if number % 3 else "Accueil", commune="Aubenas", published_at=moment
        )
        await country.add(
            "Aubenas" if number % 2 else "Guide d'Aubenas et accueil", "Aubenas", created_at=moment
        )
    whole = await country.search(text, limit=100)
    assert whole.next is None
    paged: list[TogetherHit] = []
    after = None
    while True:
        page = await country.search(text, limit=4, after=after)
        assert page.totals == whole.totals, "the totals do not depend on the page"
        paged += page.hits
        after = page.next
        if after is None:
            break
        assert len(page.hits) == 4
    assert [(hit.kind, hit.id) for hit in paged] == [(hit.kind, hit.id) for hit in whole.hits]
    assert len({hit.id for hit in paged}) == len(paged) == sum(whole.totals.values()) > 0
    assert {hit.kind for hit in paged} == {POSTINGS, TERRITORIES}


@pytest.mark.parametrize("text", ["", "aubenas"])
async def test_what_goes_or_comes_between_two_pages_hides_and_repeats_nothing(
    country: Country, text: str
) -> None:
    for number in range(8):
        moment = NOON - timedelta(hours=number)
        await country.world.add("Guide d'Aubenas", published_at=moment)
        await country.add("Guide d'Aubenas", created_at=moment)
    whole = (await country.search(text, limit=100)).hits
    first = await country.search(text, limit=5)
    await country.world.engine.remove(country.world.session, whole[4].kind, [whole[4].id])
    second = await country.search(text, limit=5, after=first.next)
    assert second.hits
    assert [hit.id for hit in (*first.hits, *second.hits)] == [hit.id for hit in whole[:10]]
    for gone in (whole[1], whole[2]):
        await country.world.engine.remove(country.world.session, gone.kind, [gone.id])
    await country.world.add("Guide d'Aubenas", published_at=NOON + timedelta(days=1))
    third = await country.search(text, limit=5, after=second.next)
    assert [hit.id for hit in third.hits] == [hit.id for hit in whole[10:15]]


@pytest.mark.parametrize("text", ["", "aubenas"])
async def test_two_kinds_that_know_one_thing_by_one_id_are_two_hits(country: Country, text: str) -> None:
    one = await country.world.add("Aubenas", published_at=NOON)
    await country.index(
        DocumentFacts(
            kind=TERRITORIES,
            id=one,
            territory_id=country.world.territory.id,
            title="Aubenas",
            published_at=NOON,
        )
    )
    first = await country.search(text, limit=1)
    second = await country.search(text, limit=1, after=first.next)
    assert {(hit.kind, hit.id) for hit in (*first.hits, *second.hits)} == {
        (POSTINGS, one),
        (TERRITORIES, one),
    }
    assert second.next is None


async def test_what_is_over_or_removed_is_not_found(country: Country) -> None:
    over, lasting = (
        DocumentFacts(
            kind=TERRITORIES,
            id=new_id(),
            territory_id=country.world.territory.id,
            title=title,
            published_at=NOON,
            valid_through=datetime(year, 1, 1, tzinfo=UTC),
        )
        # Dates that stay: what a server answered to them may have been recorded.
        for title, year in (("Aubenas passé", 2020), ("Aubenas présent", 2100))
    )
    await country.index(over, lasting)
    assert await country.found("aubenas") == ["Aubenas présent"]
    assert await country.found() == ["Aubenas présent"]
    await country.world.engine.remove(country.world.session, TERRITORIES, [lasting.id, new_id()])
    assert await country.found("aubenas") == []
    assert await country.found() == []


async def test_a_document_indexed_again_is_found_by_its_new_words_only(country: Country) -> None:
    territory = await country.add("Aubenas")
    territory.name = "Privas"
    [facts] = await territory_facts.facts(country.world.session, [territory.id])
    await country.index(facts)
    await country.index(facts)
    assert await country.found("privas") == ["Privas"]
    assert (await country.search("aubenas ")).hits == ()


async def test_searching_postings_alone_never_finds_another_kind(country: Country) -> None:
    await country.add("Aubenas")
    await country.world.add("Boulanger")
    assert (await country.world.search("aubenas ")).hits == ()
    assert (await country.world.search("aubenas ")).ignored == ("aubenas",)
    assert await country.world.found() == ["Boulanger"]


@pytest.mark.parametrize(
    "after",
    [
        (),
        (0, 1),
        (0, 0, 1, "yesterday", SOME_ID, "postings"),
        (0, 0, 1, SOME_DATE, SOME_ID),
        (0, 0, 1, SOME_DATE, SOME_ID, "unicorns"),
        (0, 0, 1, SOME_DATE, SOME_ID, 7),
        (9, 0, 1, SOME_DATE, SOME_ID, "postings"),
        ("m", "nonsense"),
    ],
)
async def test_a_place_no_page_gave_is_refused(country: Country, after: tuple[int | str, ...]) -> None:
    await country.add("Aubenas")
    with pytest.raises(BadCursor):
        await country.search("aubenas", after=after)


@pytest.mark.parametrize("kinds", [(), (POSTINGS, POSTINGS)])
async def test_each_kind_is_sought_once(country: Country, kinds: tuple[SearchKind, ...]) -> None:
    with pytest.raises(ValueError, match="each kind is sought once"):
        await country.search(kinds=kinds)


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_page_has_one_to_a_hundred_hits(country: Country, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        await country.search(limit=limit)
