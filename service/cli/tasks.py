"""``ancrage tasks``: background work, for the person who looks after it."""

from typing import Annotated
from uuid import UUID

import typer

from service.cli.context import command, fail, open_database, say
from service.domain import tasks
from service.models import TaskState

app = typer.Typer(no_args_is_help=True, help="Background work: what waits, what failed, trying again.")

Ids = Annotated[list[UUID] | None, typer.Argument(help="Ids of tasks, as `tasks list` shows them.")]
InState = Annotated[TaskState | None, typer.Option("--state", help="All tasks in this state.")]
OfHandler = Annotated[str | None, typer.Option("--handler", help="Only tasks of this handler.")]


@app.command("list")
@command
async def list_tasks(
    state: InState = None,
    handler: OfHandler = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, latest first.")] = 50,
) -> None:
    """List tasks, the latest first: id, state, attempts, handler, when it was due, the reason it failed."""
    async with open_database() as database, database.sessions() as session:
        found = await tasks.list_tasks(session, state=state, handler=handler, limit=limit)
        counts = await tasks.depths(session)
    for task in found:
        reason = (task.last_error or "").partition("\n")[0]
        due = task.run_after.isoformat(timespec="seconds")
        typer.echo(
            f"{task.id}  {task.state:10}  {task.attempts:3}  {task.handler:24}  {due}  {reason}".rstrip()
        )
    say(", ".join(f"{count} {name}" for name, count in counts.items()))


@app.command("retry")
@command
async def retry(ids: Ids = None, state: InState = None, handler: OfHandler = None) -> None:
    """Run tasks again, with all their attempts before them: those named, or all in a state."""
    _require_choice(ids, state)
    async with open_database() as database, database.transaction() as session:
        count = await tasks.retry(session, ids=ids or (), state=state, handler=handler)
    _report(count, ids, "ready again")


@app.command("drop")
@command
async def drop(ids: Ids = None, state: InState = None, handler: OfHandler = None) -> None:
    """Give up tasks that wait or are dead: those named, or all in a state."""
    _require_choice(ids, state)
    async with open_database() as database, database.transaction() as session:
        count = await tasks.drop(session, ids=ids or (), state=state, handler=handler)
    _report(count, ids, "dropped")


def _require_choice(ids: list[UUID] | None, state: TaskState | None) -> None:
    if not ids and state is None:
        fail("say which tasks: their ids, or --state, for instance --state dead.")


def _report(count: int, ids: list[UUID] | None, what: str) -> None:
    say(f"{count} {'task is' if count == 1 else 'tasks are'} {what}.")
    if ids and count < len(set(ids)):
        fail(f"{len(set(ids)) - count} of them could not be: unknown, or in a state that does not allow it.")
