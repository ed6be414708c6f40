"""``python -m benchmarks.comparison.matching ours|peer``: the matching cases, each in a process of its own.

Lines of JSON come in and go out. ``ours`` holds the invented market in columns; ``peer`` holds the same
market as sparse vectors and gives them to ``sparse_dot_topn``.

The vectors: what of a posting and a candidate is added up by code. A posting has its skills, each with its
weight (rarity, twice when required), and its trade. A candidate has the skills they hold, and every trade
related to one they want, with the points of the relation. Our own score is this and eight criteria more,
behind the gates of place, licence and relevance.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import market
from service.matching import bulk, gates, weights
from service.matching.columns import CandidateColumns, PostingColumns
from service.matching.facts import CandidateFacts, MatchingContext, PostingFacts, SkillRarity

BEST: Final = 20
_SAMPLE: Final = 400


class _Market:
    """The same market for the same seed."""

    def __init__(self, candidates: int, postings: int, seed: int) -> None:
        self.place = market.market(seed)
        self._sizes = (candidates, postings)
        self._seed = seed
        rarity = SkillRarity.from_postings(self.postings())
        self.context = MatchingContext(graph=self.place.graph, rarity=rarity, as_of=market.AS_OF)

    def candidates(self) -> Iterator[CandidateFacts]:
        return market.candidates(self.place, self._sizes[0], self._seed + 1)

    def postings(self) -> Iterator[PostingFacts]:
        return market.postings(self.place, self._sizes[1], self._seed + 2)


class Ours:
    """Ancrage's matching."""

    def __init__(self, known: _Market) -> None:
        self._context = known.context
        self._people = CandidateColumns.build(known.candidates())
        self._work = PostingColumns.build(known.postings(), known.context)
        self._new = [posting for posting, _ in zip(known.postings(), range(_SAMPLE), strict=False)]
        self._next = 0

    def one(self, seconds: float) -> dict[str, Any]:
        """Find the best candidates of one posting after another; return milliseconds each."""
        times = []
        limit = time.perf_counter() + seconds
        while time.perf_counter() < limit:
            posting = self._new[self._next % len(self._new)]
            self._next += 1
            started = time.perf_counter()
            bulk.best_for_posting(posting, self._people, self._context, BEST)
            times.append((time.perf_counter() - started) * 1000)
        return {"times": times}

    def everything(self) -> dict[str, Any]:
        """Match all both ways, to the last pair; return milliseconds."""
        started = time.perf_counter()
        kept = sum(1 for _ in bulk.best_both_ways(self._people, self._work, self._context, BEST))
        return {"times": [(time.perf_counter() - started) * 1000], "kept": kept}


class Peer:
    """``sparse_dot_topn`` on the vectors of the same market: the best candidates of every posting."""

    def __init__(self, known: _Market) -> None:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - only the peer's process has it

        numbers: dict[str, int] = {}

        def column(code: str) -> int:
            return numbers.setdefault(code, len(numbers))

        def matrix(rows: Iterator[dict[str, float]]) -> Any:
            indices: list[int] = []
            values: list[float] = []
            starts = [0]
            for row in rows:
                indices += [column(code) for code in row]
                values += row.values()
                starts.append(len(indices))
            return (np.array(values, np.float32), np.array(indices, np.int32), np.array(starts, np.int32))

        work = matrix(_posting_vector(one, known.context) for one in known.postings())
        people = matrix(_candidate_vector(one, known.context) for one in known.candidates())
        width = len(numbers)
        self._work = csr_matrix(work, shape=(len(work[2]) - 1, width))
        self._people = csr_matrix(people, shape=(len(people[2]) - 1, width)).T.tocsr()

    def everything(self, threads: int) -> dict[str, Any]:
        """Multiply, keep the best; return milliseconds."""
        from sparse_dot_topn import sp_matmul_topn  # noqa: PLC0415 - only the peer's process has it

        started = time.perf_counter()
        found = sp_matmul_topn(self._work, self._people, top_n=BEST, n_threads=threads)
        return {"times": [(time.perf_counter() - started) * 1000], "kept": int(found.nnz)}


def _posting_vector(posting: PostingFacts, context: MatchingContext) -> dict[str, float]:
    by_code = gates.skill_weights(posting, context)
    total = sum(by_code.values()) or 1
    row = {code: weights.SKILLS.max_points * weight / total for code, weight in by_code.items()}
    if posting.occupation is not None:
        row[f"trade {posting.occupation}"] = 1.0
    return row


def _candidate_vector(candidate: CandidateFacts, context: MatchingContext) -> dict[str, float]:
    row = dict.fromkeys(candidate.skills, 1.0)
    graph = context.graph
    for position, wanted in enumerate(candidate.wanted_occupations):
        suffix = "_other_choice" if position else ""
        related = {wanted: "same"}
        related |= dict.fromkeys(graph.far.get(wanted, ()), "far")
        related |= dict.fromkeys(graph.near.get(wanted, ()), "near")
        related[wanted] = "same"
        for code, relation in related.items():
            name = f"trade {code}"
            points = float(weights.OCCUPATION.points[relation + suffix])
            row[name] = max(points, row.get(name, 0.0))
    return row


def _memory() -> dict[str, int]:
    """Return the resident memory of this process now and at its most, in bytes, as Linux counts them."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in told.splitlines())
    return {
        "memory": int(fields["VmRSS"].split()[0]) * 1024,
        "peak": int(fields["VmHWM"].split()[0]) * 1024,
    }


def main() -> None:
    """Build, then do what is asked until nothing more comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=("ours", "peer"))
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--postings", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=2026)
    chosen = parser.parse_args()
    known = _Market(chosen.candidates, chosen.postings, chosen.seed)
    side: Any = Ours(known) if chosen.side == "ours" else Peer(known)
    for line in sys.stdin:
        asked = json.loads(line)
        what = asked.pop("do")
        told = _memory() if what == "memory" else getattr(side, what)(**asked)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
