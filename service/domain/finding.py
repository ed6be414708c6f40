"""One search over all kinds of things a territory shows. A kind is found by its line in :data:`KINDS`.

``docs/search-kinds.md`` says what a new kind declares, and what it gets for it.
"""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Text, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.database import Database
from service.core.reach import elevated
from service.domain import findable, territories, territory_facts
from service.domain.searching import Found
from service.models import PostingDocument, PostingIndex, Territory
from service.schemas.search import (
    DocumentFacts,
    Highlights,
    Rebuilt,
    SearchKind,
    SortValues,
    Sought,
    TogetherPage,
    TogetherQuery,
)
from service.schemas.together import TogetherSearch
from service.search import Progress, SearchEngine, transactional_engine

_BATCH = 50  # Few: whoever changes one of them waits for the batch.

Documents = Callable[
    [AsyncSession, Collection[uuid.UUID], Collection[uuid.UUID], str], Awaitable[Mapping[uuid.UUID, str]]
]
"""``documents(session, ids, territory_ids, language)``: the public documents, as JSON text, by id.

Only those that the public may see now, in one of these territories: whatever an engine says.
"""

Following = Callable[[AsyncSession, uuid.UUID | None, int], Awaitable[Sequence[DocumentFacts]]]
"""``following(session, after, limit)``: facts of the next public things in order of id.

Nobody changes them until the commit.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a kind declares.

    ``feature``: the feature of a territory that shows it; without one, every territory does. ``itself``:
    the searched territory's own are found too, not only those of the territories inside it. ``weight``
    multiplies scores. ``following`` rebuilds the index; postings have their own way.
    """

    documents: Documents
    feature: str | None = None
    itself: bool = True
    weight: float = 1.0
    following: Following | None = None


async def _postings(
    session: AsyncSession, ids: Collection[uuid.UUID], territory_ids: Collection[uuid.UUID], language: str
) -> dict[uuid.UUID, str]:
    rows = await session.execute(
        select(PostingDocument.posting_id, cast(PostingDocument.document, Text))
        .join(PostingIndex, PostingIndex.posting_id == PostingDocument.posting_id)
        .where(
            PostingDocument.posting_id.in_(ids),
            PostingDocument.language == language,
            PostingIndex.territory_id.in_(territory_ids),
            or_(PostingIndex.valid_through.is_(None), PostingIndex.valid_through > now()),
        )
    )
    return dict(iter(rows))


async def _territories(
    session: AsyncSession, ids: Collection[uuid.UUID], territory_ids: Collection[uuid.UUID], language: str
) -> dict[uuid.UUID, str]:
    del language  # A territory speaks in the words of its brand.
    found = await territories.read_some(session, set(ids) & set(territory_ids))
    return {territory_id: document.model_dump_json() for territory_id, document in found.items()}


KINDS: Final[Mapping[SearchKind, Kind]] = {
    SearchKind.POSTINGS: Kind(documents=_postings, feature="postings"),
    SearchKind.TERRITORIES: Kind(documents=_territories, itself=False, following=territory_facts.following),
}


async def _inside(session: AsyncSession, territory: Territory, kind: Kind) -> tuple[uuid.UUID, ...]:
    """Return the territories whose things of a kind ``territory`` shows: none where it is switched off."""
    if kind.feature is None:
        ids = await territories.ids_inside(session, territory)
    elif kind.feature in territory.features:
        ids = await territories.ids_showing(session, territory, kind.feature)
    else:
        ids = []
    return tuple(each for each in ids if kind.itself or each != territory.id)


def _item(kind: SearchKind, document: str, highlights: Highlights | None) -> str:
    marked = "null"
    if highlights is not None:
        marked = orjson.dumps({"title": highlights.title, "description": highlights.description}).decode()
    return f'{{"kind":"{kind}","highlights":{marked},"document":{document}}}'


async def find_together(
    session: AsyncSession,
    engine: SearchEngine,
    territory: Territory,
    search: TogetherSearch,
    *,
    after: SortValues | None,
    language: str,
) -> Found:
    """Return one page of what ``territory`` and all inside it show, of the kinds asked for, best first.

    Raises :class:`BadCursor`.
    """
    places = {
        kind: await _inside(session, territory, declared)
        for kind, declared in KINDS.items()
        if not search.kinds or kind in search.kinds
    }
    query = TogetherQuery(
        sought=tuple(
            Sought(kind=kind, territory_ids=ids, weight=KINDS[kind].weight) for kind, ids in places.items()
        ),
        text=search.q,
        limit=search.limit,
        after=after,
        highlight=search.highlight,
    )
    # The index holds only what is public; highlights are marked in the things' own rows.
    async with elevated(session):
        page = await engine.together(session, query)
    documents: dict[tuple[SearchKind, uuid.UUID], str] = {}
    for kind, ids in places.items():
        hits = [hit.id for hit in page.hits if hit.kind is kind]
        if hits:
            found = await KINDS[kind].documents(session, hits, ids, language)
            documents |= {(kind, each): document for each, document in found.items()}
    return Found(
        items=[
            _item(hit.kind, documents[hit.kind, hit.id], hit.highlights)
            for hit in page.hits
            if (hit.kind, hit.id) in documents
        ],
        summary=_summary(page),
        next=page.next,
        engine=page.engine,
        degraded=page.degraded,
    )


def _summary(page: TogetherPage) -> dict[str, Any]:
    return {
        "totals": {kind.value: total for kind, total in page.totals.items()},
        "engine": page.engine,
        "degraded": page.degraded,
        "relaxed": page.relaxed,
        "corrections": [{"typed": item.typed, "read_as": list(item.read_as)} for item in page.corrections],
        "ignored": list(page.ignored),
        "cut": page.cut,
    }


async def reindex_plain_documents(database: Database, progress: Progress) -> Rebuilt:
    """Write the index of every kind but postings again, and remove what is not public; in short transactions.

    What is written meanwhile is not lost, and an engine outside is told of what differed.
    """
    indexed = removed = 0
    for kind, declared in KINDS.items():
        if declared.following is not None:
            rebuilt = await _reindex(database, kind, declared.following, progress)
            indexed += rebuilt.indexed
            removed += rebuilt.removed
    return Rebuilt(indexed=indexed, removed=removed)


async def _reindex(database: Database, kind: SearchKind, following: Following, progress: Progress) -> Rebuilt:
    seen: set[uuid.UUID] = set()

    async def read(session: AsyncSession, after: uuid.UUID | None, limit: int) -> Sequence[DocumentFacts]:
        documents = await following(session, after, min(limit, _BATCH))
        await findable.show(session, documents)
        seen.update(facts.id for facts in documents)
        return documents

    rebuilt = await transactional_engine().rebuild(database, kind, read, progress)
    removed = 0
    async with database.transaction() as session:
        unseen = await findable.ids(session, kind) - seen
    for each in sorted(unseen):
        async with database.transaction() as session:
            # Made public meanwhile, it is what follows the id just below its own.
            found = await following(session, uuid.UUID(int=each.int - 1), 1)
            if each not in {facts.id for facts in found}:
                await findable.hide(session, kind, [each])
                removed += 1
    return Rebuilt(indexed=rebuilt.indexed, removed=removed)
