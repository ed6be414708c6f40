"""Every keyed operation × every kind of caller, generated from the OpenAPI document."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import openapi_document
from service.core.database import Database
from service.core.security import Kind, new_key
from service.domain import access
from tests.client import ApiClient
from tests.factories import create_key, create_territory

DOCUMENT = openapi_document()
KEYED = [
    (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if operation.get("security")
]


def _path(path: str) -> str:
    for name in ("slug",):
        path = path.replace(f"{{{name}}}", "ailleurs")
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + str(uuid.uuid4()) + path[end + 1 :]
    return path


def _raw(headers: dict[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in headers.items()
    ]


@pytest.mark.parametrize(
    ("method", "path", "operation"), KEYED, ids=[operation["operationId"] for _, _, operation in KEYED]
)
async def test_wrong_callers_are_refused_before_their_body_is_judged(
    client: ApiClient,
    session: AsyncSession,
    database: Database,
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    territory = await create_territory(session)
    await session.commit()
    body = b"{}" if "requestBody" in operation else None
    headers = {"Content-Type": "application/json", "If-Match": '"1"'}
    good = await create_key(database, territory)
    expired = await create_key(database, territory, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    without_scopes = await create_key(database, territory, scopes=[])
    wrong = {
        "none": None,
        "empty": "Bearer ",
        "another scheme": "Basic Zm9vOmJhcg==",
        "forged": f"Bearer {new_key(Kind.SECRET_KEY)}",
        "broken checksum": f"Bearer {good[:-1]}{'0' if good[-1] != '0' else '1'}",
        "expired": f"Bearer {expired}",
        "not ascii": "Bearer ancrage_sk_é",
    }
    for name, value in wrong.items():
        sent: dict[str, str | bytes] = {**headers}
        if value is not None:
            sent["Authorization"] = value.encode()
        answer = await client.request(method, _path(path), headers=_raw(sent), content=body)
        assert answer.status_code == 401, (name, answer.text)
        assert answer.json()["type"] == "urn:ancrage:problem:unauthenticated"
    answer = await client.request(
        method, _path(path), headers=headers | {"Authorization": f"Bearer {without_scopes}"}, content=body
    )
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("scope", sorted(access.SCOPES))
async def test_a_scope_opens_only_its_own_operations(
    client: ApiClient, session: AsyncSession, database: Database, scope: str
) -> None:
    territory = await create_territory(session)
    await session.commit()
    client.with_key(await create_key(database, territory, scopes=[scope]))
    opened = set()
    for method, path, operation in KEYED:
        body = b"{}" if "requestBody" in operation else None
        headers = {"Content-Type": "application/json", "If-Match": '"1"'}
        answer = await client.request(method, _path(path), headers=headers, content=body)
        assert answer.status_code not in {401, 500}, answer.text
        if answer.status_code != 403:
            opened.add(operation["operationId"])
    words = {permission.split(".")[0] for permission in access.SCOPES[scope]}
    assert opened, f"{scope} opens nothing"
    for operation_id in opened:
        assert any(word in operation_id or f"{word}s" in operation_id for word in _names(words)), (
            scope,
            operation_id,
        )


def _names(resources: set[str]) -> set[str]:
    return resources | {"territories" for resource in resources if resource == "territory"}


async def test_a_key_of_another_territory_finds_nothing(
    client: ApiClient, session: AsyncSession, database: Database
) -> None:
    ours = await create_territory(session)
    theirs = await create_territory(session, slug="chez-eux")
    await session.commit()
    client.with_key(await create_key(database, ours))
    changed = await client.patch("/v1/territories/chez-eux", json={"name": "X"}, headers={"If-Match": '"1"'})
    missing = await client.patch(
        "/v1/territories/nulle-part", json={"name": "X"}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == missing.status_code == 404
    assert changed.json()["detail"].replace("chez-eux", "") == missing.json()["detail"].replace(
        "nulle-part", ""
    )
    assert theirs.name != "X"
