"""When an engine that fails is left alone, and how it is found out that it is well again."""

import random

import pytest

from service.search.breaker import Breaker, BreakerState, Permit


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def breaker(time: Time) -> Breaker:
    return Breaker(failures=3, first_pause=1.0, longest_pause=60.0, clock=time, chance=lambda: 0.0)


def permit(breaker: Breaker) -> Permit:
    given = breaker.permit()
    assert given is not None
    return given


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        permit(breaker).failed()


def test_asks_until_failures_come_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    permit(breaker).succeeded()
    fail(breaker, 2)
    assert state(breaker) is BreakerState.CLOSED
    fail(breaker, 1)
    assert state(breaker) is BreakerState.OPEN
    assert breaker.permit() is None


def test_an_engine_that_names_its_pause_is_given_it_at_once(breaker: Breaker, time: Time) -> None:
    permit(breaker).failed(retry_after=7)
    assert breaker.permit() is None
    time.seconds += 6.9
    assert breaker.permit() is None
    time.seconds += 0.1
    assert breaker.permit() is not None


def test_no_engine_names_a_pause_longer_than_the_longest(breaker: Breaker) -> None:
    permit(breaker).failed(retry_after=86_400)
    assert breaker.pause == 60.0


def test_exactly_one_search_finds_out(breaker: Breaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds += 1
    probe = permit(breaker)
    assert state(breaker) is BreakerState.PROBING
    assert [breaker.permit() for _ in range(50)] == [None] * 50
    probe.succeeded()
    assert state(breaker) is BreakerState.CLOSED
    assert all(breaker.permit() for _ in range(50))


def test_pauses_grow_up_to_the_longest_and_begin_anew_once_well(breaker: Breaker, time: Time) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.pause)
        time.seconds += breaker.pause
        permit(breaker).failed()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    time.seconds += breaker.pause
    permit(breaker).succeeded()
    fail(breaker, 3)
    assert breaker.pause == 1


def test_pauses_differ_by_chance_and_never_pass_the_longest(time: Time) -> None:
    chances = random.Random(1)  # noqa: S311 - chooses lengths of pauses
    breaker = Breaker(failures=1, first_pause=1.0, longest_pause=20.0, clock=time, chance=chances.random)
    pauses = []
    for _ in range(6):
        permit(breaker).failed()
        pauses.append(breaker.pause)
        time.seconds += breaker.pause
    for planned, pause in zip([1, 2, 4, 8, 16, 20], pauses, strict=True):
        assert min(planned, 20) <= pause <= min(planned * 1.25, 20)
    assert len({round(pause / planned, 6) for planned, pause in zip([1, 2, 4, 8], pauses, strict=False)}) == 4


def test_thousands_of_failures_overflow_nothing(breaker: Breaker, time: Time) -> None:
    fail(breaker, 3)
    for _ in range(5000):
        time.seconds += breaker.pause
        permit(breaker).failed()
    assert breaker.pause == 60.0


def test_a_visitor_who_leaves_lets_the_next_one_find_out(breaker: Breaker, time: Time) -> None:
    fail(breaker, 3)
    time.seconds += 1
    with pytest.raises(KeyboardInterrupt), permit(breaker):
        raise KeyboardInterrupt
    assert state(breaker) is BreakerState.OPEN
    with permit(breaker) as next_one:
        next_one.succeeded()
    assert state(breaker) is BreakerState.CLOSED


def test_what_was_asked_before_says_nothing_about_afterwards(breaker: Breaker, time: Time) -> None:
    early, late = permit(breaker), permit(breaker)
    fail(breaker, 3)
    early.succeeded()
    assert state(breaker) is BreakerState.OPEN, "an answer from before the outage does not end it"
    time.seconds += 1
    probe = permit(breaker)
    late.failed()
    assert state(breaker) is BreakerState.PROBING, "a failure from before says nothing of the probe"
    probe.succeeded()
    assert state(breaker) is BreakerState.CLOSED
