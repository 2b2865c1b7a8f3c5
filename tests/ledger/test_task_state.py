"""The state that follows from the events of a task."""

from typing import Any

from colabctl.ledger.journals.events import Event, Outcome
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

    def claim(self, writer: str, t: float, **after: int) -> "History":
        parts = {"after": after} if after else {}
        return self.add(writer, t, "claim", tasks=[[0, 1]], **parts)

    def done(self, writer: str, t: float, **metrics: Any) -> "History":
        return self.add(writer, t, "done", task=0, attempt=1, seconds=1.0, metrics=metrics)

    def failed(self, writer: str, t: float) -> "History":
        return self.add(writer, t, "failed", task=0, attempt=1, error="no", output="")

    @property
    def task(self) -> Any:
        return self.state.tasks[0]


def test_a_claim_holds_the_task() -> None:
    assert History().claim("ana", 1).task.holder == "ana"


def test_of_two_claims_that_did_not_see_each_other_the_earlier_counts() -> None:
    for history in (History().claim("ana", 1).claim("ben", 900), History().claim("ben", 900)):
        history.claim("ana", 1)
        assert history.task.holder == "ana"
    assert History().claim("ana", 1).claim("ben", 900).task.attempts == 1


def test_a_claim_that_came_after_the_holders_takes_the_task_over() -> None:
    history = History().claim("ana", 1).claim("ben", 1 + LEASE, ana=0)
    assert history.task.holder == "ben"
    assert history.task.losses == 1


def test_a_claim_that_saw_only_an_older_claim_of_the_holder_does_not_count() -> None:
    history = History().claim("ana", 1).claim("ana", 2).claim("ben", 3, ana=0)
    assert history.task.holder == "ana"


def test_what_came_after_an_event_counts_after_it_whatever_the_dates_say() -> None:
    history = History().claim("ana", 3e9).claim("ben", 5, ana=0)
    assert history.task.holder == "ben"
    assert history.failed("ben", 6).task.status == "open"
    history.claim("ana", -5, ben=1).add("ana", -9, "released", tasks=[0])
    assert (history.task.status, history.task.failures, history.task.losses) == ("open", 1, 1)


def test_claims_that_name_each_other_have_an_order_all_the_same() -> None:
    history = History().claim("ana", 1, ben=9).claim("ben", 2, ana=9, eve=9).claim("eve", 3, ana=0)
    assert history.task.holder == "ben"  # ana is first, ben takes over, eve has not seen ben


def test_a_retry_ends_the_claims_that_it_names() -> None:
    history = History().claim("ana", 1)
    assert history.add("eve", 2, "retry", tasks=[0]).task.holder == "ana"
    assert history.add("eve", 3, "retry", tasks=[0], after={"ana": 0}).task.status == "open"
    assert history.claim("ben", 0, eve=1).task.holder == "ben"
    assert history.done("ana", 9).task.event.writer == "ana"


def test_a_retry_forgives_a_failure_that_is_dated_in_the_future() -> None:
    history = History(max_retries=0).claim("ana", 3e9).failed("ana", 3e9)
    assert history.add("eve", 5, "retry", tasks=[0]).task.status == "failed"
    assert history.add("eve", 6, "retry", tasks=[0], after={"ana": 1}).task.status == "open"


def test_a_worker_lives_for_one_lease_after_its_last_event_unless_it_has_ended() -> None:
    history = History().claim("ana", 1)
    assert history.state.lapsed(1e9 + LEASE) == []
    assert history.state.lapsed(1e9 + 1 + LEASE) == [0]
    assert history.add("ana", 2, "end", reason="").state.lapsed(1e9 + 3) == [0]


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
        history.claim(f"worker{number}", number, **{f"worker{number - 1}": 0})
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


def test_an_order_overrides_those_that_it_names_whatever_their_dates() -> None:
    pause, resume = ("mal", 3e9, "pause"), ("ana", 5.0, "resume")
    for first, second in ((pause, resume), (resume, pause)):
        history = History()
        for writer, t, kind in (first, second):
            history.add(writer, t, kind, after={"mal": 0} if kind == "resume" else {})
        assert history.state.order == "go"
        assert history.add("ben", 4.0, "stop", after={"ana": 0}).state.order == "stop"


