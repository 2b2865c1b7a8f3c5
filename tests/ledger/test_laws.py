"""Laws that hold for every history of a sweep, in every order of arrival."""

import random
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from colabctl.ledger.choice import choose, choose_lapsed
from colabctl.ledger.journals.appended import AppendedJournals
from colabctl.ledger.journals.events import PROGRESS_KINDS, Event, encode
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.task_state import fold
from tests.ledger.histories import LEASE, TOTAL, WRITERS, histories


def read(events: list[Event], batches: int = 1) -> SweepState:
    state = SweepState(TOTAL, max_retries=1, lease=LEASE)
    for first in range(batches):
        state.add(events[first::batches])
    return state


def picture(state: SweepState) -> object:
    """Everything that readers ask of a state."""
    now = 2e9 + 200
    return (
        list(state.tasks),
        sorted(state.open),
        {writer: held for writer, held in state.held.items() if held},
        {status: count for status, count in state.counts.items() if count},
        state.duplicates,
        [(event.kind, event.member, event.tasks()) for event in state.log.steering()],
        {name: (each.dismissed_at, each.dismissed_by) for name, each in state.writers.items()},
        state.order,
        sorted(state.lapsed(now)),
        state.claimable(now),
    )


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_any_batches_of_events_give_the_same_state(
    history: list[Event], rng: random.Random, batches: int
) -> None:
    shuffled = list(history)
    rng.shuffle(shuffled)
    assert picture(read(shuffled, batches)) == picture(read(history))


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_state_of_a_task_is_the_fold_of_its_events(
    history: list[Event], rng: random.Random, batches: int
) -> None:
    rng.shuffle(history)
    state = read(history, batches)
    expected = [
        fold([event for event in history if index in decided_by(event)], max_retries=1)
        for index in range(TOTAL)
    ]
    assert list(state.tasks) == expected
    statuses = [task.status for task in expected]
    assert [state.columns.status(index) for index in range(TOTAL)] == statuses
    assert {status: n for status, n in state.counts.items() if n} == dict(Counter(statuses))
    assert sorted(state.open) == [n for n, status in enumerate(statuses) if status == "open"]
    held = {(name, index) for name, indices in state.held.items() for index in indices}
    assert held == {(t.holder, n) for n, t in enumerate(expected) if t.status == "held"}
    assert state.duplicates == sum(task.duplicates for task in expected)


def decided_by(event: Event) -> list[int]:
    """Return the tasks whose state an event is part of."""
    return [] if event.kind in PROGRESS_KINDS else event.tasks()


def without(history: list[Event], *kinds: str) -> list[Event]:
    return [event for event in history if event.kind not in kinds]


@given(histories(), st.randoms(use_true_random=False))
def test_done_stays_done_unless_it_is_discarded(history: list[Event], rng: random.Random) -> None:
    history = without(history, "discard")
    rng.shuffle(history)
    state = SweepState(TOTAL, max_retries=1, lease=LEASE)
    done: set[int] = set()
    for event in history:
        state.add([event])
        assert all(state.tasks[index].status in ("done", "pruned") for index in done)
        done |= {i for i, task in enumerate(state.tasks) if task.status in ("done", "pruned")}


@given(histories())
def test_every_task_is_in_one_state_and_has_one_outcome(history: list[Event]) -> None:
    state = read(history)
    assert sum(state.counts.values()) == TOTAL
    outcomes = [event for event in results(history) if not is_discarded(event, history)]
    counted = sum(task.status in ("done", "pruned") for task in state.tasks)
    assert counted == len({event.body["task"] for event in outcomes})
    assert state.duplicates == len(outcomes) - counted


def results(history: list[Event]) -> list[Event]:
    return [event for event in history if event.kind in ("done", "pruned")]


def is_discarded(result: Event, history: list[Event]) -> bool:
    """Whether a discard names the attempt of a result, and the attempt is not a reply to it."""
    index = result.body["task"]
    own = [e for e in history if e.kind == "claim" and index in e.tasks()]
    earlier = [e for e in own if e.writer == result.writer and e.n < result.n]
    attempt = max(earlier, key=lambda event: event.n, default=result)
    return any(
        index in event.tasks()
        and event.body.get("after", {}).get(attempt.writer, -1) >= attempt.n
        and attempt.body.get("after", {}).get(event.writer, -1) < event.n
        for event in history
        if event.kind == "discard"
    )


