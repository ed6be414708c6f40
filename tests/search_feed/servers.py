"""Engines outside that tests start, kill and wipe: what stands in for one, and a real one."""

import asyncio
from pathlib import Path
from typing import Protocol

from tests.search.meilisearch_server.real import MeilisearchServer
from tests.search_feed.standin import StandIn


class Server(Protocol):
    """A server that tests can start and end."""

    @property
    def url(self) -> str:
        """Where to ask."""

    @property
    def key(self) -> str:
        """What to ask with."""

    async def start(self) -> None:
        """Start, where it was before."""

    async def kill(self) -> None:
        """End at once; what it holds stays."""

    async def lose(self) -> None:
        """End at once, and lose everything."""


class Standing:
    """The stand-in as a server."""

    def __init__(self) -> None:
        self.standin = StandIn()
        self.key = self.standin.key

    @property
    def url(self) -> str:
        return self.standin.url

    async def start(self) -> None:
        await self.standin.start()

    async def kill(self) -> None:
        await self.standin.kill()

    async def lose(self) -> None:
        await self.standin.kill()
        self.standin.wipe()


class Real:
    """A real Meilisearch as a server."""

    def __init__(self, folder: Path) -> None:
        self.server = MeilisearchServer(folder)
        self.key = self.server.key

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def pid(self) -> int | None:
        return self.server.pid

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill)

    async def lose(self) -> None:
        await asyncio.to_thread(self.server.wipe)
