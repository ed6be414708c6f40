"""What a run found, as a page and as text for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.comparison.figures import Measured, row, table
from benchmarks.comparison.goals import Goal, goals
from benchmarks.comparison.relevance import Relevance
from service.core.clock import now

HEAD: Final = ("case", "a second", "of rounds", "p50 ms", "p99 ms", "ratio", "MiB")

SECTIONS: Final[tuple[tuple[str, str, tuple[str, ...], dict[str, str]], ...]] = (
    (
        "Public list, every request a different filter",
        "list",
        ("list", "list.bare", "list.raw", "list.orm", "list.drf"),
        dict.fromkeys(("list", "list.bare", "list.raw", "list.orm", "list.drf"), "list.bare"),
    ),
    (
        "Public list, the same request again",
        "again",
        ("again", "again.bare"),
        dict.fromkeys(("again", "again.bare"), "again.bare"),
    ),
    (
        "Conditional GET, answered 304",
        "unchanged",
        ("unchanged", "unchanged.bare"),
        dict.fromkeys(("unchanged", "unchanged.bare"), "unchanged.bare"),
    ),
    (
        "Search with two facets",
        "search",
        ("search", "search.4", "outside", "outside.direct"),
        {"outside": "outside.direct", "outside.direct": "outside.direct"},
    ),
    (
        "Matching",
        "match",
        ("match.one", "match.all", "match.all.peer"),
        {"match.all": "match.all.peer", "match.all.peer": "match.all.peer"},
    ),
    (
        "Background tasks",
        "tasks",
        ("start.inside", "start.redis", "tasks", "tasks.effect", "tasks.arq"),
        dict.fromkeys(("tasks", "tasks.effect", "tasks.arq"), "tasks.arq"),
    ),
)
"""Title, group of the chart, cases in order, and beside which case each one's ratio is taken."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything a run found."""

    measured: Mapping[str, Measured]
    relevance: Relevance | None
    chosen: Mapping[str, Any]
    ran_for: float
    machine: str
    versions: Mapping[str, str]
    real: bool
    body_bytes: int
    meilisearch: str | None
    no_meilisearch: str
    answered: Mapping[str, int]

    def goals(self) -> list[Goal]:
        """Return the goals with their figures."""
        return goals(self.measured, self.relevance)


def sections(found: Found) -> list[tuple[str, str]]:
    """Return the title and table of each part that was measured."""
    tables = []
    for title, _, keys, beside in SECTIONS:
        there = [key for key in keys if key in found.measured and found.measured[key].slices]
        if not there:
            continue
        rows = [row(found.measured[key], found.measured.get(beside.get(key, ""))) for key in there]
        if title.startswith("Search") and "outside" not in there:
            rows.append([f"Meilisearch: {found.no_meilisearch}", *["–"] * (len(HEAD) - 1)])
        shown = table(HEAD, rows)
        if "outside" in there:
            shown += f"\n\n{_answered(found.answered)}"
        tables.append((title, shown))
    return tables


def _answered(counts: Mapping[str, int]) -> str:
    """Say who answered the searches of the Meilisearch engine: PostgreSQL stands in for it when it is late."""
    every = sum(counts.values())
    if not every:
        return "Who answered the searches of the Meilisearch engine was not counted."
    share = counts.get("meilisearch", 0) / every
    return f"{share:.1%} of the searches of the Meilisearch engine were answered by it, the others by PostgreSQL."


def _relevance(relevance: Relevance) -> str:
    if relevance.missing or not relevance.engines:
        return f"Not measured: {relevance.missing or 'no engine answered'}."
    names = ("recall@10", "ndcg@10", "mrr")
    rows = [
        [engine, *(f"{figures[name]:.3f}" if name in figures else "–" for name in names)]
        for engine, figures in sorted(relevance.engines.items(), reverse=True)
    ]
    agreement = "not measured" if relevance.agreement is None else f"{relevance.agreement:.3f}"
    return (
        f"{table(('engine', 'recall@10', 'nDCG@10', 'MRR'), rows)}\n\n"
        f"{relevance.queries} queries of the judgement set; agreement of the two engines: {agreement}."
    )


