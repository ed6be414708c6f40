"""Documents put and deleted under a mark, so that in the server's list of tasks each one's origin is seen."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from service.search.meilisearch.administration import PRIMARY_KEY, Administration

_PAGE: Final = 500
_WRITING: Final = "documentAdditionOrUpdate,documentDeletion,documentEdition"


@dataclass(frozen=True, slots=True)
class Written:
    """One task that writes, wrote or will write documents. What others asked for has no ``mark``."""

    task: int
    mark: str | None


class MarkedAdministration(Administration):
    """Administration of a server whose tasks carry a mark (``customMetadata``)."""

    async def put_marked(self, uid: str, documents: Sequence[Mapping[str, Any]], mark: str) -> int:
        """Ask for whole documents to take the place of those with the same ids; return the task's uid."""
        body = orjson.dumps(documents)
        asked = urlencode({"primaryKey": PRIMARY_KEY, "customMetadata": mark})
        return await self._ask(
            lambda client: int(client.http.post(f"indexes/{uid}/documents?{asked}", body)["taskUid"])
        )

    async def delete_marked(self, uid: str, ids: Sequence[uuid.UUID], mark: str) -> int:
        """Ask for documents to be taken away; return the task's uid."""
        body = [str(each) for each in ids]
        asked = urlencode({"customMetadata": mark})
        return await self._ask(
            lambda client: int(
                client.http.post(f"indexes/{uid}/documents/delete-batch?{asked}", body)["taskUid"]
            )
        )

    async def written_after(self, uid: str, task: int) -> list[Written]:
        """Return the tasks about the documents of ``uid`` that were asked for after ``task``, oldest first.

        A swap gives an index the tasks of the one whose place it takes.
        """
        found: list[Written] = []
        after = task
        while True:
            asked = {
                "indexUids": uid,
                "types": _WRITING,
                "from": after + 1,
                "reverse": "true",
                "limit": _PAGE,
            }
            page = [one for one in await self._tasks(asked) if one.task > after]
            found += page
            if len(page) < _PAGE:
                return found
            after = page[-1].task

    async def newest_task(self) -> int:
        """Return the uid of the last task the server was given, -1 if it was given none."""
        return max((one.task for one in await self._tasks({"limit": 1})), default=-1)

    async def swaps_waiting(self) -> list[int]:
        """Return the uids of the swaps that are still to be done."""
        asked = {"types": "indexSwap", "statuses": "enqueued,processing", "limit": _PAGE}
        return [one.task for one in await self._tasks(asked)]

    async def _tasks(self, asked: Mapping[str, Any]) -> list[Written]:
        path = f"tasks?{urlencode(asked)}"
        return await self._ask(
            lambda client: [
                Written(int(one["uid"]), one.get("customMetadata"))
                for one in client.http.get(path)["results"]
            ]
        )
