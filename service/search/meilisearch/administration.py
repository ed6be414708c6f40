"""Making, filling, swapping and reading the indexes of Meilisearch, with its official client.

The client is synchronous and opens a connection per call: it serves workers and commands, in threads.
Searches go through :mod:`service.search.meilisearch.asking` instead.
"""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
import requests
from meilisearch import Client
from meilisearch.errors import MeilisearchApiError, MeilisearchError

from service.search.meilisearch.values import read_newest
from service.search.port import Unavailable

T = TypeVar("T")

NOT_FOUND: Final = "index_not_found"
_KEY_EXISTS: Final = "api_key_already_exists"
EXISTS: Final = "index_already_exists"
PRIMARY_KEY: Final = "id"

_CALL_TIMEOUT: Final = 10  # Seconds. Every call answers at once; only tasks take time.
_TASK_TIMEOUT: Final = 120.0  # Seconds.
_FIRST_LOOK, _LAST_LOOK = 0.01, 0.5  # Seconds between two looks at a task.
_PAGE: Final = 2_000
# Of what was asked, not of who asks: a wrong key is a reason to ask somebody else.
_REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
_DONE: Final = frozenset({"succeeded", "failed", "canceled"})


_ANOTHER: Final = "something else than Meilisearch answers at MEILISEARCH_URL"
_SYSTEM: Final = re.compile(r"\[(?:Errno -?\d+\] |SSL: )([A-Za-z_ ]+)|([Tt]imed out)")
_LONGEST_ANSWER: Final = 300


class TaskFailed(Exception):  # noqa: N818 - it says what became of a task
    """Meilisearch refused what it was asked, and changed nothing.

    ``code`` is its own (``index_not_found``, ``invalid_document_id``…), ``message`` its sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the engine's own words."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class IndexState:
    """How an index stands. ``created_at`` is as the engine writes it: it tells one index from a later one."""

    created_at: str
    documents: int
    indexing: bool


def _told(error: MeilisearchApiError) -> str:
    """Return what a server answered, and what to change if that is known."""
    # The client adds to whatever goes wrong that the server may be too old.
    said = str(error.message).partition(". Hint: It might not be working")[0].rstrip(".")
    answer = f"HTTP {error.status_code}: {said[:_LONGEST_ANSWER]}"
    if error.code is None and error.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return f"{_ANOTHER} ({answer})"
    if error.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"{answer}; check MEILISEARCH_KEY: it must be a key of this server that allows this"
    return answer


def _cause(error: BaseException) -> str:
    """Return the system's own word for why a call failed, without those of each layer above it."""
    found = _SYSTEM.search(str(error))
    return found[1] or found[2] if found else type(error).__name__


