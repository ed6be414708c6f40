"""Prepared bytes: whose answers they are, how long they last, how much memory they take."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from httpx import Response
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from service.api.lane.changes import ANYTHING, Changes
from service.api.lane.marking import KEPT, Storable
from service.api.lane.prepared import Answers, PreparedBytes
from service.api.lane.shelf import Prepared, Shelf
from service.core import listening
from service.core.clock import frozen, in_days
from service.core.database import Database
from service.core.ids import new_id
from service.core.listening import PUBLIC, REFERENTIALS, Listener
from service.core.plainly import connect
from service.domain import territories
from service.models import Territory
from tests.client import ApiClient
from tests.factories import create_key
from tests.lane.conftest import LIST, Start, Until, publish, state

Inner = Callable[[Scope, Receive, Send], Awaitable[None]]
KINDS = (
    "/v1/territories",
    "/v1/territories/bassin",
    LIST,
    f"{LIST}?q=boulanger&facets=contract",
    "/v1/territories/bassin/search?q=boulanger",
    "/v1/territories/bassin/feed.atom",
    "/v1/occupations",
    "/v1/occupations/D1102",
    "/v1/sectors",
    "/v1/communes?q=commune",
    "/v1/communes/07019",
)


def _kept(client: ApiClient) -> int:
    return len(state(client).answers.shelf)


def _given(client: ApiClient) -> int:
    answers: Answers = state(client).answers
    return sum(answers._given.values()) + answers._unsaid


@pytest.mark.parametrize("path", KINDS)
async def test_the_second_answer_is_the_first_ones_bytes(start: Start, market: Territory, path: str) -> None:
    client = await start()
    first = await client.get(path)
    assert (first.status_code, _kept(client), _given(client)) == (200, 1, 0)
    second = await client.get(path, headers={"X-Request-ID": "mine-12345678"})
    assert _given(client) == 1
    assert second.content == first.content
    assert second.headers["x-request-id"] == "mine-12345678"
    of_one = {"x-request-id", "ratelimit", "ratelimit-policy"}
    assert {name: value for name, value in first.headers.items() if name not in of_one} == {
        name: value for name, value in second.headers.items() if name not in of_one
    }
    third = await client.get(path)
    assert third.headers["x-request-id"] not in {first.headers["x-request-id"], "mine-12345678"}
    for tag in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        unchanged = await client.get(path, headers={"If-None-Match": tag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == first.headers["etag"]
    assert (await client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    head = await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))
    assert _given(client) == 7
    assert market.slug == "bassin"


async def test_languages_and_media_types_are_kept_apart(
    start: Start, committed: Database, market: Territory
) -> None:
    client = await start()
    async with committed.transaction() as session:
        posting = await publish(session, market, title="Pizzaïolo", contract_kind="permanent")
    path = f"{LIST}/{posting.id}"
    asked: tuple[dict[str, str], ...] = (
        {},
        {"Accept-Language": "en"},
        {"Accept": "application/ld+json"},
        {"Accept": "application/ld+json", "Accept-Language": "en"},
        {"Host": "elsewhere.example.org"},
    )
    first = [await client.get(path, headers=each) for each in asked]
    second = [await client.get(path, headers=each) for each in asked]
    assert [each.content for each in first] == [each.content for each in second]
    assert first[0].json()["contract"]["kind"]["label"] == "CDI"
    assert first[1].json()["contract"]["kind"]["label"] == "Permanent contract"
    assert second[2].headers["content-type"] == "application/ld+json"
    # As the reader prefers, however they say it.
    assert (await client.get(path, headers={"Accept-Language": "en-GB, fr;q=0.3"})).json() == first[1].json()


async def test_nothing_that_is_asked_with_a_key_is_kept_or_given(
    start: Start, committed: Database, market: Territory
) -> None:
    client = await start()
    key = await create_key(committed, market)
    document = client.app.openapi()
    names = {"slug": "bassin", "code": "07019"}
    for template, item in sorted(document["paths"].items()):
        if "get" not in item:
            continue
        path = template
        for parameter in item["get"].get("parameters", []):
            if parameter["in"] == "path":
                value = names.get(parameter["name"], str(new_id()))
                path = path.replace(f"{{{parameter['name']}}}", value)
        public = not item["get"].get("security")
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"Ancrage-Key": key},
            {"Cookie": "ancrage_session=somebody"},
        ):
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=client.app), base_url="http://testserver"
            ) as caller:
                await caller.get(path, headers=headers)
            assert (_kept(client), _given(client)) == (0, 0), path
        if not public:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=client.app), base_url="http://testserver"
            ) as caller:
                await caller.get(path)
            assert _kept(client) == 0, path


async def test_what_callers_say_at_length_is_not_remembered(start: Start, market: Territory) -> None:
    client = await start()
    etag = (await client.get(LIST)).headers["etag"]
    long = ",".join(f'"{number}"' for number in range(2_000))
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(40):
            for name in ("If-None-Match", "Accept", "Accept-Language"):
                answer = await client.get(LIST, headers={name: f'"one {number}",{long}'})
                assert answer.status_code == 200
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Forty of one header are half a megabyte as they are, and more when they are read.
    assert held < 400_000
    unchanged = await client.get(LIST, headers={"If-None-Match": f"{long}, W/{etag}"})
    assert unchanged.status_code == 304
    assert market.slug == "bassin"


async def test_one_process_changes_and_all_forget(
    start: Start, committed: Database, market: Territory, until: Until
) -> None:
    one, other = await start(), await start()
    paths = (LIST, f"{LIST}?contract=permanent", "/v1/territories/bassin/feed.atom")
    before = {}
    for client in (one, other):
        for path in paths:
            await client.get(path)
            before[path] = await client.get(path)
        assert _given(client) == len(paths)
    async with committed.transaction() as session:
        await publish(session, market, title="Nouvelle", contract_kind="permanent")
    for client in (one, other):
        answers: Answers = state(client).answers
        await until(partial(answers.changes.since, 1, str(market.id)))
        for path in paths:
            after = await client.get(path, headers={"If-None-Match": before[path].headers["etag"]})
            assert after.status_code == 200
            assert "Nouvelle" in after.text


async def test_a_change_inside_is_a_change_of_what_holds_it_and_of_nothing_else(
    start: Start, committed: Database, market: Territory, until: Until
) -> None:
    client = await start()
    inner = "/v1/territories/dedans/postings"
    for path in (LIST, inner):
        await client.get(path)
    async with committed.transaction() as session:
        await territories.bump_public_versions(session, [market.id])
    await until(lambda: state(client).answers.changes.since(1, str(market.id)))
    given = _given(client)
    await client.get(inner)
    assert _given(client) == given + 1
    await client.get(LIST)
    assert _given(client) == given + 1


async def test_what_is_cut_forgets_everything_and_listens_again(
    start: Start, committed: Database, market: Territory, until: Until
) -> None:
    client = await start()
    await client.get(LIST)
    answers: Answers = state(client).answers
    assert _kept(client) == 1
    async with committed.transaction() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query = 'SELECT 1'"
            )
        )
    await until(lambda: _kept(client) == 0)
    async with committed.transaction() as session:
        await publish(session, market, title="Pendant la coupure")
    assert "Pendant la coupure" in (await client.get(LIST)).text
    await until(lambda: answers.usable)
    await client.get(LIST)
    assert "Pendant la coupure" in (await client.get(LIST)).text
    assert _kept(client) == 1


async def test_what_hangs_is_not_believed(committed: Database, until: Until) -> None:
    moment = [100.0]
    beats: list[float] = []
    hanging = asyncio.Event()
    listeners: list[Any] = []

    class Connection:
        """A connection that answers until it hangs."""

        def add_termination_listener(self, ended: Any) -> None:
            pass

        async def add_listener(self, channel: str, heard: Any) -> None:
            assert channel == PUBLIC
            listeners.append(heard)

        async def execute(self, statement: str, *said: str) -> None:
            if "pg_notify" in statement:
                listeners[0](*said)
            elif beats:
                hanging.set()
                await asyncio.Event().wait()

        def terminate(self) -> None:
            pass

    async def connect() -> Connection:
        return Connection()

    listener = Listener(
        connect,
        PUBLIC,
        heard=lambda _: None,
        lost=lambda: None,
        beat=lambda: beats.append(moment[0]),
        clock=lambda: moment[0],
    )
    async with listener.running():
        await until(lambda: bool(beats))
        before = listener.fresh
        await hanging.wait()
        moment[0] += listening.FRESH_SECONDS
        assert (before, listener.fresh) == (True, False)
    assert committed.engine is not None


async def test_a_connection_on_which_nothing_is_heard_is_not_believed(
    committed: Database, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = committed.engine
    assert engine is not None
    opened: list[Any] = []
    monkeypatch.setattr(listening, "_ANSWER_SECONDS", 0.5)

    class Pooled:
        """A connection to a pooler: what is announced while nothing is asked goes to nobody."""

        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

        async def add_listener(self, channel: str, _heard: Any) -> None:
            await self.connection.execute(f"LISTEN {channel}")

    async def connect_through_a_pooler() -> Any:
        opened.append(Pooled(await connect(engine)))
        return opened[-1]

    listener = Listener(connect_through_a_pooler, PUBLIC, heard=lambda _: None, lost=lambda: None)
    async with listener.running():
        await until(lambda: len(opened) >= 3)
        assert not listener.fresh


async def test_what_expires_is_given_no_longer(start: Start, committed: Database, market: Territory) -> None:
    client = await start()
    async with committed.transaction() as session:
        posting = await publish(session, market, title="Bientôt finie", valid_through=in_days(0.5))
    path = f"{LIST}/{posting.id}"
    assert (await client.get(path)).status_code == 200
    assert (await client.get(path)).status_code == 200
    with frozen(in_days(0.6)):
        assert (await client.get(path)).status_code == 410


@asynccontextmanager
async def _layer(answers: Answers, inner: Inner) -> Any:
    app = PreparedBytes(inner, answers=answers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://t") as client:
        yield client


class _Heard:
    """Stands where a listener stands that has always heard everything."""

    fresh = True


def _answering(status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = (), of: str = "a") -> Inner:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        scope.setdefault("state", {})[KEPT] = Storable(of)
        own = [(b"etag", b'"1"'), (b"content-type", b"text/plain"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": own})
        await send({"type": "http.response.body", "body": b"x" * 100})

    return inner


async def _asked_twice(inner: Inner, **request: Any) -> Answers:
    answers = Answers(1)
    answers.listener = _Heard()  # type: ignore[assignment] # a listener that needs no database
    async with _layer(answers, inner) as client:
        for _ in range(2):
            await client.request(request.get("method", "GET"), "/v1/a", headers=request.get("headers", {}))
    return answers


@pytest.mark.parametrize(
    "headers",
    [
        ((b"set-cookie", b"a=b"),),
        ((b"vary", b"Origin"),),
        ((b"vary", b"*"),),
        ((b"idempotency-replayed", b"true"),),
        ((b"access-control-allow-origin", b"*"), (b"x-of-somebody", b"1")),
    ],
)
async def test_an_answer_with_headers_of_somebody_is_not_kept(
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    assert len((await _asked_twice(_answering(headers=headers))).shelf) == 0


@pytest.mark.parametrize("status", [201, 204, 304, 404, 410, 429, 500, 503])
async def test_only_what_is_well_is_kept(status: int) -> None:
    assert len((await _asked_twice(_answering(status))).shelf) == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_reads_are_kept(method: str) -> None:
    assert len((await _asked_twice(_answering(), method=method)).shelf) == 0


@pytest.mark.parametrize("name", ["Authorization", "Ancrage-Key", "Cookie", "Range"])
async def test_nobodys_own_answer_is_kept(name: str) -> None:
    assert len((await _asked_twice(_answering(), headers={name: "x"})).shelf) == 0
    assert len((await _asked_twice(_answering())).shelf) == 1


@pytest.mark.parametrize("change", ["a", "lost", "of another"])
async def test_what_was_read_before_a_change_and_is_sent_after_it_is_not_kept(change: str) -> None:
    answers = Answers(1)
    answers.listener = _Heard()  # type: ignore[assignment] # a listener that needs no database
    answering = _answering()

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        # Meanwhile somebody commits.
        if change == "lost":
            answers.lost()
        else:
            answers.changes.heard(change)
        await answering(scope, receive, send)

    async with _layer(answers, inner) as client:
        await client.get("/v1/a")
    assert len(answers.shelf) == (1 if change == "of another" else 0)


def test_a_change_of_anything_is_everythings() -> None:
    changes = Changes()
    before = changes.count
    changes.heard(REFERENTIALS)
    assert changes.since(before, ANYTHING)
    assert changes.since(before, REFERENTIALS)
    assert not changes.since(before, "another")
    assert not changes.since(changes.count, ANYTHING)
    after = changes.count
    changes.lost()
    assert changes.since(after, "another")
    assert not changes.since(changes.count, "another")


def _prepared(size: int) -> Prepared:
    return Prepared(b"x" * size, [], [], '"1"', "/", "a", None, 1)


def test_memory_is_bounded_and_what_is_asked_stays() -> None:
    shelf = Shelf(1_000_000)
    shelf.put(("hot",), _prepared(10_000))
    for number in range(2_000):
        shelf.put((f"{number}",), _prepared(20_000))
        assert shelf.get(("hot",)) is not None
        assert shelf.size <= shelf.most
    assert 40 < len(shelf) < 60
    assert shelf.get(("0",)) is None
    shelf.put(("too long",), _prepared(900_000))
    assert shelf.get(("too long",)) is None
    for number in range(2_000):
        shelf.drop((f"{number}",))
    shelf.put(("hot",), _prepared(5))
    shelf.drop(("hot",))
    assert (shelf.size, len(shelf)) == (0, 0)


async def test_without_memory_nothing_is_kept(start: Start, market: Territory) -> None:
    client = await start(public_cache_megabytes=0)
    first: Response = await client.get(LIST)
    second = await client.get(LIST)
    assert first.content == second.content
    assert (_kept(client), _given(client)) == (0, 0)
    assert market.slug == "bassin"