def _goals(every: Sequence[Goal]) -> str:
    return table(
        ("goal", "aim", "figure", ""), [[one.what, one.aim, one.figure, one.verdict] for one in every]
    )


def terminal(found: Found) -> str:
    """Return the tables as text."""
    parts = [f"{title}\n{shown}" for title, shown in sections(found)]
    if found.relevance is not None:
        parts.append(f"Relevance\n{_relevance(found.relevance)}")
    parts.append(f"Goals\n{_goals(found.goals())}")
    return "\n\n".join(parts)


def document(found: Found) -> str:
    """Return the page docs/benchmarks.md."""
    every = found.goals()
    chosen = found.chosen
    counts = {verdict: sum(one.reached is verdict for one in every) for verdict in (True, False, None)}
    words = "words of real feeds, drawn anew" if found.real else "invented words"
    charts = {
        "Public list, every request a different filter": "list",
        "Search with two facets": "latency",
        "Matching": "matching",
        "Background tasks": "tasks",
    }
    shown = []
    for title, figures in sections(found):
        picture = charts.get(title)
        image = f"\n![{title}](benchmarks/{picture}.svg)\n" if picture else ""
        shown.append(f"### {title}\n{image}\n{figures}\n")
    if found.relevance is not None:
        shown.append(f"### Relevance\n\n{_relevance(found.relevance)}\n")
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    outside = f"Meilisearch: {found.no_meilisearch}; its rows are missing.\n" if found.no_meilisearch else ""
    return f"""# Benchmarks

Written by `make bench` on {now():%d %B %Y}; every run writes it anew. It starts what it needs, measures for about
{max(1, round(found.ran_for / 60))} minutes and stops what it started.

Measured on {found.machine}, where the load generator, every server and PostgreSQL share the cores.
{outside}
{versions}.

## Goals

{counts[True]} reached, {counts[False]} not reached, {counts[None]} not measured. A figure is the median of the
rounds, with the least and the most of them; percentiles are of all rounds together.

{_goals(every)}

## Figures

“Ratio” is to the peer that has 1, taken round by round: of how many a second, or, where only times were taken, of
p50. “MiB” is the most resident memory of the measured process (for matching: at its most, with all it prepared).

{"".join(f"{one}{chr(10)}" for one in shown)}
## How it is measured

- One run, {chosen["rounds"]} rounds after one that does not count; in each, every case for {chosen["seconds"]:g}
  seconds, the order turned every time: what else the machine does falls on all alike. Only ratios of one run mean
  much; the figures of another machine, or of this one at another hour, differ.
- {chosen["postings"]:,} published postings of one territory ({words}), {chosen["candidates"]:,} invented
  candidates and {chosen["matched"]:,} postings to match, the same for the same seed ({chosen["seed"]}).
- HTTP: one process each, from another process over 16 kept-alive connections (searches: as said), each asking again
  as soon as it was answered. This is a closed loop: with all connections busy, times tell how long the queue is, and
  a server that stalls is asked less. The {found.body_bytes / 1000:,.0f} kB of an answer (mean) are what brand
  websites get: twenty whole documents.
- Ancrage is `ancrage run` with its worker inside and its log on; limits are counted and never reached. “The same bytes” are
  answers of Ancrage, recorded. “asyncpg + orjson” builds the same body by two statements; “FastAPI + ORM +
  response_model” and “Django REST Framework” read the same tables as their manuals would. Before anything is
  measured, the same filters must give the same postings and totals from all of them.
- Searches are what visitors type: titles, words, places, beginnings, misspellings, no two alike. Meilisearch is asked
  directly what Ancrage asks it, taken down on the way.
- `sparse_dot_topn` multiplies what of the same market is a sum by code (weighted skills, related trades) and keeps
  the best 20 candidates of every posting: no gate, no other criterion, one way only. Ancrage keeps the best 20 of
  both sides.
- Tasks are rows in PostgreSQL, done at least once, their effects exactly once; arq alone, at its defaults, keeps its
  jobs in Redis. Commits are flushed to the disk.
"""
