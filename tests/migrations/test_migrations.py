"""Migrations: one head, no drift from the models, up and down and up again with rows in every table."""

from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text

from alembic import command
from service.core.database import Database, create_engine
from service.core.migrations import configuration, head_revision, migrate
from service.demo import load_demo
from service.models import Base, Posting


def test_there_is_one_head() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [head_revision()]


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, Base.metadata))


def _downgrade(connection: Connection) -> None:
    settings = configuration()
    settings.attributes["connection"] = connection
    command.downgrade(settings, "base")


async def test_up_down_and_up_again_on_a_seeded_database(new_database: Callable[..., str]) -> None:
    engine = create_engine(new_database("migrations"))
    assert await migrate(engine)
    assert not await migrate(engine), "a second time there is nothing to do"
    database = Database(engine)
    await load_demo(database, lambda _: None)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    async with engine.connect() as connection:
        await connection.run_sync(_downgrade)
        await connection.commit()
    async with engine.connect() as connection:
        left = await connection.scalars(
            text(
                "SELECT tablename FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
        )
        assert left.all() == []
    assert await migrate(engine)
    await load_demo(database, lambda _: None)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Posting)) == 80
    await engine.dispose()
