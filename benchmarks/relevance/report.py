"""Each query's answers, graded, and the tables printed of them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.relevance.judging import RELEVANT, Judged
from benchmarks.relevance.measures import DEPTH, agreement, ndcg, overlap, recall, reciprocal_rank


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with the grade of every posting, and the first page of each engine."""

    query: Judged
    grades: Mapping[Hashable, int]
    pages: Mapping[str, Sequence[Hashable]]

    def graded(self, engine: str) -> list[int]:
        """Return the grades of the first page of ``engine``, in order."""
        return [self.grades.get(hit, 0) for hit in self.pages[engine]]

    def measured(self, engine: str) -> tuple[float, float, float]:
        """Return recall, nDCG and reciprocal rank of ``engine``'s first page."""
        hits, everything = self.graded(engine), list(self.grades.values())
        return recall(hits, everything), ndcg(hits, everything), reciprocal_rank(hits)


def table(asked: Sequence[Asked], engines: Sequence[str]) -> list[str]:
    """Return the lines of the table: in all, by half, by class."""
    rows: list[tuple[str, list[Asked]]] = [
        ("all", list(asked)),
        ("tuned on", [one for one in asked if not one.query.held_out]),
        ("held out", [one for one in asked if one.query.held_out]),
    ]
    classes = sorted({name for one in asked for name in one.query.classes})
    rows += [(name, [one for one in asked if name in one.query.classes]) for name in classes]
    both = len(engines) > 1
    heads = "".join(f" | {engine:^22}" for engine in engines) + (" | both engines" if both else "")
    columns = "".join(" | recall    nDCG     MRR" for _ in engines)
    lines = [f"{'':14}{'':>8}{heads}", f"{'':14}{'queries':>8}{columns}{' | agree   same' if both else ''}"]
    for name, some in rows:
        if not some:
            continue
        line = f"{name:14}{len(some):>8}"
        for engine in engines:
            means = map(fmean, zip(*(one.measured(engine) for one in some), strict=True))
            line += " | " + "  ".join(f"{mean:6.3f}" for mean in means)
        if both:
            line += f" | {fmean(map(_agreement, some)):5.3f}  {fmean(map(_overlap, some)):5.3f}"
        lines.append(line)
    return lines


def totals(asked: Sequence[Asked], engines: Sequence[str]) -> dict[str, Any]:
    """Return the figures over all queries: by engine, and the agreement where there are two engines."""
    by_engine = {
        engine: dict(
            zip(
                ("recall@10", "ndcg@10", "mrr"),
                map(fmean, zip(*(one.measured(engine) for one in asked), strict=True)),
                strict=True,
            )
        )
        for engine in engines
    }
    both = len(engines) > 1
    return {
        "engines": by_engine,
        "agreement": fmean(map(_agreement, asked)) if both else None,
        "overlap": fmean(map(_overlap, asked)) if both else None,
        "queries": len(asked),
    }


def _agreement(one: Asked) -> float:
    first, second = one.pages.values()
    return agreement(first, second, one.grades)


def _overlap(one: Asked) -> float:
    first, second = one.pages.values()
    return overlap(first, second)


def worst(asked: Sequence[Asked], engine: str, count: int, titles: Mapping[Hashable, str]) -> list[str]:
    """Return what ``engine`` answers worst, and what is missing from its page or does not belong there."""
    lines: list[str] = []
    ordered = sorted(asked, key=lambda one: (one.measured(engine)[:2], one.query.text))
    for one in ordered[:count]:
        found, gained, first = one.measured(engine)
        relevant = sum(grade >= RELEVANT for grade in one.grades.values())
        half = "held out" if one.query.held_out else "tuned on"
        lines.append(
            f"{one.query.text!r} ({half}): recall {found:.2f}, nDCG {gained:.2f}, RR {first:.2f}, "
            f"{relevant} relevant"
        )
        page = one.pages[engine]
        lines += [f"    {one.grades.get(hit, 0)} {titles[hit]}" for hit in page if hit in titles]
        missing = [
            hit
            for hit, grade in one.grades.items()
            if grade >= RELEVANT and hit not in page and hit in titles
        ]
        missing.sort(key=lambda hit: -one.grades[hit])
        lines += [f"    missing: {one.grades[hit]} {titles[hit]}" for hit in missing[: DEPTH // 2]]
    return lines


def apart(asked: Sequence[Asked], count: int) -> list[str]:
    """Return the queries on which two engines agree least, with the grades each shows."""
    ordered = sorted(asked, key=lambda one: (_agreement(one), one.query.text))
    return [
        f"{one.query.text!r}: agree {_agreement(one):.2f}, "
        + ", ".join(f"{engine} {''.join(map(str, one.graded(engine))) or '-'}" for engine in one.pages)
        for one in ordered[:count]
    ]
