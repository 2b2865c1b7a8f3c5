"""The state of a sweep beyond its tasks: proposed parameters, reports, the target."""

import math
import random
from itertools import permutations
from typing import Any

import pytest

from colabctl.ledger.journals.checks import check
from colabctl.ledger.journals.events import Event
from colabctl.ledger.state.attempts import proposal_of, reports_of
from colabctl.ledger.state.ends import EndRules
from colabctl.ledger.sweep_state import SweepState

T = 1_700_000_000.0


def event(t: float, writer: str, kind: str, **body: Any) -> Event:
    event.number = getattr(event, "number", 0) + 1  # type: ignore[attr-defined]
    return Event(T + t, writer, event.number, kind, body)  # type: ignore[attr-defined]


def claim(t: float, writer: str, params: dict[str, Any] | None = None, attempt: int = 1) -> Event:
    parts: dict[str, Any] = {"tasks": [[0, attempt]]}
    return event(t, writer, "claim", **parts, **({"params": {"0": params}} if params else {}))


def done(t: float, writer: str, loss: float = 0.0, attempt: int = 1, task: int = 0) -> Event:
    return event(t, writer, "done", task=task, attempt=attempt, seconds=1.0, metrics={"loss": loss})


def failed(t: float, writer: str) -> Event:
    return event(t, writer, "failed", task=0, attempt=1, seconds=1.0, error="", output="")


def report(t: float, writer: str, *losses: float, attempt: int = 1) -> Event:
    reports = [[step, {"loss": loss}] for step, loss in enumerate(losses)]
    return event(t, writer, "report", task=0, attempt=attempt, reports=reports)


def state(events: list[Event], target: float | None = None, total: int = 3) -> SweepState:
    rules = EndRules(None if target is None else lambda values: values[0] <= target)
    folded = SweepState(total, 1, 60.0, rules, lambda metrics: (metrics["loss"], False))
    folded.add(events)
    return folded


def params(events: list[Event]) -> Any:
    """Return the parameters of task 0, which must not depend on the order of arrival."""
    proposals = []
    for seed in range(10):
        random.Random(seed).shuffle(shuffled := list(events))
        folded = state([])
        for each in shuffled:
            folded.add([each])
        proposals.append(proposal_of(folded, 0))
    assert all(proposal == proposals[0] for proposal in proposals)
    return proposals[0].params if proposals[0] else None


def test_a_task_has_no_proposed_parameters_before_a_claim_proposes_some() -> None:
    assert params([]) is None
    assert params([claim(0, "a")]) is None


def test_a_retried_task_runs_with_the_parameters_of_its_first_attempt() -> None:
    again = [claim(0, "a", {"x": 1}), failed(1, "a")]
    assert params(again) == {"x": 1}
    assert params([*again, claim(2, "b", {"x": 1}, attempt=2)]) == {"x": 1}


def test_of_two_rival_claims_the_first_done_one_counts() -> None:
    rivals = [claim(0, "a", {"x": 1}), claim(1, "b", {"x": 2})]
    assert params(rivals) == {"x": 1}
    assert params([*rivals, done(2, "b")]) == {"x": 2}
    assert params([*rivals, done(2, "b"), done(3, "a")]) == {"x": 2}


def test_the_suggestions_of_an_objective_are_merged_for_each_attempt() -> None:
    def suggested(t: float, writer: str, attempt: int, **values: int) -> Event:
        kinds = {name: {"name": "IntDistribution"} for name in values}
        return event(
            t, writer, "suggested", task=0, attempt=attempt, params=values, distributions=kinds
        )

    first = [claim(0, "a"), suggested(1, "a", 1, x=1), suggested(2, "a", 1, y=2)]
    assert params(first) == {"x": 1, "y": 2}
    second = [failed(3, "a"), claim(4, "b", attempt=2), suggested(5, "b", 2, x=1, y=3)]
    assert params([*first, *second, done(6, "b", attempt=2)]) == {"x": 1, "y": 3}
    assert proposal_of(state(first), 0).distributions == {  # type: ignore[union-attr]
        "x": {"name": "IntDistribution"},
        "y": {"name": "IntDistribution"},
    }


