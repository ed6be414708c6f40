"""What every command shares: the database it works on, how it speaks, how it fails."""

import asyncio
import functools
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError

from service.core.database import Database, create_engine
from service.core.embedded import EmbeddedDatabaseError, start
from service.core.errors import Problem
from service.core.logging import configure_logging
from service.core.migrations import NewerDatabaseError, head_revision, migrate
from service.core.settings import Settings, get_settings
from service.domain.platform import get_revision

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def say(sentence: str) -> None:
    """Tell the person at the terminal; results go to standard output, this does not."""
    typer.echo(sentence, err=True)


def fail(sentence: str) -> NoReturn:
    """End the command with one clear sentence and exit code 1."""
    say(f"ancrage: {sentence}")
    raise typer.Exit(1)


def settings_or_fail() -> Settings:
    """Return the settings, or say which one is wrong."""
    try:
        return get_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "A setting"
        fail(f"{name} is not acceptable: {first['msg'].removeprefix('Value error, ')}.")


@asynccontextmanager
async def open_database(*, migrating: bool = False) -> AsyncIterator[Database]:
    """Yield the database: the one ``DATABASE_URL`` names, or the embedded one under ``DATA_DIR``.

    The embedded one is always brought up to date; a hosted one only when ``migrating``, for its
    operator chooses the moment.
    """
    settings = settings_or_fail()
    configure_logging(settings)
    hold = None
    url = settings.database_url
    if url is None:
        hold = await asyncio.to_thread(start, settings.data_dir / "postgres", say)
        url = hold.url
    engine = create_engine(url, pool_size=settings.database_pool_size)
    database = Database(engine)
    try:
        if migrating or hold is not None:
            if await migrate(engine):
                say(f"The database is now at revision {head_revision()}.")
        else:
            async with database.transaction() as session:
                revision = await get_revision(session)
            if revision != head_revision():
                fail(
                    f"the database is at revision {revision}, this version needs {head_revision()}; "
                    "run `ancrage migrate` first."
                )
        yield database
    finally:
        await database.close()
        if hold is not None:
            await asyncio.to_thread(hold.stop)


def _loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's loop, which serves twice as much, or asyncio's on Windows, where there is none."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    # uvicorn chooses it only for a loop of its own.
    import uvloop  # noqa: PLC0415 - not on Windows

    return uvloop.new_event_loop()


def command(
    function: Callable[Arguments, Coroutine[Any, Any, Result]],
) -> Callable[Arguments, Result]:
    """Make an async function a command: every foreseeable failure is one sentence and exit code 1."""

    @functools.wraps(function)
    def run(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            with asyncio.Runner(loop_factory=_loop) as runner:
                return runner.run(function(*arguments, **options))
        except Problem as problem:
            for error in problem.errors[:20]:
                say(f"  {error.pointer}: {error.detail}")
            fail(problem.detail)
        except (EmbeddedDatabaseError, NewerDatabaseError) as error:
            fail(str(error))
        except (DBAPIError, InterfaceError) as error:
            fail(f"the database refused: {str(error.orig).splitlines()[0]}")
        except OSError as error:
            fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        except KeyboardInterrupt:
            say("Stopped.")
            sys.exit(130)

    return run
