"""What is done or read leaves an entry, in the chain of its territory, with the transaction."""

from service.core.circumstances import Circumstances, circumstances
from service.core.database import Database
from service.core.ids import new_id
from service.domain import audit
from service.domain.access import system
from service.domain.audit.chain import PLATFORM_CHAIN
from service.domain.events import record
from service.models import AuditChain
from tests.audit.support import entries
from tests.factories import create_territory


async def test_a_recorded_event_is_an_entry(database: Database) -> None:
    subject = new_id()
    async with database.transaction() as session:
        territory = await create_territory(session)
        record(session, "employer.created", actor="client:x", territory_id=territory.id, subject_id=subject)
        record(session, "release.imported", actor="system:import", data={"count": 2.0, "share": 0.25})
    platform, local = await entries(database)
    assert (platform.chain_id, platform.sequence) == (PLATFORM_CHAIN, 1)
    assert platform.data == {"count": 2, "share": 0.25}
    assert (local.chain_id, local.sequence, local.actor) == (territory.id, 1, "client:x")
    assert (local.action, local.object_kind, local.object_id) == ("employer.created", "employer", subject)
    assert local.circumstances is None
    async with database.transaction() as session:
        head = await session.get_one(AuditChain, territory.id)
    assert (head.length, head.digest) == (1, local.digest)


async def test_a_reading_names_what_was_read(database: Database) -> None:
    ids = [new_id() for _ in range(120)]
    token = circumstances.set(Circumstances(network="192.0.2.7", reason="Asked by \0 telephone"))
    try:
        async with database.transaction() as session:
            audit.read(session, system("test"), "candidate", ids)
            audit.read(session, system("test"), "candidate", ids[:1])
            audit.read(session, system("test"), "candidate", [])
    finally:
        circumstances.reset(token)
    many, one = await entries(database)
    assert many.object_id is None
    assert many.data == {"ids": [str(each) for each in ids[:100]], "count": 120}
    assert (one.object_id, one.data, one.action) == (ids[0], {}, "candidate.read")
    assert one.circumstances == {"network": "192.0.2.7", "reason": "Asked by  telephone"}


async def test_what_a_savepoint_undoes_leaves_no_entry(database: Database) -> None:
    async with database.transaction() as session:
        audit.note(session, actor="system:test", action="outer.done")
        async with session.begin_nested():
            audit.note(session, actor="system:test", action="inner.done")
        undone = await session.begin_nested()
        async with session.begin_nested():
            audit.note(session, actor="system:test", action="innermost.undone")
        audit.note(session, actor="system:test", action="inner.undone")
        await undone.rollback()
        audit.note(session, actor="system:test", action="outer.done_later")
    assert [each.action for each in await entries(database)] == [
        "outer.done",
        "inner.done",
        "outer.done_later",
    ]
