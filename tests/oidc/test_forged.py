"""Whatever a provider, a browser or somebody between them makes up: refused, never 500, nobody signed in."""

from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.settings import Settings
from service.domain import providers
from tests.oidc.forged_answers import TOKENS, USERINFO
from tests.oidc.forged_claims import CLAIMS
from tests.oidc.forged_headers import SIGNATURES
from tests.oidc.forged_returns import BROWSERS
from tests.oidc.forgery import Forgery
from tests.oidc.standin import Lies, StandIn
from tests.oidc.support import PAGE, Browser, browser, rows, said

FAMILIES = {
    "header and signature": SIGNATURES,
    "claims": CLAIMS,
    "userinfo": USERINFO,
    "tokens and keys": TOKENS,
    "browser": BROWSERS,
}
CASES = [case for family in FAMILIES.values() for case in family]


def test_there_are_many_and_each_is_another() -> None:
    print(f"\nForged sign-ins through providers: {len(CASES)} cases")  # noqa: T201 - the figure asked for
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def _reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return why sign-ins failed, as the log says."""
    found = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [entry["reason"] for entry in found if entry["event"] == "provider.sign_in_failed"]


async def _attempt(case: Forgery, visitor: Browser, stand_in: StandIn) -> None:
    back = await visitor.leave_for(case.provider)
    if case.lie is not None:
        case.lie(stand_in)
    answer = await (case.come_back or Browser.come_back)(visitor, back)
    if case.because is None:
        assert answer.status_code in case.statuses, answer.text
        assert "location" not in answer.headers
    else:
        assert answer.status_code == 302, answer.text
        location = answer.headers["location"]
        assert urlsplit(location)._replace(query="").geturl() == PAGE
        assert said(location) == {"sign_in_error": case.told}


# One application for a family: building it takes longer than all its cases.
@pytest.mark.parametrize("family", FAMILIES)
async def test_it_signs_nobody_in(
    family: str,
    app: FastAPI,
    settings: Settings,
    visitor: Browser,
    stand_ins: dict[str, StandIn],
    session: AsyncSession,
    subtests: pytest.Subtests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = await rows(session)
    for case in FAMILIES[family]:
        with subtests.test(case.name):
            # Each case meets an application that knows nothing of the provider yet, in a new browser.
            await app.state.providers.aclose()
            app.state.providers = providers.configured(settings)
            for stand_in in stand_ins.values():
                stand_in.lies = Lies()
            caplog.clear()
            async with browser(app, visitor.key).client as client:
                await _attempt(case, Browser(client, visitor.key), stand_ins[case.provider])
            assert _reasons(caplog)[-1:] == ([case.because] if case.because else [])
            assert await rows(session) == before


async def test_without_any_lie_they_are_signed_in(visitor: Browser) -> None:
    for provider in ("proconnect", "plain"):
        assert set(await visitor.sign_in(provider)) == {"sign_in"}
    assert set(await visitor.sign_in("franceconnect")) == {"sign_in_id"}