def test_the_reports_of_a_task_are_those_of_the_attempt_that_counts() -> None:
    def losses(*events: Event) -> list[float]:
        return [values["loss"] for _, values in reports_of(state(list(events)), 0)]

    first = claim(0, "a"), report(1, "a", 0.9, 0.8), report(2, "a", 0.7)
    assert losses(*first) == [0.9, 0.8, 0.7]
    assert losses(*reversed(first)) == [0.9, 0.8, 0.7]
    again = claim(4, "b", attempt=2), report(5, "b", 0.5, attempt=2)
    assert losses(*first, failed(3, "a"), *again) == [0.5]
    rival = claim(1, "b"), report(2, "b", 0.1)
    assert losses(*first, *rival) == [0.9, 0.8, 0.7]
    assert losses(*first, *rival, done(9, "b")) == [0.1]


def test_the_first_outcome_that_reaches_the_target_stops_the_sweep() -> None:
    events = [done(1, "a", 5.0), done(2, "b", 1.0, task=1)]
    assert state(events[:1], target=2.0).order == "go"
    for order in (events, events[::-1]):
        folded = state(order, target=2.0)
        assert (folded.order, folded.ended) == ("stop", "target")
    assert state(events).order == "go"


def test_a_resume_after_the_target_overrides_it_for_good_and_other_orders_do_not() -> None:
    reached, resume = done(2, "a", 1.0), event(1, "ana", "resume", beyond_end=True)
    later = done(4, "b", 0.5, task=1)
    folded = state([later, resume, reached], target=2.0)
    assert (folded.order, folded.ended) == ("go", None)
    for kind in ("pause", "resume"):
        assert state([event(1, "ana", kind), reached], target=2.0).order == "stop"


def test_a_pruned_task_with_good_metrics_does_not_reach_the_target() -> None:
    pruned = event(1, "a", "pruned", task=0, attempt=1, seconds=1.0, metrics={"loss": 0.0})
    assert not state([pruned], target=2.0).ended


@pytest.mark.parametrize(
    ("kind", "parts", "message"),
    [
        ("claim", {"tasks": [[0, 1]], "params": []}, "params is not an object"),
        ("claim", {"tasks": [[0, 1]], "params": {"0": 3}}, "params of a task"),
        ("report", {"task": 0, "attempt": 1}, "reports is not a list"),
        ("report", {"task": 0, "attempt": 1, "reports": [[0]]}, "without its values"),
        ("report", {"task": 0, "attempt": 1, "reports": [["a", {}]]}, "step is not a number"),
        ("suggested", {"task": 0, "attempt": 1, "params": 3}, "params is not an object"),
        ("suggested", {"task": 0, "attempt": 1, "distributions": []}, "distributions is not"),
        ("done", {"task": 0, "attempt": 1, "attributes": 1}, "attributes is not an object"),
    ],
)
def test_an_event_with_a_damaged_part_is_refused(
    kind: str, parts: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check({"n": 0, "t": T, "event": kind, **parts}, "ana-vm-1", 3)


def test_a_target_is_reached_by_all_repeats_of_a_configuration_together() -> None:
    plan_reaches = lambda values: not any(map(math.isnan, values)) and sum(values) / 2 <= 1.0  # noqa: E731
    measure = lambda metrics: (metrics["loss"], False)  # noqa: E731
    events = [done(1, "a", 0.5, task=1), done(2, "b", 1.5, task=0), done(3, "c", 0.1, task=2)]
    for order in permutations(events):
        folded = SweepState(4, 1, 60.0, EndRules(plan_reaches), measure, repeats=2)
        folded.add(order)
        assert folded.ends.reached == {0}
    lone = SweepState(4, 1, 60.0, EndRules(plan_reaches), measure, repeats=2)
    lone.add(events[:1])
    assert not lone.ended
