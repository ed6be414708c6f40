"""Storing a batch of items: new postings, changed ones, and those the source lists again."""

import datetime
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.domain import publication
from service.domain.access import Actor
from service.domain.events import record
from service.domain.imports.account import Outcome
from service.domain.imports.fullness import FACTS, fullness
from service.domain.imports.grouping import GROUPED, regroup
from service.domain.imports.locks import alone_on_groups
from service.domain.imports.reading import Reading
from service.domain.postings import changes, move
from service.domain.postings.states import RELIST
from service.models import Commune, Employer, FeedListing, Posting
from service.models.enums import PostingState

# Not worth a place in the history: they follow from the rest, or are large.
_UNRECORDED: Final = ("source_data",)
_LONG_AGO: Final = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Import:
    """One import under way: for whom, from which feed, on whose account, since when."""

    report_id: uuid.UUID
    feed_id: uuid.UUID
    territory_id: uuid.UUID
    source: str
    actor: Actor
    moment: datetime.datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of an item already."""

    posting_id: uuid.UUID
    digest: str | None
    state: PostingState
    held: bool

    def settled(self, digest: str) -> bool:
        """Tell whether nothing needs to be written for an item of that digest."""
        return self.held or (self.state is PostingState.PUBLISHED and self.digest == digest)


async def known_items(
    session: AsyncSession, importing: Import, source_ids: Collection[str]
) -> dict[str, Known]:
    """Return what is stored of these items, by the source's identifier."""
    rows = await session.execute(
        select(Posting.source_id, Posting.id, Posting.source_digest, Posting.state, Posting.held).where(
            Posting.territory_id == importing.territory_id,
            Posting.source == importing.source,
            Posting.source_id.in_(source_ids),
        )
    )
    return {row.source_id: Known(row.id, row.source_digest, row.state, row.held) for row in rows}


async def store(
    session: AsyncSession, importing: Import, readings: Mapping[str, Reading | None]
) -> dict[str, Outcome]:
    """Bring the postings in line with a batch of items, by source id; return what became of each.

    ``None`` stands for an item that :meth:`Known.settled`: it is only noted as still listed.
    """
    await alone_on_groups(session, importing.territory_id)
    known = await known_items(session, importing, readings)
    stored = await _locked(
        session, [known[key].posting_id for key, new in readings.items() if new and key in known]
    )
    writing = await _Writing.prepare(session, importing, [new for new in readings.values() if new], stored)
    outcomes: dict[str, Outcome] = {}
    for source_id, reading in readings.items():
        posting = stored.get(source_id)
        if reading is not None:
            outcomes[source_id] = writing.write(posting, reading)
        elif source_id in known:
            outcomes[source_id] = Outcome.HELD if known[source_id].held else Outcome.UNCHANGED
        else:
            raise LookupError(f"{source_id} vanished while its feed was imported")
    await writing.finish([one.posting_id for one in known.values()])
    return outcomes


