"""A website with its keys, and what signing in takes."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.ids import new_id
from service.core.security import Kind, hash_secret, new_key
from service.domain.access import SCOPES
from service.domain.derived import sign_in_code, sign_in_link
from service.models import ApiClient as Program, ApiKey, Territory
from tests.client import ApiClient
from tests.factories import create_territory

ORIGIN = "https://www.exemple.fr"
ADDRESS = "camille.exemple@example.org"
REFUSED = "urn:ancrage:problem:sign-in-refused"


async def create_program(
    session: AsyncSession, *territories: Territory, kind: str = "publishable", **overrides: Any
) -> tuple[Program, str]:
    """Add an API client with one key, as rows; return both."""
    values: dict[str, Any] = {
        "id": new_id(),
        "name": "Site de la marque",
        "kind": kind,
        "territory_ids": [territory.id for territory in territories],
        "scopes": sorted(SCOPES) if kind == "secret" else [],
        "origins": [ORIGIN],
        "version": 1,
    } | overrides
    key_values = {name: values.pop(name) for name in ("expires_at", "key_revoked_at") if name in values}
    program = Program(**values)
    session.add(program)
    await session.flush()
    key = new_key(Kind.SECRET_KEY if kind == "secret" else Kind.PUBLISHABLE_KEY)
    session.add(
        ApiKey(
            client_id=program.id,
            digest=hash_secret(key),
            hint=key[-4:],
            expires_at=key_values.get("expires_at"),
            revoked_at=key_values.get("key_revoked_at"),
        )
    )
    await session.flush()
    return program, key


@dataclass(frozen=True, slots=True)
class Website:
    """A brand's website: its pages call with ``publishable``, its server with ``secret``."""

    region: Territory
    territory: Territory
    program: Program
    publishable: str
    server: Program
    secret: str
    other: Program
    other_key: str

    @property
    def page(self) -> dict[str, str]:
        """Return the headers of a call from the website's page."""
        return {"Ancrage-Key": self.publishable, "Origin": ORIGIN}

    @property
    def backend(self) -> dict[str, str]:
        """Return the headers of a call from the website's server."""
        return {"Authorization": f"Bearer {self.secret}"}

    @property
    def stranger(self) -> dict[str, str]:
        """Return the headers of another website of the same territory."""
        return {"Ancrage-Key": self.other_key, "Origin": ORIGIN}


async def create_website(session: AsyncSession) -> Website:
    """Add a territory inside a région, a website with both kinds of key, and another website."""
    region = await create_territory(session, slug="region")
    territory = await create_territory(session, slug="bassin", parent=region)
    program, publishable = await create_program(session, territory)
    server, secret = await create_program(session, territory, kind="secret", name="Serveur")
    other, other_key = await create_program(session, territory, name="Autre site")
    return Website(region, territory, program, publishable, server, secret, other, other_key)


def code_of(app: FastAPI, sign_in_id: str) -> str:
    """Return the code the mail of a sign-in carries."""
    return sign_in_code(app.state.keyring, uuid.UUID(sign_in_id))


def link_of(app: FastAPI, sign_in_id: str) -> str:
    """Return the token in the link the mail of a sign-in carries."""
    return sign_in_link(app.state.keyring, uuid.UUID(sign_in_id))


def wrong(code: str) -> str:
    """Return eight digits that are not the code."""
    return f"{(int(code) + 1) % 10**8:08d}"


async def start(
    client: ApiClient, headers: dict[str, str], email: str = ADDRESS, **more: Any
) -> dict[str, Any]:
    """Ask for a code and return the answer."""
    answer = await client.post("/v1/sign-in/codes", json={"email": email} | more, headers=headers)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def sign_in(
    client: ApiClient, headers: dict[str, str], email: str = ADDRESS, **more: Any
) -> dict[str, Any]:
    """Sign somebody in by code and return the tokens."""
    started = await start(client, headers, email, **more)
    proof = {"sign_in_id": started["sign_in_id"], "code": code_of(client.app, started["sign_in_id"])}
    answer = await client.post("/v1/sign-in/tokens", json=proof, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def from_network(client: ApiClient, address: str) -> ApiClient:
    """Return another client of the same application that calls from ``address``."""
    elsewhere = ApiClient(client.app, client.session)
    elsewhere._transport = httpx.ASGITransport(
        app=client.app, raise_app_exceptions=False, client=(address, 4711)
    )
    return elsewhere
