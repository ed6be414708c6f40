"""Candidates and postings laid out in columns, so that numpy scores many pairs at once.

Build them once and keep them: 100,000 candidates fit in a few tens of megabytes. They hold what
scoring reads and nothing else, and are built from an iterable that may be streamed.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final, Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from service.matching import weights
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts
from service.matching.gates import (
    licences_held,
    skill_weights,
    squared_chord_limit,
    unit_vector,
)
from service.matching.scoring import freshness, paid_by_time, yearly_cents
from service.models.enums import ContractKind, RemoteKind, WorkingTime

Rows = NDArray[np.void]
Integers = NDArray[np.int32]

UNSAID: Final = -1
"""Stands for a date or an amount that was not given."""

_CONTRACTS: Final = tuple(ContractKind)
_WORKING_TIMES: Final = (None, *WorkingTime)
_REMOTES: Final = (None, *RemoteKind)
_OFFERED_CONTRACTS: Final = (None, *_CONTRACTS)
_WISHES: Final = len(_WORKING_TIMES) * len(_REMOTES)

_PLACE = [("x", "f8"), ("y", "f8"), ("z", "f8")]

_CANDIDATE_ROW: Final = np.dtype(
    [
        *_PLACE,
        ("limit", "f8"),
        ("salary", "i8"),
        ("available", "i4"),
        ("terms", "u2"),
        ("anywhere", "?"),
        ("by_time", "?"),
        ("part_time", "?"),
        ("says_occupation", "?"),
        ("says_skills", "?"),
        ("says_languages", "?"),
        ("says_licences", "?"),
    ],
    align=True,
)

_POSTING_ROW: Final = np.dtype(
    [
        *_PLACE,
        ("salary_low", "i8"),
        ("salary_high", "i8"),
        ("salary_close", "i8"),
        ("needed", "i4"),
        ("skills_total", "i4"),
        ("languages_total", "i4"),
        ("licences_total", "i4"),
        ("required_licences_total", "i4"),
        ("freshness", "i4"),
        ("confidence", "i4"),
        ("terms", "u2"),
        ("open", "?"),
        ("placed", "?"),
        ("fully_remote", "?"),
        ("named", "?"),
        ("by_time", "?"),
        ("part_time", "?"),
    ],
    align=True,
)


def take(rows: Rows, positions: NDArray[np.int64]) -> Rows:
    """Return these rows. numpy copies records field by field: as whole words it is far faster."""
    words = rows.view(np.uint64).reshape(len(rows), rows.itemsize // 8)
    taken: Rows = words.take(positions, axis=0).view(rows.dtype).reshape(len(positions))
    return taken


@dataclass(frozen=True, slots=True)
class Incidence:
    """Which rows hold which codes, with a small whole number for each, readable both ways."""

    codes: Mapping[str, int]
    names: tuple[str, ...]
    starts: NDArray[np.int64]
    rows: Integers
    values: Integers
    row_starts: NDArray[np.int64]
    row_codes: Integers
    row_values: Integers

    def holding(self, code: str) -> tuple[Integers, Integers]:
        """Return the rows that hold ``code``, ascending, and their values."""
        number = self.codes.get(code)
        if number is None:
            return self.rows[:0], self.values[:0]
        span = slice(self.starts[number], self.starts[number + 1])
        return self.rows[span], self.values[span]

    def held_by(self, row: int) -> Iterator[tuple[str, int]]:
        """Yield the ``(code, value)`` pairs of one row."""
        span = slice(self.row_starts[row], self.row_starts[row + 1])
        for number, value in zip(self.row_codes[span].tolist(), self.row_values[span].tolist(), strict=True):
            yield self.names[number], value


class _Gathering:
    """An incidence in the making: one call of ``add`` per row."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._row_codes, self._row_values = array("i"), array("i")
        self._row_starts = array("q", [0])

    def add(self, pairs: Iterable[tuple[str, int]]) -> None:
        """Add a row that holds these codes, each with its value; a code comes once."""
        for code, value in pairs:
            self._row_codes.append(self._codes.setdefault(code, len(self._codes)))
            self._row_values.append(value)
        self._row_starts.append(len(self._row_codes))

    def add_codes(self, codes: Iterable[str]) -> None:
        """Add a row that holds these codes, whose value does not matter."""
        self.add((code, 1) for code in codes)

    def done(self) -> Incidence:
        """Return the incidence, turned both ways."""
        by_row = np.array(self._row_codes, dtype=np.int32)
        values = np.array(self._row_values, dtype=np.int32)
        bounds = np.array(self._row_starts, dtype=np.int64)
        lengths = np.diff(bounds)
        rows = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        by_code = np.argsort(by_row, kind="stable")
        counts = np.bincount(by_row, minlength=len(self._codes))
        return Incidence(
            codes=self._codes,
            names=tuple(self._codes),
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            rows=rows[by_code],
            values=values[by_code],
            row_starts=bounds,
            row_codes=by_row,
            row_values=values,
        )


