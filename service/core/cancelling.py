"""Ending asyncio tasks for certain."""

import asyncio
from collections.abc import Collection
from typing import Any

_AGAIN_SECONDS = 0.5


async def cancel(tasks: Collection[asyncio.Task[Any]], *, within: float | None = None) -> None:
    """Cancel tasks until all have ended, or for ``within`` seconds.

    Once is not enough: ``asyncio.wait_for`` before Python 3.12, which redis and others call at every turn,
    loses a cancellation that meets the end of what it waits for.
    """
    loop = asyncio.get_running_loop()
    deadline = None if within is None else loop.time() + within
    pending = {task for task in tasks if not task.done()}
    while pending and (deadline is None or loop.time() < deadline):
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
