"""Meilisearch, where there is one: filled by ``ancrage reindex``, and the questions Ancrage asks it.

The questions are taken down on their way, by something that stands between for a moment; what is measured
later goes straight to Meilisearch, from Ancrage as from the load.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from benchmarks.comparison.processes import Ancrage, Meilisearch, Process, meilisearch_version

_ANSWERED: Final = re.compile(r'ancrage_searches_total{engine="(\w+)".*} (\S+)')
_READY_SECONDS: Final = 90.0
_TAKEN_DOWN: Final = 400


class Outside:
    """A Meilisearch. ``database_url`` names the copy of the postings it is filled from."""

    def __init__(self, url: str, key: str, folder: Path, process: Process | None) -> None:
        self.url, self.key, self.process = url, key, process
        self.port = urlsplit(url).port or 7700
        self.version = meilisearch_version(url, key)
        self.database_url = ""
        self._folder = folder

    @classmethod
    def found(cls, stack: ExitStack, folder: Path) -> Self | None:
        """Start the machine's own, or take the one ``MEILISEARCH_TEST_URL`` names; else ``None``."""
        program = Meilisearch.program()
        if program is not None:
            server = Meilisearch(program, folder)
            stack.callback(server.stop)
            server.wait()
            return cls(server.url, server.key, folder, server)
        url = os.environ.get("MEILISEARCH_TEST_URL")
        return cls(url, os.environ.get("MEILISEARCH_TEST_KEY", ""), folder, None) if url else None

    def settings(self) -> dict[str, str]:
        """Return what makes an Ancrage use it."""
        return {"MEILISEARCH_URL": self.url, "MEILISEARCH_KEY": self.key}

    def fill(self) -> None:
        """Run ``ancrage reindex``. Raises ``RuntimeError`` with what it said when it fails."""
        program = str(Path(sys.executable).with_name("ancrage"))
        data = self._folder / "reindex-data"
        data.mkdir()
        url = self.database_url.replace("postgresql+asyncpg://", "postgresql://")
        settings = {"DATABASE_URL": url, "DATA_DIR": str(data)} | self.settings()
        done = subprocess.run(
            [program, "reindex"], env=os.environ | settings, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"ancrage reindex failed: {done.stderr[-2000:]}")

    def ready(self, server: Ancrage, path: str) -> None:
        """Return once ``server`` answers from Meilisearch. Raises ``RuntimeError`` when it never does."""
        limit = time.monotonic() + _READY_SECONDS
        engine = ""
        for number in count():
            # Never the same question, nor one that is measured: a kept answer tells nothing new.
            asked = f"{path}&limit={1 + number % 99}&salary_from={number}"
            answer = httpx.get(f"http://127.0.0.1:{server.port}{asked}", timeout=30)
            engine = answer.json()["engine"]
            if engine == "meilisearch":
                return
            if time.monotonic() > limit:
                break
            time.sleep(0.5)
        raise server.failed(f"answers from {engine}, not from Meilisearch")

    @staticmethod
    def answered(server: Ancrage) -> dict[str, int]:
        """Return how many searches each engine answered so far, as ``server`` counts them."""
        counts: dict[str, int] = {}
        for line in httpx.get(f"http://127.0.0.1:{server.port}/metrics", timeout=30).text.splitlines():
            if found := _ANSWERED.match(line):
                counts[found[1]] = counts.get(found[1], 0) + int(float(found[2]))
        return counts

    def questions(self, paths: Sequence[str]) -> list[bytes]:
        """Return the first thing Ancrage asks for each of the first paths, as requests to Meilisearch."""
        asked: list[bytes] = []
        with _Between(self.url, self.key) as between, ExitStack() as stack:
            settings = {"MEILISEARCH_URL": between.url, "MEILISEARCH_KEY": self.key}
            server = Ancrage("ancrage-taken-down", self.database_url, self._folder, **settings)
            stack.callback(server.stop)
            server.wait()
            self.ready(server, paths[0])
            for path in paths[:_TAKEN_DOWN]:
                between.searches.clear()
                httpx.get(f"http://127.0.0.1:{server.port}{path}", timeout=30)
                if between.searches:
                    asked.append(self._request(*between.searches[0]))
        if not asked:
            raise RuntimeError("Ancrage asked Meilisearch nothing")
        return asked

    def _request(self, path: str, body: bytes) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class _Between:
    """Hands everything on to Meilisearch and keeps the searches: path and body."""

    def __init__(self, url: str, key: str) -> None:
        self.searches: list[tuple[str, bytes]] = []
        client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        searches = self.searches

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.path.partition("?")[0].endswith("search"):
                    searches.append((self.path, body))
                kind = self.headers.get("content-type") or "application/json"
                answer = client.request(self.command, self.path, content=body, headers={"Content-Type": kind})
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("content-type", "application/json"))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _hand_on  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        self._client = client
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()
        self._thread.join()