def _ranks(keys: list[Any]) -> Integers:
    """Return for each key how many sort after it: the first of all gets the highest number."""
    ranks = np.empty(len(keys), dtype=np.int32)
    best_first = sorted(range(len(keys)), key=keys.__getitem__)
    ranks[best_first] = np.arange(len(keys) - 1, -1, -1, dtype=np.int32)
    return ranks


def _distinct(ids: list[UUID]) -> tuple[UUID, ...]:
    if len(set(ids)) != len(ids):
        raise ValueError("the same id was given twice")
    return tuple(ids)


@dataclass(frozen=True, slots=True)
class CandidateColumns:
    """Candidates in columns. ``precedence`` is higher for who comes first among equal scores."""

    ids: tuple[UUID, ...]
    precedence: Integers
    rows: Rows
    wanted: Incidence
    skills: Incidence
    languages: Incidence
    licences: Incidence

    @classmethod
    def build(cls, candidates: Iterable[CandidateFacts]) -> Self:
        """Lay out the candidates. Raises ``ValueError`` if an id comes twice."""
        ids: list[UUID] = []
        wanted, skills = _Gathering(), _Gathering()
        languages, licences = _Gathering(), _Gathering()

        def rows() -> Iterator[tuple[Any, ...]]:
            for facts in candidates:
                ids.append(facts.id)
                # The first choice and the others: the values are 0 and 1.
                choices = enumerate(dict.fromkeys(facts.wanted_occupations))
                wanted.add((code, min(position, 1)) for position, code in choices)
                skills.add_codes(facts.skills)
                languages.add_codes(facts.languages)
                licences.add_codes(licences_held(facts.licences))
                yield _candidate_row(facts)

        laid_out = np.fromiter(rows(), dtype=_CANDIDATE_ROW)
        return cls(
            ids=_distinct(ids),
            precedence=_ranks(ids),
            rows=laid_out,
            wanted=wanted.done(),
            skills=skills.done(),
            languages=languages.done(),
            licences=licences.done(),
        )

    def __len__(self) -> int:
        """Return how many candidates there are."""
        return len(self.ids)


def _candidate_row(facts: CandidateFacts) -> tuple[Any, ...]:
    point = (0.0, 0.0, 0.0) if facts.point is None else unit_vector(facts.point)
    unit = facts.salary_unit
    salary = UNSAID
    if facts.salary_amount is not None and unit is not None:
        salary = yearly_cents(facts.salary_amount, unit)
    return (
        *point,
        0.0 if facts.radius_km is None else squared_chord_limit(facts.radius_km),
        salary,
        UNSAID if facts.available_from is None else facts.available_from.toordinal(),
        candidate_terms(facts),
        facts.radius_km is None,
        unit is not None and paid_by_time(unit),
        facts.working_time is WorkingTime.PART_TIME,
        bool(facts.wanted_occupations),
        bool(facts.skills),
        bool(facts.languages),
        bool(facts.licences),
    )


@dataclass(frozen=True, slots=True)
class PostingColumns:
    """Postings in columns, for one context: it fixes rarities and freshness."""

    context: MatchingContext
    ids: tuple[UUID, ...]
    precedence: Integers
    rows: Rows
    occupations: Incidence
    skills: Incidence
    languages: Incidence
    licences: Incidence
    required_licences: Incidence

    @classmethod
    def build(cls, postings: Iterable[PostingFacts], context: MatchingContext) -> Self:
        """Lay out the postings. Raises ``ValueError`` if an id comes twice."""
        ids: list[UUID] = []
        first: list[tuple[int, UUID]] = []
        occupations, skills, languages = _Gathering(), _Gathering(), _Gathering()
        wished, required = _Gathering(), _Gathering()

        def rows() -> Iterator[tuple[Any, ...]]:
            for facts in postings:
                ids.append(facts.id)
                published = 0 if facts.published_on is None else facts.published_on.toordinal()
                first.append((-published, facts.id))
                by_code = skill_weights(facts, context)
                occupations.add_codes(() if facts.occupation is None else (facts.occupation,))
                skills.add(by_code.items())
                languages.add_codes(facts.languages)
                wished.add_codes(facts.wished_licences)
                required.add_codes(facts.required_licences)
                yield _posting_row(facts, context, sum(by_code.values()))

        laid_out = np.fromiter(rows(), dtype=_POSTING_ROW)
        return cls(
            context=context,
            ids=_distinct(ids),
            precedence=_ranks(first),
            rows=laid_out,
            occupations=occupations.done(),
            skills=skills.done(),
            languages=languages.done(),
            licences=wished.done(),
            required_licences=required.done(),
        )

    def __len__(self) -> int:
        """Return how many postings there are."""
        return len(self.ids)


