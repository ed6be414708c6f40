"""A browser without a window: it keeps cookies, and sends the forms that stand in pages, as browsers do."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain import sessions
from service.domain.derived import sign_in_code, sign_in_link
from service.models import Person, SignIn

HERE = "http://127.0.0.1:8000"
ADDRESS = "camille.exemple@example.org"
PROVIDER = {
    "name": "exemple",
    "label": "Exemple Connect",
    "issuer": "https://connect.example.org",
    "client_id": "console",
    "client_secret": "invented",
}
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TYPED = {
    "Origin": HERE,
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@dataclass
class Page:
    """A page as a reader finds it: its words, its links, its forms with what they carry."""

    answer: httpx.Response
    title: str = ""
    text: str = ""
    links: list[str] = field(default_factory=list)
    forms: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Return the status."""
        return self.answer.status_code

    @property
    def path(self) -> str:
        """Return where it is, after every redirect."""
        parts = urlsplit(str(self.answer.url))
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: dict[str, list[dict[str, str]]] = {}
        self._form: dict[str, str] | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = {}
            self.forms.setdefault(found["action"], []).append(self._form)
        elif tag == "a":
            self.links.append(found["href"])
        elif tag == "title":
            self._in_title = True
        elif tag == "input" and self._form is not None:
            self._form[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        else:
            self.words.append(data)


def read(answer: httpx.Response) -> Page:
    """Return an answer as a page."""
    reader = _Reader()
    if answer.headers.get("content-type", "").startswith("text/html"):
        reader.feed(answer.text)
    text = re.sub(r"\s+", " ", " ".join(reader.words))
    return Page(answer, reader.title, text, reader.links, reader.forms)


class Browser:
    """A browser of its own: ``address`` is the network it calls from."""

    def __init__(
        self, app: FastAPI, *, here: str = HERE, address: str = "127.0.0.1", language: str = "fr"
    ) -> None:
        self.app = app
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 4711)),
            base_url=here,
            headers=HTML | {"Accept-Language": language},
        )

    async def get(self, path: str, **headers: str) -> Page:
        """Open a page, following where it sends."""
        return read(await self.client.get(path, headers=headers, follow_redirects=True))

    async def post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Page:
        """Send a form as a page of ours does, following where it sends."""
        sent = TYPED | {"Origin": str(self.client.base_url).rstrip("/")} | (headers or {})
        return read(await self.client.post(path, data=form, headers=sent, follow_redirects=True))

    async def submit(self, page: Page, action: str, **typed: str) -> Page:
        """Fill in the page's first form for ``action`` and send it."""
        return await self.post(action, page.forms[action][0] | typed)

    @property
    def cookie(self) -> str | None:
        """Return the session's cookie."""
        found = [
            each for each in self.client.cookies.jar if each.name in {"ancrage_session", "__Host-ancrage"}
        ]
        return found[0].value if found else None

    async def sign_in_with(self, database: Database, person: Person) -> None:
        """Be somebody, without the pages."""
        async with database.transaction() as session:
            opened = await sessions.open_session(session, person, kind="console")
        assert opened.cookie is not None
        self.client.cookies.set("ancrage_session", opened.cookie, domain="127.0.0.1", path="/")

    async def start(self, email: str = ADDRESS, path: str = "/sign-in") -> Page:
        """Ask for a code."""
        return await self.submit(await self.get(path), "/sign-in", email=email)

    async def sign_in(self, session: AsyncSession, email: str = ADDRESS, path: str = "/sign-in") -> Page:
        """Sign in by the code that was mailed."""
        asked = await self.start(email, path)
        assert asked.status == 200, asked.text
        return await self.submit(asked, "/sign-in/code", code=await code_of(self.app, session))


async def newest(session: AsyncSession) -> SignIn:
    """Return the sign-in that was started last."""
    found = await session.scalars(
        select(SignIn).order_by(SignIn.id.desc()).limit(1).execution_options(populate_existing=True)
    )
    return found.one()


async def code_of(app: FastAPI, session: AsyncSession) -> str:
    """Return the code of the mail that was asked for last."""
    return sign_in_code(app.state.keyring, (await newest(session)).id)


async def link_of(app: FastAPI, session: AsyncSession) -> str:
    """Return the token in the link of the mail that was asked for last."""
    return sign_in_link(app.state.keyring, (await newest(session)).id)


def wrong(code: str) -> str:
    """Return eight digits that are not the code."""
    return f"{(int(code) + 1) % 10**8:08d}"


def cookies_set(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """Return the cookies an answer sets, by name, with their attributes in lower case."""
    found = {}
    for header in answer.headers.get_list("set-cookie"):
        first, *rest = [part.strip() for part in header.split(";")]
        name, _, value = first.partition("=")
        attributes = {part.partition("=")[0].lower(): part.partition("=")[2] or True for part in rest}
        found[name] = attributes | {"value": value}
    return found
