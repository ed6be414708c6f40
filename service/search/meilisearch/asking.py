"""Asking Meilisearch over HTTP, on connections kept alive, and never for longer than a visitor would wait.

The official client connects anew for each call and waits without limit: it serves administration only.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

import httpx
import orjson

from service.search.port import Unavailable

# Meilisearch closes a connection that is idle for five seconds.
_KEPT_FOR: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long is waited, in seconds: to connect, between two bytes, for a free connection, and in all."""

    connect: float = 0.2
    read: float = 0.6
    pool: float = 0.2
    total: float = 0.7


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query of several was answered. ``total`` is exact; ``facets`` counts values by attribute."""

    hits: list[dict[str, Any]]
    total: int
    facets: Mapping[str, Mapping[str, int]]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """Return the answer in one JSON object."""
        hits, total, facets = raw["hits"], raw["estimatedTotalHits"], raw.get("facetDistribution") or {}
        if not (isinstance(hits, list) and isinstance(total, int) and isinstance(facets, dict)):
            raise TypeError(raw.keys())
        return cls(hits, total, facets)


class Asker:
    """Holds the connections of one process to one server.

    Every method raises :class:`Unavailable` for anything but a proper answer.
    """

    def __init__(self, url: str, key: str | None, timeouts: Timeouts) -> None:
        """Hold the address; nothing is connected yet."""
        self._patience = timeouts.total
        self._url = f"{url.rstrip('/')}/multi-search"
        self._headers = {
            "content-type": "application/json",
            # Compressed answers leave in pieces, each of which waits for the one before to be acknowledged.
            "accept-encoding": "identity",
        }
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._extensions = {
            "timeout": {
                "connect": timeouts.connect,
                "read": timeouts.read,
                "write": timeouts.read,
                "pool": timeouts.pool,
            }
        }
        # Cookies, redirects, proxies and the rest of a client are no use here, and take as long as all else.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=100, keepalive_expiry=_KEPT_FOR), trust_env=False
        )

    def until(self) -> float:
        """Return when, by the event loop's clock, a search that begins now must have its answers."""
        return asyncio.get_running_loop().time() + self._patience

    async def ask(self, queries: Sequence[Mapping[str, Any]], until: float) -> list[Answer]:
        """Return the answers to all queries, in their order."""
        raw = await self._post({"queries": queries}, until)
        try:
            answers = [Answer.read(each) for each in raw["results"]]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _nonsense(error) from error
        if len(answers) != len(queries):
            raise Unavailable(f"{len(answers)} answers to {len(queries)} queries")
        return answers

    async def ask_together(
        self, queries: Sequence[Mapping[str, Any]], until: float, *, offset: int, limit: int
    ) -> list[dict[str, Any]]:
        """Return the hits of all queries in one list, each once, the best first."""
        raw = await self._post({"federation": {"offset": offset, "limit": limit}, "queries": queries}, until)
        try:
            return [dict(hit) for hit in raw["hits"]]
        except (KeyError, TypeError, ValueError) as error:
            raise _nonsense(error) from error

    async def _post(self, body: Mapping[str, Any], until: float) -> Any:
        content = orjson.dumps(body)
        try:
            async with asyncio.timeout_at(until):
                try:
                    status, headers, answer = await self._send(content)
                except httpx.RemoteProtocolError:
                    # It closed a connection kept for too long while this was on its way.
                    status, headers, answer = await self._send(content)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self._patience} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if status != HTTPStatus.OK:
            raise Unavailable(
                f"HTTP {status}: {answer[:200].decode(errors='replace')}",
                _seconds(headers.get("retry-after")),
            )
        try:
            return orjson.loads(answer)
        except orjson.JSONDecodeError as error:
            raise _nonsense(error) from error

    async def _send(self, content: bytes) -> tuple[int, httpx.Headers, bytes]:
        request = httpx.Request(
            "POST", self._url, headers=self._headers, content=content, extensions=self._extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            return response.status_code, response.headers, await response.aread()
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def _nonsense(error: Exception) -> Unavailable:
    return Unavailable(f"no answer of Meilisearch: {type(error).__name__}: {error}")


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
