"""Several kinds at once: one list made by Meilisearch of all their indexes, and how many each kind has."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import let_go
from service.core.errors import BadCursor
from service.schemas.search import (
    SearchKind,
    SortValues,
    Sought,
    TogetherHit,
    TogetherPage,
    TogetherQuery,
)
from service.search.highlight import highlights
from service.search.meilisearch import wording
from service.search.meilisearch.asking import Asker
from service.search.meilisearch.filters import every, scope
from service.search.meilisearch.finding import DEEPEST
from service.search.meilisearch.places import MARK, Window
from service.search.meilisearch.proving import prove
from service.search.meilisearch.values import EVERYTHING, newest, read_newest
from service.search.meilisearch.wording import Level, Query
from service.search.port import Unavailable
from service.search.postgresql.reading import ALL_WORDS, ALL_WORDS_ANYWHERE, read
from service.search.query import parse

_NOT_OURS: Final = "`after` does not come from a page of this search."
_NEWEST: Final = Query("")
_LAST: Final = Query(f'"{EVERYTHING}"', 0.001)  # What no words rank comes after all that some do.


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page ended: the words given up, how many hits were shown, and the last of them.

    Values: ``("m", level, lost, shown, kind, published_at, id)``; ``level`` and ``lost`` are those of the
    PostgreSQL engine.
    """

    level: int
    lost: int
    shown: int
    kind: SearchKind
    published_at: datetime
    id: uuid.UUID

    @classmethod
    def read(cls, values: SortValues) -> Self:
        """Return the place ``values`` was made from. Raises :class:`BadCursor` if it was not."""
        match values:
            case (mark, int(level), int(lost), int(shown), str(kind), str(published_at), str(identity)):
                try:
                    place = cls(
                        level,
                        lost,
                        shown,
                        SearchKind(kind),
                        datetime.fromisoformat(published_at),
                        uuid.UUID(identity),
                    )
                except ValueError as error:
                    raise BadCursor(_NOT_OURS) from error
                if mark == MARK and min(level, lost, shown) >= 0 and place.published_at.tzinfo is not None:
                    return place
        raise BadCursor(_NOT_OURS)

    def values(self) -> SortValues:
        """Return what :meth:`read` reads."""
        return (
            MARK,
            self.level,
            self.lost,
            self.shown,
            self.kind.value,
            self.published_at.isoformat(),
            str(self.id),
        )

    @property
    def key(self) -> tuple[SearchKind, uuid.UUID]:
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: SearchKind
    id: uuid.UUID
    published_at: datetime
    score: float

    @property
    def key(self) -> tuple[SearchKind, uuid.UUID]:
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class _Indexes:
    """The indexes of the kinds sought, how to ask for them, and by when."""

    asker: Asker
    names: Mapping[SearchKind, str]
    sought: Sequence[Sought]
    until: float

    def filter(self, one: Sought, level: Level, *more: str) -> str:
        own = (scope(one.territory_ids), level.filter, *more)
        return every(each for each in own if each)

    async def totals(self, levels: Sequence[Level]) -> list[dict[SearchKind, int]]:
        """Return how many of each kind each level finds. One request."""
        asked = [(number, one) for number in range(len(levels)) for one in self.sought]
        if not asked:
            return [{} for _ in levels]
        answers = await self.asker.ask(
            [
                {
                    "indexUid": self.names[one.kind],
                    "q": "",
                    "filter": self.filter(one, levels[number]),
                    "limit": 0,
                }
                for number, one in asked
            ],
            self.until,
        )
        found: list[dict[SearchKind, int]] = [{} for _ in levels]
        for (number, one), answer in zip(asked, answers, strict=True):
            found[number][one.kind] = answer.total
        return found

    async def hits(self, level: Level, after: _Place | None, *, offset: int, limit: int) -> list[_Hit]:
        """Return the hits of all kinds and of all ways to ask for the words, the best first. One request.

        ``after``: only what is older than where the page before ended.
        """
        queries = [
            {
                "indexUid": self.names[one.kind],
                "q": each.q,
                "filter": self.filter(one, level, *_older(one.kind, after)),
                "matchingStrategy": "all",
                "attributesToRetrieve": ["newest"],
                "federationOptions": {"weight": each.weight * one.weight},
                **({} if level.queries else {"sort": ["newest:desc"]}),
            }
            # Of one date and id, the kind that is last by name comes first, as in PostgreSQL.
            for one in sorted(self.sought, key=lambda one: one.kind.value, reverse=True)
            for each in ((*level.queries, _LAST) if level.queries else (_NEWEST,))
        ]
        kinds = {name: kind for kind, name in self.names.items()}
        raw = await self.asker.ask_together(queries, self.until, offset=offset, limit=limit)
        try:
            return [_hit(each, kinds) for each in raw]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"no hit of ours: {error}"
            raise Unavailable(reason) from error


