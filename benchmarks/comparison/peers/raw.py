"""The public list by asyncpg and orjson alone: the fewest statements that give the same body.

Two round trips: which territories, then the total and the page of stored documents. Neither rate limits,
logs, checks of parameters, row-level security, nor what the second page needs beyond a cursor's length.
"""

import base64
import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import asyncpg
import orjson

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CONDITIONS: Final[dict[str, tuple[str, Callable[[list[str]], Any]]]] = {
    "contract": ("x.contract_kind = ANY(${})", list),
    "working_time": ("x.working_time = ANY(${})", list),
    "commune": ("x.commune_code = ANY(${})", list),
    "salary_from": ("x.yearly_salary >= ${}", lambda values: int(values[0])),
    "published_since": (
        "x.published_at >= ${}",
        lambda values: datetime.fromisoformat(values[0]),
    ),
}
_TERRITORIES: Final = """
    SELECT inside.id FROM territory AS root JOIN territory AS inside ON inside.lineage @> ARRAY[root.id]
    WHERE root.slug = $1 AND inside.features @> '{postings}'
"""
_LIMIT: Final = 20
_pool: list[asyncpg.Pool] = []
_statements: dict[tuple[str, ...], str] = {}


def _statement(names: tuple[str, ...]) -> str:
    """Return the statement for these filters; PostgreSQL and asyncpg keep it prepared."""
    conditions = [
        "x.territory_id = ANY($1)",
        "(x.valid_through IS NULL OR x.valid_through > $2)",
        *(_CONDITIONS[name][0].format(number) for number, name in enumerate(names, start=3)),
    ]
    where = " AND ".join(conditions)
    return f"""
        SELECT page.posting_id, page.published_at, page.total, d.document::text
        FROM (
            SELECT x.posting_id, x.published_at,
                   (SELECT count(*) FROM posting_index AS x WHERE {where}) AS total
            FROM posting_index AS x WHERE {where}
            ORDER BY x.published_at DESC, x.posting_id DESC LIMIT {_LIMIT + 1}
        ) AS page
        JOIN posting_document AS d ON d.posting_id = page.posting_id AND d.language = 'fr'
        ORDER BY page.published_at DESC, page.posting_id DESC
    """  # noqa: S608 - fixed parts; every value is bound


async def _list(slug: str, asked: dict[str, list[str]]) -> bytes:
    names = tuple(sorted(asked))
    statement = _statements.get(names)
    if statement is None:
        statement = _statements[names] = _statement(names)
    values = [_CONDITIONS[name][1](asked[name]) for name in names]
    async with _pool[0].acquire() as connection:
        territories = [row[0] for row in await connection.fetch(_TERRITORIES, slug)]
        rows = await connection.fetch(statement, territories, datetime.now(UTC), *values)
    following = None
    if len(rows) > _LIMIT:
        rows = rows[:_LIMIT]
        last = orjson.dumps([rows[-1][1], str(rows[-1][0])])
        following = base64.urlsafe_b64encode(last + bytes(24)).decode()
    head: dict[str, Any] = {
        "total": rows[0][2] if rows else 0,
        "facets": {},
        "engine": "postgresql",
        "relaxed": False,
        "corrections": [],
        "ignored": [],
        "cut": False,
        "next": following,
    }
    items = ",".join([row[3] for row in rows]).encode()
    return b"".join([orjson.dumps(head)[:-1], b',"items":[', items, b"]}"])


async def _lifespan(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], send: Send) -> None:
    await receive()
    _pool.append(
        await asyncpg.create_pool(
            os.environ["BENCH_DSN"], min_size=10, max_size=10, server_settings={"jit": "off"}
        )
    )
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _pool.pop().close()
    await send({"type": "lifespan.shutdown.complete"})


async def app(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]], send: Send
) -> None:
    """Answer ``/v1/territories/{slug}/postings``."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    body = await _list(scope["path"].split("/")[3], parse_qs(scope["query_string"].decode()))
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
