"""One writer cannot make a task slow to read: its events count only up to a number."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from colabctl.ledger.journals.events import Event
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.task_state import MOST_ALIKE, fold, most_alike
from tests.ledger.cached import Consistency, sweep_in_memory
from tests.ledger.histories import LEASE, TOTAL

RETRIES = 1
MOST = MOST_ALIKE + RETRIES
MANY = 2 * MOST


def claim(writer: str, n: int, **parts: Any) -> Event:
    return Event(2e9 + n, writer, n, "claim", {"tasks": [[0, 1]], **parts})


def batch(kind: str) -> Callable[[str, int], Event]:
    return lambda writer, n: Event(2e9 + n, writer, n, kind, {"tasks": [0]})


def outcome(kind: str) -> Callable[[str, int], Event]:
    body = {"task": 0, "attempt": 1, "seconds": 1.0, "metrics": {"loss": 0.5}}
    return lambda writer, n: Event(2e9 + n, writer, n, kind, body)


KINDS = {
    "claim": claim,
    "claim in reply": lambda writer, n: claim(writer, n, after={writer: n - 1}),
    **{kind: batch(kind) for kind in ("released", "retry")},
    **{kind: outcome(kind) for kind in ("failed", "done", "pruned")},
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def read(events: list[Event], batches: int = 1) -> SweepState:
    state = SweepState(TOTAL, RETRIES, LEASE)
    for first in range(batches):
        state.add(events[first::batches])
    return state


@kinds
def test_of_each_kind_the_first_events_of_a_writer_count_and_the_excess_is_counted(
    make: Callable[[str, int], Event],
) -> None:
    state = read([make("eve", n) for n in range(MANY)])
    most = most_alike(make("eve", 0).kind, RETRIES)
    assert [event.n for event in state.events_of(0)] == list(range(most))
    assert state.excess.count == {"eve": MANY - most}


@kinds
@pytest.mark.parametrize("seed", range(3))
def test_the_state_is_the_fold_of_all_events_in_any_order_and_any_batches(
    make: Callable[[str, int], Event], seed: int
) -> None:
    rng = random.Random(seed)
    events = [make("eve", n) for n in range(MANY)]
    events += [claim("ana", 10, after={"eve": 9}), outcome("failed")("ana", MANY)]
    events += [batch("retry")("ben", MANY + 3), claim("ben", MANY + 4)]
    expected, most = fold(events, RETRIES), most_alike(events[0].kind, RETRIES)
    for batches in (1, 7):
        rng.shuffle(events)
        state = read(events, batches)
        assert state.task(0) == expected
        assert fold(events, RETRIES) == expected
        assert state.duplicates == expected.duplicates
        assert state.columns.status(0) == expected.status
        assert state.excess.count == {"eve": MANY - most}


@kinds
def test_a_result_of_the_writer_or_of_another_counts_whatever_was_written_before(
    make: Callable[[str, int], Event],
) -> None:
    flood = [make("eve", n) for n in range(MANY)]
    for writer in ("ana", "eve"):
        assert read([*flood, outcome("done")(writer, MANY)]).task(0).status in ("done", "pruned")


def test_each_writer_and_each_kind_has_its_own_number() -> None:
    claims = [claim(writer, n) for writer in ("ana", "ben") for n in range(MOST)]
    ends = [batch("released")("ana", n) for n in range(MOST, 2 * MOST)]
    assert read(claims + ends).excess.count == {}


def test_all_failures_that_a_sweep_allows_count() -> None:
    allowed = 2 * MOST_ALIKE
    state = SweepState(TOTAL, allowed, LEASE)
    for n in range(allowed + 1):
        assert state.task(0).status == "open"
        state.add([claim("ana", 2 * n), outcome("failed")("ana", 2 * n + 1)])
    assert (state.task(0).status, state.task(0).failures) == ("failed", allowed + 1)


@pytest.mark.parametrize("consistency", ["coherent", "eventual"])
def test_the_writer_is_named_also_by_the_next_command(consistency: Consistency) -> None:
    with sweep_in_memory(consistency) as sweep:
        for n in range(MANY):
            sweep.arrive(Event(2e9 + n, "eve", n, "claim", {"tasks": [[0, 1]]}))
        for _ in range(2):
            (sentence,) = sweep.read(sweep.cache()).damage
            excess = MANY - MOST_ALIKE - sweep.plan.max_retries
            assert sentence.startswith(f"eve has written {excess:,} more events")
        sweep.check()


def test_an_event_about_many_tasks_is_kept_once_however_many_names_it_has() -> None:
    names = {f"worker-{n}": n for n in range(1000)}
    tasks = [[index, 1] for index in range(TOTAL)]
    state = read([Event(2e9, "eve", 0, "claim", {"tasks": tasks, "after": names})])
    assert state.log.afters == [names]
    assert len(state.log.lines) < 100 * TOTAL
    (event,) = state.events_of(TOTAL - 1)
    assert dict(event.body) == {"tasks": [[TOTAL - 1, 1]], "after": names}
