"""The facts of some territories' postings as columns in memory: what has no words is answered from them.

To count 20,000 rows for a total takes PostgreSQL more than a millisecond, whatever the index; numpy, some
microseconds. Columns are those of one moment: whoever holds them finds out whether they still hold.
"""

import uuid
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.schemas.search import (
    FACET_SIZE,
    Around,
    FacetValue,
    Hit,
    PostingFacet,
    SearchPage,
    SearchQuery,
)
from service.search.postgresql.asking import Position, circle, filters_in_use
from service.search.postgresql.conditions import COUNTED
from service.search.postgresql.reading import ALL_WORDS
from service.search.postgresql.writing import GREATEST
from service.search.query import parse

Mask = NDArray[np.bool_]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID_BYTES: Final = 16
_UNSTATED: Final = -1
# Nearer to the edge of a circle than this, in kilometres, PostgreSQL's own arithmetic decides.
_EDGE: Final = 1e-6
_CODED: Final = {
    "occupations": "occupation_code",
    "sectors": "sector_code",
    "contracts": "contract_kind",
    "working_times": "working_time",
    "remotes": "remote",
    "communes": "commune_code",
    "departements": "departement_code",
    "sources": "source",
    "employers": "employer_id",
}
"""The column that each filter by code looks at."""

_NEWEST: Final = "ORDER BY x.published_at DESC, x.posting_id DESC"
LOAD: Final = f"""
    SELECT count(*) AS rows,
        string_agg(uuid_send(x.posting_id), ''::bytea {_NEWEST}) AS ids,
        string_agg(int8send((extract(epoch FROM x.published_at) * 1000000)::bigint), ''::bytea {_NEWEST})
            AS published,
        string_agg(float8send(coalesce(x.latitude, 'NaN')), ''::bytea {_NEWEST}) AS latitude,
        string_agg(float8send(coalesce(x.longitude, 'NaN')), ''::bytea {_NEWEST}) AS longitude,
        string_agg(int4send(coalesce(x.yearly_salary, {_UNSTATED})), ''::bytea {_NEWEST}) AS salary,
        string_agg(int2send(x.in_tension::int::smallint), ''::bytea {_NEWEST}) AS tension,
        {", ".join(f"array_agg(x.{name}::text {_NEWEST}) AS {name}" for name in _CODED.values())}
    FROM posting_index AS x
    WHERE x.territory_id = ANY($1::uuid[]) AND (x.valid_through IS NULL OR x.valid_through > $2)
"""  # noqa: S608 - made of fixed parts; every value is bound
LABELS: Final = """
    SELECT 'occupation' AS facet, code, label FROM occupation WHERE code = ANY($1)
    UNION ALL SELECT 'sector', code, label FROM sector WHERE code = ANY($2)
    UNION ALL SELECT 'commune', code, name FROM commune WHERE code = ANY($3)
"""


class TooClose(LookupError):  # noqa: N818 - what it says is no error
    """A posting lies so near to the edge of a circle that only PostgreSQL can say on which side."""


@dataclass(frozen=True, slots=True)
class _Codes:
    """A column of codes: each row's number, and the numbers of the codes; 0 is none."""

    numbers: NDArray[Any]
    of: dict[str | None, int]

    @classmethod
    def read(cls, values: Sequence[str | None]) -> "_Codes":
        of: dict[str | None, int] = {None: 0}
        numbers = [of.setdefault(value, len(of)) for value in values]
        small = len(of) <= np.iinfo(np.uint16).max
        return cls(np.array(numbers, dtype=np.uint16 if small else np.uint32), of)

    def among(self, codes: Iterable[str]) -> Mask:
        """Return which rows have one of ``codes``."""
        known = [number for code in codes if (number := self.of.get(code))]
        if len(known) == 1:
            one: Mask = self.numbers == known[0]
            return one
        wanted = np.zeros(len(self.of), dtype=np.bool_)
        wanted[known] = True
        many: Mask = wanted[self.numbers]
        return many


