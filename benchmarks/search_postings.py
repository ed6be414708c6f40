"""Postings to search among: words of the shared real feeds, drawn anew, or invented ones where absent.

Nothing of the feeds is kept: their sentences are read at run time and recombined.
"""

import csv
import json
import random
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from service.core.ids import new_id
from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.schemas.search import PostingFacts

SHARED: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
NEWEST: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)

_SYLLABLES: Final = "ba bou cha cou dé di four gan jar lan ma mon nan pê pi rou sel ta ton vi".split()  # noqa: SIM905 - a list of words reads best as text
_CONTRACTS: Final = (
    ContractKind.PERMANENT,
    ContractKind.FIXED_TERM,
    ContractKind.TEMPORARY,
    ContractKind.SEASONAL,
    ContractKind.APPRENTICESHIP,
)
_CONTRACT_SHARES: Final = (55, 20, 15, 5, 5)
HALF: Final = 0.5
_YEARLY_SALARIES: Final = range(19_500, 60_000, 500)


@dataclass(frozen=True, slots=True)
class Place:
    """A commune of the département searched in."""

    code: str
    name: str
    postal_code: str
    population: int
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Trade:
    """An occupation and the titles that name it."""

    code: str
    label: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A posting to draw sentences from, so that a description speaks of its title."""

    title: str
    sentences: tuple[str, ...]
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What postings are made of. ``real`` tells whether it comes from the shared data."""

    places: tuple[Place, ...]
    trades: tuple[Trade, ...]
    models: tuple[Model, ...]
    employers: tuple[str, ...]
    real: bool


def material(seed: int) -> Material:
    """Return real material when the shared folder is there, else invented material of the same size."""
    return _real() if SHARED.is_dir() else _invented(random.Random(seed))  # noqa: S311 - a benchmark must repeat


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (SHARED / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _real() -> Material:
    offers: list[dict[str, Any]] = []
    for name in ("ardeche_100", "ardeche_cdi_thin", "it_thin"):
        path = SHARED / "offers" / f"france_travail_{name}.json"
        offers += json.loads(path.read_bytes())["resultats"]
    titles: defaultdict[str, list[str]] = defaultdict(list)
    for row in _rows("rome/unix_referentiel_appellation_v460_utf8.csv"):
        titles[row["code_rome"]].append(row["libelle_appellation_court"])
    places = [
        Place(
            row["code_insee"],
            row["nom"],
            row["codes_postaux"][:5],
            int(row["population"] or 1),
            float(row["latitude"]),
            float(row["longitude"]),
        )
        for row in _rows("geo/communes.csv")
        if row["code_departement"] == "07" and row["latitude"]
    ]
    return Material(
        places=tuple(places),
        trades=tuple(Trade(code, named[0], tuple(named)) for code, named in sorted(titles.items())),
        models=tuple(
            Model(
                offer["intitule"].strip(),
                tuple((offer.get("description") or "").replace("\n", ". ").split(". ")),
                tuple(skill["libelle"] for skill in offer.get("competences") or []),
            )
            for offer in offers
        ),
        employers=tuple(
            sorted(
                {offer["entreprise"]["nom"] for offer in offers if (offer.get("entreprise") or {}).get("nom")}
            )
        ),
        real=True,
    )


def _invented(dice: random.Random) -> Material:
    vocabulary = ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 5))) for _ in range(15_000)]
    shares = [1 / rank for rank in range(1, len(vocabulary) + 1)]

    def text(least: int, most: int) -> str:
        return " ".join(dice.choices(vocabulary, shares, k=dice.randint(least, most)))

    trades = tuple(
        Trade(f"{chr(65 + number // 122)}{1000 + number}", text(1, 3), tuple(text(1, 3) for _ in range(8)))
        for number in range(1584)
    )
    return Material(
        places=tuple(
            Place(
                f"07{number:03}",
                dice.choice(vocabulary),
                f"07{number % 100:02}0",
                dice.randint(100, 15_000),
                44.3 + dice.random(),
                3.9 + dice.random(),
            )
            for number in range(335)
        ),
        trades=trades,
        models=tuple(
            Model(
                text(1, 5),
                tuple(text(4, 24) for _ in range(dice.randint(3, 30))),
                tuple(text(3, 9) for _ in range(dice.randint(0, 10))),
            )
            for _ in range(2_800)
        ),
        employers=tuple(text(1, 3) for _ in range(700)),
        real=False,
    )


