"""A local HTTP server between tests and Meilisearch: it records what passes, or answers as recorded."""

import http.client
import threading
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from tests.search.meilisearch_server.exchanges import HOW, Exchange
from tests.search.meilisearch_server.normalising import Names, fingerprint

_SHOWN: Final = 400  # Characters of a body in a message.


class Upstream:
    """The real server behind a relay."""

    def __init__(self, url: str, key: str) -> None:
        place = urlsplit(url)
        self._host = place.hostname or ""
        self._port = place.port
        self._key = key

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, str, str | None]:
        """Return status, body and ``Retry-After`` of the real server's answer."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self._key}"}
            if body:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Retry-After")
        finally:
            connection.close()


class Relay:
    """Records the exchanges of one test after the other when it has an ``upstream``; else replays them.

    What is asked and was not recorded is answered 501 and kept in ``unknown``.
    """

    def __init__(self, upstream: Upstream | None) -> None:
        self.upstream = upstream
        self.unknown: list[str] = []
        self._lock = threading.Lock()
        self._names = Names()
        self._recorded: list[Exchange] = []
        self._kept: dict[tuple[str, str, str], deque[Exchange]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where to ask, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def begin(self, kept: list[Exchange]) -> None:
        """Begin another test, with what was recorded for it."""
        with self._lock:
            self.unknown = []
            self._names = Names()
            self._recorded = []
            waiting: defaultdict[tuple[str, str, str], deque[Exchange]] = defaultdict(deque)
            for exchange in kept:
                waiting[exchange.key].append(exchange)
            self._kept = dict(waiting)

    def end(self) -> list[Exchange]:
        """Return what the test's exchanges were; of a task that was looked at often, the last look."""
        with self._lock:
            seen: set[tuple[str, str, str]] = set()
            lasting: list[Exchange] = []
            for exchange in reversed(self._recorded):
                if exchange.path.startswith("/tasks/") and exchange.key in seen:
                    continue
                seen.add(exchange.key)
                lasting.append(exchange)
            return lasting[::-1]

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, str | None]:
        """Return status, body and ``Retry-After`` of the answer to a request."""
        text = body.decode()
        if self.upstream is None:
            return self._replay(method, path, text)
        status, answer, retry_after = self.upstream.ask(method, path, body)
        with self._lock:
            self._recorded.append(
                Exchange(
                    method,
                    self._names.path(path),
                    fingerprint(self._names.asked(text)),
                    status,
                    self._names.answered(answer),
                    retry_after,
                )
            )
        return status, answer, retry_after

    def _replay(self, method: str, path: str, text: str) -> tuple[int, str, str | None]:
        with self._lock:
            asked = self._names.asked(text)
            waiting = self._kept.get((method, self._names.asked(path), fingerprint(asked)))
            if not waiting:
                self.unknown.append(f"{method} {path} {asked[:_SHOWN]}")
                message = f"{method} {path} was not recorded. {HOW}"
                return 501, orjson.dumps({"message": message, "code": "not_recorded"}).decode(), None
            # A look changes nothing: the last answer holds on. What changes something is answered as often as
            # it was done.
            stays = method == "GET" and len(waiting) == 1
            exchange = waiting[0] if stays else waiting.popleft()
            return exchange.status, self._names.told_again(exchange.answer), exchange.retry_after


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write per answer would otherwise wait for the other side's acknowledgement.
        disable_nagle_algorithm = True
        wbufsize = -1

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, answer, retry_after = relay.answer(self.command, self.path, body)
            content = answer.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *arguments: Any) -> None:
            del arguments

    return Handler
