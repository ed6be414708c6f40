"""How every engine shows where it found the words."""

import pytest

from service.schemas.search import Highlights
from tests.search.world import World


async def _shown(world: World, text: str) -> Highlights:
    [hit] = (await world.search(text)).hits
    assert hit.highlights is not None
    return hit.highlights


@pytest.mark.parametrize(
    ("typed", "title", "expected"),
    [
        ("patissiere", "Pâtissier / Pâtissière", "<mark>Pâtissier</mark> / <mark>Pâtissière</mark>"),
        ("aide", "Recherche de l’aide", "Recherche de l’<mark>aide</mark>"),
        ("oeuvre", "Chef d’œuvre à Œuilly", "Chef d’<mark>œuvre</mark> à Œuilly"),
        ("educ", "E\u0301ducateur", "<mark>E\u0301ducateur</mark>"),
        ("boulnager", "Boulanger", "<mark>Boulanger</mark>"),
        ("c++", "Développeur C++", "Développeur <mark>C++</mark>"),
        ("macon", '<b>Maçon</b> & "fils"', "&lt;b&gt;<mark>Maçon</mark>&lt;/b&gt; &amp; &quot;fils&quot;"),
        ("macon", "<mark>Maçon</mark>", "&lt;mark&gt;<mark>Maçon</mark>&lt;/mark&gt;"),
        ("mark", "Mark & <script>", "<mark>Mark</mark> &amp; &lt;script&gt;"),
        ("aide soignant", "Aide-soignante", "<mark>Aide</mark>-<mark>soignante</mark>"),
    ],
)
async def test_found_words_are_marked_as_they_are_written(
    world: World, typed: str, title: str, expected: str
) -> None:
    await world.add(title)
    assert (await _shown(world, typed)).title == expected


async def test_an_extract_shows_the_words_of_a_long_description(world: World) -> None:
    await world.add(
        "Poste", description="Début. " + "bla " * 300 + "\n\nTravail de nuit à l'hôpital. " + "fin " * 300
    )
    extract = (await _shown(world, "nuit hopital")).description
    assert extract is not None
    assert "<mark>nuit</mark> à l&#x27;<mark>hôpital</mark>" in extract
    assert extract.startswith("… bla")
    assert extract.endswith("fin …")
    assert "\n" not in extract


async def test_an_extract_of_a_description_without_the_words_is_its_beginning(world: World) -> None:
    await world.add("Maçon", description="Chantiers <variés>. " + "bla " * 300)
    extract = (await _shown(world, "macon")).description
    assert extract is not None
    assert extract.startswith("Chantiers &lt;variés&gt;. bla")
    assert extract.endswith("bla …")


async def test_a_short_description_is_shown_whole(world: World) -> None:
    await world.add("Maçon", description="Chantiers variés.")
    assert (await _shown(world, "macon")).description == "Chantiers variés."


async def test_no_description_no_extract(world: World) -> None:
    await world.add("Maçon")
    assert (await _shown(world, "macon")).description is None


async def test_highlights_can_be_left_out(world: World) -> None:
    await world.add("Maçon")
    [hit] = (await world.search("macon", highlight=False)).hits
    assert hit.highlights is None