def _is_ours(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is of those that :mod:`service.search.meilisearch.documents` makes."""
    try:
        _, identity = read_newest(str(document["newest"]))
        return identity == uuid.UUID(str(document[PRIMARY_KEY])) and "digest" in document
    except (KeyError, ValueError):
        return False


class Administration:
    """What is done to the indexes of one server.

    Every method raises :class:`Unavailable` when the server can't be asked or answers nonsense, and
    :class:`TaskFailed` when it refuses.
    """

    def __init__(self, url: str, key: str | None) -> None:
        """Hold the address and the key; nothing is asked yet."""
        self._url = url.rstrip("/")
        self._key = key

    async def version(self) -> str:
        """Return the server's version, such as ``1.50.0``."""
        return await self._ask(lambda client: str(client.get_version()["pkgVersion"]))

    async def try_search(self, uid: str) -> None:
        """Search the index, for nothing: whoever may only search finds out that this is so."""
        await self._ask(lambda client: client.index(uid).search("", {"limit": 0}))

    async def describe(self, uid: str) -> IndexState | None:
        """Return how the index stands; ``None`` if there is none."""
        try:
            created_at = await self._ask(lambda client: str(client.get_raw_index(uid)["createdAt"]))
            stats = await self._ask(lambda client: client.index(uid).get_stats())
        except TaskFailed as failure:
            if failure.code == NOT_FOUND:
                return None
            raise
        return IndexState(created_at, stats.number_of_documents, stats.is_indexing)

    async def settings(self, uid: str) -> dict[str, Any]:
        """Return the settings the index has."""
        return await self._ask(lambda client: dict(client.http.get(f"indexes/{uid}/settings")))

    async def create(self, uid: str) -> None:
        """Make an empty index. One that is there already is left alone."""
        task = await self._ask(lambda client: client.create_index(uid, {"primaryKey": PRIMARY_KEY}).task_uid)
        try:
            await self.wait(task)
        except TaskFailed as failure:
            if failure.code != EXISTS:
                raise

    async def apply(self, uid: str, settings: Mapping[str, Any], *, seconds: float = _TASK_TIMEOUT) -> None:
        """Give the index these settings, and wait until its documents are indexed by them."""
        body = dict(settings)
        await self.wait(
            await self._ask(lambda client: client.index(uid).update_settings(body).task_uid), seconds
        )

    async def put(self, uid: str, documents: Sequence[Mapping[str, Any]]) -> int:
        """Ask for whole documents to take the place of those with the same ids; return the task's uid."""
        body = orjson.dumps(documents)
        return await self._ask(
            lambda client: client.index(uid).add_documents_json(body, PRIMARY_KEY).task_uid
        )

    async def delete(self, uid: str, ids: Sequence[uuid.UUID]) -> int:
        """Ask for documents to be taken away; return the task's uid. Ids it does not hold are no error."""
        body = [str(each) for each in ids]
        answer = await self._ask(
            lambda client: client.http.post(f"indexes/{uid}/documents/delete-batch", body)
        )
        return int(answer["taskUid"])

    async def wait(self, task: int, seconds: float = _TASK_TIMEOUT) -> None:
        """Return once the task has succeeded. Raises :class:`TaskFailed` if it did not.

        After so many ``seconds``, :class:`Unavailable`: the task may still succeed.
        """
        until = time.monotonic() + seconds
        pause = _FIRST_LOOK
        while True:
            state = await self._ask(lambda client: client.get_task(task))
            if state.status in _DONE:
                break
            if time.monotonic() + pause > until:
                raise Unavailable(f"task {task} is {state.status} after {seconds} s")
            await asyncio.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.5)
        if state.status != "succeeded":
            error = state.error or {}
            raise TaskFailed(str(error.get("code", state.status)), str(error.get("message", "")))

    async def swap(self, one: str, other: str) -> None:
        """Let two indexes that both exist change names, in one step that no search falls between."""
        await self.wait(
            await self._ask(lambda client: client.swap_indexes([{"indexes": [one, other]}]).task_uid)
        )

    async def drop(self, uid: str) -> None:
        """Delete an index. If there is none, nothing happens."""
        try:
            await self.wait(await self._ask(lambda client: client.delete_index(uid).task_uid))
        except TaskFailed as failure:
            if failure.code != NOT_FOUND:
                raise

    async def walk(self, uid: str) -> AsyncIterator[dict[uuid.UUID, str]]:
        """Yield the id and digest of every document, page by page.

        A document that is written or taken away meanwhile may be seen as it was or as it is; the others are
        all seen, once. What is none of ours, and was put there by somebody else, is passed over.
        """
        after: str | None = None
        while True:
            asked: dict[str, Any] = {
                "fields": [PRIMARY_KEY, "digest", "newest"],
                "sort": ["newest:asc"],
                "limit": _PAGE,
            }
            if after is not None:
                asked["filter"] = f'newest > "{after}"'
            found = await self._ask(
                lambda client, asked=asked: [  # type: ignore[misc]
                    dict(document) for document in client.index(uid).get_documents(asked).results
                ]
            )
            ours = [one for one in found if _is_ours(one)]
            if ours:
                yield {uuid.UUID(str(one[PRIMARY_KEY])): str(one["digest"]) for one in ours}
            if len(found) < _PAGE or not ours:
                return
            after = str(ours[-1]["newest"])

    async def key(self, uid: uuid.UUID, name: str, *, actions: Sequence[str], indexes: Sequence[str]) -> str:
        """Return the API key ``uid``, which may do these actions on these indexes; make it if there is none.

        One that may do anything else is made anew.
        """
        wanted = {
            "uid": str(uid),
            "name": name,
            "actions": list(actions),
            "indexes": list(indexes),
            "expiresAt": None,
        }
        try:
            return await self._ask(lambda client: client.create_key(wanted).key)
        except TaskFailed as failure:
            if failure.code != _KEY_EXISTS:
                raise
        there = await self._ask(lambda client: client.get_key(str(uid)))
        if (set(there.actions), set(there.indexes)) == (set(actions), set(indexes)):
            return there.key
        # What a key may do can't be changed.
        await self._ask(lambda client: client.delete_key(str(uid)))
        return await self._ask(lambda client: client.create_key(wanted).key)

    async def _ask(self, call: Callable[[Client], T]) -> T:
        """Make one call in a thread, with a client of its own: its headers change from call to call."""
        return await asyncio.to_thread(self._call, call)

    def _call(self, call: Callable[[Client], T]) -> T:
        try:
            return call(Client(self._url, self._key, timeout=_CALL_TIMEOUT))
        except MeilisearchApiError as error:
            if error.code is not None and error.status_code in _REFUSALS:
                raise TaskFailed(str(error.code), str(error.message)) from error
            raise Unavailable(_told(error)) from error
        except (MeilisearchError, requests.RequestException) as error:
            raise Unavailable(
                f"{self._url} can't be reached ({_cause(error)}); "
                "check MEILISEARCH_URL, and that the server runs"
            ) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # What came back is not what Meilisearch answers: something else listens there.
            raise Unavailable(f"{_ANOTHER} ({error})") from error
