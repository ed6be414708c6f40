"""Indexes over a whole referential, held in the process and rebuilt when a new release comes in."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.referentials.importing import COMMUNES, ROME
from service.domain.referentials.releases import current_release_id
from service.matching.places import CommuneFacts, CommuneIndex
from service.matching.titles import OccupationFacts, OccupationTitleIndex, TitleFacts
from service.models import Commune, Occupation, OccupationSkill, OccupationTitle

Index = TypeVar("Index")


@dataclass(slots=True)
class _Slot(Generic[Index]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    release_id: uuid.UUID | None = None
    index: Index | None = None


class ReleaseIndex(Generic[Index]):
    """One index per database, of the release in force.

    ``read`` asks the database for the facts and returns what builds the index from them; that part
    runs in a thread. While a new release is being indexed, others are answered from the one before.
    """

    def __init__(
        self, referential: str, read: Callable[[AsyncSession], Awaitable[Callable[[], Index]]]
    ) -> None:
        self._referential = referential
        self._read = read
        self._slots: WeakKeyDictionary[Engine | Connection, _Slot[Index]] = WeakKeyDictionary()

    async def get(self, session: AsyncSession) -> Index:
        """Return the index of the release in force, building it when there is none yet."""
        release_id = await current_release_id(session, self._referential)
        if release_id is None:
            # Rows without a release come from no import, so nothing would tell that they changed.
            return await self._build(session)
        slot = self._slots.setdefault(session.get_bind(), _Slot())
        if slot.index is not None and (slot.release_id == release_id or slot.lock.locked()):
            return slot.index
        async with slot.lock:
            if slot.index is None or slot.release_id != release_id:
                slot.index = await self._build(session)
                slot.release_id = release_id
            return slot.index

    async def _build(self, session: AsyncSession) -> Index:
        return await asyncio.to_thread(await self._read(session))


async def _read_titles(session: AsyncSession) -> Callable[[], OccupationTitleIndex]:
    titles = await session.execute(
        select(
            OccupationTitle.code,
            OccupationTitle.label,
            OccupationTitle.occupation_code,
            OccupationTitle.rarely_used,
        )
        .join(Occupation, Occupation.code == OccupationTitle.occupation_code)
        .where(OccupationTitle.obsolete_since.is_(None), Occupation.obsolete_since.is_(None))
        .order_by(OccupationTitle.code)
    )
    occupations = await session.execute(
        select(Occupation.code, Occupation.label, Occupation.definition)
        .where(Occupation.obsolete_since.is_(None))
        .order_by(Occupation.code)
    )
    skills = await session.execute(select(OccupationSkill.occupation_code, OccupationSkill.skill_code))
    return partial(
        OccupationTitleIndex,
        [TitleFacts(*row) for row in titles],
        [OccupationFacts(*row) for row in occupations],
        [(occupation, skill) for occupation, skill in skills],
    )


async def _read_communes(session: AsyncSession) -> Callable[[], CommuneIndex]:
    rows = await session.execute(
        select(
            Commune.code,
            Commune.name,
            Commune.postal_codes,
            Commune.departement_code,
            Commune.departement_name,
            Commune.region_code,
            Commune.region_name,
            Commune.latitude,
            Commune.longitude,
        )
        .where(Commune.obsolete_since.is_(None))
        .order_by(Commune.code)
    )
    return partial(CommuneIndex, [CommuneFacts(*row) for row in rows])


_titles = ReleaseIndex(ROME, _read_titles)
_communes = ReleaseIndex(COMMUNES, _read_communes)


async def occupation_titles(session: AsyncSession) -> OccupationTitleIndex:
    """Return the index of all titles in force: ``complete`` while typing, ``suggest`` from a posting."""
    return await _titles.get(session)


async def commune_places(session: AsyncSession) -> CommuneIndex:
    """Return the index of all communes in force, which resolves a place from its wording."""
    return await _communes.get(session)