class Columns:
    """The rows of ``posting_index`` of some territories at one moment, newest first."""

    def __init__(self, row: Mapping[str, Any], labels: Mapping[tuple[str, str], str]) -> None:
        def numbers(name: str, kind: str) -> NDArray[Any]:
            return np.frombuffer(row[name] or b"", dtype=f">{kind}").astype(kind)

        self.rows: int = row["rows"]
        self._ids: bytes = row["ids"] or b""
        self._published: NDArray[np.int64] = numbers("published", "i8")
        self._latitude, self._longitude = numbers("latitude", "f8"), numbers("longitude", "f8")
        self._salary = numbers("salary", "i4")
        self._tension = numbers("tension", "i2").astype(np.bool_)
        self._codes = {name: _Codes.read(row[name] or ()) for name in _CODED.values()}
        self._labels = labels

    def search(self, query: SearchQuery) -> SearchPage | None:
        """Return the page that the engine would, or None for a text that searches.

        Raises ``BadCursor`` as the engine does, :class:`TooClose` when a circle ends where a posting is.
        """
        parsed = parse(query.text)
        if parsed.searches:
            return None
        after = None if query.after is None else Position.read(query.after)
        if after is not None:
            after.of({ALL_WORDS: ""})
        masks = {name: self._mask(name, value) for name, value in filters_in_use(query.filters).items()}
        every = _all(masks.values())
        total = self.rows if every is None else int(np.count_nonzero(every))
        start = 0 if after is None else self._after(after)
        if every is None:
            found = list(range(start, min(self.rows, start + query.limit + 1)))
        else:
            found = [start + int(at) for at in np.flatnonzero(every[start:])[: query.limit + 1]]
        shown = found[: query.limit]
        following = None
        if len(found) > query.limit:
            last = shown[-1]
            lost = after.lost if after else 0
            following = Position(ALL_WORDS, lost, 0, self._moment(last), self._id(last)).values()
        return SearchPage(
            hits=tuple(Hit(id=self._id(at)) for at in shown),
            total=total,
            facets={facet: self._counted(facet, query, masks) for facet in query.facets},
            next=following,
            engine="postgresql",
            cut=parsed.cut,
        )

    def _id(self, at: int) -> uuid.UUID:
        return uuid.UUID(bytes=self._ids[at * _ID_BYTES : (at + 1) * _ID_BYTES])

    def _moment(self, at: int) -> datetime:
        return _EPOCH + timedelta(microseconds=int(self._published[at]))

    def _after(self, position: Position) -> int:
        """Return the place of the first row that comes after ``position``."""
        wanted = (-_microseconds(position.published_at), -position.posting_id.int)
        return bisect_right(
            range(self.rows), wanted, key=lambda at: (-int(self._published[at]), -self._id(at).int)
        )

    def _mask(self, name: str, value: Any) -> Mask:
        """Return which rows pass the filter ``name``; a row that states nothing passes none."""
        if name in _CODED:
            return self._codes[_CODED[name]].among(str(one) for one in value)
        match value:
            case Around():
                return self._around(value)
            case bool():
                return self._tension if value else ~self._tension
            case Decimal():
                return self._salary >= max(0, min(int(value), GREATEST))
            case datetime():
                return self._published >= _microseconds(value)
            case _:
                # Domains: the beginnings of occupations' codes.
                codes = self._codes["occupation_code"]
                return codes.among(code for code in codes.of if code and {code[:1], code[:3]} & set(value))

    def _around(self, around: Around) -> Mask:
        box = circle(around)
        inside: Mask = (
            (self._latitude >= box["south"])
            & (self._latitude <= box["north"])
            & (self._longitude >= box["west"])
            & (self._longitude <= box["east"])
        )
        near = np.flatnonzero(inside)
        latitude, longitude = self._latitude[near], self._longitude[near]
        # As in the statement: on a sphere of 6371.0088 km.
        half = (
            np.sin(np.radians(latitude - around.latitude) / 2) ** 2
            + np.cos(np.radians(latitude))
            * np.cos(np.radians(around.latitude))
            * np.sin(np.radians(longitude - around.longitude) / 2) ** 2
        )
        away = 12742.0176 * np.arcsin(np.minimum(1, np.sqrt(half))) - around.kilometres
        if np.any(np.abs(away) < _EDGE):
            raise TooClose
        inside[near] = away <= 0
        return inside

    def _counted(
        self, facet: PostingFacet, query: SearchQuery, masks: Mapping[str, Mask]
    ) -> tuple[FacetValue, ...]:
        """Return how many rows have each value, without the filter on the facet itself."""
        one = COUNTED[facet]
        passing = _all((mask for name, mask in masks.items() if name != one.filter))
        if facet is PostingFacet.IN_TENSION:
            true = int(np.count_nonzero(self._tension if passing is None else self._tension & passing))
            whole = self.rows if passing is None else int(np.count_nonzero(passing))
            counts = {"true": true, "false": whole - true}
            chosen = [] if query.filters.in_tension is None else [str(query.filters.in_tension).lower()]
        else:
            codes = self._codes[one.column]
            rows = codes.numbers if passing is None else codes.numbers[passing]
            numbers = np.bincount(rows, minlength=len(codes.of)).tolist()
            counts = {code: numbers[number] for code, number in codes.of.items() if code is not None}
            chosen = [str(value) for value in getattr(query.filters, one.filter)]
        frequent = sorted(
            ((value, count) for value, count in counts.items() if count),
            key=lambda each: (-each[1], each[0]),
        )
        listed = dict(frequent[:FACET_SIZE]) | {value: counts.get(value, 0) for value in chosen}
        kind = "" if one.labels is None else one.labels[0]
        return tuple(
            FacetValue(value=value, label=self._labels.get((kind, value)), count=count)
            for value, count in sorted(listed.items(), key=lambda each: (-each[1], each[0]))
        )


def _all(masks: Iterable[Mask]) -> Mask | None:
    """Return which rows pass all of ``masks``; None when there is none."""
    result: Mask | None = None
    for mask in masks:
        result = mask if result is None else result & mask
    return result


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


async def load(connection: Any, inside: Sequence[uuid.UUID], moment: datetime) -> Columns:
    """Return the columns of the postings of territories ``inside`` that are public at ``moment``."""
    row = await connection.fetchrow(LOAD, list(inside), moment)
    coded = [
        [code for code in set(row[name] or ()) if code is not None]
        for name in ("occupation_code", "sector_code", "commune_code")
    ]
    labels = await connection.fetch(LABELS, *coded)
    return Columns(row, {(one["facet"], one["code"]): one["label"] for one in labels})
