"""A proxy in front of an HTTP server that fails as servers and networks do, on command or at random."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Mode(StrEnum):
    """What becomes of a request."""

    PASS = "pass"
    UNAVAILABLE = "unavailable"
    """Answered 503 with ``Retry-After: 1``; the server never hears of it."""
    FULL = "full"
    """Answered 413 as Meilisearch does for a payload too large; the server never hears of it."""
    GARBAGE = "garbage"
    """Answered 200 with bytes that are no JSON; the server never hears of it."""
    NOT_HTTP = "not_http"
    """Answered with bytes that are no HTTP; the server never hears of it."""
    CUT = "cut"
    """The connection ends without an answer; the server never hears of it."""
    CUT_AFTER = "cut_after"
    """The server does what is asked; the connection ends before the whole answer has passed."""
    HANG = "hang"
    """Nothing is answered until the caller leaves or the mode changes; then as the new mode."""
    HOLD = "hold"
    """The connection is cut at once; the request reaches the server when ``release`` is called."""


FAILURES = (Mode.UNAVAILABLE, Mode.GARBAGE, Mode.NOT_HTTP, Mode.CUT, Mode.CUT_AFTER)
"""What ``failure_rate`` injects unless told otherwise: failures that take no time."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: ``method``, ``path`` with its query, and the bytes of the whole request."""

    method: str
    path: str
    raw: bytes
    body: bytes


Rule = Callable[[Request], Mode | None]


def once(mode: Mode, part: str, *, after: int = 0) -> Rule:
    """Return a rule for the first request whose method and path hold ``part``, ``after`` so many of them."""
    met = itertools.count()

    def rule(request: Request) -> Mode | None:
        return mode if part in f"{request.method} {request.path}" and next(met) == after else None

    return rule


class ToxicProxy:
    """An HTTP/1.1 proxy on loopback, to be used as ``async with ToxicProxy(server_url) as proxy``.

    ``proxy.url`` is where to ask. ``mode`` holds for every request from now on; where it is ``PASS``,
    ``rule`` may choose for a request, and else one in ``1 / failure_rate`` meets one of ``failures``.
    ``target`` may change at any time: a server started again elsewhere. ``refuse`` closes the port,
    ``accept`` opens it again.
    """

    def __init__(
        self,
        target: str,
        *,
        mode: Mode = Mode.PASS,
        failure_rate: float = 0.0,
        failures: Sequence[Mode] = FAILURES,
        seed: int = 1,
    ) -> None:
        self.target = target
        self.failure_rate = failure_rate
        self.failures = tuple(failures)
        self.rule: Rule | None = None
        self.asked = 0
        """Requests that came in."""
        self.failed = 0
        """Requests that did not simply pass."""
        self.held: list[Request] = []
        self.holding = asyncio.Event()
        """Set once something is held."""
        self._mode = mode
        self._changed = asyncio.Event()
        self._random = random.Random(seed)  # noqa: S311 - chooses failures, keeps no secret
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """Where to ask, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def mode(self) -> Mode:
        """What becomes of every request."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Open the port."""
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port and every connection."""
        await self.refuse()

    async def accept(self) -> None:
        """Open the port, the same as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._meet, "127.0.0.1", self._port, limit=1 << 20)
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Close the port and every connection: callers are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def release(self) -> list[bytes]:
        """Send the server what was held, in order; return the beginnings of its answers."""
        held, self.held = self.held, []
        answers = []
        for request in held:
            reader, writer = await self._upstream()
            writer.write(request.raw)
            await writer.drain()
            answers.append((await _message(reader))[:4096])
            await closed(writer)
        return answers

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        upstream: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        try:
            while request := await next_request(reader):
                self.asked += 1
                if not await self._serve(request, reader, writer, upstream):
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            # The caller or the server left, or the proxy stops: the connection ends either way.
            pass
        finally:
            self._connections.discard(task)
            for _, open_writer in upstream:
                await closed(open_writer)
            await closed(writer)

    def _choose(self, request: Request) -> Mode:
        if self._mode is not Mode.PASS:
            return self._mode
        if self.rule is not None and (chosen := self.rule(request)) is not None:
            return chosen
        if self.failure_rate and self._random.random() < self.failure_rate:
            return self._random.choice(self.failures)
        return Mode.PASS

    async def _serve(
        self,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    ) -> bool:
        """Do with the request what is to be done; tell whether the connection goes on."""
        mode = self._choose(request)
        self.failed += mode is not Mode.PASS
        while mode is Mode.HANG:
            changed = asyncio.ensure_future(self._changed.wait())
            left = asyncio.ensure_future(reader.read(1))
            try:
                await asyncio.wait((changed, left), return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                left.cancel()
            if not changed.done():
                return False
            mode = self._choose(request)
        if mode is Mode.HOLD:
            self.held.append(request)
            self.holding.set()
        if mode in {Mode.CUT, Mode.HOLD}:
            return False
        if mode in {Mode.PASS, Mode.CUT_AFTER}:
            if not upstream:
                upstream.append(await self._upstream())
            server_reader, server_writer = upstream[0]
            server_writer.write(request.raw)
            await server_writer.drain()
            whole = await _message(server_reader, bodiless=request.method == "HEAD")
            writer.write(whole if mode is Mode.PASS else whole[: len(whole) // 2])
            await writer.drain()
            return mode is Mode.PASS
        writer.write(_ANSWERS[mode])
        await writer.drain()
        return mode is not Mode.NOT_HTTP

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        place = urlsplit(self.target)
        return await asyncio.open_connection(place.hostname, place.port, limit=1 << 20)


def answer(status: str, body: bytes, *headers: str) -> bytes:
    """Return a whole answer of JSON."""
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


_ANSWERS = {
    Mode.UNAVAILABLE: answer("503 Service Unavailable", b'{"message":"too busy"}', "Retry-After: 1"),
    Mode.FULL: answer(
        "413 Payload Too Large",
        b'{"message":"The provided payload reached the size limit.","code":"payload_too_large",'
        b'"type":"invalid_request","link":""}',
    ),
    Mode.GARBAGE: answer("200 OK", b"\x00<html>}{ not what was asked for"),
    Mode.NOT_HTTP: b"\x00\x01\x02 this speaks no HTTP\r\n\r\n",
}


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is."""
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as left:
        if left.partial:
            raise
        return b""


async def next_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection, whole; ``None`` when the caller has left."""
    head = await _head(reader)
    if not head:
        return None
    method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    body = await _body(reader, head)
    return Request(method, path, head + body, body)


async def _message(reader: asyncio.StreamReader, *, bodiless: bool = False) -> bytes:
    head = await _head(reader)
    if not head:
        raise EOFError
    status = head.split(b" ", 2)[1]
    if bodiless or status in {b"204", b"304"}:
        return head
    return head + await _body(reader, head)


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        parts = []
        while True:
            size = await reader.readuntil(b"\r\n")
            chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
            parts += [size, chunk]
            if len(chunk) == 2:
                return b"".join(parts)
    return await reader.readexactly(int(headers.get(b"content-length", b"0")))
