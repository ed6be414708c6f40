"""Alive, ready, measured; and logs that hold no secrets."""

import io
import json
import logging

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.migrations import head_revision
from tests.client import ApiClient


async def test_alive_ready_and_measured(client: ApiClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready", "revision": head_revision()}
    await client.get("/v1/territories")
    metrics = (await client.get("/metrics")).text
    assert 'ancrage_http_requests_total{method="GET",route="/v1/territories",status="200"}' in metrics


async def test_a_database_of_another_revision_is_not_ready(client: ApiClient, session: AsyncSession) -> None:
    await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await session.commit()
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "ancrage migrate" in answer.json()["detail"]


async def test_a_request_keeps_the_id_it_came_with(client: ApiClient) -> None:
    given = await client.get("/healthz", headers={"X-Request-ID": "website-42-abc"})
    assert given.headers["x-request-id"] == "website-42-abc"
    odd = await client.get("/healthz", headers={"X-Request-ID": "<script>"})
    assert odd.headers["x-request-id"] != "<script>"
    assert given.headers["x-content-type-options"] == "nosniff"


async def test_our_own_fault_tells_nothing_and_logs_no_secret(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        held_in_a_local_variable = "hunter" + "2"
        if held_in_a_local_variable:
            message = "a detail for us"
            raise RuntimeError(message)

    monkeypatch.setattr("service.domain.territories.list_territories", broken)
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger().handlers[0], "stream", stream)
    answer = await client.get("/v1/territories", headers={"Authorization": "Bearer ancrage_sk_visible"})
    assert answer.status_code == 500
    assert "a detail for us" not in answer.text
    assert "Traceback" not in answer.text
    line = json.loads(stream.getvalue().splitlines()[0])
    assert line["event"] == "unhandled error"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "hunter2" not in stream.getvalue()
    assert "ancrage_sk_visible" not in stream.getvalue()


async def test_a_row_the_database_refuses_is_not_logged(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(session: AsyncSession, *_: object, **__: object) -> None:
        await session.execute(
            text("INSERT INTO privacy_request (id, email) VALUES (gen_random_uuid(), :name)"),
            {"name": "Camille Invented"},
        )

    monkeypatch.setattr("service.domain.territories.list_territories", refused)
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger().handlers[0], "stream", stream)
    assert (await client.get("/v1/territories")).status_code == 500
    assert "null value in column" in stream.getvalue()
    assert "Camille" not in stream.getvalue()
