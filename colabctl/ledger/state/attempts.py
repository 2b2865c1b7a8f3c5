"""What the attempts at a task proposed and reported."""

from typing import Any

from colabctl.ledger.journals.events import Event
from colabctl.ledger.order import event_order
from colabctl.ledger.proposals import Proposal, proposal_in
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.tasks import TaskFiles


def reports_of(state: SweepState, index: int) -> list[tuple[float | None, dict[str, Any]]]:
    """Return the intermediate values of one attempt as (step, values).

    This is the attempt that finished the task, else the one that holds it, else the latest that
    reported any and was not discarded.
    """
    events = _of_attempt(state, index, "report")
    return [(step, values) for event in events for step, values in event.body["reports"]]


def proposal_of(state: SweepState, index: int) -> Proposal | None:
    """Return the parameters proposed by the attempt that counts, else the first ones proposed.

    So a task that failed or lost its worker runs again with the same parameters.
    """
    suggested = _of_attempt(state, index, "suggested", latest=False)
    if suggested:
        merged = Proposal({}, {})
        for event in suggested:
            merged.params.update(event.body.get("params", {}))
            merged.distributions.update(event.body.get("distributions", {}))  # type: ignore[union-attr]
        return merged
    key = str(index)
    claims = [
        event
        for event in state.events_of(index)
        if event.kind == "claim" and key in event.body.get("params", ())
    ]
    if not claims:
        return None
    task = state.tasks[index]
    writer = task.event.writer if task.event else task.holder
    counting = [event for event in claims if event.writer == writer]
    return proposal_in((counting or claims[:1])[-1].body, index)


def _of_attempt(state: SweepState, index: int, kind: str, *, latest: bool = True) -> list[Event]:
    """Return the events of the attempt that counts, else of the latest (or first) attempt."""
    reported = map(state.log.event, state.progress.get(index, ()))
    events = [event for event in reported if event.kind == kind]
    if kind == "report":
        events = _without_discarded(state, index, events)
    if not events:
        return []
    events.sort(key=event_order)

    def attempt(event: Event) -> tuple[str, int]:
        return event.writer, event.body["attempt"]

    task = state.tasks[index]
    if task.event is not None:
        counting = attempt(task.event)
    else:
        held = [event for event in events if event.writer == task.holder]
        counting = attempt(held[-1] if held else events[-1 if latest else 0])
    return [event for event in events if attempt(event) == counting]


def _without_discarded(state: SweepState, index: int, events: list[Event]) -> list[Event]:
    if index not in state.others:
        return events
    history = state.events_of(index)
    discards = [event for event in history if event.kind == "discard"]

    def counts(event: Event) -> bool:
        earlier = [each for each in history if each.writer == event.writer and each.n < event.n]
        claims = [each for each in earlier if each.kind == "claim"]
        return not any(discard.ends((claims or [event])[-1]) for discard in discards)

    return list(filter(counts, events)) if discards else events


def params_of(state: SweepState, tasks: TaskFiles, index: int) -> dict[str, Any]:
    """Return the parameters of a task, as declared or proposed; {} if none were proposed yet."""
    declared = tasks.params(index)
    if declared is not None:
        return declared
    proposal = proposal_of(state, index)
    if proposal is None:
        return {}
    return {**tasks.cell_values(index), **proposal.params}
