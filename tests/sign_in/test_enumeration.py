"""Nobody learns from signing in whether an address is known: not from words, headers, nor the work done."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import now
from tests.client import ApiClient
from tests.factories import create_person, create_role
from tests.sign_in.support import Website, code_of, start, wrong

KNOWN, UNKNOWN, OPERATOR = "connue@example.org", "inconnu@example.org", "operatrice@example.org"
_OWN = {"x-request-id", "date"}


@pytest.fixture
def statements(connection: AsyncConnection) -> Callable[[], list[str]]:
    """Return what gives the statements run since it was called last, without their values."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "SAVEPOINT" not in statement:
            seen.append(statement)

    assert connection.sync_connection is not None
    event.listen(connection.sync_connection, "before_cursor_execute", note)

    def take() -> list[str]:
        taken = list(seen)
        seen.clear()
        return taken

    return take


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """Return an answer without what differs from request to request."""
    body = {
        name: len(value) if isinstance(value, str) and name not in {"type", "title", "detail"} else value
        for name, value in answer.json().items()
    }
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN}
    return answer.status_code, headers, body


@pytest.fixture
async def known(session: AsyncSession) -> None:
    """Make one person, one with every right, one who was anonymised."""
    await create_person(session, email=KNOWN)
    await create_role(session, await create_person(session, email=OPERATOR), "operator")
    await create_person(session, email=None, anonymised_at=now())
    await session.commit()


@pytest.mark.usefixtures("known")
async def test_asking_for_a_code_tells_nothing(
    client: ApiClient, website: Website, statements: Callable[[], list[str]]
) -> None:
    await start(client, website.page, "rodage@example.org")
    seen = []
    for email in (KNOWN, UNKNOWN, OPERATOR, KNOWN, UNKNOWN):
        statements()
        answer = await client.post("/v1/sign-in/codes", json={"email": email}, headers=website.page)
        told = {name: value for name, value in shape(answer)[1].items() if "ratelimit" not in name}
        seen.append((answer.status_code, told, shape(answer)[2], statements()))
    assert all(each == seen[0] for each in seen)
    assert not [text for text in seen[0][3] if "FROM person" in text], "nobody is looked up"


@pytest.mark.usefixtures("known")
async def test_a_wrong_code_tells_nothing(
    client: ApiClient, website: Website, statements: Callable[[], list[str]]
) -> None:
    seen = []
    for email in (KNOWN, UNKNOWN, OPERATOR):
        started = await start(client, website.page, email)
        proof = {
            "sign_in_id": started["sign_in_id"],
            "code": wrong(code_of(client.app, started["sign_in_id"])),
        }
        statements()
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)
        told = {name: value for name, value in shape(answer)[1].items() if "ratelimit" not in name}
        seen.append((answer.status_code, told, shape(answer)[2], statements()))
    assert all(each == seen[0] for each in seen)


@pytest.mark.usefixtures("known")
async def test_being_throttled_tells_nothing(client: ApiClient, website: Website) -> None:
    answers = []
    for email in (KNOWN, UNKNOWN):
        for _ in range(5):
            await start(client, website.page, email)
        answers.append(await client.post("/v1/sign-in/codes", json={"email": email}, headers=website.page))
    assert [answer.status_code for answer in answers] == [429, 429]
    assert len({answer.json()["detail"] for answer in answers}) == 1