@given(histories())
def test_a_result_counts_if_no_discard_names_its_attempt_whatever_was_cancelled(
    history: list[Event],
) -> None:
    counting = [event for event in results(history) if not is_discarded(event, history)]
    done = {event.body["task"] for event in counting}
    tasks = read(history).tasks
    assert done == {n for n, task in enumerate(tasks) if task.status in ("done", "pruned")}
    assert all(task.event in counting for n, task in enumerate(tasks) if n in done)


@given(histories())
def test_a_cancelled_task_is_neither_open_nor_held_until_someone_retries_or_discards(
    history: list[Event],
) -> None:
    history = without(history, "retry", "discard")
    state = read(history)
    for event in history:
        if event.kind == "cancel":
            statuses = {state.tasks[index].status for index in event.tasks()}
            assert statuses <= {"cancelled", "done", "pruned", "failed"}
    cancelled = {n for e in history if e.kind == "cancel" for n in e.tasks()}
    assert cancelled >= {n for n, task in enumerate(state.tasks) if task.status == "cancelled"}


@given(histories(), st.integers(0, TOTAL - 1), st.sampled_from([1e9, 2e9, 4.1e9]))
def test_of_a_cancel_and_a_retry_the_one_that_saw_the_other_wins_whatever_their_dates(
    history: list[Event], index: int, t: float
) -> None:
    # Where events name each other in a circle, the earliest of all is next, whatever it names.
    history = [
        event._replace(body={k: v for k, v in event.body.items() if k != "after"})
        for event in history
    ]
    seen = read(history).last_events([index])
    first = {"tasks": [index], "after": seen}
    then = {"tasks": [index], "after": {**seen, "yan": 0}}
    for kinds, after in ((("cancel", "retry"), "open"), (("retry", "cancel"), "cancelled")):
        orders = [Event(4e9, "yan", 0, kinds[0], first), Event(t, "zoe", 0, kinds[1], then)]
        status = read([*history, *orders]).tasks[index].status
        assert status in (after, "done", "pruned")


@given(histories(), st.integers(0, TOTAL - 1), st.sampled_from([1e9, 2e9, 4.1e9]))
def test_no_cancel_ends_in_advance_what_is_claimed_after_a_retry(
    history: list[Event], index: int, t: float
) -> None:
    history = [
        event._replace(body={k: v for k, v in event.body.items() if k != "after"})
        for event in history
    ]
    names = dict.fromkeys(WRITERS, 2**53)
    history.append(Event(t, "zoe", 0, "cancel", {"tasks": [index], "after": names}))
    for event in (
        Event(2.1e9, "yan", 0, "retry", {"tasks": [index]}),
        Event(2.2e9, "ana", 99, "claim", {"tasks": [[index, 1]]}),
    ):
        body = {**event.body, "after": read(history).last_events([index])}
        history.append(event._replace(body=body))
    assert read(history).tasks[index].status in ("held", "done", "pruned")


@given(histories(), st.data())
def test_a_stale_view_never_claims_a_task_that_it_knows_is_finished_or_held(
    history: list[Event], data: st.DataObject
) -> None:
    seen = [event for event in history if data.draw(st.booleans())]
    state = read(seen)
    now = max((event.t for event in seen), default=1e9)
    rng = random.Random(0)
    chosen = choose(state, TOTAL, rng) + choose_lapsed(state, TOTAL, now, rng)
    for index in chosen:
        task = state.tasks[index]
        assert not task.finished
        assert task.holder is None or not state.lives_at(task.holder, now)


@given(histories(), st.data())
def test_a_torn_last_line_has_not_arrived_yet_and_is_not_damage(
    history: list[Event], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journals = AppendedJournals(Path(folder), TOTAL)
        files: dict[Path, bytes] = {}
        for event in history:
            file = Path(folder) / event.writer / "events.jsonl"
            line = encode(event.n, event.t, event.kind, event.body)
            files[file] = files.get(file, b"") + line
        events: list[Event] = []
        for torn in (True, False):
            for file, content in files.items():
                file.parent.mkdir(exist_ok=True)
                size = data.draw(st.integers(0, len(content))) if torn else len(content)
                file.write_bytes(content[:size])
            events += [event for event, _ in journals.new_events(skip="")]
        assert journals.damage == []
        assert picture(read(events)) == picture(read(history))
