"""The goals, each with the figure that says whether it was reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.comparison.figures import Measured, mebibytes, number, rate_ratio, time_ratio
from benchmarks.comparison.relevance import Relevance

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Goal:
    """What was aimed at, what was found, and whether that is enough; ``None`` where it was not measured."""

    what: str
    aim: str
    figure: str
    reached: bool | None

    @property
    def verdict(self) -> str:
        """Return it in a word."""
        return {True: "reached", False: "**not reached**", None: "not measured"}[self.reached]


def _compared(
    measured: Mapping[str, Measured],
    pair: tuple[str, str],
    what: str,
    ratio: tuple[Callable[[Measured, Measured], object], float, bool],
) -> Goal:
    """Return the goal of a ratio of two cases: the function, its bound, and whether more is better."""
    function, bound, more = ratio
    sign = "≥" if more else "≤"
    ours, peer = (measured.get(key) for key in pair)
    aim = f"{sign} {bound:g}"
    if not _there(ours) or not _there(peer):
        return Goal(what, aim, "–", None)
    spread = function(ours, peer)  # type: ignore[arg-type] # both are there
    middle: float = spread.median  # type: ignore[attr-defined] # a Spread
    figure = f"{number(middle)} ({number(spread.least)}–{number(spread.most)})"  # type: ignore[attr-defined] # a Spread
    return Goal(what, aim, figure, middle >= bound if more else middle <= bound)


def _there(measured: Measured | None) -> bool:
    return measured is not None and bool(measured.slices)


def _within(measured: Mapping[str, Measured], key: str, what: str, bounds: Mapping[int, float]) -> Goal:
    """Return the goal of percentiles in milliseconds."""
    aim = ", ".join(f"p{percent} ≤ {bound:g} ms" for percent, bound in bounds.items())
    case = measured.get(key)
    if case is None or not case.times:
        return Goal(what, aim, "–", None)
    found = {percent: case.percentile(percent) for percent in bounds}
    figure = ", ".join(f"p{percent} {number(value)} ms" for percent, value in found.items())
    return Goal(what, aim, figure, all(found[percent] <= bound for percent, bound in bounds.items()))


def _at_least(measured: Mapping[str, Measured], key: str, what: str, bound: float) -> Goal:
    case = measured.get(key)
    rate = case.rate() if case else None
    aim = f"≥ {bound:,.0f} a second"
    if rate is None:
        return Goal(what, aim, "–", None)
    figure = f"{number(rate.median)} ({number(rate.least)}–{number(rate.most)}) a second"
    return Goal(what, aim, figure, rate.median >= bound)


def _memory(measured: Mapping[str, Measured], key: str, what: str, most: int) -> Goal:
    case = measured.get(key)
    size = case.memory if case else None
    reached = None if size is None else size <= most * MEBIBYTE
    return Goal(what, f"≤ {most} MiB", f"{mebibytes(size)} MiB" if size else "–", reached)


def _relevance(relevance: Relevance | None) -> list[Goal]:
    found = []
    for engine, name in (("postgresql", "PostgreSQL"), ("meilisearch", "Meilisearch")):
        figures = relevance.engines.get(engine) if relevance else None
        value = figures.get("recall@10") if figures else None
        found.append(
            Goal(
                f"Relevance: recall@10, {name} engine",
                "≥ 0.95",
                "–" if value is None else f"{value:.3f}",
                None if value is None else value >= 0.95,  # noqa: PLR2004 - the goal
            )
        )
    value = relevance.agreement if relevance else None
    found.append(
        Goal(
            "Relevance: agreement of the two engines",
            "≥ 0.9",
            "–" if value is None else f"{value:.3f}",
            None if value is None else value >= 0.9,  # noqa: PLR2004 - the goal
        )
    )
    return found


def goals(measured: Mapping[str, Measured], relevance: Relevance | None) -> list[Goal]:
    """Return every goal of speed, in the order they were set."""
    more, longer = (rate_ratio, True), (time_ratio, False)

    def rates(ours: str, peer: str, what: str, bound: float) -> Goal:
        return _compared(measured, (ours, peer), what, (more[0], bound, more[1]))

    def times(ours: str, peer: str, what: str, bound: float) -> Goal:
        return _compared(measured, (ours, peer), what, (longer[0], bound, longer[1]))

    return [
        rates(
            "list", "list.bare", "Public list, every request a different filter, of the bare ASGI app", 0.06
        ),
        rates("list", "list.raw", "The same, of asyncpg + orjson", 0.5),
        rates("again", "again.bare", "Public list, repeated, of the bare ASGI app", 0.8),
        rates("unchanged", "unchanged.bare", "Conditional GET, of a bare 304", 0.8),
        _within(measured, "search", "Search with two facets, PostgreSQL engine", {50: 10, 99: 30}),
        times("outside", "outside.direct", "The same, Meilisearch engine, p50 of asking Meilisearch", 1.5),
        *_relevance(relevance),
        _within(measured, "match.one", "Matching: one new posting against all candidates", {50: 50}),
        times("match.all", "match.all.peer", "Matching: all pairs, of sparse_dot_topn's time", 1.0),
        _memory(measured, "match.all", "Matching: memory at its most", 500),
        _within(measured, "start.inside", "Tasks: commit to start, worker inside", {50: 10, 99: 30}),
        _within(measured, "start.redis", "Tasks: commit to start, worker woken by arq", {50: 10, 99: 30}),
        _at_least(measured, "tasks", "Tasks a second on one worker, that do nothing, as arq's below", 1_000),
        _at_least(
            measured, "tasks.effect", "Tasks a second on one worker, each with its effect, once", 1_000
        ),
    ]
