"""Whatever is done to the trail behind the application's back is found, and where."""

import pytest
from sqlalchemy import Column, literal, text, update
from sqlalchemy.exc import DBAPIError

from service.core.database import Database
from service.core.ids import new_id
from service.core.reach import Reach, elevated
from service.domain import audit
from service.domain.audit.chain import BEGINNING
from service.domain.audit.verification import BREAKS_NAMED
from service.models import AuditEntry
from tests.audit.support import breaks, unguarded, verify, write_chain

LENGTH = 7
PLANTED = 4
OTHER = new_id()
EDITS = {
    "chain_id": f"'{OTHER}'",
    "sequence": "100",
    "at": "at - interval '1 microsecond'",
    "actor": "'person:00000000-0000-0000-0000-000000000001'",
    "action": "'thing.read'",
    "object_kind": "NULL",
    "object_id": "gen_random_uuid()",
    "territory_id": "NULL",
    "request_id": "'other'",
    "data": "jsonb_set(data, '{words,2,b}', '2')",
    "circumstances": "jsonb_set(circumstances, '{network}', '\"192.0.2.8\"')",
    "salt": "set_byte(salt, 0, get_byte(salt, 0) # 1)",
    "commitment": "set_byte(commitment, 0, get_byte(commitment, 0) # 1)",
    "digest": "set_byte(digest, 0, get_byte(digest, 0) # 1)",
}


def test_every_column_has_an_edit_to_plant() -> None:
    assert EDITS.keys() == {column.name for column in AuditEntry.__table__.columns}


@pytest.mark.parametrize("column", AuditEntry.__table__.columns, ids=lambda column: column.name)
async def test_an_edit_of_any_column_is_found(database: Database, column: Column[object]) -> None:
    await write_chain(database, 1, OTHER)
    chain_id = await write_chain(database, LENGTH)
    assert await breaks(database, chain_id) == []
    async with unguarded(database) as session:
        changed = await session.execute(
            update(AuditEntry)
            .where(AuditEntry.chain_id == chain_id, AuditEntry.sequence == PLANTED)
            .values({column.name: text(EDITS[column.name])})
            .execution_options(synchronize_session=False)
            .returning(literal(1))
        )
        assert len(changed.all()) == 1
    found = await breaks(database, chain_id)
    assert PLANTED in found
    assert set(found) <= {PLANTED, PLANTED + 1, LENGTH + 1, None}


@pytest.mark.parametrize("sequence", [1, PLANTED, LENGTH])
async def test_an_edit_with_its_digest_made_anew_is_found(database: Database, sequence: int) -> None:
    """Whoever knows how digests are made must make every one after it, and the head."""
    chain_id = await write_chain(database, LENGTH)
    async with unguarded(database) as session:
        await session.execute(
            text(
                "UPDATE audit_entry SET actor = 'nobody', digest = sha256('made anew')"
                " WHERE chain_id = :chain AND sequence = :sequence"
            ),
            {"chain": chain_id, "sequence": sequence},
        )
    assert sequence in await breaks(database, chain_id)


async def test_removed_entries_are_found(database: Database) -> None:
    chain_id = await write_chain(database, LENGTH)
    async with unguarded(database) as session:
        await session.execute(
            text("DELETE FROM audit_entry WHERE chain_id = :chain AND sequence IN (3, 4)"),
            {"chain": chain_id},
        )
    found = await verify(database, chain_id)
    assert [str(each) for each in found.breaks] == [
        "entry 3 and those up to 4 are missing: removed, or moved elsewhere"
    ]


async def test_added_entries_are_found(database: Database) -> None:
    chain_id = await write_chain(database, LENGTH)
    async with unguarded(database) as session:
        for sequence in (-1, 0, LENGTH + 1):
            await session.execute(
                text(
                    "INSERT INTO audit_entry (chain_id, sequence, at, actor, action, data, digest)"
                    " SELECT chain_id, :sequence, at, actor, action, data, digest FROM audit_entry"
                    " WHERE chain_id = :chain AND sequence = 3"
                ),
                {"chain": chain_id, "sequence": sequence},
            )
    assert await breaks(database, chain_id) == [-1, 0, LENGTH + 1, None]


async def test_entries_that_changed_places_are_found(database: Database) -> None:
    chain_id = await write_chain(database, LENGTH)
    async with unguarded(database) as session:
        for moved, to in ((3, 100), (5, 3), (100, 5)):
            await session.execute(
                text("UPDATE audit_entry SET sequence = :to WHERE chain_id = :chain AND sequence = :moved"),
                {"chain": chain_id, "moved": moved, "to": to},
            )
    assert {3, 5} <= set(await breaks(database, chain_id))


