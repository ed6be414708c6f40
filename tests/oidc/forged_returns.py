"""What a browser comes back with, and which browser."""

import httpx

from tests.oidc.forgery import ELSEWHERE, MEGABYTE, ComeBack, Forgery
from tests.oidc.support import Browser


def _changed(url: str, **changes: str | None) -> str:
    found = httpx.URL(url)
    parameters = {**dict(found.params), **changes}
    return str(
        found.copy_with(params={name: value for name, value in parameters.items() if value is not None})
    )


def back_with(**changes: str | None) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        return await browser.come_back(_changed(url, **changes))

    return come_back


async def _without_cookie(browser: Browser, url: str) -> httpx.Response:
    browser.client.cookies.clear()
    return await browser.come_back(url)


def _with_cookie(value: str) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        browser.client.cookies.clear()
        return await browser.client.get(url, headers={"Cookie": f"ancrage_visit={value}"})

    return come_back


async def _twice(browser: Browser, url: str, name: str) -> httpx.Response:
    value = dict(httpx.URL(url).params)[name]
    return await browser.come_back(f"{url}&{name}={value}")


async def _state_twice(browser: Browser, url: str) -> httpx.Response:
    return await _twice(browser, url, "state")


async def _code_twice(browser: Browser, url: str) -> httpx.Response:
    return await _twice(browser, url, "code")


async def _posted(browser: Browser, url: str) -> httpx.Response:
    bare, _, query = url.partition("?")
    content_type = {"Content-Type": "application/x-www-form-urlencoded"}
    return await browser.client.post(bare, content=query, headers=content_type)


def _at(provider: str) -> ComeBack:
    async def come_back(browser: Browser, url: str) -> httpx.Response:
        return await browser.come_back(url.replace("/proconnect/", f"/{provider}/"))

    return come_back


async def _attackers_code(browser: Browser, url: str) -> httpx.Response:
    """Come back with the code of another visit of the same browser: the nonce is that one's."""
    provider = url.partition("/providers/")[2].partition("/")[0]
    other = await browser.leave_for(provider)
    return await browser.come_back(_changed(url, code=dict(httpx.URL(other).params)["code"]))


async def _used_code(browser: Browser, url: str) -> httpx.Response:
    """Use the code in one visit, then in a second one."""
    other = await browser.leave_for("proconnect")
    code = dict(httpx.URL(other).params)["code"]
    # The first use fails too, for the code is of the second visit.
    await browser.come_back(_changed(url, code=code))
    return await browser.come_back(other)


BROWSERS = [
    Forgery("another browser (login CSRF)", None, come_back=_without_cookie),
    Forgery("a cookie of somebody's making", None, come_back=_with_cookie("0" * 64)),
    Forgery("an empty cookie", None, come_back=_with_cookie("")),
    Forgery("a cookie of 50 kB", None, come_back=_with_cookie("0" * 50_000), statuses=(422, 431)),
    Forgery(
        "a request's header of 10 MB",
        None,
        come_back=_with_cookie("0" * 10 * MEGABYTE),
        statuses=(422, 431),
    ),
    Forgery("no state", None, come_back=back_with(state=None)),
    Forgery("an empty state", None, come_back=back_with(state="")),
    Forgery("another state", None, come_back=back_with(state="0" * 64)),
    Forgery("a state of 10 kB", None, come_back=back_with(state="0" * 10_000), statuses=(422, 431)),
    Forgery("a state that is SQL", None, come_back=back_with(state="' OR true --")),
    Forgery("a state with a NUL", None, come_back=back_with(state="\0"), statuses=(400,)),
    Forgery("two states", None, come_back=_state_twice),
    Forgery("two codes", None, come_back=_code_twice),
    Forgery("another provider's callback", None, come_back=_at("plain")),
    Forgery("no provider's callback", None, come_back=_at("nobody"), statuses=(404,)),
    Forgery("posted", None, come_back=_posted, statuses=(405,)),
    Forgery("no code", "answer_malformed", come_back=back_with(code=None)),
    Forgery("an empty code", "code_refused", come_back=back_with(code="")),
    Forgery("a code of somebody's making", "code_refused", come_back=back_with(code="0123456789")),
    Forgery("a code of 60 kB", None, come_back=back_with(code="0" * 60_000), statuses=(422, 431)),
    Forgery("a code and an error", "answer_malformed", come_back=back_with(error="access_denied")),
    Forgery("the code of another visit", "code_refused", come_back=_attackers_code),
    Forgery(
        "the code of another visit, where there is no PKCE",
        "another_visit",
        come_back=_attackers_code,
        provider="franceconnect",
    ),
    Forgery("a code used before", "code_refused", come_back=_used_code),
    Forgery("another issuer beside the code", "answer_malformed", come_back=back_with(iss=ELSEWHERE)),
    Forgery(
        "no issuer, where it always says it",
        "answer_of_another_issuer",
        come_back=back_with(iss=None),
        provider="franceconnect",
    ),
    Forgery(
        "cancelled",
        "answered_with_error",
        come_back=back_with(code=None, error="access_denied"),
        told="cancelled",
    ),
    Forgery("an error", "answered_with_error", come_back=back_with(code=None, error="server_error")),
    Forgery(
        "an error that is a script",
        "answered_with_error",
        come_back=back_with(code=None, error="<script>alert(1)</script>"),
    ),
    Forgery(
        "an error with words",
        "answered_with_error",
        come_back=back_with(code=None, error="temporarily_unavailable", error_description="%0d%0aSet-Cookie"),
    ),
]