def test_a_final_failure_ends_a_task_that_could_be_tried_again_until_a_member_retries_it() -> None:
    def refused(holder: str) -> History:
        final = {"task": 0, "attempt": 1, "error": "damaged", "output": "", "final": True}
        return History(max_retries=3).claim(holder, 1).add("ana", 2, "failed", **final)

    assert (refused("ana").task.status, refused("ana").task.failures) == ("failed", 1)
    assert refused("ana").add("zoe", 3, "retry", tasks=[0]).task.status == "open"
    assert refused("ben").task.holder == "ben"  # it counts only from the holder


def steer(history: History, kind: str, t: float, writer: str = "eve", **after: int) -> History:
    return history.add(writer, t, kind, tasks=[0], member=writer, after=after)


def test_a_cancelled_task_is_not_claimed_and_a_claim_that_did_not_see_it_does_not_count() -> None:
    history = steer(History(), "cancel", 1)
    assert (history.task.status, history.task.finished) == ("cancelled", True)
    assert history.claim("ana", 2).task.status == "cancelled"
    assert steer(History().claim("ana", 1), "cancel", 2).task.holder is None


def test_a_result_counts_whether_its_attempt_was_cancelled_before_or_after() -> None:
    history = steer(History().claim("ana", 1), "cancel", 2, ana=0)
    assert history.task.status == "cancelled"
    assert history.done("ana", 3, loss=1).task.status == "done"
    history = History().claim("ana", 1).done("ana", 2)
    assert steer(history, "cancel", 3, ana=1).task.status == "done"


def test_a_task_that_has_failed_cannot_be_cancelled() -> None:
    history = History(max_retries=0).claim("ana", 1).failed("ana", 2)
    assert steer(history, "cancel", 3, ana=1).task.status == "failed"


def test_of_cancel_and_retry_the_later_one_wins() -> None:
    history = steer(steer(History(), "cancel", 9e8), "retry", 1, "zoe", eve=0)
    assert history.task.status == "open"
    assert steer(history, "cancel", 2, "dan", zoe=0).task.status == "cancelled"
    assert steer(steer(History(), "retry", 1), "cancel", 2, "zoe").task.status == "cancelled"


def test_a_discarded_result_does_not_count_and_the_next_one_does() -> None:
    history = History().claim("ana", 1).done("ana", 2, loss=1)
    steer(history, "discard", 3, ana=1)
    assert (history.task.status, history.task.event, history.task.duplicates) == ("open", None, 0)
    history.claim("ana", 4, ana=1, eve=0).done("ana", 5, loss=2)
    assert history.task.outcome.metrics == {"loss": 2}


def test_the_late_result_of_an_attempt_that_the_discard_saw_does_not_count() -> None:
    history = History().claim("ana", 1).claim("ben", 1.5).done("ana", 2)
    steer(history, "discard", 3, ana=1, ben=0)
    assert history.done("ben", 4).task.status == "open"
    assert history.state.duplicates == 0


def test_a_result_that_the_discard_knew_nothing_of_counts() -> None:
    history = History().claim("ana", 1).done("ana", 2, loss=1)
    steer(history, "discard", 3, ana=1)
    history.claim("ben", 1.5).done("ben", 2.5, loss=2)
    assert history.task.outcome.metrics == {"loss": 2}
    assert history.state.duplicates == 0


def test_no_one_can_discard_in_advance_what_is_written_in_reply() -> None:
    history = History().claim("ana", 1).done("ana", 2, loss=1)
    steer(history, "discard", 3e9, ana=9999)
    assert history.task.status == "open"
    history.claim("ana", 4, eve=0, ana=1).done("ana", 5, loss=2)
    assert history.task.outcome.metrics == {"loss": 2}


def test_a_retry_that_names_later_claims_does_not_end_those_that_have_read_it() -> None:
    history = steer(History(), "retry", 3e9, ana=9999)
    assert history.claim("ana", 4, eve=0).task.holder == "ana"


def test_the_best_task_is_another_one_after_the_discard() -> None:
    history = History()
    history.state = SweepState(2, 1, LEASE, measure=lambda metrics: (metrics["loss"], False))
    for index, loss in enumerate((1.0, 2.0)):
        history.add("ana", 2 * index, "claim", tasks=[[index, 1]])
        parts = {"task": index, "attempt": 1, "seconds": 1.0, "metrics": {"loss": loss}}
        history.add("ana", 2 * index + 1, "done", **parts)
    history.add("eve", 9, "discard", tasks=[0], after={"ana": 3})
    assert [str(value) for value in history.state.columns.values] == ["nan", "2.0"]
    assert (history.state.outcomes, history.state.counts["open"]) == (1, 1)
