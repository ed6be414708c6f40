"""How often mails may be asked: per address, per network, per server; by a clock that a test moves."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.circumstances import Circumstances, circumstances
from service.core.clock import frozen
from service.core.database import Database
from service.core.errors import TooManyRequests
from service.core.reach import NOWHERE
from service.core.security import Keyring
from service.domain import sign_in
from service.domain.sign_in.starting import PER_NETWORK, PER_SERVER, Through
from service.models import Mail, SignIn
from tests.client import ApiClient
from tests.sign_in.support import ADDRESS, Website, from_network, start

MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYS = Keyring(b"a key for tests")


async def ask(database: Database, email: str, network: str | None, through: Through = sign_in.CONSOLE) -> int:
    """Ask for a mail; return 0, or the seconds to wait."""
    token = circumstances.set(Circumstances(network=network))
    try:
        async with database.transaction(NOWHERE) as session:
            await sign_in.start(session, KEYS, email=email, language="fr", through=through)
    except TooManyRequests as refused:
        return int(refused.headers["Retry-After"])
    finally:
        circumstances.reset(token)
    return 0


async def test_an_address_gets_five_mails_an_hour(
    client: ApiClient, session: AsyncSession, website: Website
) -> None:
    for minutes in range(5):
        with frozen(MOMENT + timedelta(minutes=minutes)):
            await start(client, website.page)
    with frozen(MOMENT + timedelta(minutes=10)):
        # Another spelling, website, network and key are the same mailbox.
        elsewhere = from_network(client, "192.0.2.77")
        for caller, headers in (
            (client, website.page),
            (elsewhere, website.stranger),
            (elsewhere, website.backend),
        ):
            answer = await caller.post("/v1/sign-in/codes", json={"email": ADDRESS.upper()}, headers=headers)
            assert answer.status_code == 429
            assert answer.json()["type"] == "urn:ancrage:problem:too-many-requests"
            assert answer.headers["retry-after"] == str(50 * 60)
            assert ADDRESS not in answer.text
        await start(client, website.page, "autre@example.org")
    assert await session.scalar(select(func.count()).select_from(Mail)) == 6
    with frozen(MOMENT + timedelta(hours=1)):
        await start(client, website.page)
        answer = await client.post("/v1/sign-in/codes", json={"email": ADDRESS}, headers=website.page)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


async def test_a_network_asks_for_thirty_mails_an_hour(database: Database, session: AsyncSession) -> None:
    with frozen(MOMENT):
        for number in range(PER_NETWORK):
            # One IPv6 subscriber has them all.
            assert await ask(database, f"a{number}@example.org", f"2001:db8:1:2::{number:x}") == 0
        assert await ask(database, "b@example.org", "2001:db8:1:2:ffff::") == 3600
        assert await ask(database, "b@example.org", "2001:db8:1:3::") == 0
        assert await ask(database, "c@example.org", None) == 0
    with frozen(MOMENT + timedelta(minutes=59, seconds=59, milliseconds=500)):
        assert await ask(database, "b@example.org", "2001:db8:1:2:ffff::") == 1
    with frozen(MOMENT + timedelta(hours=1)):
        assert await ask(database, "b@example.org", "2001:db8:1:2:ffff::") == 0
    networks = set(await session.scalars(select(SignIn.network)))
    assert networks == {"2001:db8:1:2::/64", "2001:db8:1:3::/64", None}


async def test_a_website_s_server_is_counted_as_a_whole(
    database: Database, session: AsyncSession, website: Website
) -> None:
    session.add_all(
        SignIn(
            kind="email",
            email=f"a{number}@example.org",
            code_digest=b"",
            link_digest=number.to_bytes(4, "big"),
            client_id=website.server.id,
            language="fr",
            facts={},
            network="192.0.2.1",
            created_at=MOMENT,
            expires_at=MOMENT,
        )
        for number in range(PER_SERVER - 1)
    )
    await session.commit()
    through = Through(client_id=website.server.id, server=True)
    with frozen(MOMENT):
        assert await ask(database, "b@example.org", "192.0.2.1", through) == 0, "its network is not counted"
        assert await ask(database, "c@example.org", "192.0.2.2", through) == 3600
        other = Through(client_id=website.program.id, server=True)
        assert await ask(database, "c@example.org", "192.0.2.1", other) == 0


async def test_a_website_s_server_uses_up_nothing_of_who_shares_its_network(
    database: Database, session: AsyncSession, website: Website
) -> None:
    through = Through(client_id=website.server.id, server=True)
    with frozen(MOMENT):
        for number in range(PER_NETWORK):
            assert await ask(database, f"a{number}@example.org", "192.0.2.1", through) == 0
        assert await ask(database, "b@example.org", "192.0.2.1") == 0
    assert set(await session.scalars(select(SignIn.network))) == {None, "192.0.2.1"}


async def test_what_is_refused_leaves_nothing(database: Database, session: AsyncSession) -> None:
    with frozen(MOMENT):
        for _ in range(5):
            assert await ask(database, ADDRESS, "192.0.2.1") == 0
        for _ in range(5):
            assert await ask(database, ADDRESS, "192.0.2.1") > 0
    assert await session.scalar(select(func.count()).select_from(SignIn)) == 5
    assert await session.scalar(select(func.count()).select_from(Mail)) == 5
