"""Near-duplicates: postings of one territory that are the same opening, of which one is shown."""

import asyncio
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import flag_modified

from service.core.ids import new_id
from service.domain.access import system
from service.domain.events import record
from service.domain.imports.fullness import FACTS, fullness
from service.domain.imports.locks import alone_on_groups
from service.matching.duplicates import DuplicateFacts, group
from service.matching.titles.words import stem, telling_words
from service.models import Employer, Posting
from service.models.enums import PostingState
from service.models.posting import OWN_SOURCE

GROUPED: Final[Mapping[str, Any]] = {"grouped": True}
"""Marks the events of a verb that has grouped what it changed itself."""

_ACTOR: Final = system("grouping").name
# More than any posting has facts: what an employer posted here is shown before any copy of it.
_OWN: Final = 1_000
# Up to this many postings of the communes concerned are all compared; of more, the likely ones.
_ALL: Final = 1_000


def is_grouped(data: Mapping[str, Any]) -> bool:
    """Tell whether an event's data says that the verb behind it has grouped the posting already."""
    return bool(data.get("grouped"))


@dataclass(frozen=True, slots=True)
class _Brief:
    """Little enough of a posting to be read for a whole commune."""

    id: uuid.UUID
    title: str
    commune_code: str | None
    group_id: uuid.UUID | None
    state: PostingState

    def words(self) -> frozenset[str]:
        return frozenset(stem(word) for word in telling_words(self.title))


async def regroup(
    session: AsyncSession,
    territory_id: uuid.UUID,
    posting_ids: Collection[uuid.UUID],
    *,
    announced: bool = False,
) -> list[Posting]:
    """Group the territory's open postings anew around those that changed, opened or closed.

    Returns the postings that joined or left a group, or whose turn it is to be shown or hidden:
    ``publication.refresh`` them in the same transaction. Doing it twice changes nothing. What an
    employer posted here is shown before any imported copy, then the fullest, the latest, the first.
    Records ``posting.changed`` for each that is now shown, or hidden; with ``announced`` the caller's
    own events, in this transaction, already tell of ``posting_ids``.
    """
    if not posting_ids:
        return []
    await alone_on_groups(session, territory_id)
    await session.flush()
    seeds = await _briefs(session, _among(Posting.id, posting_ids))
    mates = await _members(session, territory_id, seeds)
    places = {one.commune_code for one in (*seeds, *mates)}
    named = [place for place in places if place is not None]
    somewhere: ColumnElement[bool] = Posting.commune_code == func.any(literal(named, ARRAY(Text())))
    if None in places:
        somewhere = or_(somewhere, Posting.commune_code.is_(None))
    around = await _briefs(
        session, Posting.territory_id == territory_id, Posting.state == PostingState.PUBLISHED, somewhere
    )
    if len(around) > _ALL:
        around = await asyncio.to_thread(_likely, [*seeds, *mates], around)
    # A group is judged whole, or not at all.
    concerned = {one.id: one for one in (*around, *await _members(session, territory_id, around), *mates)}
    facts = await _facts(session, concerned)
    groups = await asyncio.to_thread(group, facts)
    open_ids = {one.id for one in facts}
    wanted = _placed(groups, concerned)
    for one in (*seeds, *concerned.values()):
        wanted.setdefault(one.id, (None, True))
    differing = await _differing(session, wanted)
    told = frozenset(posting_ids if announced else ())
    return await _apply(session, {key: wanted[key] for key in differing}, open_ids, told)


def _among(column: Any, ids: Collection[uuid.UUID]) -> ColumnElement[bool]:
    """Return the condition that the column is one of ``ids``: one parameter, however many they are."""
    found: ColumnElement[bool] = column == func.any(literal(list(ids), ARRAY(UUID(as_uuid=True))))
    return found


async def _briefs(session: AsyncSession, *conditions: Any) -> list[_Brief]:
    rows = await session.execute(
        select(Posting.id, Posting.title, Posting.commune_code, Posting.group_id, Posting.state).where(
            *conditions
        )
    )
    return [_Brief(*row) for row in rows]


async def _members(
    session: AsyncSession, territory_id: uuid.UUID, postings: Iterable[_Brief]
) -> list[_Brief]:
    """Return all open postings of the groups these are in."""
    group_ids = {one.group_id for one in postings if one.group_id is not None}
    if not group_ids:
        return []
    return await _briefs(
        session,
        Posting.territory_id == territory_id,
        Posting.state == PostingState.PUBLISHED,
        _among(Posting.group_id, group_ids),
    )


