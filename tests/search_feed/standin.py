"""What Meilisearch does with indexes, documents, tasks and swaps, where no real server is at hand.

Written from its public documentation. It finds nothing: searches are answered 503. It is strict: a path
or parameter it does not know is answered 400 or 404 and kept in ``misuse``. The same tests run on a real
server.
"""

import asyncio
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.search.toxic import Request, answer, closed, next_request

KEY: Final = "a-key-for-tests-only"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,511}")
_DONE: Final = {"succeeded", "failed", "canceled"}
_FILTER: Final = re.compile(r'newest > "([^"\\]*)"')


class Refusal(Exception):  # noqa: N818 - it says what the server does
    """An error of the server, with its code."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"message": message, "code": code, "type": "invalid_request", "link": ""}


@dataclass
class Index:
    """One index. ``created_at`` goes with it when it is swapped."""

    created_at: str
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Task:
    """One task, and what it will do when its turn comes."""

    uid: int
    index: str | None
    kind: str
    act: Callable[[], None]
    mark: str | None
    status: str = "enqueued"
    error: dict[str, Any] | None = None

    def view(self) -> dict[str, Any]:
        """Return the task as the server shows it."""
        found: dict[str, Any] = {
            "uid": self.uid,
            "indexUid": self.index,
            "status": self.status,
            "type": self.kind,
            "canceledBy": None,
            "details": {},
            "error": self.error,
            "duration": None,
            "enqueuedAt": "2026-01-01T00:00:00.000Z",
            "startedAt": None,
            "finishedAt": None,
        }
        return found if self.mark is None else found | {"customMetadata": self.mark}


class StandIn:
    """The server.

    ``working`` cleared, tasks stay enqueued; ``full``, every task that writes fails; documents ``refused``
    take theirs with them.
    """

    def __init__(self) -> None:
        self.key = KEY
        self.version = "1.50.0"
        self.indexes: dict[str, Index] = {}
        self.tasks: list[Task] = []
        self.working = True
        self.full = False
        self.refused: set[str] = set()
        self.max_payload = 100 * 1024 * 1024
        self.misuse: list[str] = []
        self._dates = count(1)
        self._more = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Open the port, the same as before."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self._port, limit=1 << 24)
        self._port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Close the port and every connection; what it holds stays."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def enqueued(self, count: int = 1) -> None:
        """Return once so many tasks wait to be done."""
        while sum(task.status == "enqueued" for task in self.tasks) < count:
            await self._more.wait()

    def copy(self) -> tuple[dict[str, Index], int]:
        """Return a copy of all it holds, as of its data folder."""
        return deepcopy(self.indexes), len(self.tasks)

    def restore(self, copy: tuple[dict[str, Index], int]) -> None:
        """Go back to what was copied."""
        self.indexes, tasks = deepcopy(copy[0]), copy[1]
        del self.tasks[tasks:]

    def wipe(self) -> None:
        """Lose everything."""
        self.indexes.clear()
        self.tasks.clear()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while request := await next_request(reader):
                writer.write(self._respond(request))
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            await closed(writer)

    def _respond(self, request: Request) -> bytes:
        try:
            status, content = self._route(request)
        except Refusal as refusal:
            status, content = refusal.status, refusal.content
        except (orjson.JSONDecodeError, TypeError, KeyError) as error:
            self.misuse.append(f"{request.method} {request.path}: {error!r}")
            status, content = 400, Refusal("malformed_payload", str(error)).content
        return answer(f"{status} {'OK' if status < 400 else 'Error'}", orjson.dumps(content))

    def _route(self, request: Request) -> tuple[int, Any]:
        if f"authorization: bearer {self.key}".encode() not in request.raw.split(b"\r\n\r\n")[0].lower():
            raise Refusal("invalid_api_key", "The provided API key is invalid.", 403)
        if len(request.body) > self.max_payload:
            raise Refusal("payload_too_large", "The provided payload reached the size limit.", 413)
        place = urlsplit(request.path)
        asked = dict(parse_qsl(place.query, strict_parsing=bool(place.query)))
        for method, pattern, allowed, respond in self._routes():
            found = re.fullmatch(pattern, place.path)
            if method == request.method and found:
                if unknown := set(asked) - allowed:
                    self.misuse.append(f"{request.method} {request.path}")
                    raise Refusal("bad_request", f"Unknown parameter `{min(unknown)}`")
                return respond(found, asked, orjson.loads(request.body) if request.body else None)
        self.misuse.append(f"{request.method} {request.path}")
        raise Refusal("not_found", "No such path.", 404)

    def _routes(self) -> list[tuple[str, str, set[str], Callable[..., tuple[int, Any]]]]:
        uid = r"/indexes/([A-Za-z0-9_-]{1,400})"
        queue = {"indexUids", "types", "statuses", "from", "reverse", "limit"}
        return [
            ("GET", "/version", set(), lambda *_: (200, {"pkgVersion": self.version})),
            ("POST", "/indexes", set(), self._create),
            ("GET", uid, set(), self._show),
            ("DELETE", uid, set(), self._drop),
            ("GET", f"{uid}/stats", set(), self._stats),
            ("GET", f"{uid}/settings", set(), lambda found, *_: (200, self._index(found[1]).settings)),
            ("PATCH", f"{uid}/settings", set(), self._set),
            ("POST", f"{uid}/documents", {"primaryKey", "customMetadata"}, self._put),
            ("DELETE", f"{uid}/documents", set(), self._clear),
            ("POST", f"{uid}/documents/delete-batch", {"customMetadata"}, self._delete),
            ("POST", f"{uid}/documents/fetch", set(), self._fetch),
            ("POST", "/swap-indexes", set(), self._swap),
            ("POST", f"/multi-search|{uid}/search", set(), self._search),
            ("GET", "/tasks", queue, self._list),
            ("GET", r"/tasks/(\d+)", set(), self._task),
        ]

    def _index(self, uid: str) -> Index:
        if uid not in self.indexes:
            raise Refusal("index_not_found", f"Index `{uid}` not found.", 404)
        return self.indexes[uid]

    def _made(self, uid: str) -> Index:
        if uid not in self.indexes:
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self.indexes[uid] = Index(f"{moment}.{next(self._dates):09}Z")
        return self.indexes[uid]

    def _enqueue(
        self, index: str | None, kind: str, act: Callable[[], None], mark: str | None = None
    ) -> tuple[int, Any]:
        task = Task(len(self.tasks), index, kind, act, mark)
        self.tasks.append(task)
        view = task.view()
        self._more.set()
        self._more = asyncio.Event()
        # Seen enqueued at least once, as on a real server: 202 is not indexed.
        asyncio.get_running_loop().call_soon(self.work)
        return 202, {"taskUid": view.pop("uid")} | view

    def work(self) -> None:
        """Do what is enqueued, in order, while ``working``."""
        for task in self.tasks:
            if not self.working:
                return
            if task.status in _DONE:
                continue
            try:
                self._refuse_when_full(task)
                task.act()
            except Refusal as refusal:
                task.status, task.error = "failed", refusal.content
            else:
                task.status = "succeeded"

    def _refuse_when_full(self, task: Task) -> None:
        if self.full and task.kind.startswith("document"):
            raise Refusal("no_space_left_on_device", "No space left on device", 500)

    def _create(self, _: Any, __: Any, body: dict[str, str]) -> tuple[int, Any]:
        uid = body["uid"]
        assert body["primaryKey"] == "id"

        def act() -> None:
            if uid in self.indexes:
                raise Refusal("index_already_exists", f"Index `{uid}` already exists.")
            self._made(uid)

        return self._enqueue(uid, "indexCreation", act)

    def _show(self, found: re.Match[str], *_: Any) -> tuple[int, Any]:
        date = self._index(found[1]).created_at
        return 200, {"uid": found[1], "createdAt": date, "updatedAt": date, "primaryKey": "id"}

    def _stats(self, found: re.Match[str], *_: Any) -> tuple[int, Any]:
        index = self._index(found[1])
        indexing = any(task.index == found[1] and task.status not in _DONE for task in self.tasks)
        held = len(index.documents)
        return 200, {"numberOfDocuments": held, "isIndexing": indexing, "fieldDistribution": {}}

    def _drop(self, found: re.Match[str], *_: Any) -> tuple[int, Any]:
        def act() -> None:
            self._index(found[1])
            del self.indexes[found[1]]

        return self._enqueue(found[1], "indexDeletion", act)

    def _set(self, found: re.Match[str], _: Any, body: dict[str, Any]) -> tuple[int, Any]:
        return self._enqueue(
            found[1], "settingsUpdate", lambda: self._made(found[1]).settings.update(deepcopy(body))
        )

    def _put(
        self, found: re.Match[str], asked: dict[str, str], body: list[dict[str, Any]]
    ) -> tuple[int, Any]:
        assert asked.get("primaryKey", "id") == "id"
        if not isinstance(body, list):
            raise Refusal("malformed_payload", "The documents are no list.")

        def act() -> None:
            # A document that is refused takes the whole task with it: a failed task changes nothing.
            index = self._made(found[1])
            for document in body:
                if "id" not in document:
                    raise Refusal("missing_document_id", "A document has no id.")
                if not _ID.fullmatch(str(document["id"])):
                    raise Refusal(
                        "invalid_document_id", f"Document identifier `{document['id']}` is invalid."
                    )
                if str(document["id"]) in self.refused:
                    raise Refusal("invalid_document_geo_field", "Could not parse `_geo`.")
            index.documents |= {str(document["id"]): deepcopy(document) for document in body}

        return self._enqueue(found[1], "documentAdditionOrUpdate", act, asked.get("customMetadata"))

    def _clear(self, found: re.Match[str], *_: Any) -> tuple[int, Any]:
        def act() -> None:
            self._index(found[1]).documents.clear()

        return self._enqueue(found[1], "documentDeletion", act)

    def _delete(self, found: re.Match[str], asked: dict[str, str], body: list[str]) -> tuple[int, Any]:
        def act() -> None:
            index = self._index(found[1])
            for each in body:
                index.documents.pop(each, None)

        return self._enqueue(found[1], "documentDeletion", act, asked.get("customMetadata"))

    def _fetch(self, found: re.Match[str], _: Any, body: dict[str, Any]) -> tuple[int, Any]:
        index = self._index(found[1])
        if "newest" not in index.settings.get("sortableAttributes", ()):
            raise Refusal("invalid_document_sort", "Attribute `newest` is not sortable.")
        assert set(body) <= {"fields", "sort", "limit", "filter"}
        assert body["sort"] == ["newest:asc"]
        condition = _FILTER.fullmatch(body.get("filter", 'newest > ""'))
        assert condition is not None
        # Documents without a value to sort by come last, and answer to no condition on it.
        following = sorted(
            (one for one in index.documents.values() if one.get("newest", "") > condition[1]),
            key=lambda one: str(one["newest"]),
        )
        if "filter" not in body:
            following += [one for one in index.documents.values() if "newest" not in one]
        shown = following[: body["limit"]]
        results = [{name: one[name] for name in body["fields"] if name in one} for one in shown]
        return 200, {"results": results, "offset": 0, "limit": body["limit"], "total": len(following)}

    def _swap(self, _: Any, __: Any, body: list[dict[str, Any]]) -> tuple[int, Any]:
        [swap] = body
        one, other = swap["indexes"]
        uid = len(self.tasks)

        def act() -> None:
            first, second = self._index(one), self._index(other)
            self.indexes[one], self.indexes[other] = second, first
            names = {one: other, other: one}
            for task in self.tasks[:uid]:
                task.index = names.get(task.index or "", task.index)

        return self._enqueue(None, "indexSwap", act)

    def _search(self, *_: Any) -> tuple[int, Any]:
        raise Refusal("too_many_search_requests", "Too many search requests.", 503)

    def _list(self, _: Any, asked: dict[str, str], __: Any) -> tuple[int, Any]:
        named = {name: asked[name].split(",") for name in ("indexUids", "types", "statuses") if name in asked}
        backwards = asked.get("reverse") != "true"
        start = int(asked["from"]) if "from" in asked else None
        if start is not None and start < 0:
            raise Refusal("invalid_task_from", "Invalid value in parameter `from`.")
        found = [
            task.view()
            for task in self.tasks
            if task.index in named.get("indexUids", [task.index])
            and task.kind in named.get("types", [task.kind])
            and task.status in named.get("statuses", [task.status])
            and (start is None or (task.uid <= start if backwards else task.uid >= start))
        ]
        if backwards:
            found.reverse()
        limit = int(asked.get("limit", "20"))
        return 200, {
            "results": found[:limit],
            "total": len(found),
            "limit": limit,
            "from": start,
            "next": None,
        }

    def _task(self, found: re.Match[str], *_: Any) -> tuple[int, Any]:
        uid = int(found[1])
        if uid >= len(self.tasks):
            raise Refusal("task_not_found", f"Task `{uid}` not found.", 404)
        return 200, self.tasks[uid].view()
