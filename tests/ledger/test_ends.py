"""Tests of what ends a sweep before all its tasks have run."""

import math
import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.budget import Budget, Patience
from colabctl.ledger.choice import choose, choose_lapsed
from colabctl.ledger.extensions.stretches import Stretches
from colabctl.ledger.journals.events import Event
from colabctl.ledger.state.ends import EndRules, is_over
from colabctl.ledger.sweep_state import SweepState
from tests.ledger.test_sweep_state import T, claim, done, event, failed

TWO_CELLS = Stretches((0, 4), (0, 1), (0, 0), (4, 4))


def measure(metrics: dict[str, Any]) -> tuple[float, bool]:
    return metrics["loss"], False


def folded(events: list[Event], total: int = 8, **rules: Any) -> SweepState:
    repeats = rules.pop("repeats", 1)
    result = SweepState(total, 1, 60.0, EndRules(**rules), measure, repeats=repeats)  # type: ignore[arg-type]
    result.add(events)
    return result


def start(t: float, writer: str, lease: float) -> Event:
    parts = {"member": writer, "host": "h", "pid": 1, "jobs": 1, "lease": lease}
    return event(t, writer, "start", **parts)


def rng() -> random.Random:
    return random.Random(0)


def pruned(t: float, task: int) -> Event:
    return event(t, "a", "pruned", task=task, attempt=1, seconds=1.0, metrics={})


def resume(t: float) -> Event:
    return event(t, "ana", "resume", beyond_end=True)


def test_a_budget_of_tasks_counts_each_task_once_and_those_that_run() -> None:
    state = folded([claim(1, "a"), failed(2, "a"), done(4, "a", attempt=2)], budget=Budget(3))
    assert (state.room, state.ended, state.claimable(T)) == (2, None, 2)
    state.add([event(5, "a", "claim", tasks=[[1, 1], [2, 1]])])
    assert (state.room, state.claimable(T)) == (0, 0)
    assert choose(state, 3, rng()) == []
    state.add([done(6, "a", task=1), done(7, "a", task=2)])
    assert (state.ended, state.order, is_over(state, T)) == ("budget", "stop", True)


def test_a_task_of_a_dead_worker_is_taken_within_the_budget() -> None:
    state = folded([start(0, "a", 60.0), claim(1, "a")], budget=Budget(1))
    late = T + 500
    assert (state.room, state.claimable(late)) == (0, 1)
    assert choose_lapsed(state, 1, late, rng()) == [0]


def test_a_budget_of_time_counts_every_attempt_that_ended() -> None:
    events = [claim(1, "a"), failed(2, "a"), done(4, "b", attempt=2), done(5, "c", attempt=2)]
    assert folded(events, budget=Budget(time=3.5)).ended is None
    for order in permutations(events):
        assert folded(list(order), budget=Budget(time=3.0)).ended == "budget"


def test_no_task_starts_when_those_that_run_use_the_time_left() -> None:
    state = folded([start(0, "a", 600.0), claim(0, "a")], budget=Budget(time=30.0))
    assert (state.claimable(T + 10), state.claimable(T + 40)) == (7, 0)
    assert state.ended is None
    state.add([done(40, "a")])  # after one second, whatever the dates say
    assert state.claimable(T + 41) == 7


def test_a_resume_goes_on_without_the_budget() -> None:
    state = folded([done(1, "a"), resume(2)], budget=Budget(1, 0.5))
    assert (state.ended, state.order, state.claimable(T)) == (None, "go", 7)


def test_a_budget_as_large_as_the_sweep_ends_nothing() -> None:
    state = folded([done(1, "a")], total=1, budget=Budget(1))
    assert (state.ended, is_over(state, T)) == (None, True)


def test_a_search_ends_after_trials_that_are_not_better() -> None:
    losses = [5.0, 4.0, 4.0, 4.5, 4.1]
    events = [done(t, "a", loss, task=t) for t, loss in enumerate(losses)]
    assert folded(events[:4], patience=Patience(3)).ended is None
    for order in permutations(events):
        state = folded(list(order), patience=Patience(3))
        assert (state.ended, state.order, len(state.open)) == ("patience", "stop", 0)
        assert state.ends.waited() == {0: 3}


def test_a_better_result_afterwards_does_not_start_an_ended_search_again() -> None:
    events = [done(t, "a", loss, task=t) for t, loss in enumerate([1.0, 2.0, 2.0, 0.5])]
    assert folded(events, patience=Patience(2)).ended == "patience"


def test_an_earlier_result_that_arrives_late_can_continue_a_search() -> None:
    events = [done(t, "a", loss, task=t) for t, loss in [(1, 3.0), (3, 3.0), (4, 3.0)]]
    state = folded(events, patience=Patience(2))
    assert state.ended == "patience"
    state.add([done(2, "b", 2.0, task=2), done(2.5, "b", 1.0, task=0)])
    assert state.ended == "patience"  # two after the best one
    state.add([done(3.5, "b", 0.5, task=5)])
    continued: Any = state
    assert (continued.ended, sorted(continued.open)) == (None, [6, 7])


