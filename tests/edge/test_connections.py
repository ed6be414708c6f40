"""What comes over a real socket before there is a request: heads too long, too late, or without an end."""

import asyncio
import os
import threading
from typing import Any

import psutil
import pytest

from tests.edge.conftest import Make, Serve

LARGE = "urn:ancrage:problem:headers-too-large"


class Answering:
    """An application that counts what reaches it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.paths: list[str] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        self.reached.set()
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def talk(port: int, *sent: bytes) -> bytes:
    """Send everything, whatever comes back meanwhile, and return all of that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def write() -> None:
        try:
            for part in sent:
                writer.write(part)
                await writer.drain()
        except ConnectionError:
            pass

    writing = asyncio.create_task(write())
    answer = b""
    try:
        while part := await reader.read(65_536):
            answer += part
    except ConnectionError:
        pass
    await writing
    writer.close()
    return answer


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Authorization: Bearer " + b"a" * 10_000_000 + b"\r\n\r\n",
        HEAD + b"X-%s: 1\r\n\r\n" % (b"a" * 10_000_000),
        b"GET /?" + b"a" * 10_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(10_000)) + b"\r\n",
        HEAD + b"Cookie: a=b; " * 1_000_000 + b"\r\n\r\n",
    ],
    ids=["credential", "name", "address", "many", "cookies"],
)
async def test_ten_megabytes_of_head_are_refused_in_words_and_reach_nobody(serve: Serve, sent: bytes) -> None:
    app = Answering()
    answer = await talk(serve(app).port, sent)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert LARGE.encode() in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.paths == []


async def test_the_application_refuses_what_is_a_little_too_large(make: Make, serve: Serve) -> None:
    port = serve(await make()).port
    for size, status in ((30_000, b"404"), (33_000, b"431"), (60_000, b"431")):
        sent = HEAD.replace(b" / ", b" /v1/nowhere ") + b"Authorization: Bearer " + b"a" * size + b"\r\n\r\n"
        answer = await talk(port, sent)
        assert answer.startswith(b"HTTP/1.1 " + status), size
        assert b"application/problem+json" in answer


async def test_a_head_without_end_does_not_fill_memory(serve: Serve) -> None:
    port = serve(Answering()).port
    process = psutil.Process(os.getpid())
    part = b"a" * 1_000_000
    await talk(port, HEAD + b"X: ", part)
    before = process.memory_info().rss
    answer = await talk(port, HEAD + b"X: ", *([part] * 60))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert process.memory_info().rss - before < 20_000_000


async def test_a_head_that_does_not_end_is_not_waited_for(serve: Serve) -> None:
    app = Answering()
    served = serve(app)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HEAD + b"X: ")
    await served.until(lambda held: any(each._in_head for each in held))
    served.hurry(11)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"application/problem+json" in answer
    assert app.paths == []
    writer.close()


async def test_a_connection_that_says_nothing_is_closed(serve: Serve) -> None:
    served = serve(Answering())
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    await served.until(lambda held: len(held) == 1)
    served.hurry(11)
    assert await reader.read() == b""
    await served.until(lambda held: len(held) == 0)
    writer.close()


async def test_the_time_for_a_head_is_not_taken_from_a_body(serve: Serve) -> None:
    app = Answering()
    served = serve(app)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
    await asyncio.to_thread(app.reached.wait)
    silent, other = await asyncio.open_connection("127.0.0.1", served.port)
    await served.until(lambda held: len(held) == 2)
    served.hurry(11)
    # The time has passed: it was up for another connection.
    assert await silent.read() == b""
    writer.write(b"hello")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    assert app.bodies == [b"hello"]
    writer.close()
    other.close()


async def test_requests_follow_each_other_on_one_connection(serve: Serve) -> None:
    app = Answering()
    body = b"b" * 200_000
    post = b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    get = b"GET /get HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await talk(serve(app).port, post + get, post, get + post, HEAD + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 6
    assert app.paths == ["/post", "/get", "/post", "/get", "/post", "/"]
    assert set(app.bodies) == {body, b""}


async def test_the_answer_to_an_earlier_request_comes_whole_before_a_refusal(serve: Serve) -> None:
    app = Answering()
    get = b"GET /get HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await talk(serve(app).port, get + HEAD + b"X: ", *([b"a" * 100_000] * 20))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert app.paths == ["/get"]


@pytest.mark.parametrize(
    "parts",
    [
        [b"1\r\na\r\n" * 50_000] * 40,
        [b"1;" + b"x" * 100_000] + [b"x" * 100_000] * 120,
        [b"0\r\nX: " + b"x" * 100_000] + [b"x" * 100_000] * 120,
    ],
    ids=["small parts", "extension", "trailer"],
)
async def test_what_surrounds_the_parts_of_a_body_has_an_end_too(serve: Serve, parts: list[bytes]) -> None:
    app = Answering()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await talk(serve(app, body_bytes=100_000).port, head, *parts)
    assert answer == b""
    assert app.bodies == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ],
)
async def test_what_is_no_http_is_refused(serve: Serve, sent: bytes) -> None:
    app = Answering()
    answer = await talk(serve(app).port, sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert app.bodies == []