def _likely(seeds: Sequence[_Brief], around: Sequence[_Brief]) -> list[_Brief]:
    """Return those of ``around`` whose title has half its words in common with a seed's, in the same commune.

    Titles that are similar enough to be duplicates have.
    """
    words = [seed.words() for seed in seeds]
    by_word: defaultdict[tuple[str | None, str], list[int]] = defaultdict(list)
    for number, seed in enumerate(seeds):
        for word in words[number]:
            by_word[seed.commune_code, word].append(number)
    likely = []
    for one in around:
        own = one.words()
        common = Counter(number for word in own for number in by_word.get((one.commune_code, word), ()))
        if any(count * 2 >= min(len(own), len(words[number])) for number, count in common.items()):
            likely.append(one)
    return likely


async def _facts(session: AsyncSession, ids: Collection[uuid.UUID]) -> list[DuplicateFacts[uuid.UUID]]:
    """Return what decides about the open ones of these postings."""
    found = await session.execute(
        select(
            Posting.id,
            Posting.source,
            Posting.source_partner,
            Posting.title,
            Posting.departement_code,
            Employer.siret,
            func.coalesce(Posting.source_updated_at, Posting.source_created_at, Posting.published_at).label(
                "moment"
            ),
            *[getattr(Posting, name).label(name) for name in FACTS],
        )
        .outerjoin(Employer, Employer.id == Posting.employer_id)
        .where(_among(Posting.id, ids), Posting.state == PostingState.PUBLISHED)
    )
    return [
        DuplicateFacts(
            id=row["id"],
            # Partners of one source publish apart, as sources do.
            source=f"{row['source']} {row['source_partner'] or ''}".strip(),
            title=row["title"],
            description=row["description"],
            employer_name=row["employer_name"],
            siret=row["siret"],
            commune_code=row["commune_code"],
            departement_code=row["departement_code"],
            contract=row["contract_kind"],
            updated_at=row["moment"],
            completeness=fullness(row) + (_OWN if row["source"] == OWN_SOURCE else 0),
        )
        for row in map(dict[str, Any], found.mappings())
    ]


Place = tuple[uuid.UUID | None, bool]
"""A posting's group, and whether it is shown."""


def _placed(
    groups: Iterable[Sequence[uuid.UUID]], concerned: Mapping[uuid.UUID, _Brief]
) -> dict[uuid.UUID, Place]:
    """Give each group an id, one of its members' where it can, so that a group that stays keeps its own."""
    placed: dict[uuid.UUID, Place] = {}
    taken: set[uuid.UUID] = set()
    for members in groups:
        known = Counter(
            group_id for member in members if (group_id := concerned[member].group_id) is not None
        )
        free = [(-count, group_id) for group_id, count in known.items() if group_id not in taken]
        group_id = min(free)[1] if free else new_id()
        taken.add(group_id)
        for rank, member in enumerate(members):
            placed[member] = (group_id, rank == 0)
    return placed


async def _differing(session: AsyncSession, wanted: Mapping[uuid.UUID, Place]) -> list[uuid.UUID]:
    rows = await session.execute(
        select(Posting.id, Posting.group_id, Posting.shown).where(_among(Posting.id, wanted))
    )
    return [key for key, group_id, shown in rows if wanted[key] != (group_id, shown)]


async def _apply(
    session: AsyncSession,
    places: Mapping[uuid.UUID, Place],
    open_ids: Collection[uuid.UUID],
    told: Collection[uuid.UUID],
) -> list[Posting]:
    if not places:
        return []
    postings = await session.scalars(
        select(Posting)
        .where(_among(Posting.id, places))
        .order_by(Posting.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    changed = []
    for posting in postings:
        if (posting.state is PostingState.PUBLISHED) != (posting.id in open_ids):
            # Opened or closed while we looked: that verb's own event leads here again.
            continue
        was_shown = posting.shown
        posting.group_id, posting.shown = places[posting.id]
        if posting.shown != was_shown and posting.id in open_ids and posting.id not in told:
            record(
                session,
                "posting.changed",
                actor=_ACTOR,
                territory_id=posting.territory_id,
                subject_id=posting.id,
                data={"version": posting.version, "fields": ["shown"], **GROUPED},
            )
        # Being shown or hidden is no change of the posting.
        flag_modified(posting, "updated_at")
        changed.append(posting)
    return changed
