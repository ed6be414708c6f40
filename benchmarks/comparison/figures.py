"""The harness's arithmetic: percentiles, medians of rounds and their spread, ratios within a round."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of all stay at or below, between two neighbours in proportion.

    Raises ``ValueError`` when there is no value.
    """
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of what the rounds gave, with the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of one value per round, at least one."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Slice:
    """One case during one round: how long each thing took, in milliseconds, and how many a second there were.

    ``rate`` is ``None`` where things were not done as fast as they could be, one after the other.
    """

    times: tuple[float, ...]
    rate: float | None = None


@dataclass(slots=True)
class Measured:
    """All rounds of one case; ``memory`` is the most resident memory of its process, in bytes."""

    name: str
    slices: list[Slice] = field(default_factory=list)
    memory: int | None = None
    note: str = ""

    @property
    def times(self) -> list[float]:
        """Every time of every round."""
        return [time for one in self.slices for time in one.times]

    def percentile(self, percent: float) -> float:
        """Return a percentile of all rounds together, in milliseconds."""
        return percentile(self.times, percent)

    def rate(self) -> Spread | None:
        """Return how many a second, over the rounds; ``None`` where that was not measured."""
        rates = [one.rate for one in self.slices if one.rate is not None]
        return Spread.of(rates) if rates else None


def rate_ratio(ours: Measured, peer: Measured) -> Spread:
    """Return how many times as many a second as the peer, round by round."""
    return Spread.of(
        [
            mine.rate / other.rate
            for mine, other in zip(ours.slices, peer.slices, strict=True)
            if mine.rate is not None and other.rate
        ]
    )


def time_ratio(ours: Measured, peer: Measured, percent: float = 50) -> Spread:
    """Return how many times as long as the peer, by a percentile of each round."""
    return Spread.of(
        [
            percentile(mine.times, percent) / percentile(other.times, percent)
            for mine, other in zip(ours.slices, peer.slices, strict=True)
        ]
    )


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves: three, and all of a larger whole number."""
    if value >= 100:  # noqa: PLR2004 - three digits before the point
        return f"{value:,.0f}"
    if value >= 10:  # noqa: PLR2004 - two
        return f"{value:.1f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def mebibytes(size: int | None) -> str:
    """Return a size in MiB, or a dash."""
    return "–" if size is None else f"{size / 2**20:,.0f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its columns as wide as what they hold; numbers stand on the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first = f"{cells[0]:<{widths[0]}}"
        rest = [f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *(line(row) for row in rows)])


def row(measured: Measured, peer: Measured | None) -> list[str]:
    """Return a case's cells: name, how many a second, their spread, p50, p99, ratio to its peer, memory."""
    rate = measured.rate()
    ratio = "–"
    if peer is measured:
        ratio = "1"
    elif peer is not None and peer.slices:
        ratio = number((rate_ratio if rate else time_ratio)(measured, peer).median)
    return [
        measured.name,
        number(rate.median) if rate else "–",
        f"{number(rate.least)}–{number(rate.most)}" if rate else "–",
        number(measured.percentile(50)) if measured.times else "–",
        number(measured.percentile(99)) if measured.times else "–",
        ratio,
        mebibytes(measured.memory),
    ]
