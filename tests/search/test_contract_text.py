"""What every engine finds for what people type."""

import pytest

from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.search import Correction, SearchOrder
from tests.search.world import World


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("patissier", "Pâtissier"),
        ("PÂTISSIER", "patissier"),
        ("aide", "Recherche de l'aide à domicile"),
        ("l'aide", "Aide à domicile"),
        ("l’aide d’urgence", "Aide d'urgence"),
        ("oeuvre", "Chef d’œuvre"),
        ("e\u0301ducateur", "Éducateur spécialisé"),
        ("infirmiere", "Infirmier (H/F)"),
        ("infirmières", "INFIRMIER F/H"),
        ("serveuses", "Serveur / Serveuse de restaurant (H/F)"),
        ("directrice", "Directeur (trice) de camping H/F"),
        ("technicienne", "Technicien(ne) de maintenance"),
        ("commerciaux", "Employé(e) commercial(e) polyvalent(e)"),
        ("boulangers", "Boulangère"),
        ("developpeur c++", "Développeur C++ / Qt"),
        ("permis c", "Chauffeur poids lourd, permis C exigé"),
        ("bac +2", "Comptable bac+2"),
    ],
)
async def test_finds_a_title_however_it_is_written(world: World, typed: str, title: str) -> None:
    await world.add(title)
    await world.add("Tout autre chose")
    assert await world.found(typed) == [title]
    assert not (await world.search(typed)).relaxed


@pytest.mark.parametrize("typed", ["bou", "boula", "boulange", "vendeur boul"])
async def test_finds_while_the_last_word_is_being_typed(world: World, typed: str) -> None:
    await world.add("Vendeur en boulangerie")
    await world.add("Vendeuse, rayon boulanger")
    await world.add("Maçon")
    assert sorted(await world.found(typed)) == ["Vendeur en boulangerie", "Vendeuse, rayon boulanger"]


async def test_finds_a_feminine_being_typed_whose_stem_begins_otherwise(world: World) -> None:
    await world.add("Serveuse")
    assert await world.found("serveus") == ["Serveuse"]


async def test_only_the_last_word_is_a_beginning_and_only_without_a_space_after(world: World) -> None:
    await world.add("Vendeur en boulangerie")
    assert await world.found("boul vendeur", order=SearchOrder.DATE, limit=10) == ["Vendeur en boulangerie"]
    assert (await world.search("boul vendeur")).relaxed
    assert (await world.search("boul")).total == 1
    assert (await world.search("boul ")).total == 0


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("boulnager", "boulanger"),  # swapped
        ("boulager", "boulanger"),  # missing
        ("boullanger", "boulanger"),  # doubled
        ("boulenjer", "boulanger"),  # two wrong
        ("voulanger", "boulanger"),  # first letter wrong
        ("oulanger", "boulanger"),  # first letter missing
        ("obulanger", "boulanger"),  # first letters swapped
        ("mason", "macon"),
    ],
)
async def test_finds_despite_a_misspelling_and_says_how_it_read_it(
    world: World, typed: str, read_as: str
) -> None:
    await world.add("Boulanger" if read_as == "boulanger" else "Maçon")
    await world.add("Plombier")
    page = await world.search(f"{typed} ")
    assert page.corrections == (Correction(typed=typed, read_as=(read_as,)),)
    assert (page.total, page.relaxed, page.ignored) == (1, False, ())


async def test_finds_despite_a_misspelling_in_a_beginning(world: World) -> None:
    await world.add("Infirmière de nuit")
    assert await world.found("infirmei") == ["Infirmière de nuit"]


@pytest.mark.parametrize(
    ("typed", "title"), [("2024", "Campagne 2025"), ("mas", "Mac"), ("07100", "À 07200")]
)
async def test_figures_and_short_words_are_never_corrected(world: World, typed: str, title: str) -> None:
    await world.add(title)
    page = await world.search(f"{typed} ")
    assert (page.total, page.ignored, page.corrections) == (0, (typed,), ())


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("autoecole", "Moniteur d'auto-école"),
        ("auto école", "Moniteur autoécole"),
        ("weekend", "Agent le week-end"),
        ("ide", "Infirmier"),
        ("chauffeur pl", "Chauffeur poids lourd"),
    ],
)
async def test_finds_compounds_and_abbreviations_either_way(world: World, typed: str, title: str) -> None:
    await world.add(title)
    await world.add("Chauffeur livreur")
    assert await world.found(f"{typed} ") == [title]


