"""A key is in the answer that makes it, and nowhere else: no row, no log line, no other answer."""

import io
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.logging import configure_logging
from service.core.settings import Settings
from service.models import Base
from tests.client import ApiClient
from tests.clients.world import ORIGIN, World, make, page, rotate, sign_in, wanted


async def _everything_stored(session: AsyncSession) -> str:
    """Return every row of every table as text."""
    rows: list[str] = []
    for table in Base.metadata.sorted_tables:
        found = await session.scalars(text(f'SELECT to_jsonb(t)::text FROM "{table.name}" AS t'))  # noqa: S608
        rows += found.all()
    return "\n".join(rows)


async def test_a_secret_is_seen_once(
    client: ApiClient, session: AsyncSession, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_level="DEBUG", log_format="json"))
    monkeypatch.setattr(logging.getLogger().handlers[0], "stream", stream)
    try:
        await sign_in(client, session, "territory_manager", world.ours)
        made = await make(client, wanted(name="Témoin"))
        public = await make(client, page())
        second = await rotate(client, made["id"])
        secrets = [made["key"]["value"], public["key"]["value"], second["value"]]
        one = f"/v1/api-clients/{made['id']}"
        answers = [await client.get(path) for path in ("/v1/api-clients", one, f"{one}/keys")]
        answers.append(await client.post(f"{one}/keys", json={"key": secrets[0]}))
        del client.headers["Authorization"]
        form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": secrets[0]}
        token = await client.post("/oauth/token", data=form)
        secrets.append(token.json()["access_token"])
        answers += [
            await client.post("/oauth/token", data=form | wrong)
            for wrong in (
                {"scope": "all"},
                {"client_id": secrets[0]},
                {"client_secret": secrets[1]},
                {"grant_type": secrets[0]},
            )
        ]
        answers += [
            await client.get("/v1/employers", headers=headers | origin)
            for key in secrets
            for headers in ({"Authorization": f"Bearer {key}"}, {"Ancrage-Key": key})
            for origin in ({}, {"Origin": ORIGIN})
        ]
        assert '"event":"request"' in stream.getvalue().replace(": ", ":"), "what is looked through is there"
        stored = await _everything_stored(session)
        assert "Témoin" in stored
        for secret in secrets:
            assert secret not in stream.getvalue()
            assert secret not in stored
            assert secret[11:-6] not in stored, "nor what is random in it"
            assert not any(secret in answer.text for answer in answers)
    finally:
        configure_logging(Settings(log_level="WARNING", log_format="json"))


async def test_an_answer_with_a_key_is_never_kept_for_a_repeated_request(
    client: ApiClient, session: AsyncSession, world: World
) -> None:
    await sign_in(client, session, "territory_manager", world.ours)
    sent = {"Idempotency-Key": "once"}
    first = await client.post("/v1/api-clients", json=wanted(), headers=sent)
    again = await client.post("/v1/api-clients", json=wanted(), headers=sent)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["key"]["value"] != again.json()["key"]["value"]
    assert await session.scalar(text("SELECT count(*) FROM idempotency_record")) == 0
