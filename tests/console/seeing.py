"""A real browser on the running console: what brings it, how it is used by keys, what it looks for."""

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser as Chromium, BrowserContext, ConsoleMessage, Page, ViewportSize

from service.app import create_app
from service.cli.connections import connection
from service.core.database import Database
from service.core.settings import Settings
from service.domain import sessions
from service.models import Person
from tests.mail.makers import send

_FOLDER = Path(__file__).parent
_NPM_SECONDS = 300
_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = ViewportSize(width=1100, height=800)
# 320 pixels are also what 1280 are at a zoom of 400 %.
NARROW = ViewportSize(width=320, height=640)


def _without(reason: str) -> NoReturn:
    # Where everything is brought, a missing program is a fault.
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def chromium_program() -> str:
    """Return the browser to use; skip where there is none, but never in CI."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        _without("no Chromium: install chromium, or name one by CHROMIUM=/path/to/it")
    return found


def axe_source() -> str:
    """Return axe-core's script, brought from npm unless it is there; skip without npm, but never in CI."""
    script = _FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    with (_FOLDER / "package-lock.json").open() as lock:
        # npm empties the folder before it fills it: one worker at a time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not script.exists():
            if shutil.which("npm") is None:
                _without("no npm, which brings axe-core")
            subprocess.run(
                ["npm", "ci", "--silent", "--no-audit", "--no-fund"],  # noqa: S607 - wherever npm is
                cwd=_FOLDER,
                check=True,
                timeout=_NPM_SECONDS,
            )
        return script.read_text()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield


@dataclass
class Site:
    """The console on a real socket, with a database of its own; its mails are files."""

    address: str
    app: FastAPI
    database: Database
    settings: Settings

    async def deliver(self) -> None:
        """Send the mails that were asked for."""
        await send(self.database, self.settings)


@asynccontextmanager
async def serving(database: Database, settings: Settings) -> AsyncIterator[Site]:
    """Serve the application beside the block, as ``ancrage run`` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    configured = settings.model_copy(update={"port": listener.getsockname()[1]})
    app = create_app(database, settings=configured)
    http = connection(head_bytes=configured.max_header_bytes, body_bytes=configured.max_body_bytes)
    server = _Server(uvicorn.Config(app, http=http, ws="none", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Site(configured.public_address, app, database, configured)
    finally:
        server.should_exit = server.force_exit = True
        await task


_FOCUSED = """() => {
    const found = document.activeElement, style = getComputedStyle(found);
    const box = found.getBoundingClientRect();
    const all = [...document.querySelectorAll('a[href], button, select, input:not([type=hidden]), iframe')];
    return {
        number: all.indexOf(found), tag: found.tagName,
        words: (found.matches('input, select') ? found.id : found.innerText).trim().replace(/\\s+/g, ' '),
        visible: found.matches(':focus-visible'),
        outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
        inside: box.top >= -1 && box.left >= -1 && box.bottom <= innerHeight + 1
            && box.right <= innerWidth + 1,
        height: box.height, inline: style.display === 'inline',
    };
}"""
_ALL = "() => document.querySelectorAll('a[href], button, select, input:not([type=hidden]), iframe').length"
_MOST_STOPS = 60


@dataclass
class Screen:
    """A window of the browser: ``page`` is what it shows, ``complaints`` what its console said."""

    site: Site
    context: BrowserContext
    page: Page
    language: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def open(cls, site: Site, chromium: Chromium, *, language: str = "fr", **options: Any) -> Self:
        """Open a window without cookies."""
        context = await chromium.new_context(
            locale=language, viewport=WIDE, reduced_motion="reduce", base_url=site.address, **options
        )
        context.set_default_timeout(15_000)
        page = await context.new_page()
        screen = cls(site, context, page, language)
        page.on("console", screen._listen)
        page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        return screen

    def _listen(self, message: ConsoleMessage) -> None:
        # The browser notes every page that is a refusal.
        if not message.text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.complaints.append(message.text)

    async def be(self, person: Person) -> None:
        """Be somebody, without the pages."""
        async with self.site.database.transaction() as session:
            opened = await sessions.open_session(session, person, kind="console")
        await self.context.add_cookies(
            [
                {
                    "name": "ancrage_session",
                    "value": opened.cookie or "",
                    "domain": "127.0.0.1",
                    "path": "/",
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )

    @property
    def path(self) -> str:
        """Return where the window is."""
        return self.page.url.removeprefix(self.site.address)

    async def go(self, path: str) -> None:
        """Type an address."""
        await self.page.goto(path)

    async def focused(self) -> dict[str, Any]:
        """Return what has the focus, and how it shows."""
        found: dict[str, Any] = await self.page.evaluate(_FOCUSED)
        return found

    async def tab_to(self, words: str) -> None:
        """Press Tab until a link, button or field of that name has the focus, and shows it."""
        for _ in range(_MOST_STOPS):
            await self.page.keyboard.press("Tab")
            stop = await self.focused()
            if stop["words"] == words or stop["words"].startswith(f"{words} "):
                assert stop["visible"], stop
                assert stop["outline"] >= 2, stop
                return
        pytest.fail(f"Tab never came to {words!r} on {self.path}")

    async def press(self, words: str) -> None:
        """Go to a link or button by Tab and press Enter; wait for what comes."""
        await self.tab_to(words)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def type(self, field_id: str, text: str, *, then_enter: bool = False) -> None:
        """Go to a field by Tab and type; Enter sends the form."""
        await self.tab_to(field_id)
        await self.page.keyboard.press("ControlOrMeta+a")
        await self.page.keyboard.type(text)
        if then_enter:
            async with self.page.expect_navigation():
                await self.page.keyboard.press("Enter")

    async def walk(self) -> None:
        """Press Tab once around the page: every control in its order, each to be seen and large enough."""
        expected: int = await self.page.evaluate(_ALL)
        stops: list[int] = []
        for _ in range(_MOST_STOPS):
            await self.page.keyboard.press("Tab")
            stop = await self.focused()
            if stop["tag"] == "IFRAME" and stop["number"] == stops[-1]:
                # Inside the frame, at its links.
                continue
            if stop["number"] < 0 or stop["number"] in stops:
                break
            stops.append(stop["number"])
            if stop["tag"] == "IFRAME":
                continue
            assert stop["visible"], (self.path, stop)
            assert stop["outline"] >= 2, (self.path, stop)
            assert stop["inside"], (self.path, stop)
            assert stop["height"] >= 44 or stop["inline"], (self.path, stop)
        # It begins at the top, or at what is wrong with a form.
        first = stops[0] if stops else 0
        whole = [*range(first, expected), *range(first)]
        assert stops == whole[: len(stops)], (self.path, stops)
        assert len(stops) >= expected - first, (self.path, stops, expected)

    async def barriers(self, axe: str) -> list[str]:
        """Return what axe finds, and whether the page is wider than the window."""
        if not await self.page.evaluate("() => 'axe' in window"):
            await self.page.evaluate(axe)
        found = await self.page.evaluate(
            "async () => (await axe.run(document, {iframes: false, resultTypes: ['violations']})).violations"
            ".map(each => each.id + ': ' + each.nodes.map(node => node.target + ' ' + node.failureSummary))"
        )
        wide = await self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return [*found, *([f"{wide} pixels too wide"] if wide > 0 else [])]
