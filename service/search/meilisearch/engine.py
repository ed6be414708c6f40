"""The engine that asks Meilisearch, and shows nothing that the database does not confirm."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database, let_go
from service.core.errors import BadCursor
from service.schemas.search import (
    Hit,
    PostingFacts,
    Rebuilt,
    SearchKind,
    SearchOrder,
    SearchPage,
    SearchQuery,
    TogetherPage,
    TogetherQuery,
)
from service.search.highlight import Wanted, highlights
from service.search.meilisearch import places, wording
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.asking import Asker, Timeouts
from service.search.meilisearch.counting import codes, facet_values
from service.search.meilisearch.documents import document
from service.search.meilisearch.filters import conditions
from service.search.meilisearch.finding import RARE, Found, Search, find, totals
from service.search.meilisearch.places import DatePlace, RankPlace
from service.search.meilisearch.proving import prove
from service.search.meilisearch.settings import settings
from service.search.meilisearch.together import together
from service.search.port import Facts, Progress, Reader
from service.search.postgresql.reading import ALL_WORDS, ALL_WORDS_ANYWHERE, Reading, read
from service.search.query import parse
from service.search.words import Remembered

PREFIX: Final = "ancrage"

_BATCH: Final = 500
_NOT_OURS: Final = "`after` does not come from a page of this search."


class MeilisearchEngine:
    """Asks Meilisearch for what a text, filters and facets find; see :class:`service.search.SearchEngine`.

    ``prefix`` begins the names of its indexes. They are told what changed after the commit; in a session
    this engine only reads.
    """

    name = "meilisearch"

    def __init__(
        self, url: str, key: str | None, *, prefix: str = PREFIX, timeouts: Timeouts | None = None
    ) -> None:
        """Hold the server's address; nothing is connected before the first search."""
        self._prefix = prefix
        self._asker = Asker(url, key, timeouts or Timeouts())
        self._administration = Administration(url, key)

    def uid(self, kind: SearchKind) -> str:
        """Return the name of the index of ``kind``."""
        return f"{self._prefix}-{kind.value}"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asker.close()

    async def search(self, session: AsyncSession, query: SearchQuery) -> SearchPage:
        """Return one page of ``query``. Raises :class:`Unavailable` when there is no proper answer.

        One request and one statement when the words are found as they are typed. Else the words are read by
        those that the database knows, and asked for again, level by level.
        """
        search = self._begin(query)
        # However long Meilisearch takes, others need the connection.
        await let_go(session)
        if not search.parsed.searches:
            return await self._page(session, search, await find(self._asker, search))
        found: Found | None = None
        if _may_be_as_typed(search):
            found = await find(self._asker, search)
            if found.total > RARE or isinstance(search.place, RankPlace):
                return await self._page(session, search, found)
        reading = await read(session, [query.kind], search.parsed)
        await let_go(session)
        if found is None or not found.total or any(word.variants for word in reading.words):
            search, found = await self._give_way(search, reading)
        return await self._page(session, search, found)

    async def together(self, session: AsyncSession, query: TogetherQuery) -> TogetherPage:
        """Return one page of several kinds; raises as :meth:`search` does."""
        return await together(session, query, self._asker, self.uid)

    def _begin(self, query: SearchQuery) -> Search:
        """Return the search for the words as they are typed."""
        parsed = parse(query.text)
        place = None if query.after is None else places.read(query.after)
        ranks = parsed.searches and query.order is SearchOrder.RELEVANCE
        if place is not None and isinstance(place, RankPlace) is not ranks:
            raise BadCursor(_NOT_OURS)
        return Search(
            query=query,
            uid=self.uid(query.kind),
            until=self._asker.until(),
            parsed=parsed,
            conditions=conditions(query),
            place=place,
            ranks=ranks,
            level=wording.spelt(parsed) if parsed.searches else wording.NONE,
        )

    async def _give_way(self, search: Search, reading: Reading) -> tuple[Search, Found]:
        """Return the first level of the words, as they were read, that something answers to; and what does.

        If nothing answers at all, that of the first level: its facets may still count something.
        """
        lost = search.place.lost if search.place else reading.lost
        levels = wording.levels(reading, lost)
        search = replace(search, reading=reading, lost=lost)
        if search.place is not None:
            if search.place.level not in levels:
                raise BadCursor(_NOT_OURS)
            number = search.place.level
        elif not levels:
            return search, Found.nothing()
        else:
            number = next(iter(levels))
            if len(levels) > 1:
                counts = await totals(self._asker, search, list(levels.values()))
                answering = (each for each, count in zip(levels, counts, strict=True) if count)
                number = next(answering, number)
        search = replace(search, number=number, level=levels[number])
        found = await find(self._asker, search)
        return search if found.total else replace(search, number=ALL_WORDS), found

    async def _page(self, session: AsyncSession, search: Search, found: Found) -> SearchPage:
        """Return the page, of what the database confirms."""
        query, reading = search.query, search.reading
        wanted: Wanted | None = None
        if search.parsed.searches:
            wanted = Remembered(reading.wanted() if reading else wording.spelt_marks(search.parsed))
        proof = await prove(
            session,
            query.kind,
            query.territory_ids,
            found.ids,
            with_texts=wanted is not None and query.highlight,
            codes=codes(query, found),
        )
        ids = [each for each in found.ids if each in proof.texts]
        if wanted is not None and query.highlight:
            hits = tuple(Hit(id=each, highlights=highlights(*proof.texts[each], wanted)) for each in ids)
        else:
            hits = tuple(Hit(id=each) for each in ids)
        return SearchPage(
            hits=hits,
            total=found.total - (len(found.ids) - len(ids)),
            facets={facet: facet_values(query, facet, found, proof) for facet in query.facets},
            next=found.next,
            engine=self.name,
            relaxed=search.number not in {ALL_WORDS, ALL_WORDS_ANYWHERE},
            ignored=reading.ignored if reading else (),
            corrections=reading.corrections if reading else (),
            cut=search.parsed.cut,
            wanted=wanted,
        )

    async def index(self, session: AsyncSession, documents: Sequence[Facts]) -> None:
        """Write these documents, and wait until they are found."""
        del session
        for uid, each in self._by_index(documents).items():
            await self._administration.wait(await self._administration.put(uid, each))

    async def remove(self, session: AsyncSession, kind: SearchKind, ids: Sequence[uuid.UUID]) -> None:
        """Take these documents away, and wait until they are."""
        del session
        if ids:
            await self._administration.wait(await self._administration.delete(self.uid(kind), ids))

    async def forget(self, session: AsyncSession, kind: SearchKind, text: str) -> None:
        """Do nothing: the index holds no word but those of its documents."""
        del session, kind, text

    async def rebuild(
        self, database: Database, kind: SearchKind, read: Reader, progress: Progress
    ) -> Rebuilt:
        """Make the index, where it stands, agree with the tables.

        ``ancrage reindex`` makes another beside it instead, and changes their names.
        """
        uid = self.uid(kind)
        await self._administration.create(uid)
        await self._administration.apply(uid, settings())
        left = {each async for page in self._administration.walk(uid) for each in page}
        indexed = 0
        after: uuid.UUID | None = None
        while True:
            async with database.transaction() as session:
                facts = await read(session, after, _BATCH)
            if not facts:
                break
            await self._administration.wait(
                await self._administration.put(uid, [document(each) for each in facts])
            )
            after = facts[-1].id
            left.difference_update(each.id for each in facts)
            indexed += len(facts)
            progress(indexed)
        if left:
            await self._administration.wait(await self._administration.delete(uid, sorted(left)))
        return Rebuilt(indexed=indexed, removed=len(left))

    async def maintain(self, session: AsyncSession) -> None:
        """Do nothing: Meilisearch keeps itself."""
        del session

    def _by_index(self, documents: Sequence[Facts]) -> dict[str, list[dict[str, object]]]:
        found: dict[str, list[dict[str, object]]] = defaultdict(list)
        for facts in documents:
            kind = SearchKind.POSTINGS if isinstance(facts, PostingFacts) else facts.kind
            found[self.uid(kind)].append(document(facts))
        return found


def _may_be_as_typed(search: Search) -> bool:
    """Tell whether the list is one of words as they are typed, or may be."""
    if search.parsed.unreadable:
        return False
    match search.place:
        case RankPlace(spelt=spelt):
            return spelt
        case DatePlace(level=level, lost=lost):
            return level == ALL_WORDS and not lost
        case None:
            return True
