"""What an import resolves thin items with: communes, titles and occupations in force."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import Conflict
from service.domain.referentials.importing import COMMUNES, ROME
from service.domain.referentials.indexes import commune_places, occupation_titles
from service.domain.referentials.releases import current_release_id
from service.matching.places import CommuneIndex
from service.matching.titles import OccupationTitleIndex
from service.models import Commune, Occupation
from service.schemas.feed import FeedPosting

# Changes when the same item, with the same referentials, would be read into other columns.
READING = "1"


@dataclass(slots=True)
class References:
    """The referentials in force, in the forms an import asks them in.

    ``stamp`` tells these releases and this reading from all others: an item read with another stamp
    is read again, even if its source did not change it.
    """

    stamp: str
    occupations: frozenset[str]
    successors: Mapping[str, tuple[str, ...]]
    """Occupations in force by the ROME code they came from."""
    places: CommuneIndex | None = None
    titles: OccupationTitleIndex | None = None
    """The indexes take seconds to build, so :meth:`equip` does it when an item needs them."""

    def digest(self, fingerprint: str) -> str:
        """Return what identifies an item's content as read with these references."""
        return hashlib.sha256(f"{self.stamp} {fingerprint}".encode()).hexdigest()

    def occupation(self, code: str | None) -> str | None:
        """Return the occupation in force that a source's code means, if it means one alone."""
        if code is None or code in self.occupations:
            return code
        heirs = self.successors.get(code, ())
        return heirs[0] if len(heirs) == 1 else None

    async def equip(self, session: AsyncSession, items: Iterable[FeedPosting]) -> None:
        """Have the indexes that reading ``items`` takes."""
        codes = [self.occupation(item.occupation_code) for item in items]
        if self.places is None and codes:
            self.places = await commune_places(session)
        if self.titles is None and None in codes:
            self.titles = await occupation_titles(session)


async def require_communes(session: AsyncSession) -> None:
    """Raise :class:`Conflict` when no commune is known: no item's place could then be resolved."""
    if not await session.scalar(select(exists(select(Commune.code)))):
        raise Conflict("The communes are not imported yet: run `ancrage import communes FILE` first.")


async def load_references(session: AsyncSession) -> References:
    """Return the references in force. Raises :class:`Conflict` when no commune is known."""
    await require_communes(session)
    releases = [str(await current_release_id(session, name)) for name in (ROME, COMMUNES)]
    successors: dict[str, list[str]] = defaultdict(list)
    occupations = set()
    rows = await session.execute(
        select(Occupation.code, Occupation.parent_code)
        .where(Occupation.obsolete_since.is_(None))
        .order_by(Occupation.code)
    )
    for code, parent in rows:
        occupations.add(code)
        if parent is not None and parent != code:
            successors[parent].append(code)
    return References(
        stamp=" ".join([READING, *releases]),
        occupations=frozenset(occupations),
        successors={parent: tuple(codes) for parent, codes in successors.items()},
    )
