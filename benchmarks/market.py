"""An invented labour market of any size, the same for the same seed.

Occupations, skills and places are numbered, not real; their shapes follow what real feeds show:
a few trades take most postings (a Zipf law), some skills are asked everywhere and most in one field
only, a quarter of postings name no skill, and most leave out pay, start or remote work.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from service.matching.facts import (
    CandidateFacts,
    OccupationGraph,
    Point,
    PostingFacts,
)
from service.models.enums import (
    ContractKind,
    OccupationOrigin,
    RemoteKind,
    SalaryUnit,
    WorkingTime,
)

T = TypeVar("T")

AS_OF: Final = date(2026, 3, 2)
OCCUPATIONS: Final = 1584
FIELD_SIZE: Final = 14
COMMUNES: Final = 700

_CONTRACTS: Final = (
    ContractKind.PERMANENT,
    ContractKind.FIXED_TERM,
    ContractKind.TEMPORARY,
    ContractKind.SEASONAL,
    ContractKind.APPRENTICESHIP,
)
_CONTRACT_SHARES: Final = (55, 20, 15, 5, 5)

# Shares of candidates or postings for which a fact exists.
_CAR_LICENCE: Final = 0.75
_LORRY_LICENCE: Final = 0.06
_SUGGESTED_OCCUPATION: Final = 0.3
_LICENCE_REQUIRED: Final = 0.14
_LICENCE_WISHED: Final = 0.10
_LANGUAGE_ASKED: Final = 0.06


@dataclass(frozen=True, slots=True)
class Market:
    """The fixed part: occupations with their skills, mobilities and communes."""

    occupations: tuple[str, ...]
    popularity: tuple[float, ...]
    skills: dict[str, tuple[str, ...]]
    graph: OccupationGraph
    communes: tuple[Point, ...]


def market(seed: int, trades: int = OCCUPATIONS) -> Market:
    """Invent the occupations of a country and the communes of a région (about 200 km across).

    ``trades`` is how many of the occupations anybody wants or offers.
    """
    chance = _dice(seed)
    occupations = tuple(f"{chr(65 + number // 122)}{1000 + number}" for number in range(OCCUPATIONS))
    everywhere = tuple(f"{300_000 + number}" for number in range(40))
    skills: dict[str, tuple[str, ...]] = {}
    mobilities: list[tuple[str, str, int]] = []
    for number, code in enumerate(occupations):
        field = number // FIELD_SIZE
        of_field = [f"{100_000 + field * 60 + skill}" for skill in range(60)]
        skills[code] = (*chance.sample(everywhere, 6), *chance.sample(of_field, 20))
        neighbours = range(field * FIELD_SIZE, min((field + 1) * FIELD_SIZE, OCCUPATIONS))
        close = [occupations[other] for other in neighbours if other != number]
        targets = chance.sample(close, min(5, len(close))) + chance.sample(occupations, 5)
        mobilities += [(code, target, order) for order, target in enumerate(targets[:9], start=1)]
    ranks = list(range(1, OCCUPATIONS + 1))
    chance.shuffle(ranks)
    return Market(
        occupations=occupations,
        popularity=tuple(1 / (rank + 5) if rank <= trades else 0.0 for rank in ranks),
        skills=skills,
        graph=OccupationGraph.from_mobilities(mobilities),
        communes=tuple(Point(chance.uniform(47.9, 49.5), chance.uniform(5.0, 8.0)) for _ in range(COMMUNES)),
    )


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same market for the same seed, no secret


def maybe(chance: random.Random, share: float, draw: Callable[[], T]) -> T | None:
    """Return what ``draw`` gives for this share of the calls, else ``None``."""
    return draw() if chance.random() < share else None


def _licences(chance: random.Random) -> frozenset[str]:
    drawn = chance.random()
    if drawn < _LORRY_LICENCE:
        return frozenset({"B", "C", "CE"})
    return frozenset({"B"} if drawn < _CAR_LICENCE else ())


def candidates(place: Market, count: int, seed: int) -> Iterator[CandidateFacts]:
    """Yield ``count`` candidates."""
    chance = _dice(seed)
    wishes = chance.choices(place.occupations, place.popularity, k=count)
    for first in wishes:
        others = chance.choices(place.occupations, place.popularity, k=chance.randrange(3))
        known = place.skills[first]
        pay = maybe(chance, 0.6, lambda: Decimal(chance.randrange(1500, 3500, 50)))
        yield CandidateFacts(
            id=UUID(int=chance.getrandbits(128)),
            version=1,
            wanted_occupations=tuple(dict.fromkeys((first, *others))),
            skills=frozenset(chance.sample(known, chance.choice((0, 3, 5, 8, 12)))),
            contract_kinds=frozenset(chance.choices(_CONTRACTS, _CONTRACT_SHARES, k=chance.randrange(3))),
            working_time=maybe(chance, 0.7, lambda: _pick(chance, tuple(WorkingTime))),
            salary_amount=pay,
            salary_unit=None if pay is None else SalaryUnit.MONTH,
            point=_pick(chance, place.communes),
            radius_km=maybe(chance, 0.6, lambda: float(_pick(chance, (10, 20, 30, 50)))),
            available_from=maybe(chance, 0.7, lambda: AS_OF + timedelta(days=chance.randrange(-30, 500))),
            languages=frozenset(chance.choices(("fr", "en", "de", "uk", "ar"), k=2)),
            licences=_licences(chance),
            remote=maybe(chance, 0.3, lambda: _pick(chance, tuple(RemoteKind))),
        )


def postings(place: Market, count: int, seed: int) -> Iterator[PostingFacts]:
    """Yield ``count`` open postings."""
    chance = _dice(seed)
    for occupation in chance.choices(place.occupations, place.popularity, k=count):
        asked = chance.sample(place.skills[occupation], chance.choice((0, 2, 4, 5, 5, 8, 12)))
        required = chance.randrange(len(asked) + 1)
        suggested = chance.random() < _SUGGESTED_OCCUPATION
        low = maybe(chance, 0.5, lambda: Decimal(chance.randrange(1500, 3500, 50)))
        drawn = chance.random()
        yield PostingFacts(
            id=UUID(int=chance.getrandbits(128)),
            version=1,
            open=True,
            occupation=occupation,
            occupation_origin=(OccupationOrigin.SUGGESTED if suggested else OccupationOrigin.SOURCE),
            occupation_confidence=chance.randrange(40, 100) if suggested else None,
            required_skills=frozenset(asked[:required]),
            wished_skills=frozenset(asked[required:]),
            contract_kind=maybe(chance, 0.95, lambda: chance.choices(_CONTRACTS, _CONTRACT_SHARES)[0]),
            working_time=maybe(chance, 0.8, lambda: _pick(chance, tuple(WorkingTime))),
            salary_minimum=low,
            salary_maximum=None if low is None else low + chance.randrange(0, 800, 50),
            salary_unit=None if low is None else SalaryUnit.MONTH,
            point=maybe(chance, 0.98, lambda: _pick(chance, place.communes)),
            remote=maybe(chance, 0.2, lambda: _pick(chance, tuple(RemoteKind))),
            required_licences=frozenset({"B"} if drawn < _LICENCE_REQUIRED else ()),
            wished_licences=frozenset({"B"} if drawn > 1 - _LICENCE_WISHED else ()),
            languages=frozenset({"en"} if chance.random() < _LANGUAGE_ASKED else ()),
            published_on=AS_OF - timedelta(days=chance.randrange(120)),
            starts_on=maybe(chance, 0.2, lambda: AS_OF + timedelta(days=chance.randrange(-30, 180))),
        )


def _pick(chance: random.Random, values: Sequence[T]) -> T:
    return values[chance.randrange(len(values))]
