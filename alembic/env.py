"""Runs migrations: on a connection handed over by the command, or on ``DATABASE_URL``."""

import asyncio
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import context
from service.core.settings import get_settings
from service.models import Base, walls

# One number for the advisory lock that keeps two starting processes from migrating at once.
MIGRATION_LOCK = 0x616E6372


def include_object(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:  # noqa: FBT001 - Alembic's signature
    """Leave out what a migration manages by hand."""
    return not (kind == "table" and item.info.get("by_hand"))


def migrate(connection: Connection) -> None:
    """Run every pending migration in one transaction, alone."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        include_object=include_object,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        context.run_migrations()
        if context.get_context().get_current_revision() == context.script.get_current_head():
            for statement in walls.statements():
                connection.exec_driver_sql(statement)


async def _migrate_by_url(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if (handed := context.config.attributes.get("connection")) is not None:
    migrate(handed)
else:
    asyncio.run(_migrate_by_url(context.config.attributes.get("url") or get_settings().database_url or ""))
