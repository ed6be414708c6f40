"""The live API "Offres d'emploi" v2: everything that matches a query, and whether it is everything.

Limits, from the API's OpenAPI file (version 2): a reply holds at most 150 items (``range=p-d``),
``p`` goes up to 3000 and ``d`` up to 3149. A search with more results is therefore cut into windows
of creation dates. The file names no rate; clients of the API report ten calls a second.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import httpx
import orjson

from service.adapters.france_travail.calls import Access, Calls, Patience
from service.adapters.france_travail.parse import SOURCE, parse_item
from service.schemas.feed import FeedBatch, FeedError, FeedPosting, Rejection

SEARCH: Final = "/v2/offres/search"
PAGE: Final = 150
REACHABLE: Final = 3150
_COMMUNES_PER_CALL: Final = 5
_PASSES: Final = 3
_OLDEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_NARROWEST: Final = timedelta(minutes=1)
_OVERLAP: Final = timedelta(seconds=1)
_NO_CONTENT: Final = 204
_PARTIAL_CONTENT: Final = 206
_CONTENT_RANGE: Final = re.compile(r"(?:offres\s+)?(?:\d+-\d+|\*)/(\d+)", re.IGNORECASE)

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedQuery:
    """What to ask for. Départements, communes (INSEE codes) and region add up.

    ``criteria`` are further parameters of the API's search, as it names them, applied to all.
    An empty query asks for the whole country.
    """

    departements: tuple[str, ...] = ()
    communes: tuple[str, ...] = ()
    region: str | None = None
    criteria: Mapping[str, str] = field(default_factory=dict)

    def searches(self) -> list[dict[str, str]]:
        """Return the parameters of each search, the smallest areas the API can be asked for."""
        areas: list[dict[str, str]] = [{"departement": code} for code in self.departements]
        for start in range(0, len(self.communes), _COMMUNES_PER_CALL):
            codes = self.communes[start : start + _COMMUNES_PER_CALL]
            areas.append({"commune": ",".join(codes), "distance": "0"})
        if self.region is not None:
            areas.append({"region": self.region})
        # Newest first: a stable order, so that pages follow one another.
        return [{"sort": "1", **self.criteria, **area} for area in areas or [{}]]


@dataclass(slots=True)
class _Pass:
    """One walk through the pages of one search."""

    items: list[FeedPosting | Rejection] = field(default_factory=list)
    totals: list[int | None] = field(default_factory=list)

    def is_whole(self) -> bool:
        """Say whether the announced total stayed the same and was received in distinct items."""
        announced = set(self.totals)
        return announced == {self.distinct()}

    def distinct(self) -> int:
        known = {item.source_id for item in self.items if isinstance(item, FeedPosting)}
        return len(known) + sum(isinstance(item, Rejection) for item in self.items)


class FranceTravailClient:
    """Reads postings from the live API; an async context manager.

    ``async with FranceTravailClient(Access(client_id=…, client_secret=…)) as client:
    batch = await client.read(FeedQuery(departements=("07",)))``
    """

    def __init__(self, access: Access, patience: Patience | None = None) -> None:
        """Prepare the client; nothing is sent yet."""
        self._calls = Calls(access, patience or Patience())

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        await self._calls.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the connections."""
        await self._calls.__aexit__(*exception)

    async def read(self, query: FeedQuery, progress: Progress | None = None) -> FeedBatch:
        """Return all that matches ``query``; ``complete`` is False if anything may be missing.

        ``progress`` is called after each reply with the items received so far and the number
        expected so far. Raises ``FeedError`` when the source refuses the query or the credentials,
        or fails before anything was received.
        """
        batch = FeedBatch(source=SOURCE, expected=0)
        report = progress or (lambda _received, _expected: None)
        for search in query.searches():
            try:
                await self._read_search(search, batch, report)
            except FeedError as error:
                if not batch.received:
                    raise
                _doubt(batch, f"reading stopped at {_worded(search)}: {error.reason}")
                break
        return batch

    async def _read_search(self, search: Mapping[str, str], batch: FeedBatch, report: Progress) -> None:
        first, total = await self._page(search, 0)
        if total is None or total <= REACHABLE:
            await self._read_pages(search, (first, total), batch, report)
            return
        known = len(batch.postings) + len(batch.rejections)
        # What is created from now on waits for the next reading.
        await self._read_window(search, _OLDEST, datetime.now(UTC), batch, report)
        _first, again = await self._page(search, 0)
        least = min(total, total if again is None else again)
        found = len(batch.postings) + len(batch.rejections) - known
        if found < least:
            _doubt(batch, f"{_worded(search)}: {found} received of {least}")

    async def _read_window(
        self,
        search: Mapping[str, str],
        since: datetime,
        until: datetime,
        batch: FeedBatch,
        report: Progress,
    ) -> None:
        """Read what was created between two moments, halving the window while it holds too much."""
        windowed = {**search, "minCreationDate": _stamp(since), "maxCreationDate": _stamp(until)}
        first, total = await self._page(windowed, 0)
        if total is not None and total > REACHABLE and until - since > _NARROWEST:
            middle = since + (until - since) / 2
            # The API's dates are to the second: halves overlap so that nothing falls between.
            await self._read_window(search, since, middle + _OVERLAP, batch, report)
            await self._read_window(search, middle, until, batch, report)
            return
        await self._read_pages(windowed, (first, total), batch, report)

    async def _read_pages(
        self,
        search: Mapping[str, str],
        opening: tuple[list[FeedPosting | Rejection], int | None],
        batch: FeedBatch,
        report: Progress,
    ) -> None:
        """Walk through the pages, again if the list moved under our feet, and count them in."""
        first: tuple[list[FeedPosting | Rejection], int | None] | None = opening
        walk = _Pass()
        for _ in range(_PASSES):
            walk = _Pass()
            await self._walk(search, first, walk, batch, report)
            if walk.is_whole() or (walk.totals[-1] or 0) > REACHABLE:
                break
            first = None
        batch.add(walk.items)
        total = walk.totals[-1]
        batch.expected = (batch.expected or 0) + (walk.distinct() if total is None else total)
        if not walk.is_whole():
            announced = "an unknown number" if total is None else str(total)
            _doubt(batch, f"{_worded(search)}: {walk.distinct()} received of {announced}")

    async def _walk(
        self,
        search: Mapping[str, str],
        opening: tuple[list[FeedPosting | Rejection], int | None] | None,
        walk: _Pass,
        batch: FeedBatch,
        report: Progress,
    ) -> None:
        for start in range(0, REACHABLE, PAGE):
            found, total = opening if opening and not start else await self._page(search, start)
            walk.items.extend(found)
            walk.totals.append(total)
            report(batch.received + len(walk.items), (batch.expected or 0) + (total or 0))
            if not found or (total is not None and start + PAGE >= total):
                return

    async def _page(
        self, search: Mapping[str, str], start: int
    ) -> tuple[list[FeedPosting | Rejection], int | None]:
        """Return the items from index ``start`` and the total announced, if it is."""
        params = {**search, "range": f"{start}-{start + PAGE - 1}"}
        reply = await self._calls.get(SEARCH, params)
        if reply.status_code == _NO_CONTENT:
            return [], 0
        items = [parse_item(raw) for raw in _results(reply)]
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", "").strip())
        if found is not None:
            return items, int(found[1])
        return items, None if reply.status_code == _PARTIAL_CONTENT else start + len(items)


def _results(reply: httpx.Response) -> list[object]:
    try:
        body = orjson.loads(reply.content)
        results = body["resultats"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        reason = "the source's reply is not a list of postings"
        raise FeedError(reason) from error
    if not isinstance(results, list):
        reason = "the source's reply is not a list of postings"
        raise FeedError(reason)
    return results


def _doubt(batch: FeedBatch, reason: str) -> None:
    batch.complete = False
    batch.notes.append(reason)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _worded(search: Mapping[str, str]) -> str:
    shown = (f"{key}={value}" for key, value in sorted(search.items()) if key != "sort")
    return ", ".join(shown) or "the whole country"
