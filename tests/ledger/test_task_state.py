"""The state that follows from the events of a task."""

from typing import Any

from colabctl.ledger.events import Event, Outcome
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.task_state import MAX_LOSSES

LEASE = 60.0


class History:
    """Adds events one by one: a writer, seconds since the start, a kind, its parts."""

    def __init__(self, max_retries: int = 1) -> None:
        self.state = SweepState(1, max_retries, LEASE)
        self._numbers: dict[str, int] = {}

    def add(self, writer: str, t: float, kind: str, **parts: Any) -> "History":
        n = self._numbers.get(writer, 0)
        self._numbers[writer] = n + 1
        self.state.add([Event(1e9 + t, writer, n, kind, parts)])
        return self

    def claim(self, writer: str, t: float) -> "History":
        return self.add(writer, t, "claim", tasks=[[0, 1]])

    def done(self, writer: str, t: float, **metrics: Any) -> "History":
        return self.add(writer, t, "done", task=0, attempt=1, seconds=1.0, metrics=metrics)

    def failed(self, writer: str, t: float) -> "History":
        return self.add(writer, t, "failed", task=0, attempt=1, error="no", output="")

    @property
    def task(self) -> Any:
        return self.state.tasks[0]


def test_a_claim_holds_the_task() -> None:
    assert History().claim("ana", 1).task.holder == "ana"


def test_a_claim_under_anothers_lease_does_not_count() -> None:
    history = History().claim("ana", 1).claim("ben", 30)
    assert history.task.holder == "ana"
    assert history.task.attempts == 1


def test_a_claim_after_the_lease_takes_the_task_over() -> None:
    history = History().claim("ana", 1).claim("ben", 1 + LEASE)
    assert history.task.holder == "ben"
    assert history.task.losses == 1


def test_a_heartbeat_renews_the_lease_even_if_it_arrives_after_the_rivals_claim() -> None:
    history = History().claim("ana", 1).claim("ben", 70)
    assert history.task.holder == "ben"
    history.add("ana", 40, "heartbeat")
    assert history.task.holder == "ana"


def test_a_worker_that_ended_holds_nothing() -> None:
    history = History().claim("ana", 1).add("ana", 2, "end", reason="").claim("ben", 3)
    assert history.task.holder == "ben"


def test_done_counts_from_anyone_and_the_first_in_order_wins() -> None:
    history = History().claim("ana", 1).claim("ben", 2)
    history.done("ben", 50, loss=2)
    assert history.task.event.writer == "ben"
    history.done("ana", 40, loss=1)
    assert history.task.event.writer == "ana"
    assert history.state.duplicates == 1


def test_a_failure_opens_the_task_again_until_its_retries_are_used_up() -> None:
    history = History(max_retries=1).claim("ana", 1).failed("ana", 2)
    assert history.task.status == "open"
    history.claim("ben", 3).failed("ben", 4)
    assert history.task.status == "failed"
    assert history.task.event.writer == "ben"


def test_a_failure_of_a_claim_that_did_not_count_does_not_count() -> None:
    history = History().claim("ana", 1).claim("ben", 2).failed("ben", 3)
    assert history.task.failures == 0
    assert history.task.holder == "ana"


def test_retry_resets_failures() -> None:
    history = History(max_retries=0).claim("ana", 1).failed("ana", 2)
    assert history.task.status == "failed"
    history.add("eve", 5, "retry", tasks=[0])
    assert history.task.status == "open"
    assert history.task.failures == 0


def test_done_after_failed_for_good_is_done() -> None:
    history = History(max_retries=0).claim("ana", 1).failed("ana", 2).done("ben", 9)
    assert history.task.status == "done"


def test_a_task_that_loses_its_worker_every_time_fails() -> None:
    history = History()
    for number in range(MAX_LOSSES + 1):
        history.claim(f"worker{number}", 1 + number * 2 * LEASE)
    assert history.task.status == "failed"
    assert history.task.event is None
    lost = "lost its worker every time (10 attempts)"
    assert history.task.outcome == Outcome(MAX_LOSSES, 0.0, {}, {}, lost)


def test_an_outcome_has_the_parts_of_the_event_that_finished_the_task() -> None:
    history = History().claim("ana", 1).done("ana", 2, loss=0.5)
    assert history.task.outcome == Outcome(1, 1.0, {"loss": 0.5}, {})
    history = History(max_retries=0).claim("ana", 1).failed("ana", 2)
    assert history.task.outcome == Outcome(1, 0.0, {}, {}, "no", "")


def test_a_task_that_has_not_ended_has_an_empty_outcome() -> None:
    assert History().claim("ana", 1).task.outcome == Outcome(1, 0.0, {}, {})


def test_a_failure_without_a_readable_error_is_unknown() -> None:
    history = History(max_retries=0).claim("ana", 1)
    history.add("ana", 2, "failed", task=0, attempt=1, error=["odd"])
    assert history.task.outcome.error == "unknown"


def test_a_released_task_is_open_again_and_has_not_failed() -> None:
    history = History().claim("ana", 1).add("ana", 2, "released", tasks=[0])
    assert history.task.status == "open"
    assert history.task.failures == 0


def test_the_last_order_counts_whichever_arrives_last() -> None:
    history = History().add("ana", 10, "pause").add("ben", 20, "resume")
    assert history.state.order == "go"
    late = History().add("ben", 20, "resume").add("ana", 10, "pause")
    assert late.state.order == "go"