def _hit(raw: Mapping[str, Any], kinds: Mapping[str, SearchKind]) -> _Hit:
    published_at, identity = read_newest(raw["newest"])
    found = raw["_federation"]
    return _Hit(kinds[found["indexUid"]], identity, published_at, float(found["weightedRankingScore"]))


def _older(kind: SearchKind, after: _Place | None) -> list[str]:
    if after is None:
        return []
    comparison = "<=" if kind.value < after.kind.value else "<"
    return [f'newest {comparison} "{newest(after.published_at, after.id)}"']


@dataclass(frozen=True, slots=True)
class _Found:
    hits: list[_Hit] = field(default_factory=list)
    next: _Place | None = None


async def together(
    session: AsyncSession, query: TogetherQuery, asker: Asker, index: Callable[[SearchKind], str]
) -> TogetherPage:
    """Return one page of ``query``, of what the database confirms.

    ``index`` names the index of a kind. Two requests: how many there are, level by level; then the page. The
    words are read as by the PostgreSQL engine, by those that the database knows of any of the kinds.
    """
    kinds = [one.kind for one in query.sought]
    parsed = parse(query.text)
    place = None if query.after is None else _Place.read(query.after)
    indexes = _Indexes(
        asker,
        {kind: index(kind) for kind in kinds},
        [one for one in query.sought if one.territory_ids],
        asker.until(),
    )
    reading = await read(session, kinds, parsed) if parsed.searches else None
    lost = place.lost if place else reading.lost if reading else 0
    levels = wording.levels(reading, lost) if reading else {ALL_WORDS: wording.NONE}
    if place is not None:
        if place.level not in levels:
            raise BadCursor(_NOT_OURS)
        levels = {place.level: levels[place.level]}

    # However long Meilisearch takes, others need the connection.
    await let_go(session)
    number, totals, found = ALL_WORDS, dict.fromkeys(kinds, 0), _Found()
    for each, counted in zip(levels, await indexes.totals(list(levels.values())), strict=True):
        if sum(counted.values()):
            number, totals = each, totals | counted
            start = place or _Place(number, lost, 0, kinds[0], datetime.min, uuid.UUID(int=0))  # noqa: DTZ901 - no hit's
            ranked = reading is not None
            found = await _page(
                indexes, levels[each], start, sum(counted.values()), query.limit, ranked=ranked
            )
            break

    marks = query.highlight and reading is not None
    texts: dict[tuple[SearchKind, uuid.UUID], tuple[str, str | None]] = {}
    for one in indexes.sought:
        ids = [hit.id for hit in found.hits if hit.kind is one.kind]
        if ids:
            proof = await prove(session, one.kind, one.territory_ids, ids, with_texts=marks)
            texts |= {(one.kind, each): text for each, text in proof.texts.items()}
            totals[one.kind] -= sum(each not in proof.texts for each in ids)
    wanted = reading.wanted() if reading and marks else None
    return TogetherPage(
        hits=tuple(
            TogetherHit(
                kind=hit.kind,
                id=hit.id,
                score=hit.score,
                highlights=highlights(*texts[hit.key], wanted) if wanted else None,
            )
            for hit in found.hits
            if hit.key in texts
        ),
        totals=totals,
        next=found.next.values() if found.next else None,
        engine="meilisearch",
        relaxed=number not in {ALL_WORDS, ALL_WORDS_ANYWHERE},
        ignored=reading.ignored if reading else (),
        corrections=reading.corrections if reading else (),
        cut=parsed.cut,
    )


async def _page(
    indexes: _Indexes, level: Level, start: _Place, total: int, limit: int, *, ranked: bool
) -> _Found:
    """Return the page after ``start``, and where it ends if another follows.

    Without words the newest come first, and lists have no end. By relevance a page costs all before it, and
    the last hit of the page before is asked for too, to see whether hits moved meanwhile: if so, once more,
    further around.
    """
    if not ranked:
        found = await indexes.hits(level, start if start.shown else None, offset=0, limit=limit + 1)
        shown = found[:limit]
        return _Found(shown, _end(start, shown, start.shown + len(shown)) if len(found) > limit else None)
    for wide in (False, True):
        window = Window.over(start if start.shown else None, limit, DEEPEST, wide=wide)
        if not window.count:
            break
        found = await indexes.hits(level, None, offset=window.offset, limit=window.count)
        page = window.page([hit.key for hit in found])
        if page is not None:
            shown, end = found[slice(*page)], window.offset + page[1]
            return _Found(shown, _end(start, shown, end) if shown and end < min(total, DEEPEST) else None)
    return _Found()


def _end(start: _Place, shown: Sequence[_Hit], number: int) -> _Place:
    last = shown[-1]
    return _Place(start.level, start.lost, number, last.kind, last.published_at, last.id)
