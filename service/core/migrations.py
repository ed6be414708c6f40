"""Bringing the database to the structure the code expects."""

from functools import lru_cache
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from alembic import command

_FOLDER = Path(__file__).resolve().parents[2] / "alembic"


class NewerDatabaseError(Exception):
    """The database was migrated by a newer version of the code."""


def configuration() -> Config:
    """Return Alembic's configuration for this code."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return configuration


@lru_cache(maxsize=1)
def head_revision() -> str:
    """Return the revision this code expects."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        message = "There is no migration at all."
        raise RuntimeError(message)
    return head


def _upgrade(connection: Connection) -> bool:
    present = MigrationContext.configure(connection).get_current_revision()
    if present == head_revision():
        return False
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if present is not None and present not in known:
        message = (
            f"The database is at revision {present}, which this version of Ancrage does not know: it was "
            "migrated by a newer one. Install that version, or restore a backup."
        )
        raise NewerDatabaseError(message)
    alembic = configuration()
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")
    return True


async def migrate(engine: AsyncEngine) -> bool:
    """Run every pending migration in one transaction; return whether there was any.

    Raises :class:`NewerDatabaseError` when the database is ahead of the code.
    """
    async with engine.connect() as connection:
        changed = await connection.run_sync(_upgrade)
        await connection.commit()
    return changed
