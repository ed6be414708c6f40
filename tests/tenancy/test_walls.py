"""The second wall: PostgreSQL keeps every table as its model declares, and nobody walks around it."""

from collections.abc import Callable

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Table, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database, create_engine
from service.core.embedded import EmbeddedPostgres
from service.core.ids import new_id
from service.core.migrations import configuration, head_revision, migrate
from service.core.reach import NOWHERE, ROLE, Reach, elevated
from service.models import Base, Employer, Territory, walls
from tests.factories import create_employer, create_territory

TABLES = Base.metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
async def test_a_table_says_whose_its_rows_are_and_postgresql_keeps_it(
    session: AsyncSession, table: Table
) -> None:
    declared = walls.policies(table)
    found = {
        row.policyname: (row.cmd, row.roles)
        for row in await session.execute(
            text("SELECT policyname, cmd, roles::text[] FROM pg_policies WHERE tablename = :name"),
            {"name": table.name},
        )
    }
    assert found == {name: (policy[0], [policy[1]]) for name, policy in declared.items()}
    assert await session.scalar(
        text("SELECT relrowsecurity FROM pg_class WHERE oid = CAST(:name AS regclass)"), {"name": table.name}
    )


async def test_the_role_of_requests_cannot_bypass_the_walls(session: AsyncSession) -> None:
    role = (
        await session.execute(
            text(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles"
                " WHERE rolname = :name"
            ),
            {"name": ROLE},
        )
    ).one()
    assert not any(role)
    owned = await session.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = :name"),
        {"name": ROLE},
    )
    assert owned.all() == []


def test_the_newest_migration_carries_these_walls() -> None:
    script = ScriptDirectory.from_config(configuration()).get_revision(head_revision())
    assert script is not None
    assert script.module.walls == walls.digest(), (
        "Tenancies changed: existing databases need a migration, if only to build the walls again. Add one "
        f'with walls = "{walls.digest()}".'
    )


def test_a_table_without_tenancy_is_refused() -> None:
    with pytest.raises(LookupError, match="must say whose its rows are"):
        walls.tenancy_of(Table("orphan", Base.metadata.__class__()))


async def test_who_reaches_nowhere_sees_only_what_is_public(
    database: Database, session: AsyncSession
) -> None:
    await create_employer(session, await create_territory(session))
    await session.commit()
    async with database.transaction(NOWHERE) as nobody:
        assert (await nobody.scalars(select(Territory.id))).all() != []
        assert (await nobody.scalars(select(Employer.id))).all() == []
        async with elevated(nobody):
            assert (await nobody.scalars(select(Employer.id))).all() != []
        assert (await nobody.scalars(select(Employer.id))).all() == []


async def test_a_place_reaches_what_lies_inside_and_nothing_beside(
    database: Database, session: AsyncSession
) -> None:
    region = await create_territory(session, kind="region")
    ours = await create_territory(session, parent=region)
    beside = await create_territory(session, parent=region)
    inside = await create_territory(session, parent=ours, kind="commune")
    names = {region.id: "region", ours.id: "ours", beside.id: "beside", inside.id: "inside"}
    for territory in (region, ours, beside, inside):
        await create_employer(session, territory, name=names[territory.id])
    await session.commit()

    async def seen(reach: Reach) -> set[str]:
        async with database.transaction(reach) as someone:
            return set(await someone.scalars(select(Employer.name)))

    assert await seen(Reach(territories=frozenset({ours.id}))) == {"ours", "inside"}
    assert await seen(Reach(exact_territories=frozenset({ours.id}))) == {"ours"}
    assert await seen(Reach(territories=frozenset({region.id}))) == {"region", "ours", "beside", "inside"}
    assert await seen(Reach(territories=frozenset({new_id()}))) == set()


async def test_what_is_not_reached_is_not_written(database: Database, session: AsyncSession) -> None:
    ours, theirs = await create_territory(session), await create_territory(session)
    employer = await create_employer(session, theirs)
    await session.commit()
    reach = Reach(territories=frozenset({ours.id}))
    async with database.transaction(reach) as someone:
        changed = await someone.execute(
            text("UPDATE employer SET name = 'Taken' WHERE id = :id RETURNING id"), {"id": employer.id}
        )
        assert changed.all() == []
        gone = await someone.execute(text("DELETE FROM employer RETURNING id"))
        assert gone.all() == []
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(reach) as someone:
            someone.add(Employer(id=new_id(), territory_id=theirs.id, name="Planted", version=1))


async def test_one_transaction_s_reach_does_not_outlive_it(fresh_database: Database) -> None:
    async with fresh_database.transaction() as session:
        await create_employer(session, await create_territory(session))
    for _ in range(3):
        async with fresh_database.transaction(NOWHERE) as nobody:
            assert (await nobody.scalars(select(Employer.id))).all() == []
        async with fresh_database.transaction() as platform:
            assert len((await platform.scalars(select(Employer.id))).all()) == 1


def test_what_the_public_reads_is_listed() -> None:
    """A table becomes public by somebody's decision: adding one here is that decision."""
    public = {table.name for table in TABLES if walls.tenancy_of(table).readable}
    assert public == {
        "commune",
        "family_occupation",
        "occupation",
        "occupation_mobility",
        "occupation_sector",
        "occupation_skill",
        "occupation_title",
        "posting_document",
        "posting_index",
        "posting_words",
        "professional_family",
        "referential_release",
        "search_document",
        "search_feed",
        "search_word",
        "sector",
        "skill",
        "tension",
        "territory",
        "territory_commune",
    }


async def test_an_account_that_may_make_no_roles_is_told_what_to_run(
    postgres: EmbeddedPostgres, new_database: Callable[..., str], worker_id: str
) -> None:
    """Hosted servers often let nobody make roles: the message is their administrator's to-do list."""
    account = f"hosted_{worker_id}"
    url = new_database("hosted")
    name = url.rpartition("/")[2].partition("?")[0]
    administrator = create_engine(postgres.url_of("postgres", "postgres"))
    mine = create_engine(postgres.url_of(name, account))
    try:
        async with administrator.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"CREATE ROLE {account} LOGIN"))
            await connection.execute(text(f"ALTER DATABASE {name} OWNER TO {account}"))
            with pytest.raises(DBAPIError, match=f"as an administrator: GRANT {ROLE} TO {account};"):
                await migrate(mine)
            await connection.execute(text(f"GRANT {ROLE} TO {account}"))
            assert await migrate(mine)
        database = Database(mine)
        async with database.transaction(NOWHERE) as nobody:
            assert await nobody.scalar(text("SELECT current_user")) == ROLE
    finally:
        await mine.dispose()
        async with administrator.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            await connection.execute(text(f"DROP ROLE IF EXISTS {account}"))
        await administrator.dispose()