async def test_a_posting_is_found_by_all_that_is_said_of_it(world: World) -> None:
    await world.add(
        "Second de fournil",
        description="Horaires de nuit",
        employer_name="Les Délices Ardéchois",
        occupation_code="D1102",
        occupation_label="Boulanger / Boulangère",
        occupation_titles=("Ouvrier boulanger / Ouvrière boulangère", "Viennoisier / Viennoisière"),
        skills=("Pétrir la pâte",),
        details=("Permis B",),
        commune="Saint-Étienne-de-Fontbellon",
        contract_kind=ContractKind.FIXED_TERM,
        working_time=WorkingTime.PART_TIME,
        remote=RemoteKind.NONE,
    )
    await world.add("Maçon", commune="Valence", contract_kind=ContractKind.PERMANENT)
    for typed in (
        "nuit",
        "delices",
        "boulangere",
        "viennoisier",
        "petrir",
        "permis b",
        "saint etienne de fontbellon",
        "st etienne",
        "07200",
        "07",
        "ardeche",
        "cdd",
        "temps partiel",
        "boulanger 07200 cdd nuit",
    ):
        assert await world.found(typed) == ["Second de fournil"], typed


async def test_the_contract_of_a_posting_decides_what_cdi_finds(world: World) -> None:
    await world.add("Aide", contract_kind=ContractKind.FIXED_TERM, description="Peut déboucher sur un CDI.")
    await world.add("Cuisinier", contract_kind=ContractKind.PERMANENT)
    await world.add("Plongeur", description="Poste en CDI.")
    assert await world.found("cdi", order=SearchOrder.DATE) == ["Cuisinier", "Plongeur"]


async def test_figures_of_a_telephone_number_are_not_a_departement(world: World) -> None:
    await world.add("Maçon", commune="Valence", description="Appelez le 04 75 07 12 34")
    await world.add("Peintre", commune="Privas")
    assert await world.found("07") == ["Peintre"]


async def test_every_word_must_be_found(world: World) -> None:
    await world.add("Boulanger", commune="Aubenas")
    await world.add("Boulanger", commune="Privas")
    await world.add("Maçon", commune="Aubenas")
    page = await world.search("boulanger aubenas")
    assert (page.total, page.relaxed) == (1, False)


async def test_when_nothing_has_every_word_it_gives_way_and_says_so(world: World) -> None:
    await world.add("Boulanger", commune="Aubenas", description="Travail de nuit")
    await world.add("Boulanger", commune="Privas")
    page = await world.search("boulanger valence")
    assert (page.total, page.relaxed, page.ignored) == (2, True, ("valence",))
    page = await world.search("boulanger privas nuit")
    assert (page.total, page.relaxed, page.ignored) == (2, True, ())


async def test_gives_way_to_any_of_the_words_last(world: World) -> None:
    await world.add("Boulanger")
    await world.add("Plombier")
    await world.add("Maçon")
    page = await world.search("boulanger plombier")
    assert (page.total, page.relaxed) == (2, True)


async def test_an_unknown_word_alone_finds_nothing(world: World) -> None:
    await world.add("Boulanger")
    page = await world.search("xylophoniste")
    assert (page.total, page.hits, page.relaxed, page.ignored) == (0, (), False, ("xylophoniste",))


async def test_words_everybody_types_are_not_required(world: World) -> None:
    await world.add("Boulanger")
    await world.add("Maçon")
    assert await world.found("offre d'emploi boulanger") == ["Boulanger"]
    assert await world.found("offres d'emploi") == ["Boulanger", "Maçon"]


