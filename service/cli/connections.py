"""HTTP connections that let nobody send a head without an end, or none at all.

uvicorn's own, over httptools, keeps every byte of an unfinished head in memory (measured: 190 MB for one
connection, until the sender gave up) and waits for it for ever; the setting it has for h11 does not reach
httptools.
"""

import asyncio
from typing import Any, ClassVar, Final

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.core.errors import HeadTooLarge, Problem

log = structlog.get_logger("access")

HEAD_SECONDS: Final = 10.0
# For how long what a refused caller still sends is thrown away: closed at once, the answer would be lost.
_LINGER_SECONDS: Final = 2.0
_REASONS: Final = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class Connection(HttpToolsProtocol):
    """One connection.

    A head ends within ``head_seconds``, and has about ``head_bytes`` at most; a whole message, with what is
    said between and after the parts of its body, ``message_bytes``. It may be longer by what the network
    delivers at once: the application measures head and body exactly.
    """

    head_bytes: ClassVar[int]
    message_bytes: ClassVar[int]
    head_seconds: ClassVar[float]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_head = self._in_message = self._refused = False
        self._size = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse a message that is already too long."""
        if self._refused:
            return
        begun = self._in_message
        super().data_received(data)
        if not (begun and self._in_message):
            return
        self._size += len(data)
        if self._in_head and self._size > self.head_bytes:
            self._refuse(
                HeadTooLarge(f"Address and headers may have at most {self.head_bytes} bytes together.")
            )
        elif self._size > self.message_bytes:
            self._refused = True
            self.transport.close()

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._size = 0
        if self._head_timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Note that the head is whole."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the message is whole."""
        self._in_message = False
        super().on_message_complete()

    def _wait(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._waited)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _waited(self) -> None:
        self._head_timer = None
        if not self._in_message:
            # Opened and never used, as browsers do in advance.
            self.transport.close()
            return
        late = Problem(f"The address and headers did not come within {self.head_seconds:g} seconds.")
        late.status, late.type_name, late.title = 408, "timeout", "It took too long"
        self._refuse(late)

    def _refuse(self, problem: Problem) -> None:
        """Answer for the application, which never hears of it, and close."""
        self._refused = True
        self._stop_waiting()
        if self.transport.is_closing():
            return
        log.info("connection refused", status=problem.status)
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr] # None until the first request
            # The answer to an earlier request is on its way: nothing may come in between.
            self.cycle.keep_alive = False
            return
        body = orjson.dumps(problem.as_dict())
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/problem+json\r\ncontent-length: %d\r\n"
            b"x-content-type-options: nosniff\r\nconnection: close\r\n\r\n%b"
            % (problem.status, _REASONS[problem.status], len(body), body)
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)


def connection(*, head_bytes: int, body_bytes: int, head_seconds: float = HEAD_SECONDS) -> type[Connection]:
    """Return the class of connections with these limits, for uvicorn to make."""
    limits = {
        "head_bytes": head_bytes,
        # Parts of one byte take six on the way.
        "message_bytes": head_bytes + 8 * body_bytes,
        "head_seconds": head_seconds,
    }
    return type("Connection", (Connection,), limits)
