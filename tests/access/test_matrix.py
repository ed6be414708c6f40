"""Every operation × every caller × whose object: the whole of who may do what, as the API answers it.

``matrix.json`` holds the status of every cell and is read by people when it changes: write it again with
``WRITE_MATRIX=1 make test ARGS=tests/access`` and look at the difference. Beside it stand rules that hold
whatever it says.
"""

import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.app import openapi_document
from service.core.security import Kind, new_key
from tests.access.examples import EXAMPLES, Example
from tests.access.world import Side, build
from tests.client import ApiClient

DOCUMENT = openapi_document()
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
KEYED = {name: found for name, found in OPERATIONS.items() if found[2].get("x-permission")}
OPEN = set(OPERATIONS) - set(KEYED)
FILE = Path(__file__).with_name("matrix.json")
WRITING = os.environ.get("WRITE_MATRIX") == "1"
MATRIX: dict[str, dict[str, dict[str, int]]] = json.loads(FILE.read_text()) if FILE.exists() else {}
# What presents nothing valid.
REFUSED = {
    "anonymous",
    "revoked key",
    "expired key",
    "revoked session",
    "expired session",
}
# Who has no place at all where the objects are.
STRANGERS = {"former manager", "key of another tenant"}


def test_every_operation_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(KEYED), "describe one valid call of each operation in examples.py"


def test_every_cell_is_declared() -> None:
    if not WRITING:
        assert sorted(MATRIX) == sorted(KEYED)
    cells = sum(len(sides) for callers in MATRIX.values() for sides in callers.values())
    print(f"\nAccess matrix: {len(MATRIX)} operations, {cells} cells")  # noqa: T201 - the figure asked for


def test_the_operations_open_to_all_are_listed() -> None:
    """Without permission, by somebody's decision."""
    assert {
        "decide_as_guardian",
        "finish_provider_sign_in",
        "finish_provider_sign_out",
        "get_commune",
        "get_health",
        "get_metrics",
        "get_occupation",
        "get_postings_feed",
        "get_public_posting",
        "get_purposes",
        "get_readiness",
        "get_territory",
        "issue_access_token",
        "list_communes",
        "list_occupations",
        "list_sectors",
        "list_sign_in_providers",
        "list_skills",
        "list_territories",
        "search_postings",
        "search_territory",
        "start_provider_sign_in",
        "start_provider_sign_out",
    } == OPEN


async def _call(
    client: ApiClient, name: str, example: Example, headers: dict[str, str], side: Side
) -> tuple[int, str]:
    method, template, operation = OPERATIONS[name]
    path = example.path(template, side)
    sent = {"If-Match": '"1"'} | headers
    arguments: dict[str, Any] = {"params": example.query(side)} if example.query else {}
    if example.form is not None:
        arguments["data"] = example.form(side)
    elif example.content is not None:
        sent["Content-Type"], arguments["content"] = example.content(side)
    elif "requestBody" in operation:
        arguments["json"] = example.body(side) if example.body else {}
    answer = await client.request(method, path, headers=sent, **arguments)
    return answer.status_code, answer.text


@pytest.mark.parametrize("name", sorted(KEYED))
async def test_the_row_of(
    name: str, client: ApiClient, session: AsyncSession, connection: AsyncConnection
) -> None:
    world = await build(session)
    example = EXAMPLES[name]
    found: dict[str, dict[str, int]] = {}
    texts: dict[tuple[str, str], str] = {}
    for caller, headers in world.callers.items():
        found[caller] = {}
        for mark, side in world.sides.items():
            # Each cell on the same ground: what it changes is taken back.
            savepoint = await connection.begin_nested()
            status, text = await _call(client, name, example, dict(headers), side)
            await savepoint.rollback()
            session.expunge_all()
            found[caller][mark] = status
            texts[caller, mark] = text
    _check_rules(name, found, texts)
    if WRITING:
        _write(name, found)
    else:
        assert found == MATRIX.get(name), f"the row of {name} differs from matrix.json"


def _check_rules(name: str, found: dict[str, dict[str, int]], texts: dict[tuple[str, str], str]) -> None:
    for caller, row in found.items():
        for mark, status in row.items():
            cell = (name, caller, mark)
            assert status < 500, (cell, texts[caller, mark])
            if caller in REFUSED:
                assert status == 401, (cell, texts[caller, mark])
            elif not EXAMPLES[name].refusing:
                assert status != 401, (cell, texts[caller, mark])
            if caller == "operator" or (EXAMPLES[name].own_anywhere and "key" not in caller):
                continue
            if mark == "foreign" and caller != "key of another tenant" and EXAMPLES[name].about_one:
                assert status in {401, 403, 404}, (cell, texts[caller, mark])
            if caller in STRANGERS and mark in {"own", "beside", "inside"} and EXAMPLES[name].about_one:
                assert status in {403, 404}, (cell, texts[caller, mark])
            if caller != "key of another tenant" and status < 400:
                # Nothing of another tenant in any answer, whatever it lists.
                assert not _marks(texts[caller, mark]), (cell, texts[caller, mark][:500])
    row = found["operator"]
    assert row["own"] == row["foreign"] or not EXAMPLES[name].about_one, (name, row)


def _marks(text: str) -> list[str]:
    return re.findall(r"[\w@.-]*foreign[\w@.-]*", text)


def _write(name: str, found: dict[str, dict[str, int]]) -> None:
    MATRIX[name] = found
    FILE.write_text(json.dumps(dict(sorted(MATRIX.items())), indent=1, ensure_ascii=False) + "\n")


@pytest.mark.parametrize(
    "name", sorted(name for name, (_, path, _) in KEYED.items() if re.search(r"\{\w+_id\}", path))
)
async def test_what_is_not_yours_answers_like_what_is_not_there(
    name: str, client: ApiClient, session: AsyncSession
) -> None:
    world = await build(session)
    example = EXAMPLES[name]
    ids = {key: uuid.uuid5(uuid.NAMESPACE_URL, key) for key in world.sides["foreign"].ids}
    nobody = Side("own", "own", ids, new_key(Kind.LINK))
    for caller in ("territory_manager", "employer_member", "person", "secret key"):
        headers = dict(world.callers[caller])
        foreign = world.sides["foreign"]
        theirs = await _call(client, name, example, headers, foreign)
        missing = await _call(client, name, example, headers, nobody)
        told = [
            re.sub(r"[0-9a-f-]{36}|[0-9a-f]{32}", "…", text).replace("foreign", "own")
            for _, text in (theirs, missing)
        ]
        assert theirs[0] == missing[0], (caller, theirs, missing)
        assert told[0] == told[1], caller