@pytest.mark.parametrize("typed", ["", "   ", "!?…«»", "🙂🥖", "le la les", "H/F", "\u200f", "'\"\\"])
async def test_a_text_without_words_lists_everything_by_date(world: World, typed: str) -> None:
    await world.add("Boulanger")
    await world.add("Maçon")
    page = await world.search(typed)
    assert [world.titles[hit.id] for hit in page.hits] == ["Boulanger", "Maçon"]
    assert (page.relaxed, page.ignored, page.corrections) == (False, (), ())
    assert all(hit.highlights is None for hit in page.hits)


@pytest.mark.parametrize("typed", ["пекар", "خباز", "面包师"])
async def test_words_in_other_scripts_are_said_to_be_ignored(world: World, typed: str) -> None:
    await world.add("Boulanger")
    page = await world.search(typed)
    assert (page.total, page.ignored) == (0, (typed,))
    page = await world.search(f"{typed} boulanger")
    assert (page.total, page.relaxed, page.ignored) == (1, True, (typed,))


@pytest.mark.parametrize(
    "typed",
    [
        "-boulanger",
        '"boulanger',
        'boulanger" "',
        "boulanger & | ! ( ) : * <-> ' \" \\",
        "boulanger:*",
        "boulanger'; DROP TABLE posting; --",
        "'boulanger' & !'maçon'",
        "boulanger \x00 \x01",
        "boulanger %_ $1 {0} :match",
        "boulanger \ud800",
        "boulanger " + "&" * 10_000,
    ],
)
async def test_operators_and_quotes_are_only_punctuation(world: World, typed: str) -> None:
    await world.add("Boulanger")
    page = await world.search(typed)
    assert page.total == 1
    assert "Boulanger" in {world.titles[hit.id] for hit in page.hits}


async def test_a_very_long_text_is_cut_and_answered(world: World) -> None:
    await world.add("Boulanger")
    many = " ".join(f"mot{number}x" for number in range(3_000))
    page = await world.search(f"boulanger {many}")
    assert page.cut
    assert (page.total, page.relaxed, len(page.ignored)) == (1, True, 11)
    endless = await world.search("b" * 10_000)
    assert endless.cut
    assert (endless.total, endless.ignored) == (0, ("b" * 40,))


async def test_each_of_twelve_words_is_required(world: World) -> None:
    names = [f"{word}mot" for word in "ab cd fe gi ko lu ma no pi ra so tu".split()]  # noqa: SIM905 - a list of words reads best as text
    assert len(names) == 12
    await world.add("Boulanger", description=" ".join(names))
    await world.add("Apprenti", description=" ".join(names[:-1]))
    assert await world.found(" ".join(names)) == ["Boulanger"]
    page = await world.search(" ".join([*names[:-1], "xylophone"]))
    assert (page.total, page.relaxed, page.ignored) == (2, True, ("xylophone",))


async def test_a_word_is_no_part_of_another(world: World) -> None:
    await world.add("Portier de nuit", description="Feuille de route")
    await world.add("Chargé de portefeuille")
    assert await world.found("portefeuille ") == ["Chargé de portefeuille"]
    assert await world.found("nuit portier ") == ["Portier de nuit"]


@pytest.mark.parametrize("typed", ["mois", "cars", "par mois", "sons"])
async def test_a_word_whose_stem_says_nothing_is_a_word_all_the_same(world: World, typed: str) -> None:
    await world.add("Conducteur de cars", description="Prise de sons, 6 mois")
    await world.add("Maçon")
    assert await world.found(typed) == ["Conducteur de cars"]


async def test_a_removed_posting_is_not_found(world: World) -> None:
    gone = await world.add("Boulanger de nuit")
    await world.add("Boulanger de jour")
    await world.remove(gone)
    assert await world.found("boulanger") == ["Boulanger de jour"]
    assert await world.found() == ["Boulanger de jour"]


async def test_a_word_that_came_back_is_found_again(world: World) -> None:
    gone = await world.add("Zingueur")
    await world.remove(gone)
    await world.engine.maintain(world.session)
    assert await world.found("zingueur") == []
    await world.add("Zingueuse")
    assert await world.found("zingueurs") == ["Zingueuse"]
