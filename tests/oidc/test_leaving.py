"""Signing out here leads to signing out at the provider, and back."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from tests.factories import sign_in_as
from tests.oidc.standin import DROPPED, StandIn
from tests.oidc.support import HERE, Browser, said, sign_out_address
from tests.sign_in.support import ORIGIN, bearer


async def test_a_session_without_provider_has_nowhere_to_sign_out(
    visitor: Browser, session: AsyncSession
) -> None:
    token = await sign_in_as(session)
    await session.commit()
    answer = await visitor.client.post("/v1/sign-out", headers=bearer(token))
    assert answer.json() == {"provider_logout_url": None}


async def test_a_ticket_counts_ten_minutes_at_its_own_provider(visitor: Browser) -> None:
    url = await sign_out_address(visitor)
    assert (await visitor.client.get(url)).status_code == 302
    assert (await visitor.client.get(url.replace("/proconnect/", "/plain/"))).status_code == 400
    assert (await visitor.client.get(f"{url[:-2]}xx")).status_code == 400
    with frozen(now() + timedelta(minutes=10, seconds=1)):
        assert (await visitor.client.get(url)).status_code == 400


async def test_a_ticket_of_somebodys_making(visitor: Browser) -> None:
    for ticket in ("", "x", "a.b.c.d.e", "eyJhbGciOiJub25lIn0..x.x.", "é" * 9, "." * 4):
        answer = await visitor.client.get("/v1/sign-in/providers/plain/sign-out", params={"ticket": ticket})
        assert answer.status_code == 400, ticket


async def test_where_signing_out_there_cannot_be_one_ends_on_the_site(
    visitor: Browser, stand_ins: dict[str, StandIn]
) -> None:
    stand_ins["plain"].lies.metadata = {"end_session_endpoint": DROPPED}
    answer = await visitor.client.get(await sign_out_address(visitor, "plain"))
    assert answer.headers["location"] == f"{ORIGIN}/"


async def test_coming_back_without_the_state_leads_to_the_console(visitor: Browser) -> None:
    for state in (None, "", "x", "é", "A" * 71, "A" * 72, "0" * 2000):
        parameters = {} if state is None else {"state": state}
        answer = await visitor.client.get("/v1/sign-in/providers/proconnect/signed-out", params=parameters)
        assert (answer.status_code, answer.headers["location"]) == (302, f"{HERE}/sign-in"), state


async def test_a_state_of_another_provider_or_too_old(visitor: Browser) -> None:
    sent = (await visitor.client.get(await sign_out_address(visitor))).headers["location"]
    state = {"state": said(sent)["state"]}
    elsewhere = await visitor.client.get("/v1/sign-in/providers/plain/signed-out", params=state)
    assert elsewhere.headers["location"] == f"{HERE}/sign-in"
    with frozen(now() + timedelta(minutes=11)):
        late = await visitor.client.get("/v1/sign-in/providers/proconnect/signed-out", params=state)
    assert late.headers["location"] == f"{HERE}/sign-in"
