"""Measure matching on an invented market: ``python -m benchmarks.matching [--help]``.

Prints one table: columns built, one posting against all candidates, one candidate against all
postings, everything both ways, one pair scored and explained, and the peak memory of the process.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks import market
from service.matching.bulk import best_for_candidate, best_for_posting, best_pairs
from service.matching.columns import CandidateColumns, PostingColumns
from service.matching.explanation import explain
from service.matching.facts import MatchingContext, SkillRarity
from service.matching.gates import obstacle
from service.matching.scoring import Suggestion, evaluate

SAMPLE = 200
REPORTED_EVERY = 10
"""Seconds between two lines of progress."""


def main() -> None:
    """Parse the sizes, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--postings", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--trades", type=int, default=market.OCCUPATIONS, help="occupations in play")
    parser.add_argument("--skip-all", action="store_true", help="leave out the run of all pairs")
    chosen = parser.parse_args()
    place = market.market(chosen.seed, chosen.trades)
    run(place, chosen.candidates, chosen.postings, chosen.seed, everything=not chosen.skip_all)


def run(place: market.Market, candidates: int, postings: int, seed: int, *, everything: bool) -> None:
    """Measure a market of this size and print the table."""
    some_postings = list(market.postings(place, min(SAMPLE, postings), seed + 2))
    some_candidates = list(market.candidates(place, min(SAMPLE, candidates), seed + 1))
    rarity = SkillRarity.from_postings(market.postings(place, postings, seed + 2))
    context = MatchingContext(graph=place.graph, rarity=rarity, as_of=market.AS_OF)

    started = time.perf_counter()
    people = CandidateColumns.build(market.candidates(place, candidates, seed + 1))
    show(f"{candidates:,} candidates invented and laid out", time.perf_counter() - started)
    started = time.perf_counter()
    work = PostingColumns.build(market.postings(place, postings, seed + 2), context)
    show(f"{postings:,} postings invented and laid out", time.perf_counter() - started)

    best_for_posting(some_postings[0], people, context)
    spread(
        f"one posting against {candidates:,} candidates",
        [partial(best_for_posting, one, people, context) for one in some_postings],
    )
    spread(
        f"one candidate against {postings:,} postings",
        [partial(best_for_candidate, one, work, context) for one in some_candidates],
    )
    pairs = [
        (candidate, posting)
        for posting in some_postings
        for candidate in some_candidates
        if obstacle(candidate, posting, context) is None
    ][:SAMPLE]
    spread("one pair scored alone", [partial(evaluate, *pair, context) for pair in pairs])
    suggestions = [evaluate(*pair, context) for pair in pairs]
    spread(
        "one explanation in words",
        [
            partial(explain, one.criteria, "fr", "candidate", {})
            for one in suggestions
            if isinstance(one, Suggestion)
        ],
    )
    if everything:
        started = time.perf_counter()
        last = started

        def progress(done: int, total: int) -> None:
            nonlocal last
            if time.perf_counter() - last > REPORTED_EVERY:
                last = time.perf_counter()
                sys.stderr.write(f"  {done:,} of {total:,} postings\n")

        before = os.times()
        best = best_pairs(people, work, progress=progress)
        after = os.times()
        show(
            f"{candidates:,} x {postings:,} both ways, {len(best):,} pairs kept",
            time.perf_counter() - started,
        )
        show("  of which computing, on all threads", after.user + after.system - before.user - before.system)
        started = time.perf_counter()
        for _ in best.ranked():
            pass
        show("  the same pairs made objects", time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{'peak memory of the process':<66} {peak:8.0f} MiB\n")


def show(what: str, seconds: float) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<66} {seconds:8.2f} s\n")


def spread(what: str, calls: list[Callable[[], object]]) -> None:
    """Time each call, print the median and the 95th percentile."""
    taken = []
    for call in calls:
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    if len(taken) > 1:
        median, worst = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
        sys.stdout.write(f"{what:<66} {median:8.2f} ms median {worst:8.2f} ms p95\n")


if __name__ == "__main__":
    main()
