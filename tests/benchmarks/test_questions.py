import random
from itertools import islice

from benchmarks import search_postings
from benchmarks.comparison import questions
from benchmarks.search_postings import Material, Model, Place, Trade

_MADE_OF = Material(
    places=(Place("07019", "Aubenas", "07200", 12_000, 44.6, 4.4),),
    trades=(Trade("D1102", "Boulanger", ("Boulanger", "Boulangère")),),
    models=(Model("Boulanger", ("Pétrir.",), ("Pétrir",)),),
    employers=("Fournil",),
    real=False,
)


def test_no_two_lists_ask_the_same() -> None:
    asked = list(islice(questions.different(_MADE_OF, 1), 3_000))
    assert len(set(asked)) == 3_000


def test_lists_are_the_same_for_the_same_seed() -> None:
    first, again = (list(islice(questions.different(_MADE_OF, 7), 50)) for _ in range(2))
    assert first == again


def test_searches_have_two_facets_and_never_come_twice() -> None:
    titles = [f"Vendeur {letter}{other}" for letter in "abcdefgh" for other in "ijklmnop"]
    asked = questions.typed(_MADE_OF, titles, 30, 1)
    assert len(set(asked)) == len(asked) == 30
    assert all(path.endswith("&facets=contract&facets=occupation") for path in asked)


def test_queries_of_every_kind_come() -> None:
    dice = random.Random(1)  # noqa: S311 - the same each time
    kinds = {kind for kind, _ in search_postings.queries(_MADE_OF, ["Vendeur"], 500, dice)}
    assert {"title", "word", "beginning", "misspelt", "word and place"} <= kinds
