"""What ends a sweep before all its tasks have run, and how far that is."""

import shlex
from collections.abc import Iterator
from typing import Any

from colabctl.budget import decode_budget, decode_patience
from colabctl.durations import format_duration
from colabctl.ledger import ENDED, Plan, SweepState, cells_of, seconds_running

_MOST = 3  # searches that are named


def budget(plan: Plan, state: SweepState) -> dict[str, Any] | None:
    """Return what was used of a sweep's budget, and its limits; None without a budget."""
    limit = decode_budget(plan.budget)
    parts: dict[str, Any] = {}
    if limit.tasks is not None:
        parts["tasks"] = {"used": state.outcomes, "limit": limit.tasks}
    if limit.time is not None:
        parts["seconds"] = {"used": state.ends.spent / 1000, "limit": limit.time}
    return parts or None


def patience(plan: Plan, state: SweepState) -> dict[str, Any] | None:
    """Return after how many trials without a better one each search ends; None without patience."""
    limit = decode_patience(plan.patience)
    if limit is None:
        return None
    waited, cells = state.ends.waited(), cells_of(plan)
    return {
        "trials": limit.trials,
        "min_delta": limit.min_delta,
        "searches": [
            {
                "values": dict(cell["values"]),
                "waited": waited.get(number, 0),
                "ended": number in state.ends.parked,
            }
            for number, cell in enumerate(cells)
        ],
    }


def sentences(plan: Plan, state: SweepState, now: float) -> Iterator[str]:
    """Yield what was used of the budget, how long no trial was better, and what that has ended."""
    used = budget(plan, state)
    if used is not None:
        parts = []
        if tasks := used.get("tasks"):
            parts.append(f"{tasks['used']:,} of {tasks['limit']:,} tasks")
        if seconds := used.get("seconds"):
            spent, limit = format_duration(seconds["used"]), format_duration(seconds["limit"])
            parts.append(f"{spent} of {limit}")
        yield f"budget: {', '.join(parts)}"
    if (waits := patience(plan, state)) is not None:
        yield from _patience(waits)
    left = state.total - state.finished - sum(map(len, _running(state, now)))
    if state.orders.beyond_limits and (used or waits) and state.finished < state.total:
        yield "it was resumed beyond these limits, so they do not end it any more"
    elif left and state.ended:
        resume = shlex.join(["colabctl", "resume", plan.sweep])
        yield (
            f"{plan.sweep} {ENDED[state.ended]}, so {left:,} task{'s do' if left > 1 else ' does'} "
            f"not run; to run {'them' if left > 1 else 'it'}: {resume}"
        )
        if state.ended != "target":
            yield f"or set another {state.ended} in the file: colabctl sweep FILE --extend"


def _running(state: SweepState, now: float) -> Iterator[set[int]]:
    return (held for name, held in state.held.items() if state.lives_at(name, now))


def _patience(waits: dict[str, Any]) -> Iterator[str]:
    searches, trials = waits["searches"], waits["trials"]
    if len(searches) == 1:
        waited = searches[0]["waited"]
        if searches[0]["ended"]:
            yield f"patience: {trials} trials in a row were not better, which ended the search"
        elif waited:
            are = "s in a row were" if waited > 1 else " was"
            yield f"patience: the last {waited} trial{are} not better; {trials} end the search"
        else:
            yield f"patience: {trials} trials in a row without a better one end the search"
        return
    ended = [_title(each["values"]) for each in searches if each["ended"]]
    names = "; ".join(ended[:_MOST])
    more = f"; and {len(ended) - _MOST:,} more" if len(ended) > _MOST else ""
    number = f"{len(ended)} of {len(searches)} searches"
    yield (
        f"patience: {trials} trials in a row without a better one end a search; "
        + (f"ended: {number} ({names}{more})" if ended else "none has ended")
    )


def _title(values: dict[str, Any]) -> str:
    return ", ".join(map(str, values.values()))


def seconds_left(
    plan: Plan, state: SweepState, now: float, rate: float | None, estimate: float | None
) -> float | None:
    """Return when a sweep will end, in seconds, given when all its tasks would have run."""
    limit = decode_budget(plan.budget)
    if estimate is None or state.orders.beyond_limits:
        return estimate
    if limit.tasks is not None and rate:
        estimate = min(estimate, max(0, limit.tasks - state.outcomes) / rate)
    slots = sum(worker.jobs for worker in state.live_workers(now))
    if limit.time is not None and slots:
        left = limit.time - state.ends.spent / 1000 - seconds_running(state, now)
        estimate = min(estimate, max(0.0, left) / slots)
    return estimate
