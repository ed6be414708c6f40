import pytest

from benchmarks.comparison.figures import (
    Measured,
    Slice,
    Spread,
    mebibytes,
    number,
    percentile,
    rate_ratio,
    row,
    table,
    time_ratio,
)


def _measured(name: str, *slices: Slice, memory: int | None = None) -> Measured:
    return Measured(name, list(slices), memory)


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (25, 2), (50, 3), (90, 4.6), (100, 5)])
def test_percentile_lies_between_neighbours(percent: float, expected: float) -> None:
    assert percentile([5, 1, 4, 2, 3], percent) == pytest.approx(expected)


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.5], 99) == 7.5


def test_nothing_measured_has_no_percentile_nor_spread() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_ratios_are_taken_round_by_round() -> None:
    ours = _measured("ours", Slice((1,), 8), Slice((1,), 32), Slice((1,), 64))
    peer = _measured("peer", Slice((1,), 64), Slice((1,), 64), Slice((1,), 64))
    assert rate_ratio(ours, peer) == Spread(0.5, 0.125, 1)


def test_a_moody_round_falls_on_both() -> None:
    # The machine was four times slower in the second round: the ratio does not notice.
    ours = _measured("ours", Slice((2, 4, 6)), Slice((8, 16, 24)))
    peer = _measured("peer", Slice((1, 2, 3)), Slice((4, 8, 12)))
    assert time_ratio(ours, peer) == Spread(2, 2, 2)


def test_ratio_needs_the_same_rounds() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rate_ratio(_measured("ours", Slice((), 1), Slice((), 1)), _measured("peer", Slice((), 1)))


def test_percentiles_are_of_all_rounds_together() -> None:
    assert _measured("case", Slice((1, 2)), Slice((3, 4, 5))).percentile(50) == 3


def test_rate_is_the_median_of_rounds() -> None:
    assert _measured("case", *(Slice((), rate) for rate in (3, 1, 8))).rate() == Spread(3, 1, 8)
    assert _measured("case", Slice((1,))).rate() is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12345.6, "12,346"),
        (100.4, "100"),
        (99.94, "99.9"),
        (10, "10.0"),
        (2.345, "2.35"),
        (1, "1.00"),
        (0.0213, "0.021"),
    ],
)
def test_numbers_have_the_digits_they_deserve(value: float, shown: str) -> None:
    assert number(value) == shown


def test_memory_in_mebibytes() -> None:
    assert mebibytes(300 * 2**20) == "300"
    assert mebibytes(None) == "–"


def test_row_of_a_case_beside_its_peer() -> None:
    ours = _measured("ours", Slice((1, 2, 3), 50), Slice((1, 2, 3), 70), memory=2**20)
    peer = _measured("peer", Slice((1,), 100), Slice((1,), 100))
    assert row(ours, peer) == ["ours", "60.0", "50.0–70.0", "2.00", "3.00", "0.600", "1"]
    assert row(peer, peer)[5] == "1"
    assert row(peer, None)[5] == "–"


def test_row_without_rates_compares_times() -> None:
    ours, peer = _measured("ours", Slice((30,))), _measured("peer", Slice((20,)))
    assert row(ours, peer) == ["ours", "–", "–", "30.0", "30.0", "1.50", "–"]


def test_table_is_markdown_with_columns_of_one_width() -> None:
    lines = table(("case", "p50"), [["a long name", "1"], ["b", "1,000"]]).splitlines()
    assert lines == [
        "| case        |   p50 |",
        "| :---------- | ----: |",
        "| a long name |     1 |",
        "| b           | 1,000 |",
    ]
