"""Hearing within a second, in every process, what a transaction announced: LISTEN and NOTIFY.

A connection of its own listens. It is asked something several times a second: as long as it answers, nothing
was missed. PostgreSQL hands a connection what was announced to it before it answers what is asked afterwards,
so an answer to a question of a moment ago says that all that was committed before then has been heard.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog

from service.core.plainly import FAILURES

log = structlog.get_logger(__name__)

PUBLIC: Final = "ancrage_public"
"""What the public reads has changed. Said of a territory by its id, or of :data:`REFERENTIALS`."""
REFERENTIALS: Final = "referentials"

FRESH_SECONDS: Final = 1.0
"""For how long after a question that was answered everything announced counts as heard."""
HEARTBEAT_SECONDS: Final = 0.4
# Later than this the connection counts as cut, and another is opened.
_ANSWER_SECONDS: Final = 2.0
# What begins so is said to find out whether it is heard.
_TRIAL: Final = "trial "
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0)


class Listener:
    """Listens on one channel until it is stopped, over one connection after another.

    ``heard`` is called with what was announced; ``lost`` whenever something may have been missed; ``beat``
    several times a second, for what is to be done now and then. ``until`` is the moment, by ``clock``, before
    which everything that was announced a second ago has been heard.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        channel: str,
        *,
        heard: Callable[[str], None],
        lost: Callable[[], None],
        beat: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.until = 0.0
        self._connect = connect
        self._channel = channel
        self._heard = heard
        self._lost = lost
        self._beat = beat
        self._clock = clock

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen beside the block. It is entered at once, whether the database answers or not."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._off()

    @property
    def fresh(self) -> bool:
        """Whether everything that was announced a second ago has been heard."""
        return self._clock() < self.until

    def _off(self) -> None:
        self.until = 0.0
        self._lost()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                connection = await self._connect()
                try:
                    await self._follow(connection)
                finally:
                    self._off()
                    connection.terminate()
                failures = 0
            except FAILURES as error:
                failures += 1
                if failures == 1:
                    log.warning(
                        "listening.interrupted",
                        error=type(error).__name__,
                        consequence="every answer is worked out anew",
                    )
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    async def _announce(self, trial: str) -> None:
        """Announce something over another connection: through a pooler that swaps them it is not heard."""
        other = await self._connect()
        try:
            await other.execute("SELECT pg_notify($1, $2)", self._channel, trial)
        finally:
            other.terminate()

    async def _follow(self, connection: Any) -> None:
        """Listen on a new connection until it is cut."""
        cut = asyncio.Event()

        def ended(*_: Any) -> None:
            # At once: what is announced from now on is not heard.
            self._off()
            cut.set()

        tried = asyncio.Event()
        trial = _TRIAL + secrets.token_hex(8)

        def heard(*said: Any) -> None:
            payload: str = said[-1]
            if payload == trial:
                tried.set()
            elif not payload.startswith(_TRIAL):
                self._heard(payload)

        connection.add_termination_listener(ended)
        async with asyncio.timeout(_ANSWER_SECONDS):
            await connection.add_listener(self._channel, heard)
            await self._announce(trial)
            await tried.wait()
        while not cut.is_set():
            asked = self._clock()
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.execute("SELECT 1")
            if not cut.is_set():
                self.until = asked + FRESH_SECONDS
            self._beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(cut.wait(), HEARTBEAT_SECONDS)
