"""What goes wrong is a page for persons, in their language, and stays a problem document for programs."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from service.console.wording import problems
from tests.console.conftest import Open
from tests.console.support import HTML, Browser, read


@pytest.mark.parametrize("path", ["/", "/nulle-part", "/console/nulle-part", "/sign-in/x/y", "/wp-login.php"])
async def test_an_address_without_a_page(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert (page.status, page.title) == (404, "Il n'y a rien ici · Ancrage")
    assert "/sign-in" in page.links
    english = await browser.get(path, **{"Accept-Language": "en"})
    assert english.title == "Nothing here · Ancrage"
    head = await browser.client.head(path)
    assert (head.status_code, head.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_whoever_is_signed_in_finds_the_way_back(somebody: Browser) -> None:
    page = await somebody.get("/console/mails/nonsense")
    assert page.status == 422
    assert "/console" in page.links
    assert "/sign-out" in page.forms
    english = await somebody.submit(page, "/language", language="en")
    assert english.title == "This address is not whole · Ancrage"


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/v1/nowhere", HTML["Accept"]),
        ("/v1/me", HTML["Accept"]),
        ("/oauth/token", HTML["Accept"]),
        ("/nowhere", "*/*"),
        ("/nowhere", "application/json"),
        ("/nowhere", "application/json, text/html;q=0.5"),
        ("/nowhere", "text/html;q=0"),
        ("/nowhere", ""),
    ],
)
async def test_programs_get_a_problem_document(browser: Browser, path: str, accept: str) -> None:
    answer = await browser.client.get(path, headers={"Accept": accept})
    assert answer.status_code in {401, 404, 405}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].startswith("urn:ancrage:problem:")


async def test_what_providers_send_browsers_to_is_for_persons(browser: Browser) -> None:
    page = await browser.get("/v1/sign-in/providers/inconnu/callback?state=x&code=y")
    assert page.status in {404, 422}
    assert page.title.endswith("· Ancrage")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_page_does_not_open_in_other_ways(browser: Browser, method: str) -> None:
    answer = await browser.client.request(method, "/account")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert "Cette page ne s'ouvre pas ainsi" in read(answer).text


async def test_too_many_requests_are_refused_at_the_edge_as_a_page(
    make: Callable[..., Any], open_browser: Open
) -> None:
    browser = open_browser(await make(limit_network_per_minute=2))
    for _ in range(2):
        assert (await browser.get("/sign-in")).status == 200
    page = await browser.get("/sign-in", **{"Accept-Language": "en"})
    assert (page.status, page.title) == (429, "Too many requests · Ancrage")
    assert int(page.answer.headers["retry-after"]) > 0
    assert "default-src 'none'" in page.answer.headers["content-security-policy"]


async def test_a_fault_of_ours_is_said_with_what_to_quote(
    make: Callable[..., Any], open_browser: Open
) -> None:
    app: FastAPI = await make()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the secret of the house")

    page = await open_browser(app).get("/broken")
    assert (page.status, page.title) == (500, "Quelque chose s'est cassé chez nous · Ancrage")
    assert page.answer.headers["x-request-id"] in page.text
    assert "secret" not in page.answer.text


async def test_what_is_too_large_is_refused_as_a_page(browser: Browser) -> None:
    await browser.get("/sign-in")
    answer = await browser.client.post("/sign-in", content=b"a=" + b"x" * 2_000_000)
    assert (answer.status_code, read(answer).title) == (413, "C'est trop long · Ancrage")
    long = await browser.client.get("/sign-in", headers={"X-Long": "x" * 40_000})
    assert long.status_code == 431
    assert "Cela n'a pas été possible" in read(long).text


def test_every_title_has_its_sentence() -> None:
    titles = {name.removesuffix(".title") for name in problems.TEXTS if name.endswith(".title")}
    plain = {name for name in problems.TEXTS if not name.endswith(".title")}
    assert titles == plain - {"problem.home", "problem.sign_in", "problem.reference"}
