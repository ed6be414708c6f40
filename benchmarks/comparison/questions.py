"""What is asked over HTTP: filters that never come twice, and what visitors type."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote_plus, urlencode

from benchmarks.comparison.seeding import SLUG
from benchmarks.search_postings import NEWEST, Material, queries

LIST: Final = f"/v1/territories/{SLUG}/postings"
_CONTRACTS: Final = ("permanent", "fixed_term", "temporary", "seasonal", "apprenticeship")
_TIMES: Final = ("full_time", "part_time")


def different(made_of: Material, seed: int) -> Iterator[str]:
    """Yield paths of the public list without end, no two with the same filters.

    One to three filters each, as brand websites combine them: pay, age, contract, working time, commune.
    """
    dice = random.Random(seed)  # noqa: S311 - the same each time
    known: set[str] = set()
    places = [place.code for place in made_of.places]
    populations = [place.population for place in made_of.places]
    while True:
        asked: list[tuple[str, str]] = []
        if dice.random() < 0.5:  # noqa: PLR2004 - half by pay, half by age
            asked.append(("salary_from", str(dice.randrange(15_000, 55_000))))
        else:
            since = NEWEST - timedelta(seconds=dice.randrange(60, 90 * 86_400))
            asked.append(("published_since", since.strftime("%Y-%m-%dT%H:%M:%SZ")))
        other = dice.random()
        if other < 0.4:  # noqa: PLR2004 - a share
            asked.append(("contract", dice.choice(_CONTRACTS)))
        elif other < 0.6:  # noqa: PLR2004 - a share
            asked.append(("working_time", dice.choice(_TIMES)))
        elif other < 0.75:  # noqa: PLR2004 - a share
            asked.append(("commune", dice.choices(places, populations)[0]))
        elif other < 0.85:  # noqa: PLR2004 - a share
            asked += [("contract", dice.choice(_CONTRACTS)), ("working_time", dice.choice(_TIMES))]
        path = f"{LIST}?{urlencode(asked)}"
        if path not in known:
            known.add(path)
            yield path


def typed(made_of: Material, titles: Sequence[str], count: int, seed: int) -> list[str]:
    """Return ``count`` paths of searches with two facets, no two alike."""
    dice = random.Random(seed)  # noqa: S311 - the same each time
    found: dict[str, None] = {}
    for _, text in queries(made_of, titles, 20 * count, dice):
        if text.strip():
            found.setdefault(f"{LIST}?q={quote_plus(text)}&facets=contract&facets=occupation")
        if len(found) == count:
            break
    return list(found)
