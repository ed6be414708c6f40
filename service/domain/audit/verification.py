"""Finding what was changed, removed, added or moved in the trail behind the application's back."""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, literal, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from service.domain.audit.chain import BEGINNING, PLATFORM_CHAIN, Covered, canonical, commit_to
from service.models import AuditChain, AuditEntry, Territory

BREAKS_NAMED: Final = 100
"""How many breaks of one chain are told; ``broken`` counts all."""
_BATCH: Final = 1_000
_ENTRY: Final = AuditEntry.__table__


@dataclass(frozen=True, slots=True)
class Break:
    """One thing wrong in a chain: at which entry (None: in the chain as a whole), and what in words."""

    sequence: int | None
    what: str

    def __str__(self) -> str:
        return f"entry {self.sequence} {self.what}" if self.sequence is not None else f"the chain {self.what}"


@dataclass(slots=True)
class Verified:
    """What was found in one chain. ``length`` and ``digest`` are of the last entry that stands there."""

    chain_id: uuid.UUID
    length: int = 0
    digest: bytes = BEGINNING
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)
    heads_met: set[bytes] = field(default_factory=set)

    def add(self, sequence: int | None, what: str) -> None:
        """Count a break, and keep it while there are few."""
        self.broken += 1
        if len(self.breaks) < BREAKS_NAMED:
            self.breaks.append(Break(sequence, what))


async def list_chains(session: AsyncSession) -> dict[uuid.UUID, str]:
    """Return every chain, with or without a head, by id: its territory's slug, or ``(platform)``."""
    known = union(select(AuditChain.id), select(AuditEntry.chain_id)).subquery()
    rows = await session.execute(
        select(known.c.id, Territory.slug)
        .outerjoin(Territory, Territory.id == known.c.id)
        .order_by(Territory.slug.nulls_first(), known.c.id)
    )
    return {
        chain_id: slug or ("(platform)" if chain_id == PLATFORM_CHAIN else str(chain_id))
        for chain_id, slug in rows
    }


async def list_heads(session: AsyncSession) -> dict[uuid.UUID, tuple[int, bytes]]:
    """Return the length of each chain and the digest of its newest entry, by chain."""
    rows = await session.execute(select(AuditChain.id, AuditChain.length, AuditChain.digest))
    return {chain_id: (length, digest) for chain_id, length, digest in rows}


async def verify(session: AsyncSession, chain_id: uuid.UUID, *, heads: Collection[bytes] = ()) -> Verified:
    """Read a chain from its beginning to its head and tell every break.

    ``heads`` are digests kept elsewhere: those that are an entry's are added to ``heads_met``. Without one, a
    chain that was cut short or written anew together with its head looks whole. Memory stays flat, and
    entries may be written meanwhile.
    """
    found = Verified(chain_id)
    after = None
    while True:
        rows = await _batch(session, chain_id, after)
        after = rows[-1].sequence
        for row in rows:
            if row.sequence is not None:
                _check(found, row)
                if row.digest in heads:
                    found.heads_met.add(row.digest)
        if len(rows) < _BATCH:
            # The last batch and the head it came with are of one moment.
            for what in _at_the_head(found, rows[-1].head_length, rows[-1].head_digest):
                found.add(None, what)
            return found


async def _batch(session: AsyncSession, chain_id: uuid.UUID, after: int | None) -> list[Row[Any]]:
    """Return the entries after the number ``after``, at least one row, with the head of the same moment."""
    batch = (
        select(_ENTRY)
        .where(_ENTRY.c.chain_id == chain_id, _ENTRY.c.sequence > after if after is not None else true())
        .order_by(_ENTRY.c.sequence)
        .limit(_BATCH)
        .subquery()
    )
    one = select(literal(1)).subquery()
    query = (
        select(*batch.c, AuditChain.length.label("head_length"), AuditChain.digest.label("head_digest"))
        .select_from(one)
        .outerjoin(AuditChain, AuditChain.id == chain_id)
        .outerjoin(batch, true())
        .order_by(batch.c.sequence)
    )
    return list(await session.execute(query))


def _check(found: Verified, row: Row[Any]) -> None:
    """Compare one entry with what its digests say, given the one before."""
    expected = found.length + 1
    if row.sequence < expected:
        found.add(row.sequence, "stands before the first entry: it was added")
        return
    if row.sequence > expected:
        last = row.sequence - 1
        missing = f"and those up to {last} are missing" if last > expected else "is missing"
        found.add(expected, f"{missing}: removed, or moved elsewhere")
    else:
        covered = Covered(
            chain_id=row.chain_id,
            sequence=row.sequence,
            at=row.at,
            actor=row.actor,
            action=row.action,
            object_kind=row.object_kind,
            object_id=row.object_id,
            territory_id=row.territory_id,
            request_id=row.request_id,
            data=canonical(row.data),
            commitment=row.commitment,
        )
        if covered.digest(found.digest) != row.digest:
            found.add(
                row.sequence,
                f"({row.action}, {row.at.isoformat()}) does not agree with its digest: "
                "it was changed, or the entry before it was",
            )
    if not _keeps_its_word(row):
        found.add(
            row.sequence,
            f"({row.action}, {row.at.isoformat()}) tells circumstances it was not written with",
        )
    found.length = row.sequence
    found.digest = row.digest


def _keeps_its_word(row: Row[Any]) -> bool:
    """Tell whether the circumstances are those committed to, or were erased as they may be."""
    if row.circumstances is None and row.salt is None:
        return True
    if row.circumstances is None or row.salt is None or row.commitment is None:
        return False
    commitment: bytes = row.commitment
    return commit_to(row.salt, row.circumstances) == commitment


def _at_the_head(found: Verified, length: int | None, digest: bytes | None) -> Iterator[str]:
    """Yield what is wrong between the last entry and the head."""
    if length is None or digest is None:
        if found.length:
            yield f"has no head, and {found.length} entries: the head was removed"
    elif length > found.length:
        yield f"ends at entry {found.length}, its head counts {length}: entries at the end were removed"
    elif length < found.length:
        yield f"ends at entry {found.length}, its head counts {length}: entries were added, or it was changed"
    elif digest != found.digest:
        yield f"has a head that is not the digest of its last entry, {found.length}: one of them was changed"
