"""How good a list of hits is, from the grades of its hits and of everything there is. Pure."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import log2
from typing import Final

from benchmarks.relevance.judging import RELEVANT

DEPTH: Final = 10
"""Hits that are looked at: the first page."""


def recall(hits: Sequence[int], everything: Sequence[int]) -> float:
    """Return the share of the relevant that the first page could show and does.

    ``hits`` are the grades of the hits in order, ``everything`` those of all postings, relevant ones among
    them: with more than a page of them, a page full of relevant hits is all that can be asked.
    """
    relevant = sum(grade >= RELEVANT for grade in everything)
    return sum(grade >= RELEVANT for grade in hits[:DEPTH]) / min(DEPTH, relevant)


def gain(grades: Sequence[int]) -> float:
    """Return the discounted cumulative gain of the first page: 2^grade - 1, less the lower it stands."""
    return sum(float(2**grade - 1) / log2(rank + 2) for rank, grade in enumerate(grades[:DEPTH]))


def ndcg(hits: Sequence[int], everything: Sequence[int]) -> float:
    """Return the gain of the hits, divided by that of the best order there is."""
    return gain(hits) / gain(sorted(everything, reverse=True))


def reciprocal_rank(hits: Sequence[int]) -> float:
    """Return 1 over the place of the first relevant hit of the page; 0 without any."""
    return next((1 / place for place, grade in enumerate(hits[:DEPTH], 1) if grade >= RELEVANT), 0.0)


def overlap(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return how many hits two first pages share, divided by the longer page. Two empty ones agree."""
    first, second = set(one[:DEPTH]), set(other[:DEPTH])
    longer = max(len(first), len(second))
    return len(first & second) / longer if longer else 1.0


def agreement(
    one: Sequence[Hashable], other: Sequence[Hashable], grades: Mapping[Hashable, int], least: int = 1
) -> float:
    """Return how far two first pages serve alike: :func:`overlap`, ties by grade counted as shared.

    Where twenty postings answer equally well, any ten of them are as good a page: a hit that only one page
    shows is paired with one of the same grade that only the other shows, if that grade is at least ``least``:
    by default, if it does no harm. Hits of no use are shared only when they are the same.
    """
    first, second = set(one[:DEPTH]), set(other[:DEPTH])
    longer = max(len(first), len(second))
    if not longer:
        return 1.0
    shared = len(first & second)
    alone = Counter(grades.get(hit, 0) for hit in first - second)
    facing = Counter(grades.get(hit, 0) for hit in second - first)
    ties = sum(min(alone[grade], facing[grade]) for grade in alone if grade >= least)
    return (shared + ties) / longer
