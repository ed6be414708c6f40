"""The engines that are asked: PostgreSQL, and Meilisearch where this machine has one or names one."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.relevance.market import tell
from service.core.database import Database
from service.domain import publication
from service.schemas.search import SearchKind
from service.search import SearchEngine, transactional_engine
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.asking import Timeouts
from service.search.meilisearch.engine import MeilisearchEngine

_PATIENT: Final = Timeouts(connect=10, read=20, pool=10, total=20)  # Speed is not what is measured here.
_STARTS: Final = 300  # Looks at a server that starts, a tenth of a second apart.


@asynccontextmanager
async def engines(database: Database) -> AsyncIterator[list[SearchEngine]]:
    """Yield every engine there is, each holding all that the public may see in ``database``."""
    found: list[SearchEngine] = [transactional_engine()]
    with _server() as server:
        if server is None:
            tell("No Meilisearch: neither MEILISEARCH_TEST_URL nor a meilisearch on the PATH")
            yield found
            return
        url, key = server
        outside = MeilisearchEngine(url, key, prefix=f"relevance-{secrets.token_hex(4)}", timeouts=_PATIENT)
        try:
            tell("Filling Meilisearch")
            await outside.rebuild(database, SearchKind.POSTINGS, publication.public_facts, lambda _: None)
            yield [*found, outside]
        finally:
            await Administration(url, key).drop(outside.uid(SearchKind.POSTINGS))
            await outside.aclose()


@contextmanager
def _server() -> Iterator[tuple[str, str] | None]:
    """Yield address and key of the server the environment names, or of one started here; else None."""
    if named := os.environ.get("MEILISEARCH_TEST_URL"):
        yield named.rstrip("/"), os.environ.get("MEILISEARCH_TEST_KEY", "")
        return
    program = shutil.which("meilisearch")
    if program is None:
        yield None
        return
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--db-path", str(Path(folder) / "data"), "--http-addr", address]
        command += ["--no-analytics", "--log-level", "ERROR"]
        with subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"MEILI_MASTER_KEY": key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                _wait(f"http://{address}/health")
                yield f"http://{address}", key
            finally:
                process.terminate()


def _wait(health: str) -> None:
    for _ in range(_STARTS):
        try:
            if httpx.get(health, timeout=1).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    message = "meilisearch does not start"
    raise RuntimeError(message)
