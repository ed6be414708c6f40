"""Signing in at stand-ins that hold us to ProConnect's and FranceConnect's rules."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import orjson
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import create_app
from service.core.database import Database
from service.core.settings import Settings
from service.models import Identity, Mail, Person, PersonSession, SignIn
from tests.factories import create_person
from tests.oidc.conftest import configured
from tests.oidc.standin import FRANCECONNECT, PROCONNECT, StandIn
from tests.oidc.support import AGENT, HERE, Browser, browser, only, said
from tests.sign_in.support import Website, bearer, code_of, link_of


async def test_an_agent_signs_in_with_proconnect(
    visitor: Browser, proconnect: StandIn, session: AsyncSession
) -> None:
    told = await visitor.sign_in("proconnect")
    assert set(told) == {"sign_in"}
    tokens = await visitor.exchange(link=told["sign_in"])
    assert tokens.status_code == 200
    assert proconnect.refusals == []
    assert proconnect.asked == [".well-known/openid-configuration", "authorize", "token", "jwks", "userinfo"]
    person = await only(session, Person)
    assert (person.email, person.given_name, person.family_name) == (
        "agnes.agent@exemple.fr",
        "Agnès",
        "Agent",
    )
    identity = await only(session, Identity)
    assert (identity.issuer, identity.subject) == (proconnect.issuer, "agent-1")
    signed_in = await only(session, PersonSession)
    assert (signed_in.provider, signed_in.acr) == ("proconnect", "eidas1")
    # What was only kept for the exchange is gone.
    assert (await only(session, SignIn)).facts == {}


async def test_proconnect_is_asked_as_it_wants(visitor: Browser, proconnect: StandIn) -> None:
    await visitor.sign_in("proconnect")
    (asked,) = proconnect.authorized
    assert len(asked["state"]) == len(asked["nonce"]) == 64
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid given_name usual_name email"
    assert orjson.loads(asked["claims"]) == {"id_token": {"acr": {"essential": True, "values": ["eidas1"]}}}
    assert "acr_values" not in asked


async def test_franceconnect_is_asked_as_it_wants(visitor: Browser, franceconnect: StandIn) -> None:
    await visitor.sign_in("franceconnect")
    (asked,) = franceconnect.authorized
    assert set(asked) == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "acr_values",
    }
    assert (asked["acr_values"], asked["scope"]) == ("eidas1", "openid given_name family_name email")
    assert franceconnect.refusals == []


async def test_a_citizen_proves_the_address_once(
    visitor: Browser, app: FastAPI, franceconnect: StandIn, session: AsyncSession
) -> None:
    """FranceConnect's address is where to write to, not who someone is."""
    told = await visitor.sign_in("franceconnect")
    assert set(told) == {"sign_in_id"}
    mail = await only(session, Mail)
    assert (mail.template, mail.to_address) == ("sign_in_code", "camille.citoyenne@example.org")
    proof = {"sign_in_id": told["sign_in_id"], "code": code_of(app, told["sign_in_id"])}
    first = await visitor.exchange(**proof)
    assert first.status_code == 200
    person = await only(session, Person)
    assert (person.given_name, person.family_name) == ("Camille Odette", "CITOYENNE")
    assert (await only(session, Identity)).person_id == person.id
    signed_in = await only(session, PersonSession)
    assert (signed_in.provider, signed_in.acr, bool(signed_in.id_token)) == ("franceconnect", "eidas1", True)

    # From now on the account is known, whatever address it gives.
    franceconnect.person["email"] = "autre@example.org"
    told = await visitor.sign_in("franceconnect")
    assert set(told) == {"sign_in"}
    second = await visitor.exchange(link=told["sign_in"])
    assert second.json()["person"]["id"] == first.json()["person"]["id"]
    assert len((await session.scalars(select(Person))).all()) == 1


async def test_the_mailed_link_gives_nobody_the_account(
    visitor: Browser, app: FastAPI, session: AsyncSession
) -> None:
    """Who reads the mail may not be who came from the provider: a link is followed without thinking."""
    told = await visitor.sign_in("franceconnect")
    followed = await visitor.exchange(link=link_of(app, told["sign_in_id"]))
    assert followed.status_code == 200
    assert (await session.scalars(select(Identity))).all() == []
    assert (await only(session, PersonSession)).provider is None
    # The person who came from the provider can no longer use the code either.
    proof = {"sign_in_id": told["sign_in_id"], "code": code_of(app, told["sign_in_id"])}
    assert (await visitor.exchange(**proof)).status_code == 422


async def test_the_code_of_another_website_is_worth_nothing(
    visitor: Browser, app: FastAPI, website: Website, session: AsyncSession
) -> None:
    told = await visitor.sign_in("franceconnect")
    stranger = Browser(visitor.client, website.other_key)
    proof = {"sign_in_id": told["sign_in_id"], "code": code_of(app, told["sign_in_id"])}
    assert (await stranger.exchange(**proof)).status_code == 422
    assert (await session.scalars(select(Identity))).all() == []


async def test_five_visits_with_one_address_in_an_hour_are_enough(visitor: Browser) -> None:
    for _ in range(5):
        assert set(await visitor.sign_in("franceconnect")) == {"sign_in_id"}
    assert await visitor.sign_in("franceconnect") == {"sign_in_error": "too_many"}


async def test_somebody_known_by_mail_is_linked(visitor: Browser, session: AsyncSession) -> None:
    known = await create_person(session, email="agnes.agent@exemple.fr", given_name="A.", family_name="A.")
    await session.commit()
    told = await visitor.sign_in("proconnect")
    person = (await visitor.exchange(link=told["sign_in"])).json()["person"]
    assert (person["id"], person["given_name"]) == (str(known.id), "A.")


