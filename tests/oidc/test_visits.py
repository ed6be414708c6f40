"""Going to a provider and coming back: which page, which browser, in time, and what is asked on the way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import QueuePool, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.responses import Response

from service.app import create_app
from service.core.clock import frozen, now
from service.core.database import Database
from service.core.settings import Settings
from service.domain import providers
from service.domain.providers.pages import is_path, origin_of
from service.models import Identity, Person, ProviderVisit, SignIn
from tests.oidc.standin import DROPPED, StandIn
from tests.oidc.support import HERE, PAGE, Browser, browser, only, rows, said, sign_out_address
from tests.sign_in.support import ORIGIN, Website, create_website


async def test_the_providers_are_listed_for_their_buttons(visitor: Browser) -> None:
    answer = await visitor.client.get("/v1/sign-in/providers")
    assert answer.json()["items"] == [
        {"name": "proconnect", "label": "ProConnect", "start_path": "/v1/sign-in/providers/proconnect/start"},
        {
            "name": "franceconnect",
            "label": "FranceConnect",
            "start_path": "/v1/sign-in/providers/franceconnect/start",
        },
        {"name": "plain", "label": "Plain", "start_path": "/v1/sign-in/providers/plain/start"},
    ]


# --- Which page ---


# Pages that are none; what would lead elsewhere than it seems to.
_NO_PAGES = (
    "//attaquant.example.org",
    "///attaquant.example.org",
    "/\\attaquant.example.org",
    "\\\\attaquant.example.org",
    "https:attaquant.example.org",
    "https:///attaquant.example.org",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://www.exemple.fr@attaquant.example.org/",
    "https://www.exemple.fr:pass@attaquant.example.org/",
    "https://attaquant.example.org#https://www.exemple.fr/",
    "https://attaquant.example.org\\@www.exemple.fr/",
    "https://www.exemple.fr\\.attaquant.example.org/",
    "https://www.exemple.fr/#fragment",
    "https://www.exemple.fr/a b",
    "https://www.exemple.fr/\nb",
    "https://www.exemple.fr%2eattaquant.example.org/",
    "ftp://www.exemple.fr/",
    "www.exemple.fr",
    "/console\r\nSet-Cookie: a=b",
    "/é",
    "",
    " /console",
)
_OTHER_PAGES = (
    "https://attaquant.example.org/",
    "https://exemple.fr/",
    "https://www.exemple.fr.attaquant.example.org/",
    "https://www.exemple.fr:8443/",
    "http://www.exemple.fr/",
)


async def test_a_page_that_is_none_or_not_the_websites_is_refused(
    visitor: Browser, session: AsyncSession, subtests: pytest.Subtests
) -> None:
    for address in _NO_PAGES:
        with subtests.test(address):
            answer = await visitor.start("proconnect", return_url=address or " ")
            assert answer.status_code == 422, answer.text
    for address in _OTHER_PAGES:
        with subtests.test(address):
            answer = await visitor.start("proconnect", return_url=address)
            assert answer.status_code == 401
            assert "it was made for" in answer.json()["detail"]
    assert (await session.scalars(select(ProviderVisit))).all() == []


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://www.exemple.fr", ORIGIN),
        ("HTTPS://WWW.Exemple.FR:443/Page?a=b&c=%20", ORIGIN),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("http://localhost:80?x", "http://localhost"),
    ],
)
def test_an_origin_is_spelt_as_browsers_do(address: str, origin: str) -> None:
    assert origin_of(address) == origin
    assert not is_path(address)


async def test_a_website_needs_its_own_key(visitor: Browser, website: Website) -> None:
    for parameters in (
        {"key": ""},
        {"key": "ancrage_pk_0"},
        {"key": website.secret},
        {"key": f"{website.publishable[:-1]}x"},
    ):
        assert (await visitor.start("proconnect", **parameters)).status_code == 401
    visitor.key = None
    answer = await visitor.start("proconnect", return_url=PAGE)
    assert answer.status_code == 401
    assert "publishable key" in answer.json()["detail"]


async def test_a_page_with_parameters_keeps_them(visitor: Browser) -> None:
    page = f"{PAGE}?etape=2&x=%C3%A9"
    answer = await visitor.come_back(await visitor.leave_for("proconnect", return_url=page))
    assert answer.headers["location"].startswith(f"{page}&sign_in=ancrage_lk_")


async def test_the_console_signs_in_by_its_own_page(visitor: Browser, session: AsyncSession) -> None:
    visitor.key = None
    answer = await visitor.come_back(await visitor.leave_for("proconnect"))
    assert answer.headers["location"].startswith(f"{HERE}/sign-in/link/ancrage_lk_")
    assert (await only(session, SignIn)).client_id is None
    answer = await visitor.come_back(await visitor.leave_for("franceconnect", return_url="/account"))
    told = said(answer.headers["location"])
    assert (set(told), told["next"]) == ({"sign_in_id", "next"}, "/account")
    assert answer.headers["location"].startswith(f"{HERE}/sign-in/code?")
    answer = await visitor.come_back(await visitor.leave_for("plain", return_url="/invitations/x?a=b"))
    assert answer.headers["location"].endswith("?next=%2Finvitations%2Fx%3Fa%3Db")
    cancelled = await visitor.leave_for("plain")
    answer = await visitor.come_back(cancelled.replace("code=", "error=access_denied&was="))
    assert answer.headers["location"] == f"{HERE}/sign-in?sign_in_error=cancelled"


async def test_the_token_is_the_websites_own(visitor: Browser, website: Website) -> None:
    told = await visitor.sign_in("proconnect")
    stranger = Browser(visitor.client, website.other_key)
    assert (await stranger.exchange(link=told["sign_in"])).status_code == 422
    assert (await visitor.exchange(link=told["sign_in"])).status_code == 200
    assert (await visitor.exchange(link=told["sign_in"])).status_code == 422


async def test_an_unknown_provider(visitor: Browser) -> None:
    assert (await visitor.start("nobody")).status_code == 404
    assert (await visitor.client.get("/v1/sign-in/providers/nobody/callback")).status_code == 404
    assert (await visitor.client.get("/v1/sign-in/providers/nobody/sign-out?ticket=x")).status_code == 404


# --- Which browser, and when ---


async def test_several_tabs_at_once(visitor: Browser) -> None:
    tabs = [await visitor.leave_for(name) for name in ("proconnect", "plain", "proconnect")]
    for back in reversed(tabs):
        answer = await visitor.come_back(back)
        assert set(said(answer.headers["location"])) == {"sign_in"}


async def test_the_cookie_of_a_visit(
    visitor: Browser, database: Database, settings: Settings, website: Website
) -> None:
    answer = await visitor.start("proconnect")
    plain = answer.headers["set-cookie"]
    assert plain.startswith("ancrage_visit=")
    assert {"HttpOnly", "SameSite=lax", "Max-Age=900", "Path=/"} <= set(plain.split("; "))
    # The same browser keeps the same value, for the other tabs.
    assert (await visitor.start("plain")).headers["set-cookie"] == plain
    safe = settings.model_copy(update={"public_url": "https://api.exemple.fr"})
    app = create_app(database, settings=safe)
    found = browser(app, website.publishable)
    async with app.router.lifespan_context(app), found.client:
        cookie = (await found.start("proconnect")).headers["set-cookie"]
    assert cookie.startswith("__Host-ancrage_visit=")
    assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_what_is_stored_lets_nobody_come_back(visitor: Browser, session: AsyncSession) -> None:
    back = await visitor.leave_for("proconnect")
    visit = await only(session, ProviderVisit)
    kept = repr({column: getattr(visit, column) for column in ProviderVisit.__table__.columns.keys()})  # noqa: SIM118 - names, not columns
    assert said(back)["state"] not in kept
    assert (visitor.client.cookies["ancrage_visit"]) not in kept


async def test_the_back_button(visitor: Browser, session: AsyncSession) -> None:
    """The same answer a second time: the page says it is over, and nobody is signed in again."""
    back = await visitor.leave_for("proconnect")
    await visitor.come_back(back)
    before = await rows(session)
    answer = await visitor.come_back(back)
    assert answer.headers["location"] == f"{PAGE}?sign_in_error=expired"
    assert await rows(session) == before


async def test_a_quarter_of_an_hour_is_enough(visitor: Browser, proconnect: StandIn) -> None:
    back = await visitor.leave_for("proconnect")
    with frozen(now() + timedelta(minutes=15, seconds=1)):
        answer = await visitor.come_back(back)
    assert answer.headers["location"] == f"{PAGE}?sign_in_error=expired"
    assert "token" not in proconnect.asked


async def test_parameters_of_the_providers_own_are_nothing_to_us(visitor: Browser) -> None:
    back = await visitor.leave_for("plain")
    answer = await visitor.come_back(f"{back}&session_state=1&authuser=0&hd=exemple.fr")
    assert set(said(answer.headers["location"])) == {"sign_in"}


# --- What the provider is asked ---


async def test_addresses_and_keys_are_asked_for_once_an_hour(visitor: Browser, proconnect: StandIn) -> None:
    for _ in range(3):
        await visitor.sign_in("proconnect")
    assert proconnect.asked.count("jwks") == proconnect.asked.count(".well-known/openid-configuration") == 1
    with frozen(now() + timedelta(minutes=61)):
        await visitor.leave_for("proconnect")
    assert proconnect.asked.count(".well-known/openid-configuration") == 2


async def test_unknown_keys_are_asked_for_once_a_minute(visitor: Browser, proconnect: StandIn) -> None:
    assert set(await visitor.sign_in("proconnect")) == {"sign_in"}
    proconnect.lies.header = {"kid": "unheard-of"}
    for _ in range(5):
        assert await visitor.sign_in("proconnect") == {"sign_in_error": "refused"}
    assert proconnect.asked.count("jwks") == 2


async def test_a_provider_that_is_down(visitor: Browser, proconnect: StandIn, session: AsyncSession) -> None:
    down = Response(status_code=503)
    proconnect.lies.replies[".well-known/openid-configuration"] = down
    for _ in range(3):
        answer = await visitor.start("proconnect")
        assert answer.headers["location"] == f"{PAGE}?sign_in_error=unavailable"
    # Whoever comes in the next seconds does not wait for it again.
    assert proconnect.asked == [".well-known/openid-configuration"]
    assert (await session.scalars(select(ProviderVisit))).all() == []
    with frozen(now() + timedelta(seconds=6)):
        proconnect.lies.replies.clear()
        back = await visitor.leave_for("proconnect")
        proconnect.lies.replies["token"] = down
        answer = await visitor.come_back(back)
    assert answer.headers["location"] == f"{PAGE}?sign_in_error=unavailable"


async def test_what_was_known_serves_while_it_is_down(visitor: Browser, proconnect: StandIn) -> None:
    await visitor.sign_in("proconnect")
    proconnect.lies.replies[".well-known/openid-configuration"] = Response(status_code=503)
    with frozen(now() + timedelta(hours=2)):
        assert (await visitor.start("proconnect")).headers["location"].startswith(proconnect.issuer)
    with frozen(now() + timedelta(hours=25)):
        answer = await visitor.start("proconnect")
    assert answer.headers["location"] == f"{PAGE}?sign_in_error=unavailable"


_BAD_METADATA: tuple[dict[str, object], ...] = (
    {"issuer": "https://attaquant.example.org"},
    {"issuer": DROPPED},
    {"authorization_endpoint": DROPPED},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": 1},
    {"token_endpoint": "http://attaquant.example.org/token"},
    {"token_endpoint": "https://user@attaquant.example.org/token"},
    {"token_endpoint": "https://attaquant.example.org/#x"},
    {"token_endpoint": "https:///token"},
    {"token_endpoint": "https://attaquant.example.org:port/token"},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": ["https://attaquant.example.org/"]},
    {"userinfo_endpoint": "ftp://attaquant.example.org/"},
    {"end_session_endpoint": "//attaquant.example.org/"},
    {"token_endpoint": "https://é.example.org/"},
    {"token_endpoint": "https://attaquant.example.org/" + "x" * 2000},
)


async def test_metadata_that_make_no_sense(
    visitor: Browser, app: FastAPI, settings: Settings, proconnect: StandIn, subtests: pytest.Subtests
) -> None:
    for lie in _BAD_METADATA:
        with subtests.test(str(lie)):
            await app.state.providers.aclose()
            app.state.providers = providers.configured(settings)
            proconnect.lies.metadata = lie
            answer = await visitor.start("proconnect")
            assert answer.headers["location"] == f"{PAGE}?sign_in_error=unavailable"


@pytest_asyncio.fixture
async def committing(fresh_database: Database, settings: Settings) -> AsyncIterator[Browser]:
    """Yield a browser of an application whose commits are real."""
    async with fresh_database.transaction() as session:
        website = await create_website(session)
    app = create_app(fresh_database, settings=settings)
    found = browser(app, website.publishable)
    async with app.router.lifespan_context(app), found.client:
        yield found


async def test_twenty_answers_at_once_are_one(
    committing: Browser, fresh_database: Database, proconnect: StandIn
) -> None:
    back = await committing.leave_for("proconnect")
    answers = await asyncio.gather(*(committing.come_back(back) for _ in range(20)))
    told = [tuple(said(answer.headers["location"])) for answer in answers]
    assert sorted(told) == [("sign_in",), *[("sign_in_error",)] * 19]
    assert proconnect.asked.count("token") == 1
    async with fresh_database.transaction() as session:
        await only(session, SignIn)


async def test_ten_first_visits_at_once_make_one_person(
    committing: Browser, fresh_database: Database
) -> None:
    tabs = [await committing.leave_for("proconnect") for _ in range(10)]
    answers = await asyncio.gather(*(committing.come_back(back) for back in tabs))
    assert {tuple(said(answer.headers["location"])) for answer in answers} == {("sign_in",)}
    async with fresh_database.transaction() as session:
        assert (await only(session, Identity)).person_id == (await only(session, Person)).id


async def test_no_transaction_waits_for_a_provider(
    committing: Browser, fresh_database: Database, proconnect: StandIn
) -> None:
    """Every connection to the database is at rest while the provider is asked."""
    assert isinstance(fresh_database.bind, AsyncEngine)
    pool = fresh_database.bind.pool
    assert isinstance(pool, QueuePool)
    busy: list[tuple[str, int]] = []
    proconnect.watch = lambda path: busy.append((path, pool.checkedout()))
    await committing.client.get(await sign_out_address(committing))
    assert [path for path, _ in busy] == [
        ".well-known/openid-configuration",
        "authorize",
        "token",
        "jwks",
        "userinfo",
    ]
    assert {checked_out for _, checked_out in busy} == {0}