async def test_an_end_cut_off_is_found(database: Database) -> None:
    chain_id = await write_chain(database, LENGTH)
    whole = await verify(database, chain_id)
    async with unguarded(database) as session:
        await session.execute(
            text("DELETE FROM audit_entry WHERE chain_id = :chain AND sequence > 5"), {"chain": chain_id}
        )
    assert await breaks(database, chain_id) == [None]
    # The head set back as well: the chain by itself looks whole.
    async with unguarded(database) as session:
        await session.execute(
            text(
                "UPDATE audit_chain SET length = 5, digest = last.digest FROM audit_entry AS last"
                " WHERE id = :chain AND last.chain_id = id AND last.sequence = 5"
            ),
            {"chain": chain_id},
        )
    cut = await verify(database, chain_id, whole.digest)
    assert (cut.length, cut.breaks, cut.heads_met) == (5, [], set())


async def test_a_kept_head_is_met_however_much_was_written_since(database: Database) -> None:
    chain_id = await write_chain(database, 2)
    kept = (await verify(database, chain_id)).digest
    await write_chain(database, 3, chain_id)
    later = await verify(database, chain_id, kept, b"other")
    assert (later.length, later.breaks, later.heads_met) == (5, [], {kept})


@pytest.mark.parametrize("statement", ["DELETE FROM audit_chain", "UPDATE audit_chain SET length = 9"])
async def test_a_head_removed_or_moved_is_found(fresh_database: Database, statement: str) -> None:
    chain_id = await write_chain(fresh_database, LENGTH)
    unbound = "ALTER TABLE audit_entry DROP CONSTRAINT fk_audit_entry_chain_id_audit_chain"
    async with unguarded(fresh_database) as session:
        for each in (unbound, statement):
            await session.execute(text(each))
    assert await breaks(fresh_database, chain_id) == [None]
    async with fresh_database.transaction() as session:
        assert await audit.list_chains(session) == {chain_id: str(chain_id)}


async def test_a_long_chain_is_read_in_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.domain.audit.verification._BATCH", 3)
    for length in (2, 3, 4, 6):
        chain_id = await write_chain(database, length)
        found = await verify(database, chain_id)
        assert (found.length, found.breaks) == (length, [])
    async with unguarded(database) as session:
        await session.execute(text("UPDATE audit_entry SET actor = 'x' WHERE sequence IN (3, 5)"))
    assert await breaks(database, chain_id) == [3, 5]


async def test_many_breaks_are_counted_and_the_first_told(database: Database) -> None:
    territory_id = new_id()
    async with database.transaction() as session:
        for _ in range(BREAKS_NAMED + 20):
            audit.note(session, actor="system:test", action="thing.done", territory_id=territory_id)
    async with unguarded(database) as session:
        await session.execute(text("UPDATE audit_entry SET actor = 'x'"))
    found = await verify(database, territory_id)
    assert (found.broken, len(found.breaks)) == (BREAKS_NAMED + 20, BREAKS_NAMED)


async def test_nothing_written_is_whole(database: Database) -> None:
    found = await verify(database, new_id())
    assert (found.length, found.digest, found.breaks) == (0, BEGINNING, [])


async def test_circumstances_can_go_and_the_chain_stays_whole(database: Database) -> None:
    chain_id = await write_chain(database, LENGTH)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE audit_entry SET circumstances = NULL, salt = NULL WHERE sequence IN (2, 3)")
        )
    assert await breaks(database, chain_id) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'x'",
        "UPDATE audit_entry SET circumstances = NULL, salt = NULL, actor = 'x'",
        "UPDATE audit_entry SET circumstances = NULL",
        "UPDATE audit_entry SET circumstances = '{}'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_chain CASCADE",
        "UPDATE audit_chain SET length = length - 1",
        "UPDATE audit_chain SET id = gen_random_uuid()",
        "DELETE FROM audit_chain",
    ],
)
async def test_the_owner_of_the_tables_is_refused(database: Database, statement: str) -> None:
    chain_id = await write_chain(database, 2)
    with pytest.raises(DBAPIError, match="The audit trail only grows"):
        async with database.transaction() as session:
            await session.execute(text(statement))
    assert await breaks(database, chain_id) == []


async def test_a_replica_s_role_is_refused_too(database: Database) -> None:
    await write_chain(database, 2)
    async with database.transaction() as session:
        always = await session.scalars(
            text(
                "SELECT tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
                " AND tgrelid IN ('audit_entry'::regclass, 'audit_chain'::regclass)"
            )
        )
        assert always.all() == ["A"] * 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET circumstances = NULL, salt = NULL",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        (
            "INSERT INTO audit_entry (chain_id, sequence, actor, action, data, digest)"
            " VALUES (gen_random_uuid(), 1, 'x', 'x', '{}', '')"
        ),
        "SELECT FROM audit_chain FOR UPDATE",
        "INSERT INTO audit_chain (id, digest) VALUES (gen_random_uuid(), '')",
    ],
)
async def test_a_request_has_no_right_to_write_the_trail(database: Database, statement: str) -> None:
    chain_id = await write_chain(database, 2)
    reach = Reach(territories=frozenset({chain_id}))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(reach) as session:
            await session.execute(text(statement))
    async with database.transaction(reach) as session, elevated(session):
        audit.note(session, actor="person:x", action="thing.done", territory_id=chain_id)
    assert (await verify(database, chain_id)).length == 3