async def test_somebody_erased_is_not_known_again(
    visitor: Browser, proconnect: StandIn, session: AsyncSession
) -> None:
    gone = await create_person(session)
    session.add(
        Identity(person_id=gone.id, provider="proconnect", issuer=proconnect.issuer, subject="agent-1")
    )
    await session.flush()
    gone.email, gone.anonymised_at = None, gone.last_seen_at
    await session.commit()
    assert await visitor.sign_in("proconnect") == {"sign_in_error": "refused"}


@pytest.mark.parametrize("verified", [False, None, "true", 1, [True]])
async def test_an_address_not_said_to_be_verified_is_proved(
    verified: object, visitor: Browser, plain: StandIn, proconnect: StandIn, session: AsyncSession
) -> None:
    plain.person["email_verified"] = verified
    assert set(await visitor.sign_in("plain")) == {"sign_in_id"}
    # ProConnect answers for its addresses, unless it says something else.
    proconnect.person["email_verified"] = verified
    assert set(await visitor.sign_in("proconnect")) == {"sign_in_id"}
    assert (await session.scalars(select(Person))).all() == []


async def test_a_level_above_the_one_asked_for_is_enough(
    visitor: Browser, franceconnect: StandIn, session: AsyncSession
) -> None:
    franceconnect.lies.claims = {"acr": "eidas3"}
    assert set(await visitor.sign_in("franceconnect")) == {"sign_in_id"}
    assert (await only(session, SignIn)).facts["acr"] == "eidas3"


@pytest_asyncio.fixture(params=["ES256", "HS256"])
async def signer(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    """Yield ProConnect's stand-in, registered for another algorithm."""
    found = StandIn(
        PROCONNECT,
        callback=f"{HERE}/v1/sign-in/providers/signer/callback",
        signed_out=f"{HERE}/v1/sign-in/providers/signer/signed-out",
        algorithm=request.param,
    )
    found.person = dict(AGENT)
    async with found.running():
        yield found


async def test_each_algorithm_it_can_be_registered_for(
    signer: StandIn, database: Database, settings: Settings, website: Website
) -> None:
    app = create_app(
        database, settings=configured(settings, signer.configuration("signer", preset="proconnect"))
    )
    visitor = browser(app, website.publishable)
    async with app.router.lifespan_context(app), visitor.client:
        assert set(await visitor.sign_in("signer")) == {"sign_in"}
    # A shared secret needs no public key.
    assert ("jwks" in signer.asked) == (signer.algorithm == "ES256")


@pytest.mark.parametrize("name", ["proconnect", "franceconnect"])
async def test_signing_out_signs_out_there(
    name: str, visitor: Browser, stand_ins: dict[str, StandIn], app: FastAPI
) -> None:
    told = await visitor.sign_in(name)
    proof = (
        {"link": told["sign_in"]} if "sign_in" in told else told | {"code": code_of(app, told["sign_in_id"])}
    )
    tokens = (await visitor.exchange(**proof)).json()
    answer = await visitor.client.post("/v1/sign-out", headers=bearer(tokens["access_token"]))
    leaving = answer.json()["provider_logout_url"]
    assert leaving.startswith(f"{HERE}/v1/sign-in/providers/{name}/sign-out?ticket=")
    sent = (await visitor.client.get(leaving)).headers["location"]
    assert sent.startswith(f"{stand_ins[name].issuer}/session/end?")
    back = await visitor.go(sent)
    assert said(back)["state"] == said(sent)["state"]
    assert (await visitor.client.get(back)).headers["location"] == "https://www.exemple.fr/"
    assert stand_ins[name].refusals == []


# --- The stand-ins themselves: they are strict, or signing in there shows nothing ---

_GOOD = {
    "response_type": "code",
    "scope": "openid email",
    "state": "s" * 32,
    "nonce": "n" * 32,
    "acr_values": "eidas1",
}


@pytest.mark.parametrize("rules", [PROCONNECT, FRANCECONNECT], ids=["proconnect", "franceconnect"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"state": "s" * 31}, "state"),
        ({"state": ""}, "state"),
        ({"nonce": "n" * 31}, "nonce"),
        ({"response_type": "id_token"}, "response_type"),
        ({"redirect_uri": f"{HERE}/elsewhere"}, "redirect_uri"),
        ({"client_id": "somebody"}, "client_id"),
        ({"scope": "email"}, "scope"),
        ({"scope": "openid everything"}, "scope"),
        ({"colour": "blue"}, "parameter"),
    ],
)
async def test_the_stand_ins_are_strict(
    rules: object, change: dict[str, str], reason: str | None, stand_ins: dict[str, StandIn]
) -> None:
    stand_in = stand_ins["proconnect" if rules is PROCONNECT else "franceconnect"]
    asked = _GOOD | {"client_id": stand_in.client_id, "redirect_uri": stand_in.callback} | change
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{stand_in.issuer}/authorize?{urlencode(asked)}")
    assert answer.status_code == (303 if reason is None else 400)
    assert stand_in.refusals == ([] if reason is None else [reason])


async def test_franceconnect_takes_no_pkce_and_asks_for_a_level(franceconnect: StandIn) -> None:
    common = _GOOD | {"client_id": franceconnect.client_id, "redirect_uri": franceconnect.callback}
    async with httpx.AsyncClient() as client:
        for asked in (
            common | {"code_challenge": "c" * 43, "code_challenge_method": "S256"},
            {name: value for name, value in common.items() if name != "acr_values"},
            common | {"nonce": "n" * 32 + "-"},
        ):
            answer = await client.get(f"{franceconnect.issuer}/authorize?{urlencode(asked)}")
            assert (answer.status_code, "Y000400" in answer.text) == (400, True)
    assert franceconnect.refusals == ["parameter", "acr_values", "nonce"]
