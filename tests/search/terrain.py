"""Two regions that know nothing of each other, with postings in every state, to try to see through."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from service.core.clock import now
from service.core.database import AsyncSession, Database
from service.core.ids import new_id
from service.domain import publication
from service.models import Posting, Territory
from service.models.enums import ContractKind, PostingState
from service.schemas.search import PostingFacts
from tests.factories import create_commune, create_employer, create_posting, create_territory

WORDS: Final = ("boulanger", "infirmier", "serveur", "nuit", "cuisine", "bois")
_HIDDEN: Final = ("draft", "paused", "filled", "withdrawn", "expired", "overdue", "duplicate")


@dataclass
class Place:
    """A territory and the numbers of the postings that the public finds there."""

    territory: Territory
    shown: set[int] = field(default_factory=set)
    cursors: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Terrain:
    """Two regions that know nothing of each other, and postings of every state in each."""

    places: dict[str, Place] = field(default_factory=dict)
    postings: dict[int, Posting] = field(default_factory=dict)
    employers: list[str] = field(default_factory=list)

    def hidden_from(self, slug: str) -> list[int]:
        """Return the numbers of the postings that the public does not find there."""
        return [number for number in self.postings if number not in self.places[slug].shown]


def facts_of(number: int, posting: Posting, territory: Territory) -> PostingFacts:
    """Return what an index out of step with the database may hold of a posting."""
    return PostingFacts(
        id=posting.id,
        territory_id=territory.id,
        title=posting.title,
        description=posting.description,
        published_at=now() - timedelta(minutes=number),
        source="ancrage",
        employer_id=posting.employer_id,
        employer_name=posting.employer_name,
        contract_kind=posting.contract_kind,
        commune_code="07019",
        departement_code="07",
        places=("Aubenas", "Ardèche"),
        latitude=44.62,
        longitude=4.39,
    )


async def _posting(
    session: AsyncSession, terrain: Terrain, place: Territory, state: str, employer: Any
) -> Posting:
    number = len(terrain.postings) + 1
    word = WORDS[number % len(WORDS)]
    values: dict[str, Any] = {
        "title": f"{word.capitalize()} zq{number}zq",
        "description": f"Marque{number}Fin en cuisine de nuit",
        "employer_id": employer.id,
        "employer_name": None,
        "commune_code": "07019",
        "departement_code": "07",
        "latitude": 44.62,
        "longitude": 4.39,
        "contract_kind": list(ContractKind)[number % 3],
        "published_at": now() - timedelta(minutes=number),
    }
    if state == "overdue":
        values["valid_through"] = now() - timedelta(hours=1)
    elif state == "duplicate":
        values |= {"shown": False, "group_id": new_id()}
    elif state != "published":
        values["state"] = PostingState(state)
        if state == "draft":
            values["published_at"] = None
    posting = await create_posting(session, place, **values)
    terrain.postings[number] = posting
    return posting


async def build(database: Database) -> Terrain:
    """Return two regions with three territories each, one of which has switched its postings off."""
    terrain = Terrain()
    async with database.transaction() as session:
        await create_commune(session)
        for region in ("nord", "sud"):
            above = await create_territory(session, slug=region)
            inside = [
                await create_territory(session, slug=f"{region}-{name}", parent=above, features=features)
                for name, features in (("a", ["postings"]), ("b", ["postings"]), ("muet", []))
            ]
            changed = []
            for territory in (above, *inside):
                employer = await create_employer(session, territory, name=f"Maison {territory.slug}")
                terrain.employers.append(str(employer.id))
                terrain.places[territory.slug] = Place(territory)
                for state in ("published",) * 9 + _HIDDEN:
                    posting = await _posting(session, terrain, territory, state, employer)
                    changed.append(posting)
                    if state == "published" and territory.features:
                        number = len(terrain.postings)
                        terrain.places[territory.slug].shown.add(number)
                        terrain.places[region].shown.add(number)
            await publication.refresh(session, changed)
    return terrain
