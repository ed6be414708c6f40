"""Signing in, keys that change and signing out at a real provider: npm's oidc-provider, on loopback."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.settings import Settings
from service.models import Identity, PersonSession
from tests.oidc.support import HERE, PAGE, Browser, browser, only, said
from tests.sign_in.support import Website, bearer

# One worker brings the packages and runs the provider.
pytestmark = pytest.mark.xdist_group("oidc-provider")
_FOLDER = Path(__file__).parent
_NPM_SECONDS = 300
_PEOPLE = {
    "sam": {"email": "sam.quelquun@example.org", "email_verified": True, "given_name": "Sam"},
    "lou": {"email": "lou.quelquune@example.org", "email_verified": False},
}


@dataclass
class RealProvider:
    """The provider's address, and a browser's cookies there."""

    address: str
    forms: int = 0
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    async def go(self, url: str, person: str) -> str:
        """Follow ``url`` as ``person``, who fills in every form; return where the browser is sent back to."""
        async with httpx.AsyncClient(cookies=self.cookies) as client:
            answer = await client.get(url)
            while True:
                if answer.is_redirect:
                    location = str(answer.url.join(answer.headers["location"]))
                    if location.startswith(HERE):
                        self.cookies = client.cookies
                        return location
                    answer = await client.get(location)
                    continue
                assert answer.status_code == 200, answer.text
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                assert form is not None, answer.text
                values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
                self.forms += 1
                answer = await client.post(form[1], data=values | {"login": person, "password": "any"})

    async def asked(self, path: str) -> int:
        """Return how often the provider was asked for ``path``."""
        async with httpx.AsyncClient() as client:
            found: int = (await client.get(f"{self.address}/test/asked")).json().get(path, 0)
        return found

    async def rotate(self) -> None:
        """Let the provider sign with another key from now on."""
        async with httpx.AsyncClient() as client:
            await client.post(f"{self.address}/test/rotate")


def _client(name: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": name,
        "client_secret": "5d0e0e6c7b6f4f2a9c3b1a7e8d4f6c2b",
        "redirect_uris": [f"{HERE}/v1/sign-in/providers/{name}/callback"],
        "post_logout_redirect_uris": [f"{HERE}/v1/sign-in/providers/{name}/signed-out"],
    } | more


_CLIENTS = [
    _client("real", token_endpoint_auth_method="client_secret_post", userinfo_signed_response_alg="RS256"),
    _client("plain-real", token_endpoint_auth_method="client_secret_basic"),
]


def _bring() -> None:
    """Bring the provider's packages, unless they are there; skip without npm, but never in CI."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        reason = f"{' and '.join(missing)} not found: no real OpenID provider can be run"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    # npm writes it at the end.
    brought = _FOLDER / "node_modules" / ".package-lock.json"
    lock = _FOLDER / "package-lock.json"
    if brought.exists() and brought.stat().st_mtime >= lock.stat().st_mtime:
        return
    subprocess.run(
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"],  # noqa: S607 - wherever npm is
        cwd=_FOLDER,
        check=True,
        timeout=_NPM_SECONDS,
    )


@pytest.fixture(scope="module")
def _process() -> Iterator[str]:
    """Yield the address of the running provider."""
    _bring()
    process = subprocess.Popen(
        ["node", "provider.mjs"],  # noqa: S607 - wherever node is
        cwd=_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OIDC_CLIENTS": json.dumps(_CLIENTS), "OIDC_PEOPLE": json.dumps(_PEOPLE)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the provider did not start"
        yield f"http://127.0.0.1:{port}"
        process.stdin.close()
        process.wait(30)


@pytest.fixture
def real(_process: str) -> RealProvider:
    return RealProvider(_process)


@pytest.fixture
def settings(settings: Settings, _process: str) -> Settings:
    """Return settings that name the provider twice: with signed and with plain userinfo."""
    common = {"issuer": _process, "client_secret": _CLIENTS[0]["client_secret"]}
    providers = [
        {"name": "real", "client_id": "real", "secret_in_body": True, "signed_userinfo": True} | common,
        {"name": "plain-real", "client_id": "plain-real"} | common,
    ]
    said = SecretStr(orjson.dumps(providers).decode())
    return settings.model_copy(update={"public_url": HERE, "oidc_providers": said})


@pytest_asyncio.fixture
async def other_browser(app: FastAPI, website: Website) -> AsyncIterator[Browser]:
    found = browser(app, website.publishable)
    async with found.client:
        yield found


async def _sign_in(
    visitor: Browser, real: RealProvider, person: str = "sam", name: str = "real"
) -> dict[str, str]:
    answer = await visitor.start(name)
    answer = await visitor.come_back(await real.go(answer.headers["location"], person))
    location = answer.headers["location"]
    assert location.startswith(f"{PAGE}?")
    return said(location)


@pytest.mark.parametrize("name", ["real", "plain-real"])
async def test_a_person_signs_in(
    name: str, visitor: Browser, real: RealProvider, session: AsyncSession
) -> None:
    told = await _sign_in(visitor, real, name=name)
    tokens = (await visitor.exchange(link=told["sign_in"])).json()
    me = (await visitor.client.get("/v1/me", headers=bearer(tokens["access_token"]))).json()
    assert (me["email"], me["given_name"]) == ("sam.quelquun@example.org", "Sam")
    identity = await only(session, Identity)
    assert (identity.provider, identity.issuer, identity.subject) == (name, real.address, "sam")


async def test_an_address_it_does_not_answer_for_is_proved_by_a_code(
    visitor: Browser, real: RealProvider
) -> None:
    assert set(await _sign_in(visitor, real, "lou")) == {"sign_in_id"}


async def test_a_new_key_is_asked_for_once(
    visitor: Browser, other_browser: Browser, real: RealProvider
) -> None:
    before = await real.asked("/jwks")
    assert set(await _sign_in(visitor, real)) == {"sign_in"}
    assert await real.asked("/jwks") == before + 1
    # Nothing new is asked for a second person.
    assert set(await _sign_in(other_browser, RealProvider(real.address))) == {"sign_in"}
    assert await real.asked("/jwks") == before + 1
    await real.rotate()
    assert set(await _sign_in(visitor, RealProvider(real.address))) == {"sign_in"}
    assert await real.asked("/jwks") == before + 2
    assert set(await _sign_in(other_browser, RealProvider(real.address))) == {"sign_in"}
    assert await real.asked("/jwks") == before + 2


async def test_signing_out_here_signs_out_there(
    visitor: Browser, real: RealProvider, session: AsyncSession
) -> None:
    told = await _sign_in(visitor, real)
    tokens = (await visitor.exchange(link=told["sign_in"])).json()
    first = real.forms
    # Signed in there, nobody is asked again.
    await _sign_in(visitor, real)
    assert real.forms == first
    answer = await visitor.client.post("/v1/sign-out", headers=bearer(tokens["access_token"]))
    leaving = await visitor.client.get(answer.json()["provider_logout_url"])
    assert leaving.status_code == 302
    assert set(said(leaving.headers["location"])) == {"id_token_hint", "post_logout_redirect_uri", "state"}
    back = await real.go(leaving.headers["location"], "sam")
    assert back.startswith(f"{HERE}/v1/sign-in/providers/real/signed-out?state=")
    ending = await visitor.client.get(back)
    assert (ending.status_code, ending.headers["location"]) == (302, "https://www.exemple.fr/")
    assert (await only(session, PersonSession)).id_token is None
    asked = real.forms
    await _sign_in(visitor, real)
    assert real.forms > asked
