"""Keeping what was done or read, and writing it as the last statements of the transaction."""

import datetime
import secrets
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from structlog.contextvars import get_contextvars

from service.core.circumstances import circumstances
from service.core.clock import now
from service.core.database import BEFORE_COMMIT
from service.domain.access import Actor
from service.domain.audit.chain import BEGINNING, PLATFORM_CHAIN, Covered, canonical, commit_to

IDS_KEPT: Final = 100
"""How many ids the entry of one reading names; ``count`` tells how many there were."""
_NOTES: Final = "audit"


@dataclass(frozen=True, slots=True)
class _Note:
    at: datetime.datetime
    actor: str
    action: str
    object_kind: str | None
    object_id: uuid.UUID | None
    territory_id: uuid.UUID | None
    request_id: str | None
    data: bytes
    circumstances: dict[str, Any] | None
    transaction: SessionTransaction | None


def note(
    session: AsyncSession,
    *,
    actor: str,
    action: str,
    object_kind: str | None = None,
    object_id: uuid.UUID | None = None,
    territory_id: uuid.UUID | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Let the session's transaction leave an entry in the audit trail, in the chain of ``territory_id``.

    ``action`` is ``noun.past_participle`` or ``noun.read``, ``actor`` a name (``person:<id>``). ``data``
    holds ids and plain facts, never personal data. From where and why is taken from the request being served.
    A change recorded by ``events.record`` is noted already.
    """
    known = {name: value.replace("\0", "") for name, value in asdict(circumstances.get()).items() if value}
    session.info.setdefault(_NOTES, []).append(
        _Note(
            at=now(),
            actor=actor,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            territory_id=territory_id,
            request_id=get_contextvars().get("request_id"),
            data=canonical(data or {}),
            circumstances=known or None,
            transaction=_transaction(session.sync_session),
        )
    )
    session.info.setdefault(BEFORE_COMMIT, {})[_NOTES] = write


def read(
    session: AsyncSession,
    actor: Actor,
    kind: str,
    ids: Iterable[uuid.UUID],
    *,
    territory_id: uuid.UUID | None = None,
) -> None:
    """Note that ``actor`` read what concerns others: the objects ``ids`` of ``kind``, as ``<kind>.read``.

    One entry for each call that read anything; it names the first :data:`IDS_KEPT`. Not for a person's own.
    """
    seen = list(dict.fromkeys(ids))
    if not seen:
        return
    alone = len(seen) == 1
    note(
        session,
        actor=actor.name,
        action=f"{kind}.read",
        object_kind=kind,
        object_id=seen[0] if alone else None,
        territory_id=territory_id,
        data={} if alone else {"ids": [str(each) for each in seen[:IDS_KEPT]], "count": len(seen)},
    )


def read_by_territory(
    session: AsyncSession, actor: Actor, kind: str, found: Iterable[tuple[uuid.UUID, uuid.UUID | None]]
) -> None:
    """Note as :func:`read` does, in the trail of each territory: ``found`` are ids and their territories.

    Of a list, only what is shown: the row beyond, which tells that a page follows, is nobody's reading.
    """
    places: dict[uuid.UUID | None, list[uuid.UUID]] = defaultdict(list)
    for object_id, territory_id in found:
        places[territory_id].append(object_id)
    for territory_id, ids in places.items():
        read(session, actor, kind, ids, territory_id=territory_id)


def _transaction(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


@event.listens_for(Session, "after_soft_rollback")
def _forget_undone(session: Session, undone: SessionTransaction) -> None:
    """Drop the notes about what a savepoint undid."""
    kept: list[_Note] = session.info.get(_NOTES, [])
    if kept:
        kept[:] = [each for each in kept if undone.nested and not _inside(each.transaction, undone)]


def _inside(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None:
        if transaction is outer:
            return True
        transaction = transaction.parent
    return False


# Makes or locks the heads, always in the same order, and numbers the entries to come.
_TAKE_HEADS = text(
    """
    INSERT INTO audit_chain (id, length, digest)
    SELECT head.id, head.added, :beginning
    FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS bigint[])) AS head (id, added)
    ORDER BY head.id
    ON CONFLICT (id) DO UPDATE SET length = audit_chain.length + excluded.length
    RETURNING id, length, digest
    """
)
_ADD = text(
    """
    WITH headed AS (
        UPDATE audit_chain SET digest = head.digest
        FROM unnest(CAST(:heads AS uuid[]), CAST(:head_digests AS bytea[])) AS head (id, digest)
        WHERE audit_chain.id = head.id
    )
    INSERT INTO audit_entry (
        chain_id, sequence, at, actor, action, object_kind, object_id, territory_id, request_id, data,
        circumstances, salt, commitment, digest
    )
    SELECT
        chain_id, sequence, at, actor, action, object_kind, object_id, territory_id, request_id,
        CAST(data AS jsonb), CAST(circumstances AS jsonb), salt, commitment, digest
    FROM unnest(
        CAST(:chain_id AS uuid[]), CAST(:sequence AS bigint[]), CAST(:at AS timestamptz[]),
        CAST(:actor AS text[]), CAST(:action AS text[]), CAST(:object_kind AS text[]),
        CAST(:object_id AS uuid[]), CAST(:territory_id AS uuid[]), CAST(:request_id AS text[]),
        CAST(:data AS text[]), CAST(:circumstances AS text[]), CAST(:salt AS bytea[]),
        CAST(:commitment AS bytea[]), CAST(:digest AS bytea[])
    ) AS added (
        chain_id, sequence, at, actor, action, object_kind, object_id, territory_id, request_id, data,
        circumstances, salt, commitment, digest
    )
    """
)


async def write(session: AsyncSession) -> None:
    """Write every note of the session, each at the end of its chain. Nothing may be locked afterwards."""
    notes: list[_Note] = session.info.pop(_NOTES, [])
    if not notes:
        return
    chains: dict[uuid.UUID, list[_Note]] = defaultdict(list)
    for each in notes:
        chains[each.territory_id or PLATFORM_CHAIN].append(each)
    taken = await session.execute(
        _TAKE_HEADS,
        {
            "ids": list(chains),
            "counts": [len(added) for added in chains.values()],
            "beginning": BEGINNING,
        },
    )
    rows: list[dict[str, Any]] = []
    heads: dict[uuid.UUID, bytes] = {}
    for chain_id, length, digest in taken:
        heads[chain_id] = digest
        added = chains[chain_id]
        for sequence, each in enumerate(added, length - len(added) + 1):
            rows.append(_row(each, chain_id, sequence, heads[chain_id]))
            heads[chain_id] = rows[-1]["digest"]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    await session.execute(_ADD, columns | {"heads": list(heads), "head_digests": list(heads.values())})


def _row(each: _Note, chain_id: uuid.UUID, sequence: int, before: bytes) -> dict[str, Any]:
    """Return the columns of the entry that follows the one with the digest ``before``."""
    salt = commitment = known = None
    if each.circumstances:
        salt = secrets.token_bytes(16)
        commitment = commit_to(salt, each.circumstances)
        known = canonical(each.circumstances).decode()
    covered: dict[str, Any] = {
        "chain_id": chain_id,
        "sequence": sequence,
        "at": each.at,
        "actor": each.actor,
        "action": each.action,
        "object_kind": each.object_kind,
        "object_id": each.object_id,
        "territory_id": each.territory_id,
        "request_id": each.request_id,
        "data": each.data,
        "commitment": commitment,
    }
    return covered | {
        "data": each.data.decode(),
        "circumstances": known,
        "salt": salt,
        "digest": Covered(**covered).digest(before),
    }