def test_an_improvement_counts_only_beyond_min_delta() -> None:
    events = [done(t, "a", loss, task=t) for t, loss in enumerate([1.0, 0.95, 0.91, 0.89])]
    assert folded(events[:3], patience=Patience(2, 0.1)).ended == "patience"
    assert folded(events[:3], patience=Patience(2, 0.01)).ended is None


def test_pruned_trials_and_those_without_a_number_count_and_failed_ones_do_not() -> None:
    base = [done(1, "a", 1.0)]
    assert folded([*base, pruned(2, 1), pruned(3, 2)], patience=Patience(2)).ended == "patience"
    nan = [done(2, "a", math.nan, task=1), done(3, "a", math.nan, task=2)]
    assert folded(base + nan, patience=Patience(2)).ended == "patience"
    fails = [
        event(t, "a", "failed", task=t, attempt=1, seconds=1.0, error="", output="", final=True)
        for t in (2, 3, 4)
    ]
    assert folded(base + fails, patience=Patience(2)).ended is None


def test_a_configuration_counts_when_all_its_repeats_have_ended() -> None:
    losses = [1.0, 3.0, 2.5, 2.5, 0.0, 9.0]
    events = [done(t, "a", loss, task=t) for t, loss in enumerate(losses)]
    mean: dict[str, Any] = {"repeats": 2, "aggregated": lambda values: sum(values) / len(values)}
    assert folded(events[:5], patience=Patience(2), **mean).ended is None
    assert folded(events, patience=Patience(2), **mean).ended == "patience"


def test_each_search_has_its_own_patience_and_the_sweep_ends_with_the_last() -> None:
    rules: dict[str, Any] = {"patience": Patience(1), "stretches": TWO_CELLS}
    first = [done(1, "a", 1.0), done(2, "a", 2.0, task=1)]
    state = folded(first, **rules)
    assert (state.ended, state.order, sorted(state.open)) == (None, "go", [4, 5, 6, 7])
    assert (state.claimable(T), state.ends.parked) == (4, {0})
    state.add([done(3, "b", 1.0, task=4), done(4, "b", 1.0, task=5)])
    assert (state.ended, state.ends.parked, state.claimable(T)) == ("patience", {0, 1}, 0)


def test_running_tasks_of_an_ended_search_are_not_taken_over() -> None:
    events = [start(0, "b", 60.0), event(0.5, "b", "claim", tasks=[[3, 1]])]
    events += [done(1, "a", 1.0), done(2, "a", 2.0, task=1)]
    state = folded(events, patience=Patience(1))
    assert state.ended == "patience"
    assert (is_over(state, T + 3), is_over(state, T + 500)) == (False, True)
    assert choose_lapsed(state, 1, T + 500, rng()) == []
    state.add([event(3, "b", "released", tasks=[3])])
    assert 3 not in state.open


def test_a_resume_puts_the_tasks_of_ended_searches_back() -> None:
    state = folded([done(1, "a", 1.0), done(2, "a", 2.0, task=1)], patience=Patience(1))
    state.add([resume(3)])
    assert (state.ended, sorted(state.open)) == (None, [2, 3, 4, 5, 6, 7])


def test_a_discarded_best_result_continues_the_search() -> None:
    events = [done(t, "a", loss, task=t) for t, loss in [(1, 1.0), (2, 2.0), (3, 1.5)]]
    state = folded(events, patience=Patience(2))
    assert state.ended == "patience"
    state.add([event(5, "ana", "discard", tasks=[1], after={"a": events[0].n})])
    assert state.ended is None


def waits_of(losses: list[float | None], trials: int, delta: float) -> tuple[int, bool]:
    """Return what patience says, from its definition."""
    best, waited, ended = None, 0, False
    for loss in losses:
        if loss is not None and (best is None or loss < best - delta):
            best, waited = loss, 0
        else:
            waited += 1
        ended = ended or waited >= trials
    return waited, ended


@given(st.data())
def test_patience_follows_its_definition_in_whatever_order_results_arrive(
    data: st.DataObject,
) -> None:
    values = st.one_of(st.none(), st.integers(0, 5).map(float))
    losses = data.draw(st.lists(values, min_size=1, max_size=8))
    trials, delta = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([0.0, 1.0]))
    events = [
        pruned(t, t) if loss is None else done(t, "ab"[t % 2], loss, task=t)
        for t, loss in enumerate(losses)
    ]
    state = folded([], patience=Patience(trials, delta))
    for some in data.draw(st.permutations(events)):
        state.add([some])
    waited, ended = waits_of(losses, trials, delta)
    assert (state.ends.waited(), 0 in state.ends.parked) == ({0: waited}, ended)


@pytest.mark.parametrize("wanted", [1, 5])
def test_the_tasks_of_ended_searches_are_never_chosen(wanted: int) -> None:
    rules: dict[str, Any] = {"patience": Patience(1), "stretches": TWO_CELLS}
    state = folded([done(1, "a", 1.0), done(2, "a", 2.0, task=1)], **rules)
    assert set(choose(state, wanted, rng())) <= {4, 5, 6, 7}