async def _locked(session: AsyncSession, ids: Sequence[uuid.UUID]) -> dict[str, Posting]:
    rows = await session.scalars(
        select(Posting)
        .where(Posting.id.in_(ids))
        .order_by(Posting.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {posting.source_id: posting for posting in rows if posting.source_id is not None}


class _Writing:
    """The writes of one batch, with the rows they refer to."""

    def __init__(self, session: AsyncSession, importing: Import) -> None:
        self._session = session
        self._importing = importing
        self._employers: dict[str, Employer] = {}
        self._communes: dict[str, tuple[str, float | None, float | None]] = {}
        self._rivals: set[uuid.UUID] = set()
        self._redigested: list[dict[str, Any]] = []
        self._changed: list[Posting] = []
        self._made: list[Posting] = []

    @classmethod
    async def prepare(
        cls,
        session: AsyncSession,
        importing: Import,
        readings: Sequence[Reading],
        stored: Mapping[str, Posting],
    ) -> "_Writing":
        """Read all that the batch refers to."""
        writing = cls(session, importing)
        writing._employers = await _employers(session, importing, readings)
        codes = {code for reading in readings if (code := reading.columns["commune_code"])}
        rows = await session.execute(
            select(Commune.code, Commune.departement_code, Commune.latitude, Commune.longitude).where(
                Commune.code.in_(codes)
            )
        )
        writing._communes = {code: (departement, north, east) for code, departement, north, east in rows}
        writing._rivals = set(
            await session.scalars(
                select(FeedListing.posting_id).where(
                    FeedListing.posting_id.in_([posting.id for posting in stored.values()]),
                    FeedListing.feed_id != importing.feed_id,
                    FeedListing.unlisted_at.is_(None),
                )
            )
        )
        return writing

    def write(self, posting: Posting | None, reading: Reading) -> Outcome:
        """Make or change one posting."""
        columns = self._columns(reading)
        if posting is None:
            self._make(reading, columns)
            return Outcome.IMPORTED
        if posting.held or posting.state not in {PostingState.PUBLISHED, *RELIST.origins}:
            return Outcome.HELD
        if posting.state in RELIST.origins:
            self._change(posting, columns)
            posting.source_digest = reading.digest
            published_at = posting.published_at
            move(self._session, self._importing.actor, posting, RELIST, GROUPED)
            # A feed that forgot a posting for a day does not make it a new one.
            posting.published_at = published_at or self._importing.moment
            self._changed.append(posting)
            return Outcome.RELISTED
        if posting.id in self._rivals and _standing(posting) > _standing_of(columns, reading.digest):
            # Another feed lists it too, and says more or later: two feeds must not take turns.
            return Outcome.UNCHANGED
        changed = self._change(posting, columns)
        if not changed:
            self._redigest(posting, reading.digest)
            return Outcome.UNCHANGED
        posting.source_digest = reading.digest
        self._event(posting, "posting.changed", {"fields": sorted(changed)})
        self._changed.append(posting)
        return Outcome.UPDATED

    def _columns(self, reading: Reading) -> dict[str, Any]:
        columns = dict(reading.columns)
        employer = self._employers.get(reading.siret or "")
        columns["employer_id"] = employer.id if employer else None
        if employer is not None:
            columns["employer_name"] = employer.name
            columns["naf_code"] = columns["naf_code"] or employer.naf_code
            columns["sector_code"] = columns["sector_code"] or employer.sector_code
        commune = self._communes.get(columns["commune_code"] or "")
        if commune is not None:
            columns["departement_code"] = commune[0]
            if columns["latitude"] is None:
                columns["latitude"], columns["longitude"] = commune[1], commune[2]
        return columns

    def _make(self, reading: Reading, columns: dict[str, Any]) -> None:
        importing, moment = self._importing, self._importing.moment
        posting = Posting(
            id=new_id(),
            territory_id=importing.territory_id,
            source=importing.source,
            source_id=reading.source_id,
            source_digest=reading.digest,
            last_listed_at=moment,
            state=PostingState.PUBLISHED,
            language="fr",
            published_at=min(reading.item.source_created_at or moment, moment),
            in_tension=False,
            held=False,
            shown=True,
            version=1,
            created_at=moment,
            updated_at=moment,
            **columns,
        )
        changes.derive(posting)
        self._session.add(posting)
        self._event(posting, "posting.published")
        self._changed.append(posting)
        self._made.append(posting)

    def _change(self, posting: Posting, columns: dict[str, Any]) -> dict[str, Any]:
        """Set what differs, and note it in the posting's history; return it."""
        large = {name: columns.pop(name) for name in _UNRECORDED}
        changed = changes.apply(posting, columns)
        for name, value in large.items():
            if getattr(posting, name) != value:
                setattr(posting, name, value)
                changed[name] = ["…", "…"]
        if changed:
            posting.updated_at = self._importing.moment
            changes.note(self._session, posting, "updated", self._importing.actor.name, changed)
        return changed

    def _redigest(self, posting: Posting, digest: str) -> None:
        if posting.source_digest != digest:
            # Said explicitly, the moment of the last change stays.
            self._redigested.append(
                {"id": posting.id, "source_digest": digest, "updated_at": posting.updated_at}
            )

    def _event(self, posting: Posting, kind: str, data: Mapping[str, Any] | None = None) -> None:
        record(
            self._session,
            kind,
            actor=self._importing.actor.name,
            territory_id=posting.territory_id,
            subject_id=posting.id,
            data={"version": posting.version, **(data or {}), **GROUPED},
        )

    async def finish(self, known: Sequence[uuid.UUID]) -> None:
        """Note what the feed lists, then bring tension, groups and what the public reads in line.

        ``known`` are the postings of the batch that were there before it.
        """
        session, moment = self._session, self._importing.moment
        await session.flush()
        for posting in self._made:
            changes.note(session, posting, "imported", self._importing.actor.name, {})
        listed = [*known, *(posting.id for posting in self._made)]
        if self._redigested:
            await session.execute(update(Posting), self._redigested)
        await session.execute(
            update(Posting)
            .where(Posting.id.in_(listed))
            # Being seen again is no change of the posting.
            .values(last_listed_at=moment, updated_at=Posting.updated_at)
            .execution_options(synchronize_session=False)
        )
        statement = insert(FeedListing)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=[FeedListing.feed_id, FeedListing.posting_id],
                set_={"unlisted_at": None, "listed_at": moment},
                where=FeedListing.unlisted_at.is_not(None),
            ),
            [
                {"feed_id": self._importing.feed_id, "posting_id": posting_id, "listed_at": moment}
                for posting_id in listed
            ],
        )
        await publication.measure_tension(session, self._changed)
        ids = [posting.id for posting in self._changed]
        regrouped = await regroup(session, self._importing.territory_id, ids, announced=True)
        await publication.refresh(
            session, list({one.id: one for one in (*self._changed, *regrouped)}.values())
        )


async def _employers(
    session: AsyncSession, importing: Import, readings: Sequence[Reading]
) -> dict[str, Employer]:
    """Return the territory's establishments by SIRET, made from the feed where none is known.

    An establishment known already stays as it is: a person may have edited it.
    """
    offered = {reading.siret: reading.employer for reading in readings if reading.siret}
    if not offered:
        return {}
    named = [
        {"id": new_id(), "territory_id": importing.territory_id, "version": 1, **employer}
        for _, employer in sorted(offered.items())
        if employer is not None
    ]
    if named:
        made = await session.scalars(
            insert(Employer).values(named).on_conflict_do_nothing().returning(Employer.id)
        )
        for employer_id in made:
            record(
                session,
                "employer.created",
                actor=importing.actor.name,
                territory_id=importing.territory_id,
                subject_id=employer_id,
            )
    rows = await session.scalars(
        select(Employer).where(Employer.territory_id == importing.territory_id, Employer.siret.in_(offered))
    )
    return {employer.siret: employer for employer in rows if employer.siret is not None}


Standing = tuple[datetime.datetime, int, str]


def _standing(posting: Posting) -> Standing:
    columns = {name: getattr(posting, name) for name in (*FACTS, "source_updated_at", "source_created_at")}
    return _standing_of(columns, posting.source_digest or "")


def _standing_of(columns: Mapping[str, Any], digest: str) -> Standing:
    """Rank two feeds' words on one posting: the later, then the fuller; the digest settles a draw."""
    moment = columns["source_updated_at"] or columns["source_created_at"] or _LONG_AGO
    return moment, fullness(columns), digest
