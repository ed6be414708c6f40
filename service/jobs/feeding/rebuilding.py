"""Building an index beside the one that answers, and swapping: no empty moment, no lost edit."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from service.core.clock import now
from service.domain import feeding
from service.domain.feeding import SOURCES
from service.jobs.feeding.outside import Outside, insist
from service.jobs.feeding.telling import Teller, documents_of
from service.search.meilisearch.administration import IndexState, TaskFailed
from service.search.meilisearch.settings import settings
from service.search.port import Facts, Unavailable

_PAGE: Final = 1_000
_ON_THEIR_WAY: Final = 8
"""Pages handed over before the first of them is waited for."""

_SWAP_ATTEMPTS: Final = 5
_LONGEST_WAIT_SECONDS: Final = 900.0
"""For transactions that began before changes were noted."""

log = structlog.get_logger(__name__)


class Rebuilder:
    """One rebuild, from the first page to the old index dropped; one that breaks off begins from nothing."""

    def __init__(self, teller: Teller, progress: Callable[[int], None] | None = None) -> None:
        self._teller = teller
        self._outside: Outside = teller.outside
        self._progress = progress or (lambda _: None)
        self._begun = -1
        self._settings: str | None = None
        self._sent: deque[tuple[int, Sequence[uuid.UUID]]] = deque()

    async def rebuild(self, *, usable: bool) -> int:
        """Build and swap; return how many documents were indexed.

        While the present index is ``usable`` it is told every edit too.
        """
        outside, teller = self._outside, self._teller
        feed = await teller.feed()
        if feed.rebuilt_at is None:
            await self._wait_for_writers()
        uids = [outside.uid, outside.beside] if usable else [outside.beside]
        if usable:
            await teller.drain([outside.uid])
        self._begun = await outside.newest_task()
        empty = await self._empty_beside()
        indexed = await self._fill(uids)
        await teller.drain(uids)
        new = await self._described_beside()
        if new.created_at != empty.created_at:
            # Dropped by a request that arrived late, then made again by itself, without settings.
            raise Unavailable("The index built beside is another by now.")
        await self._change(next_created_at=new.created_at)
        await self.swap_in(new.created_at)
        await self.adopt(certain=True)
        return indexed

    async def _wait_for_writers(self) -> None:
        """Return when every transaction has ended that may not know that its changes are to be noted."""
        database = self._teller.database
        async with database.transaction() as session:
            number = await feeding.present_transaction(session)
        pause, waited = 0.02, 0.0
        while waited < _LONGEST_WAIT_SECONDS:
            async with database.transaction() as session:
                if await feeding.ended_before(session, number):
                    return
            await asyncio.sleep(pause)
            waited += pause
            pause = min(1.0, pause * 2)
        raise Unavailable("A transaction that began before the engine was in use has not ended yet.")

    async def _empty_beside(self) -> IndexState:
        outside = self._outside
        for step in (
            lambda: outside.engine.drop(outside.beside),
            lambda: outside.engine.create(outside.beside),
            lambda: outside.engine.apply(outside.beside, settings()),
        ):
            await outside.keeper.certain()
            try:
                await insist(step)
            except TaskFailed as failure:
                raise Unavailable(f"The index beside could not be made: {failure}") from failure
        self._settings = await outside.settings_of(outside.beside)
        return await self._described_beside()

    async def _fill(self, uids: Sequence[str]) -> int:
        kind = self._teller.hold.kind
        after: uuid.UUID | None = None
        indexed = 0
        while True:
            async with self._teller.database.transaction() as session:
                page = await SOURCES[kind].following(session, after, _PAGE)
                number = await feeding.next_number(session)
            if page:
                await self._send(page, str(number))
                indexed += len(page)
                self._progress(indexed)
            if len(page) < _PAGE:
                break
            after = page[-1].id
            await self._teller.drain(uids, at_most=1)
        while self._sent:
            await self._receive()
        return indexed

    async def _send(self, page: Sequence[Facts], mark: str) -> None:
        documents = await documents_of(page)
        ids = [facts.id for facts in page]
        try:
            task = await self._outside.send(self._outside.beside, documents, mark)
        except (TaskFailed, Unavailable) as failure:
            if isinstance(failure, Unavailable) and not failure.reason.startswith("HTTP 413"):
                raise
            await self._tell_singly(ids, failure)
            return
        self._sent.append((task, ids))
        if len(self._sent) >= _ON_THEIR_WAY:
            await self._receive()

    async def _receive(self) -> None:
        task, ids = self._sent.popleft()
        try:
            await self._outside.wait(task)
        except TaskFailed as failure:
            await self._tell_singly(ids, failure)

    async def _tell_singly(self, ids: Sequence[uuid.UUID], failure: Exception) -> None:
        """Leave a page that was refused to be told as edits are, which finds the document at fault.

        Sent again as it was, it might come over what was edited meanwhile.
        """
        log.warning("search.page_refused", kind=self._teller.hold.kind, reason=str(failure))
        async with self._teller.database.transaction() as session:
            await feeding.tell_again(session, self._teller.hold.kind, ids)

    async def _described_beside(self) -> IndexState:
        state = await self._outside.describe(self._outside.beside)
        if state is None:
            raise Unavailable("The index built beside is gone.")
        return state

    async def swap_in(self, created_at: str) -> None:
        """Let the index built beside, known by its date, take the place of the other.

        A swap asked for twice would change nothing: whether one is on its way is looked at before.
        """
        outside = self._outside
        for _ in range(_SWAP_ATTEMPTS):
            for task in await insist(outside.engine.swaps_waiting):
                await self._ended(task)
            present = await outside.describe()
            if present is not None and present.created_at == created_at:
                return
            if (await self._described_beside()).created_at != created_at:
                raise Unavailable("The index built beside is another by now.")
            await outside.keeper.certain()
            if present is None:
                await insist(lambda: outside.engine.create(outside.uid))
            try:
                await outside.engine.swap(outside.uid, outside.beside)
            except (Unavailable, TaskFailed) as failure:
                log.warning("search.swap_failed", reason=str(failure))
                await asyncio.sleep(0.2)
        raise Unavailable("The index built beside could not be swapped in.")

    async def _ended(self, task: int) -> None:
        try:
            await self._outside.wait(task)
        except TaskFailed:
            # A swap that failed changed nothing.
            return

    async def adopt(self, *, certain: bool) -> None:
        """Note that the index built beside is in place now, and drop the one it replaced.

        Not ``certain``: somebody else built it, and what was asked for besides is not known.
        """
        outside = self._outside
        present = await outside.describe()
        if present is None:
            raise Unavailable("The index is gone.")
        settled = self._settings or await outside.settings_of(outside.uid)
        written = await outside.written_after(self._begun if certain else -1)
        strays = [each for each in written if each.task not in outside.known]
        if strays:
            certain = False
        async with self._teller.database.transaction() as session:
            await feeding.change(
                session,
                self._teller.hold,
                created_at=present.created_at,
                next_created_at=None,
                settings_digest=settled,
                documents=present.documents,
                rebuilt_at=now(),
                wanted=None if certain else feeding.COMPARE,
                acknowledged=await feeding.next_number(session),
                last_task=max([-1, *(each.task for each in written)]),
            )
            await feeding.show_everywhere_again(session)
        await outside.keeper.certain()
        await insist(lambda: outside.engine.drop(outside.beside))
        present_still = await outside.describe()
        if present_still is None or present_still.created_at != present.created_at:
            raise Unavailable("Another index took the place of the one just built.")

    async def _change(self, **values: Any) -> None:
        async with self._teller.database.transaction() as session:
            await feeding.change(session, self._teller.hold, **values)
