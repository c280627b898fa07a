"""Every boundary is hit, whatever the sizes of the calls, and none is jumped over."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import call_sizes, intervals, schedules, steps, successive_states

import gantape as gt

Pair = tuple[gt.RunState, gt.RunState]


def has_multiple(after: float, upto: float, interval: float) -> bool:
    """Whether a multiple of the interval lies in (after, upto], in exact arithmetic."""
    return Fraction(upto) // Fraction(interval) > Fraction(after) // Fraction(interval)


@given(states=successive_states(), interval=intervals)
def test_an_interval_is_due_when_a_multiple_lies_between(states: Pair, interval: int) -> None:
    before, now = states
    assert gt.every(steps=interval).due(before, now) == any(
        step % interval == 0 for step in range(before.step + 1, now.step + 1)
    )
    assert gt.every(epochs=interval).due(before, now) == has_multiple(before.epoch, now.epoch, interval)


@given(states=successive_states(), interval=st.floats(0.01, 1e4))
def test_seconds_are_due_when_a_multiple_lies_between(states: Pair, interval: float) -> None:
    before, now = states
    assert gt.every(seconds=interval).due(before, now) == has_multiple(before.seconds, now.seconds, interval)


@given(interval=intervals, start=steps, sizes=call_sizes)
def test_calls_that_are_cut_hit_every_multiple_exactly(interval: int, start: int, sizes: list[int]) -> None:
    when, step, hit = gt.every(steps=interval), start, []
    for size in sizes:
        boundary = when.next_step(step)
        assert boundary is not None
        now = min(step + size, boundary)
        if when.due(gt.RunState(step), gt.RunState(now)):
            hit.append(now)
        step = now
    assert hit == [multiple for multiple in range(start + 1, step + 1) if multiple % interval == 0]


@given(when=schedules(), start=steps, sizes=call_sizes)
def test_no_call_up_to_the_next_step_hides_something_due_in_it(when: gt.When, start: int, sizes: list[int]) -> None:
    boundary = when.next_step(start)
    assert boundary is None or boundary > start
    last = start + sum(sizes) if boundary is None else boundary - 1
    assert not when.due(gt.RunState(start), gt.RunState(last))


@given(named=st.lists(st.integers(1, 100), min_size=1, max_size=8), states=successive_states())
def test_named_steps_are_due_once_each(named: list[int], states: Pair) -> None:
    when = gt.at(*named)
    due = [step for step in range(101) if when.due(gt.RunState(step), gt.RunState(step + 1))]
    assert due == sorted({step - 1 for step in named})
    before, now = states
    assert when.due(before, now) == any(before.step < step <= now.step for step in named)
    assert when.next_step(before.step) == min((step for step in named if step > before.step), default=None)


@given(first=schedules(), second=schedules(), states=successive_states())
def test_a_union_is_due_when_one_of_both_is(first: gt.When, second: gt.When, states: Pair) -> None:
    before, now = states
    union = first | second
    assert union.due(before, now) == (first.due(before, now) or second.due(before, now))
    assert union.due(None, now) == (first.due(None, now) or second.due(None, now))
    pauses = [step for step in (first.next_step(before.step), second.next_step(before.step)) if step is not None]
    assert union.next_step(before.step) == min(pauses, default=None)


@given(states=successive_states())
def test_the_start_is_once_and_the_end_is_once(states: Pair) -> None:
    before, now = states
    assert gt.at_start().due(None, now)
    assert not gt.at_start().due(before, now)
    assert gt.at_end().due(before, now) == now.ended
    assert not gt.at_end().due(None, now)


@given(interval=intervals, now=successive_states())
def test_nothing_periodic_is_due_at_the_start(interval: int, now: Pair) -> None:
    for when in (gt.every(steps=interval), gt.every(epochs=interval), gt.every(seconds=interval), gt.at(interval)):
        assert not when.due(None, now[1])


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ({}, "nothing"),
        ({"steps": 1, "epochs": 2}, "steps=1, epochs=2"),
        ({"steps": 0}, "0"),
        ({"steps": -3}, "-3"),
        ({"steps": 2.5}, "2.5"),
        ({"steps": True}, "True"),
        ({"steps": "10"}, "'10'"),
        ({"epochs": 0.5}, "0.5"),
        ({"seconds": 0.0}, "0.0"),
        ({"seconds": float("inf")}, "inf"),
        ({"seconds": float("nan")}, "nan"),
        ({"seconds": "1"}, "'1'"),
    ],
)
def test_every_refuses_what_is_no_interval(arguments: dict[str, int], got: str) -> None:
    with pytest.raises(gt.errors.ScheduleError) as caught:
        gt.every(**arguments)
    assert caught.value.where.startswith("gantape.every")
    assert caught.value.got == got


@pytest.mark.parametrize("named", [(), (0,), (3, -1), (1.5,), (True,), ("3",)])
def test_at_refuses_what_is_no_step(named: tuple[int, ...]) -> None:
    with pytest.raises(gt.errors.ScheduleError) as caught:
        gt.at(*named)
    assert (caught.value.where, caught.value.got) == ("gantape.at", repr(named))
