"""Whatever keeps Meilisearch from a proper answer is said in one way, and soon."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from service.schemas.search import PostingFacet, SearchOrder, SearchQuery
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine
from service.search.port import Unavailable
from tests.search.meilisearch_server.fixtures import Access

QUERY = SearchQuery(territory_ids=(uuid.UUID(int=1),))
EMPTY = {"hits": [], "estimatedTotalHits": 0, "facetDistribution": {}}


class Impostor:
    """A server on loopback that gives every request the same answer, whatever it is."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        """All of it, head and body; ``None``: the connection is closed without a word."""
        self.silent = False
        self.asked: list[dict[str, Any]] = []
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def say(self, body: Any, status: str = "200 OK", head: str = "") -> None:
        """Answer ``body``, as JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        self.answer = f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n{head}\r\n".encode() + content

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                [length] = [line for line in head.lower().splitlines() if line.startswith(b"content-length")]
                self.asked.append(orjson.loads(await reader.readexactly(int(length.split()[1]))))
                if self.silent:
                    await reader.read()
                if self.answer is None:
                    break
                writer.write(self.answer)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def impostor() -> AsyncIterator[Impostor]:
    impostor = Impostor()
    await impostor.start()
    yield impostor
    await impostor.stop()


@pytest_asyncio.fixture
async def outside(impostor: Impostor) -> AsyncIterator[MeilisearchEngine]:
    outside = MeilisearchEngine(impostor.url, "a-key", timeouts=Timeouts(total=5, read=5, connect=5, pool=5))
    yield outside
    await outside.aclose()


@pytest.mark.parametrize(
    ("status", "head", "retry_after"),
    [
        ("503 Service Unavailable", "retry-after: 10\r\n", 10.0),
        ("503 Service Unavailable", "", None),
        ("503 Service Unavailable", "retry-after: tomorrow\r\n", None),
        ("500 Internal Server Error", "", None),
        ("404 Not Found", "", None),
        ("403 Forbidden", "", None),
        ("400 Bad Request", "", None),
        ("301 Moved", "location: /elsewhere\r\n", None),
        ("204 No Content", "", None),
    ],
)
async def test_an_answer_that_is_none_says_so(
    session: AsyncSession,
    impostor: Impostor,
    outside: MeilisearchEngine,
    status: str,
    head: str,
    retry_after: float | None,
) -> None:
    impostor.say(b"" if status.startswith("204") else {"message": "no", "code": "x"}, status, head)
    with pytest.raises(Unavailable) as failure:
        await outside.search(session, QUERY)
    assert failure.value.retry_after == retry_after
    assert status[:3] in failure.value.reason


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b'{"results": [',
        b"\x00\xff\xfe",
        [],
        None,
        3,
        {"results": None},
        {"results": []},
        {"results": [EMPTY, EMPTY]},
        {"results": [None]},
        {"results": [{}]},
        {"results": [EMPTY | {"hits": {}}]},
        {"results": [EMPTY | {"estimatedTotalHits": "many"}]},
        {"results": [EMPTY | {"facetDistribution": [1]}]},
        {"results": [EMPTY | {"hits": [{}], "estimatedTotalHits": 1}]},
        {"results": [EMPTY | {"hits": [{"newest": "yesterday"}], "estimatedTotalHits": 1}]},
        {"results": [EMPTY | {"hits": [{"newest": None}], "estimatedTotalHits": 1}]},
        {"results": [EMPTY | {"hits": ["x"], "estimatedTotalHits": 1}]},
    ],
)
async def test_nonsense_is_no_answer(
    session: AsyncSession, impostor: Impostor, outside: MeilisearchEngine, body: Any
) -> None:
    impostor.say(body)
    with pytest.raises(Unavailable):
        await outside.search(session, QUERY)


@pytest.mark.parametrize("answer", [None, b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/9 200\r\n\r\n", b"\r\n" * 9])
async def test_what_is_not_http_is_no_answer(
    session: AsyncSession, impostor: Impostor, outside: MeilisearchEngine, answer: bytes | None
) -> None:
    impostor.answer = answer
    with pytest.raises(Unavailable):
        await outside.search(session, QUERY)


async def test_one_that_never_answers_is_not_waited_for(session: AsyncSession, impostor: Impostor) -> None:
    impostor.silent = True
    outside = MeilisearchEngine(impostor.url, None, timeouts=Timeouts(total=0.05))
    with pytest.raises(Unavailable, match="no answer within"):
        await outside.search(session, QUERY)
    await outside.aclose()


async def test_nobody_there_is_no_answer(session: AsyncSession) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    outside = MeilisearchEngine(f"http://127.0.0.1:{port}", None)
    with pytest.raises(Unavailable):
        await outside.search(session, QUERY)
    await outside.aclose()


async def test_an_index_that_is_not_there_is_no_answer(
    session: AsyncSession, meilisearch_server: Access
) -> None:
    access = meilisearch_server
    outside = MeilisearchEngine(
        access.url, access.key, prefix="nowhere", timeouts=Timeouts(total=20, read=20)
    )
    with pytest.raises(Unavailable, match="index_not_found"):
        await outside.search(session, QUERY)
    await outside.aclose()


async def test_a_connection_is_kept_and_one_that_was_closed_is_made_again(
    session: AsyncSession, impostor: Impostor, outside: MeilisearchEngine
) -> None:
    impostor.say({"results": [EMPTY]})
    for _ in range(3):
        assert (await outside.search(session, QUERY)).total == 0
    impostor.say({"results": [EMPTY]}, head="connection: close\r\n")
    for _ in range(2):
        assert (await outside.search(session, QUERY)).total == 0
    assert len(impostor.asked) == 5


async def test_one_request_asks_for_all(
    session: AsyncSession, impostor: Impostor, outside: MeilisearchEngine
) -> None:
    impostor.say({"results": [EMPTY | {"estimatedTotalHits": 9}]})
    facets = (PostingFacet.CONTRACT, PostingFacet.COMMUNE)
    await outside.search(session, replace(QUERY, text="boulanger aubenas ", facets=facets))
    [asked] = impostor.asked
    [query] = asked["queries"]
    assert query["q"] == '"boulanger" "aubena" '
    assert query["facets"] == ["contract", "commune"]
    assert query["attributesToRetrieve"] == ["newest"]
    assert str(uuid.UUID(int=1)) in query["filter"]
    impostor.say({"results": [EMPTY]})
    await outside.search(session, replace(QUERY, territory_ids=(), order=SearchOrder.DATE))
    assert "territory IN []" in impostor.asked[-1]["queries"][0]["filter"]
