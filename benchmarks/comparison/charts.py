"""The charts of docs/benchmarks.md, as SVG that says the same for the same figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.comparison.figures import Measured, number
from benchmarks.comparison.report import Found

_OURS: Final = "#0b6e4f"
_PEERS: Final = "#8d99ae"
_LINE: Final = "#c1121f"


def draw(found: Found, folder: Path) -> None:
    """Write one file per chart, and nothing for what was not measured."""
    mpl.rcParams.update({"svg.hashsalt": "ancrage", "svg.fonttype": "none", "font.family": "sans-serif"})
    folder.mkdir(parents=True, exist_ok=True)
    measured = found.measured
    rates = [
        measured[key] for key in ("list.bare", "list.raw", "list", "list.orm", "list.drf") if key in measured
    ]
    _bars(
        folder / "list.svg",
        "answers a second, every request a different filter (logarithmic)",
        rates,
        logarithmic=True,
    )
    _curves(
        folder / "latency.svg",
        "search with two facets",
        [measured[key] for key in ("search", "search.4", "outside", "outside.direct") if key in measured],
    )
    _times(
        folder / "matching.svg",
        "all candidates and all postings, seconds",
        [measured[key] for key in ("match.all", "match.all.peer") if key in measured],
    )
    tasks = [measured[key] for key in ("tasks", "tasks.effect", "tasks.arq") if key in measured]
    _bars(folder / "tasks.svg", "tasks a second on one worker", tasks, logarithmic=False)


def _canvas(rows: int, title: str) -> tuple[Any, Any]:
    figure = Figure(figsize=(8, 1.1 + 0.45 * rows), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})


def _bars(path: Path, title: str, measured: Sequence[Measured], *, logarithmic: bool) -> None:
    shown = [(one, rate) for one in measured if (rate := one.rate()) is not None]
    if not shown:
        return
    figure, axes = _canvas(len(shown), title)
    for place, (one, rate) in enumerate(reversed(shown)):
        error = [[rate.median - rate.least], [rate.most - rate.median]]
        colour = _PEERS if _is_peer(one) else _OURS
        axes.barh(place, rate.median, xerr=error, color=colour, error_kw={"ecolor": "#333333", "capsize": 3})
        axes.annotate(
            number(rate.median), (rate.most, place), xytext=(8, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(shown)), [one.name for one, _ in reversed(shown)])
    axes.margins(x=0.12)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(left=1)
    _save(figure, path)


def _times(path: Path, title: str, measured: Sequence[Measured]) -> None:
    shown = [one for one in measured if one.times]
    if not shown:
        return
    figure, axes = _canvas(len(shown), title)
    for place, one in enumerate(reversed(shown)):
        seconds = one.percentile(50) / 1000
        axes.barh(place, seconds, color=_PEERS if _is_peer(one) else _OURS)
        axes.plot([time / 1000 for time in one.times], [place] * len(one.times), "|", color="#333333")
        axes.annotate(
            f"{number(seconds)} s, {(one.memory or 0) / 2**20:,.0f} MiB",
            (max(one.times) / 1000, place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(shown)), [one.name for one in reversed(shown)])
    axes.margins(x=0.3)
    _save(figure, path)


def _curves(path: Path, title: str, measured: Sequence[Measured]) -> None:
    """Draw which share of the searches was answered within how many milliseconds."""
    shown = [one for one in measured if one.times]
    if not shown:
        return
    figure, axes = _canvas(6, title)
    styles = ("-", "--", "-.", ":")
    for style, one in zip(styles, shown, strict=False):
        points = [one.percentile(percent / 2) for percent in range(200)]
        colour = _PEERS if _is_peer(one) else _OURS
        axes.plot(points, [percent / 2 for percent in range(200)], style, color=colour, label=one.name)
    axes.plot([10, 30], [50, 99], "x", color=_LINE, label="goals: 10 ms, 30 ms")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("milliseconds (logarithmic)")
    axes.set_ylabel("% answered")
    axes.legend(frameon=False, fontsize=9)
    _save(figure, path)


def _is_peer(measured: Measured) -> bool:
    return not measured.name.startswith(("Ancrage", "tasks", "PostgreSQL engine", "Meilisearch engine"))
