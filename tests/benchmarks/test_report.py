import pytest

from benchmarks.comparison.figures import Measured, Slice
from benchmarks.comparison.goals import Goal, goals
from benchmarks.comparison.relevance import Relevance
from benchmarks.comparison.report import SECTIONS, Found, document, sections, terminal


def _case(rate: float | None, *times: float, memory: int | None = None) -> Measured:
    return Measured("case", [Slice(times, rate)], memory)


def _goal(measured: dict[str, Measured], what: str, relevance: Relevance | None = None) -> Goal:
    return next(one for one in goals(measured, relevance) if one.what.startswith(what))


def _found(measured: dict[str, Measured], **changes: object) -> Found:
    values: dict[str, object] = {
        "measured": measured,
        "relevance": None,
        "chosen": {
            "rounds": 6,
            "seconds": 2.0,
            "postings": 20_000,
            "candidates": 100_000,
            "matched": 50_000,
            "seed": 1,
        },
        "ran_for": 600.0,
        "machine": "a processor, 2 cores",
        "versions": {"Python": "3.11"},
        "real": False,
        "body_bytes": 40_000,
        "meilisearch": None,
        "no_meilisearch": "no server was found",
        "answered": {},
    }
    return Found(**(values | changes))  # type: ignore[arg-type] # spelt out above


@pytest.mark.parametrize(("rate", "reached"), [(59, False), (60, True), (61, True)])
def test_more_is_better_where_answers_are_counted(rate: float, reached: bool) -> None:
    measured = {"list": _case(rate, 1), "list.bare": _case(1000, 1)}
    goal = _goal(measured, "Public list, every request")
    assert goal.reached is reached
    assert goal.figure.startswith(f"0.0{rate}")


@pytest.mark.parametrize(("milliseconds", "reached"), [(15, True), (16, False)])
def test_less_is_better_where_time_is_taken(milliseconds: float, reached: bool) -> None:
    measured = {"outside": _case(1, milliseconds), "outside.direct": _case(1, 10)}
    assert _goal(measured, "The same, Meilisearch engine").reached is reached


@pytest.mark.parametrize(
    ("times", "reached"), [((9.0, 9.0), True), ((11.0, 11.0), False), ((1.0, 1.0, 40.0), False)]
)
def test_both_percentiles_must_hold(times: tuple[float, ...], reached: bool) -> None:
    assert _goal({"search": _case(1, *times)}, "Search with two facets").reached is reached


def test_memory_and_tasks() -> None:
    measured = {"match.all": _case(None, 1, memory=501 * 2**20), "tasks": _case(1_000)}
    assert _goal(measured, "Matching: memory").reached is False
    assert _goal(measured, "Tasks a second on one worker, that do nothing").reached is True


def test_what_was_not_measured_says_so() -> None:
    assert {one.reached for one in goals({}, None)} == {None}
    assert {one.figure for one in goals({}, None)} == {"–"}
    one_side = {"list": _case(60, 1)}
    assert _goal(one_side, "Public list, every request").reached is None


def test_relevance_is_read_by_engine() -> None:
    relevance = Relevance.of(
        {
            "engines": {"postgresql": {"recall@10": 0.96}, "meilisearch": None},
            "agreement": None,
            "queries": 210,
        }
    )
    assert _goal({}, "Relevance: recall@10, PostgreSQL", relevance).reached is True
    assert _goal({}, "Relevance: recall@10, Meilisearch", relevance).reached is None
    assert _goal({}, "Relevance: agreement", relevance).reached is None


def test_page_shows_every_goal_and_what_is_missing() -> None:
    measured = {key: _case(100, 1, 2, 3) for _, _, keys, _ in SECTIONS for key in keys}
    del measured["outside"], measured["outside.direct"]
    page = document(_found(measured, relevance=Relevance.of({"missing": "there is no data"})))
    for goal in goals(measured, None):
        assert goal.what in page
    assert "Meilisearch: no server was found" in page
    assert "Not measured: there is no data." in page
    assert "**not reached**" in page
    assert "20,000 published postings" in page


def test_page_says_who_answered_in_the_place_of_meilisearch() -> None:
    measured = {"outside": _case(100, 1), "outside.direct": _case(100, 1)}
    page = document(_found(measured, no_meilisearch="", answered={"meilisearch": 3, "postgresql": 1}))
    assert "75.0% of the searches of the Meilisearch engine were answered by it" in page


def test_terminal_shows_only_what_was_measured() -> None:
    found = _found({"tasks": _case(1_200), "tasks.arq": _case(200, 250)})
    assert [title for title, _ in sections(found)] == ["Background tasks"]
    assert "6.00" in terminal(found)
