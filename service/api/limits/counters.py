"""Where counts are kept: in the process's memory, or in Redis for all processes together."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from service.core.clock import now

Result = TypeVar("Result")
log = structlog.get_logger(__name__)

MAX_KEYS: Final = 100_000
# A count that takes longer is not worth waiting for.
_REDIS_SECONDS: Final = 0.25
# For how long Redis is left alone after a failure, while memory counts.
_PAUSE_SECONDS: Final = 2.0
# Expired windows removed for each new one, per length of window: more than come in.
_SWEPT: Final = 2


def _moment() -> float:
    return now().timestamp()


@dataclass(slots=True)
class _Window:
    key: str
    end: float
    count: int = 0


class MemoryCounters(Storage):
    """Counts in this process, of at most ``max_keys`` windows.

    The library's own storage looks through all keys at every request: with the 100 000 that an attacker can
    make by sending from as many networks, 15 ms each time. Here a new window removes a few old ones; at the
    limit the oldest of the commonest length goes, so that a flood does not wash locks away.
    """

    STORAGE_SCHEME: list[str] | None = None

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        self.max_keys = max_keys
        self._windows: dict[str, _Window] = {}
        # By length in seconds; windows of one length end in the order they began.
        self._queues: dict[int, deque[_Window]] = {}

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the storage itself raises: nothing."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` in the window of ``key``, which begins now if none runs; return the count."""
        moment = _moment()
        window = self._windows.get(key)
        if window is None or window.end <= moment:
            self._sweep(moment)
            window = self._windows[key] = _Window(key, moment + expiry)
            self._queues.setdefault(expiry, deque()).append(window)
        window.count += amount
        return window.count

    async def get(self, key: str) -> int:
        """Return the count of ``key``."""
        window = self._windows.get(key)
        return 0 if window is None or window.end <= _moment() else window.count

    async def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends, as a timestamp; now when none runs."""
        moment = _moment()
        window = self._windows.get(key)
        return moment if window is None else max(window.end, moment)

    async def check(self) -> bool:
        """Tell whether counts can be kept."""
        return True

    async def reset(self) -> int:
        """Forget everything; return how many windows there were."""
        number = len(self)
        self._windows.clear()
        self._queues.clear()
        return number

    async def clear(self, key: str) -> None:
        """Forget the window of ``key``."""
        self._windows.pop(key, None)

    def _sweep(self, moment: float) -> None:
        for queue in self._queues.values():
            for _ in range(_SWEPT):
                if not queue or queue[0].end > moment:
                    break
                self._drop(queue)
        while len(self) >= self.max_keys:
            self._drop(max(self._queues.values(), key=len))

    def _drop(self, queue: deque[_Window]) -> None:
        window = queue.popleft()
        if self._windows.get(window.key) is window:
            del self._windows[window.key]


class SharedCounters(RedisStorage):
    """Counts in Redis. When a window ends is asked once and remembered: one call per count is enough."""

    def __init__(self, redis_url: str) -> None:
        # A pool of our own: the library's reading of addresses knows neither unix:// nor a missing port.
        self.pool = ConnectionPool.from_url(
            redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
        )
        super().__init__(
            "redis://",
            implementation="redispy",
            key_prefix="ancrage:limits",
            connection_pool=self.pool,  # type: ignore[arg-type] # documented; annotated too narrowly
        )
        self._ends: dict[str, float] = {}

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` in the window of ``key``, which begins now if none runs; return the count."""
        count = await super().incr(key, expiry, amount)
        if count == amount:
            self._remember(key, _moment() + expiry)
        return count

    async def get_expiry(self, key: str) -> float:
        """Return when the window of ``key`` ends, as a timestamp; now when none runs."""
        moment = _moment()
        end = self._ends.get(key, 0.0)
        if end <= moment:
            seconds: int = await self.bridge.get_connection().ttl(self.bridge.prefixed_key(key))  # type: ignore[attr-defined] # of the redispy bridge
            end = moment + max(seconds, 0)
            self._remember(key, end)
        return end

    def _remember(self, key: str, end: float) -> None:
        if len(self._ends) >= MAX_KEYS:
            self._ends.clear()
        self._ends[key] = end


class _Windows(FixedWindowRateLimiter):
    """The library's fixed windows, which also tell the count."""

    async def take(self, item: RateLimitItem, *identifiers: str) -> tuple[int, float]:
        """Count one; return the count in the window, and when that ends."""
        key = item.key_for(*identifiers)
        return await self.storage.incr(key, item.get_expiry()), await self.storage.get_expiry(key)

    async def peek(self, item: RateLimitItem, *identifiers: str) -> tuple[int, float]:
        """Return the count in the window, and when that ends; count nothing."""
        key = item.key_for(*identifiers)
        count = await self.storage.get(key)
        return count, await self.storage.get_expiry(key) if count else 0.0


class Counters:
    """Counts in Redis when there is one, in memory when there is none or while it does not answer.

    A failing Redis never fails a request: after an outage was met, memory counts, from nothing, until Redis
    answers again. An outage is logged once.
    """

    def __init__(self, redis_url: str | None) -> None:
        self.memory = MemoryCounters()
        self._local = _Windows(self.memory)
        self._storage = None if redis_url is None else SharedCounters(redis_url)
        self._shared = None if self._storage is None else _Windows(self._storage)
        self._retry_at = 0.0

    async def take(self, item: RateLimitItem, *identifiers: str) -> tuple[int, int]:
        """Count one; return the count in the window, and its end in whole seconds from now."""
        count, end = await self._use(lambda windows: windows.take(item, *identifiers))
        return count, self._seconds(end)

    async def peek(self, item: RateLimitItem, *identifiers: str) -> tuple[int, int]:
        """Return the count in the window, and its end in whole seconds from now; count nothing."""
        count, end = await self._use(lambda windows: windows.peek(item, *identifiers))
        return count, self._seconds(end)

    async def close(self) -> None:
        """Close every connection to Redis."""
        if self._storage is not None:
            await self._storage.pool.aclose()

    @staticmethod
    def _seconds(end: float) -> int:
        """Return the seconds until ``end``, rounded up, at least one."""
        return max(1, -int(-(end - _moment()) // 1))

    async def _use(self, count: Callable[[_Windows], Awaitable[Result]]) -> Result:
        moment = _moment()
        if self._shared is None or moment < self._retry_at:
            return await count(self._local)
        down = self._retry_at > 0
        if down:
            # One request finds out whether Redis is back; the others do not wait for it.
            self._retry_at = moment + _PAUSE_SECONDS
        try:
            result = await count(self._shared)
        except (RedisError, OSError, TimeoutError) as error:
            if self._retry_at == 0:
                log.warning(
                    "limits.redis_unreachable", error=type(error).__name__, consequence="each process counts"
                )
            self._retry_at = moment + _PAUSE_SECONDS
            return await count(self._local)
        if down:
            self._retry_at = 0.0
            log.info("limits.redis_reached_again")
        return result