def postings(
    made_of: Material, count: int, territory_id: uuid.UUID, dice: random.Random
) -> Iterator[PostingFacts]:
    """Yield ``count`` postings of one territory: a few trades and communes take most of them."""
    trades = dice.sample(made_of.trades, len(made_of.trades))
    trade_shares = [1 / (rank + 10) for rank in range(len(trades))]
    populations = [place.population for place in made_of.places]
    for _ in range(count):
        trade = dice.choices(trades, trade_shares)[0]
        place = dice.choices(made_of.places, populations)[0]
        model = dice.choice(made_of.models)
        stranger = dice.choice(made_of.models)
        known = dice.random() < 0.7  # noqa: PLR2004 - the share of postings with a salary
        salary = Decimal(dice.choice(_YEARLY_SALARIES)) if known else None
        yield PostingFacts(
            id=new_id(),
            territory_id=territory_id,
            # Half follow the referential's titles.
            title=f"{dice.choice(trade.titles)} (H/F)" if dice.random() < HALF else model.title,
            description=". ".join(
                dice.sample((*model.sentences, *stranger.sentences[:3]), k=len(model.sentences))
            ),
            published_at=NEWEST - timedelta(minutes=dice.randrange(90 * 24 * 60)),
            source="france-travail",
            employer_name=dice.choice(made_of.employers),
            occupation_code=trade.code,
            occupation_label=trade.label,
            occupation_titles=trade.titles,
            sector_code=f"{dice.randint(1, 99):02}",
            contract_kind=dice.choices(_CONTRACTS, _CONTRACT_SHARES)[0],
            working_time=dice.choice([WorkingTime.FULL_TIME, WorkingTime.PART_TIME, None]),
            remote=dice.choice([RemoteKind.PARTIAL, None, None, None]),
            in_tension=dice.random() < 0.25,  # noqa: PLR2004 - the share of shortage trades
            commune_code=place.code,
            departement_code="07",
            places=(place.name, "Ardèche", "Auvergne-Rhône-Alpes"),
            postal_codes=(place.postal_code,),
            latitude=place.latitude,
            longitude=place.longitude,
            yearly_salary_min=salary,
            yearly_salary_max=salary,
            skills=model.skills,
        )


def queries(
    made_of: Material, titles: Sequence[str], count: int, dice: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): what visitors type, from titles that exist and places."""
    kinds = ("none", "title", "word", "word and place", "beginning", "misspelt", "unknown")
    for _ in range(count):
        kind = dice.choices(kinds, (15, 15, 25, 20, 15, 8, 2))[0]
        words = [word for word in dice.choice(titles).replace("/", " ").split() if word.isalpha()]
        word = max(words, key=len, default="vendeur").lower()
        yield (
            kind,
            {
                "none": "",
                "title": " ".join(words[:4]),
                "word": f"{word} ",
                "word and place": f"{word} {dice.choice(made_of.places).name}",
                "beginning": word[: max(3, len(word) // 2)],
                "misspelt": _misspelt(word, dice) + " ",
                "unknown": f"{word} xyzzyque",
            }[kind],
        )


def _misspelt(word: str, dice: random.Random) -> str:
    place = dice.randrange(1, max(2, len(word) - 1))
    return word[:place] + word[place + 1 : place + 2] + word[place : place + 1] + word[place + 2 :]
