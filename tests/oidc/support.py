"""A browser that is sent to a provider and back."""

import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Event, Identity, Mail, Person, PersonSession, SignIn, Token
from tests.client import ApiClient

HERE = "http://testserver"
PAGE = "https://www.exemple.fr/bienvenue"
AGENT = {
    "sub": "agent-1",
    "email": "Agnes.Agent@Exemple.FR",
    "given_name": "Agnès",
    "usual_name": "Agent",
}
CITIZEN = {
    "sub": "b155a2129530e5fd3f6b95275b6da72a99ea1a486b8b33148abb4a62ddfb3609v1",
    "email": "camille.citoyenne@example.org",
    "given_name": "Camille Odette",
    "family_name": "CITOYENNE",
    "gender": "female",
}
SOMEBODY = {
    "sub": "somebody-1",
    "email": "sam.quelquun@example.org",
    "email_verified": True,
    "given_name": "Sam",
    "family_name": "Quelqu'un",
}
_WRITTEN = (Person, Identity, SignIn, PersonSession, Token, Event, Mail)


@cache
def _authorities() -> ssl.SSLContext:
    # Reading them for each browser takes longer than the visit.
    return httpx.create_ssl_context()


def said(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


@dataclass
class Browser:
    """A browser with its own cookies. ``key`` is the website's it is on; without one, the console's."""

    client: ApiClient
    key: str | None = None

    async def start(self, provider: str, **parameters: str) -> httpx.Response:
        """Follow the button; return the answer that sends it to the provider."""
        on_a_website = {"return_url": PAGE, "key": self.key} if self.key else {}
        return await self.client.get(
            f"/v1/sign-in/providers/{provider}/start", params=on_a_website | parameters
        )

    async def go(self, url: str) -> str:
        """Go to the provider, where the person agrees; return the address it sends the browser back to."""
        async with httpx.AsyncClient(verify=_authorities()) as outside:
            answer = await outside.get(url)
        assert answer.is_redirect, answer.text
        return answer.headers["location"]

    async def leave_for(self, provider: str, **parameters: str) -> str:
        """Begin a visit; return the address of the callback it ends at."""
        answer = await self.start(provider, **parameters)
        assert answer.status_code == 302, answer.text
        return await self.go(answer.headers["location"])

    async def come_back(self, url: str) -> httpx.Response:
        """Follow the address the provider sent it to."""
        return await self.client.get(url)

    async def sign_in(self, provider: str, **parameters: str) -> dict[str, str]:
        """Do it all; return what the page is told in the end."""
        answer = await self.come_back(await self.leave_for(provider, **parameters))
        assert answer.status_code == 302, answer.text
        assert answer.headers["cache-control"] == "no-store"
        page, _, _ = answer.headers["location"].partition("?")
        assert page == PAGE
        return said(answer.headers["location"])

    async def exchange(self, **proof: str) -> httpx.Response:
        """Exchange what the page was told, as the website does."""
        headers = {"Ancrage-Key": self.key or "", "Origin": "https://www.exemple.fr"}
        return await self.client.post("/v1/sign-in/tokens", json=proof, headers=headers)


def browser(app: FastAPI, key: str | None = None) -> Browser:
    """Return a browser without any cookie."""
    return Browser(ApiClient(app), key)


async def rows(session: AsyncSession) -> dict[str, int]:
    """Return how many rows there are of everything signing in may write."""
    return {
        model.__tablename__: await session.scalar(select(func.count()).select_from(model)) or 0
        for model in _WRITTEN
    }


async def only(session: AsyncSession, model: type[Any]) -> Any:
    """Return the one row there is of a model."""
    return (await session.scalars(select(model))).one()


async def sign_out_address(visitor: Browser, name: str = "proconnect") -> str:
    """Sign in and out here; return where the browser signs out at the provider."""
    told = await visitor.sign_in(name)
    tokens = (await visitor.exchange(link=told["sign_in"])).json()
    answer = await visitor.client.post(
        "/v1/sign-out", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    url: str = answer.json()["provider_logout_url"]
    return url
