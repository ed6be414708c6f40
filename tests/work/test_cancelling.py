"""A task that loses a cancellation is cancelled again."""

import asyncio

from service.core.cancelling import cancel


async def lose(cancellations: int) -> int:
    """Wait for ever, and go on ``cancellations`` times in spite of being cancelled."""
    for lost in range(cancellations + 1):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if lost == cancellations:
                raise
    return cancellations


async def test_a_lost_cancellation_is_repeated() -> None:
    tasks = [asyncio.create_task(lose(count)) for count in (0, 1, 2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await cancel(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_patience_ends_where_it_is_limited() -> None:
    stubborn = asyncio.create_task(lose(1000))
    await asyncio.sleep(0)
    await cancel([stubborn], within=0.1)
    assert not stubborn.done()
    async with asyncio.timeout(20):
        while not stubborn.done():
            stubborn.cancel()
            await asyncio.sleep(0)


async def test_there_may_be_nothing_to_cancel() -> None:
    ended = asyncio.create_task(asyncio.sleep(0))
    await ended
    await cancel([ended])
    await cancel([])
    assert not ended.cancelled()
