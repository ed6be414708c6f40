"""Leaves an engine alone that keeps failing, and finds out by itself when it is well again."""

import random
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Self

_DOUBLINGS = 16  # More would change nothing: the longest pause is reached long before.
_JITTER = 0.25


class BreakerState(IntEnum):
    """Whether the engine is asked: by every search, by none for now, or by one that finds out."""

    CLOSED = 0
    OPEN = 1
    PROBING = 2


class Permit:
    """Leave to ask the engine once. Whoever has it says how it went; who says nothing has learnt nothing."""

    def __init__(self, breaker: "Breaker", turn: int) -> None:
        self._breaker = breaker
        self._turn = turn
        self._said = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # A visitor who left in the middle must not keep the next one from finding out.
        if not self._said:
            self._breaker.nothing_learnt(self._turn)

    def succeeded(self) -> None:
        """Say that the engine answered as it should."""
        self._said = True
        self._breaker.succeeded(self._turn)

    def failed(self, retry_after: float | None = None) -> None:
        """Say that it did not, and when it wants to be asked again (seconds) if it told."""
        self._said = True
        self._breaker.failed(self._turn, retry_after)


class Breaker:
    """Counts failures of one engine in one process.

    ``failures`` in a row, or a single one that names its own pause, and nobody asks for ``first_pause``
    seconds; then exactly one search tries. If that fails the pause doubles, up to ``longest_pause``, with up
    to a quarter more by chance so that processes do not come back all at once. What was asked before a
    change of state says nothing about the time after it.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        first_pause: float = 1.0,
        longest_pause: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.state = BreakerState.CLOSED
        self.pause = 0.0
        """Seconds of the pause begun last."""
        self._failures = failures
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._chance = chance
        self._failed = 0
        self._pauses = 0
        self._until = 0.0
        self._turn = 0

    def permit(self) -> Permit | None:
        """Return leave to ask the engine, or None when it is to be left alone."""
        if self.state is BreakerState.CLOSED:
            return Permit(self, self._turn)
        if self.state is BreakerState.OPEN and self._clock() >= self._until:
            self._become(BreakerState.PROBING)
            return Permit(self, self._turn)
        return None

    def succeeded(self, turn: int) -> None:
        """Ask the engine again: see :class:`Permit`."""
        if turn != self._turn:
            return
        self._failed = 0
        if self.state is BreakerState.PROBING:
            self._pauses = 0
            self._become(BreakerState.CLOSED)

    def failed(self, turn: int, retry_after: float | None) -> None:
        """Count a failure, and begin a pause if it was one too many: see :class:`Permit`."""
        if turn != self._turn:
            return
        self._failed += 1
        if self.state is BreakerState.CLOSED and self._failed < self._failures and retry_after is None:
            return
        pause = self._first_pause * 2 ** min(self._pauses, _DOUBLINGS)
        pause = max(pause * (1 + _JITTER * self._chance()), retry_after or 0.0)
        self.pause = min(pause, self._longest_pause)
        self._pauses += 1
        self._failed = 0
        self._until = self._clock() + self.pause
        self._become(BreakerState.OPEN)

    def nothing_learnt(self, turn: int) -> None:
        """Let the next search find out: see :class:`Permit`."""
        if turn == self._turn and self.state is BreakerState.PROBING:
            self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._turn += 1
