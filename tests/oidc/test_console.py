"""An agent signs in to the console with ProConnect, and out again."""

import re

import httpx
from fastapi import FastAPI

from tests.oidc.standin import StandIn
from tests.oidc.support import HERE, Browser, said
from tests.sign_in.support import code_of


async def _send_form(client: httpx.AsyncClient, page: httpx.Response, **values: str) -> httpx.Response:
    """Send the page's form as the browser would."""
    form = re.search(r'<form method="post" action="(/sign-[^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert form is not None, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[2]))
    return await client.post(form[1], data=hidden | values)


def _console(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url=HERE, headers={"Accept": "text/html"})


async def test_an_agent_signs_in_to_the_page_they_wanted(
    visitor: Browser, app: FastAPI, proconnect: StandIn
) -> None:
    async with _console(app) as client:
        wanted = await client.get("/account")
        page = await client.get(wanted.headers["location"])
        button = re.search(r'href="(/v1/sign-in/providers/proconnect/start[^"]*)"', page.text)
        assert button is not None, page.text
        leaving = await client.get(button[1].replace("&amp;", "&"))
        back = await client.get(await visitor.go(leaving.headers["location"]))
        assert back.headers["location"].startswith(f"{HERE}/sign-in/link/")
        # Programs that look into pages follow links, and sign nobody in.
        for _ in range(2):
            page = await client.get(back.headers["location"])
        signed_in = await _send_form(client, page)
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account")
        account = await client.get("/account")
        assert "agnes.agent@exemple.fr" in account.text
        # And out again, at ProConnect too.
        left = await _send_form(client, account)
        address = re.search(r'href="([^"]+/proconnect/sign-out\?ticket=[^"]+)"', left.text)
        assert address is not None, left.text
        there = (await client.get(address[1])).headers["location"]
        assert there.startswith(f"{proconnect.issuer}/session/end?")
        ending = await client.get(await visitor.go(there))
        assert ending.headers["location"] == f"{HERE}/sign-in"
        assert (await client.get("/account")).status_code == 303


async def test_a_citizen_proves_the_address_on_the_consoles_page(visitor: Browser, app: FastAPI) -> None:
    async with _console(app) as client:
        leaving = await client.get("/v1/sign-in/providers/franceconnect/start?return_url=/account")
        back = await client.get(await visitor.go(leaving.headers["location"]))
        location = back.headers["location"]
        page = await client.get(location)
        signed_in = await _send_form(client, page, code=code_of(app, said(location)["sign_in_id"]))
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account")
        assert "camille.citoyenne@example.org" in (await client.get("/account")).text


async def test_what_went_wrong_is_said_on_the_sign_in_page(visitor: Browser, app: FastAPI) -> None:
    async with _console(app) as client:
        leaving = await client.get("/v1/sign-in/providers/plain/start")
        url = await visitor.go(leaving.headers["location"])
        back = await client.get(url.replace("code=", "error=access_denied&was="))
        page = await client.get(back.headers["location"])
        assert page.status_code == 200
        assert "annulée" in page.text
