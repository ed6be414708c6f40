"""One kind's index on the server outside: calls that are insisted on, writes under the lease, refusals."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from service.core.settings import Settings
from service.jobs.feeding.keeping import Keeper
from service.schemas.search import SearchKind
from service.search.meilisearch.administration import IndexState, TaskFailed
from service.search.meilisearch.marking import MarkedAdministration, Written
from service.search.meilisearch.settings import settings_digest, shown_digest
from service.search.port import Unavailable

T = TypeVar("T")

SUPPORTED: Final = ((1, 26), (2, 0))
"""From which version (whose tasks carry marks) up to which one, itself left out."""

PREFIX: Final = "ancrage"

_PAUSES: Final = (0.05, 0.25, 1.0, 2.0)  # Seconds.
_PATIENCE: Final = 8.0
"""Seconds after which a call is not repeated any more: whoever hangs is asked once."""
# Of the documents, not of the server: no other document need wait for these.
_OF_DOCUMENTS: Final = (
    "invalid_document",
    "missing_document",
    "payload_too_large",
    "max_fields_limit_exceeded",
    "malformed_payload",
)

Refused = Mapping[uuid.UUID, str]
"""Documents that the engine does not take, each with its reason."""


def open_outside(settings: Settings) -> MarkedAdministration | None:
    """Return the administration of the engine that the settings name, ``None`` if they name none."""
    if settings.meilisearch_url is None:
        return None
    key = settings.meilisearch_key
    return MarkedAdministration(settings.meilisearch_url, key.get_secret_value() if key else None)


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call again when it fails for a moment. It must be one that may arrive twice."""
    begun = time.monotonic()
    for pause in _PAUSES:
        try:
            return await call()
        except Unavailable as unavailable:
            if time.monotonic() - begun > _PATIENCE:
                raise
            await asyncio.sleep(max(pause, min(unavailable.retry_after or 0.0, _PATIENCE)))
    return await call()


def _too_large(unavailable: Unavailable) -> bool:
    # What stands between here and the engine has limits of its own, and says so without the engine's code.
    return unavailable.reason.startswith("HTTP 413")


class Outside:
    """The index of one kind: ``uid``, and ``beside`` while another is being built.

    ``known`` are the tasks that this holder asked for and heard of.
    """

    def __init__(self, engine: MarkedAdministration, keeper: Keeper, kind: SearchKind) -> None:
        self.engine = engine
        self.keeper = keeper
        self.uid = f"{PREFIX}-{kind.value}"
        self.beside = f"{self.uid}-new"
        self.known: set[int] = set()

    async def check_version(self) -> None:
        """Raise :class:`Unavailable` when the server is of a version that was not meant."""
        version = await insist(self.engine.version)
        found = re.match(r"(\d+)\.(\d+)", version)
        numbers = (int(found[1]), int(found[2])) if found else (0, 0)
        lowest, beyond = SUPPORTED
        if not lowest <= numbers < beyond:
            raise Unavailable(
                f"The server is Meilisearch {version}; this version of Ancrage needs "
                f"{lowest[0]}.{lowest[1]} or newer, before {beyond[0]}.{beyond[1]}."
            )

    async def describe(self, uid: str | None = None) -> IndexState | None:
        """Return how the index stands."""
        return await insist(lambda: self.engine.describe(uid or self.uid))

    async def settings_of(self, uid: str) -> str:
        """Return what tells the settings the index has from any others: ours, and what they came to there.

        What the server shows is never what it was told: it adds, and lists in an order of its own.
        """
        shown = await insist(lambda: self.engine.settings(uid))
        return f"{settings_digest()} {shown_digest(shown)}"

    async def written_after(self, task: int) -> list[Written]:
        """Return the tasks about the index's documents that came after ``task``."""
        return await insist(lambda: self.engine.written_after(self.uid, task))

    async def newest_task(self) -> int:
        """Return the uid of the last task the server was given."""
        return await insist(self.engine.newest_task)

    async def walk(self) -> dict[uuid.UUID, str]:
        """Return the digest of every document of the index, by id."""

        async def whole() -> dict[uuid.UUID, str]:
            found: dict[uuid.UUID, str] = {}
            async for page in self.engine.walk(self.uid):
                found |= page
            return found

        return await insist(whole)

    async def wait(self, task: int) -> None:
        """Return once the task has succeeded. Raises :class:`TaskFailed` if it did not."""
        await insist(lambda: self.engine.wait(task))

    async def send(self, uid: str, documents: Sequence[Mapping[str, Any]], mark: str) -> int:
        """Hand documents over; return the task, which is only begun."""

        async def sent() -> int:
            await self.keeper.certain()
            return await self.engine.put_marked(uid, documents, mark)

        task = await insist(sent)
        self.known.add(task)
        return task

    async def put(self, uid: str, documents: Sequence[Mapping[str, Any]], mark: str) -> dict[uuid.UUID, str]:
        """Have documents indexed; return those the engine refuses, each found by halving.

        Raises :class:`Unavailable` when it is the server, not a document, that something is wrong with.
        """
        if not documents:
            return {}
        try:
            await self.wait(await self.send(uid, documents, mark))
        except TaskFailed as failure:
            if not failure.code.startswith(_OF_DOCUMENTS):
                raise Unavailable(f"The task failed: {failure}") from failure
            reason = str(failure)
        except Unavailable as unavailable:
            if not _too_large(unavailable):
                raise
            reason = unavailable.reason
        else:
            return {}
        if len(documents) == 1:
            return {uuid.UUID(str(documents[0]["id"])): reason}
        middle = len(documents) // 2
        return {
            **await self.put(uid, documents[:middle], mark),
            **await self.put(uid, documents[middle:], mark),
        }

    async def delete(self, uid: str, ids: Sequence[uuid.UUID], mark: str) -> None:
        """Have documents taken away."""
        if not ids:
            return

        async def sent() -> int:
            await self.keeper.certain()
            return await self.engine.delete_marked(uid, ids, mark)

        try:
            task = await insist(sent)
            self.known.add(task)
            await self.wait(task)
        except TaskFailed as failure:
            raise Unavailable(f"The task failed: {failure}") from failure
