"""The measures of benchmarks.relevance, on lists small enough to reckon by hand."""

from collections.abc import Hashable
from math import log2

import pytest

from benchmarks.relevance.measures import agreement, ndcg, overlap, recall, reciprocal_rank


def test_recall_asks_for_no_more_than_a_page() -> None:
    assert recall([3, 2, 0], [3, 3, 2, 2, 1, 0]) == 0.5
    assert recall([3] * 10, [3] * 25) == 1


def test_what_does_no_harm_is_not_what_was_asked_for() -> None:
    assert recall([1, 1, 3], [3, 1, 1]) == 1
    assert recall([1, 1], [3, 1, 1]) == 0
    assert reciprocal_rank([1, 1, 3]) == pytest.approx(1 / 3)


def test_hits_beyond_the_page_do_not_count() -> None:
    assert recall([0] * 10 + [3], [3, 0]) == 0
    assert reciprocal_rank([0] * 10 + [3]) == 0


def test_the_best_order_has_a_gain_of_one() -> None:
    assert ndcg([3, 2, 1], [1, 2, 3]) == 1
    assert ndcg([0, 3], [3, 0]) == pytest.approx(1 / log2(3))


def test_overlap_is_the_share_of_the_longer_page() -> None:
    assert overlap("abc", "ab") == pytest.approx(2 / 3)
    assert overlap("", "") == 1
    assert overlap("a", "") == 0


def test_of_hits_that_answer_equally_well_either_will_do() -> None:
    grades: dict[Hashable, int] = {"a": 3, "b": 3, "c": 2, "d": 0, "e": 0}
    assert agreement("a", "b", grades) == 1
    assert agreement("a", "c", grades) == 0
    assert agreement("d", "e", grades) == 0
    assert agreement("ad", "bd", grades) == 1
    assert agreement("ac", "b", grades) == 0.5


def test_a_hit_makes_up_for_one_other_only() -> None:
    grades: dict[Hashable, int] = {"a": 3, "b": 3, "c": 3, "d": 0, "e": 0}
    assert agreement("ad", "bc", grades) == 0.5