def _posting_row(facts: PostingFacts, context: MatchingContext, skills_total: int) -> tuple[Any, ...]:
    point = (0.0, 0.0, 0.0) if facts.point is None else unit_vector(facts.point)
    low, high, unit = facts.salary_minimum, facts.salary_maximum, facts.salary_unit
    bottom = UNSAID if low is None or unit is None else yearly_cents(low, unit)
    top = bottom if high is None or unit is None else yearly_cents(high, unit)
    # wish * percent <= top * 100 for whole numbers, with one side computed beforehand
    close = UNSAID if top == UNSAID else top * 100 // weights.SALARY_CLOSE_PERCENT
    needed = UNSAID
    if facts.starts_on is not None:
        needed = max(facts.starts_on, context.as_of).toordinal()
    confidence = facts.occupation_confidence
    return (
        *point,
        bottom,
        top,
        close,
        needed,
        skills_total,
        len(facts.languages),
        len(facts.wished_licences),
        len(facts.required_licences),
        freshness(facts, context).points,
        100 if confidence is None else confidence,
        posting_terms(facts),
        facts.open,
        facts.point is not None,
        facts.remote is RemoteKind.FULL,
        facts.occupation is not None,
        unit is not None and paid_by_time(unit),
        facts.working_time is WorkingTime.PART_TIME,
    )


def candidate_terms(facts: CandidateFacts) -> int:
    """Return one number for the contracts, working time and remote work wanted together."""
    contracts = sum(1 << _CONTRACTS.index(kind) for kind in facts.contract_kinds)
    wishes = _WORKING_TIMES.index(facts.working_time) * len(_REMOTES)
    return contracts * _WISHES + wishes + _REMOTES.index(facts.remote)


def posting_terms(facts: PostingFacts) -> int:
    """Return one number for the contract, working time and remote work offered together."""
    wishes = _WORKING_TIMES.index(facts.working_time) * len(_REMOTES)
    contract = _OFFERED_CONTRACTS.index(facts.contract_kind)
    return contract * _WISHES + wishes + _REMOTES.index(facts.remote)


@cache
def terms_points() -> NDArray[np.int16]:
    """Return the points of contract, working time and remote by posting and candidate terms.

    The three have few values: one table of 132 x 12,288 replaces three comparisons per pair.
    """
    mask = np.arange(1 << len(_CONTRACTS))
    by_contract = np.empty((len(_OFFERED_CONTRACTS), len(mask)), dtype=np.int16)
    contract = weights.CONTRACT
    for row, kind in enumerate(_OFFERED_CONTRACTS):
        if kind is None:
            by_contract[row] = contract.neutral
            continue
        wanted = (mask >> _CONTRACTS.index(kind)) & 1 == 1
        by_contract[row] = np.where(wanted, contract.points["wanted"], contract.points["not_wanted"])
        by_contract[row, 0] = contract.neutral
    by_wishes = np.empty((_WISHES, _WISHES), dtype=np.int16)
    pairs = tuple(product(_WORKING_TIMES, _REMOTES))
    for row, (offered_time, offered_remote) in enumerate(pairs):
        for column, (wanted_time, wanted_remote) in enumerate(pairs):
            by_wishes[row, column] = _time_points(offered_time, wanted_time) + _remote_points(
                offered_remote, wanted_remote
            )
    table = by_contract[:, None, :, None] + by_wishes[None, :, None, :]
    return table.reshape(len(_OFFERED_CONTRACTS) * _WISHES, len(mask) * _WISHES)


def _time_points(offered: WorkingTime | None, wanted: WorkingTime | None) -> int:
    if offered is None or wanted is None:
        return weights.WORKING_TIME.neutral
    return weights.WORKING_TIME.points["same" if offered is wanted else "different"]


def _remote_points(offered: RemoteKind | None, wanted: RemoteKind | None) -> int:
    if offered is None or wanted is None:
        return weights.REMOTE.neutral
    gap = abs(weights.REMOTE_DEGREE[offered] - weights.REMOTE_DEGREE[wanted])
    return weights.REMOTE.points[("same", "partly", "different")[gap]]
