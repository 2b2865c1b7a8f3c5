"""Ranks the done tasks of a sweep by its metric."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from colabctl.ledger import Plan, SweepState

_MOST_NAMES = 10  # of metrics

Metrics = Mapping[str, Any]


def done_metrics(state: SweepState) -> Iterator[tuple[int, Metrics]]:
    """Yield the index and the metrics of each done task."""
    for index, task in enumerate(state.tasks):
        if task.status == "done" and task.event is not None:
            yield index, task.event.metrics


def ranked(plan: Plan, tasks: Iterable[tuple[int, Metrics]]) -> list[tuple[int, float]]:
    """Return the number of each task and its value of the sweep's metric, the best first.

    Among equal values, the lowest number comes first; tasks without a value are left out.
    """
    sign = 1 if plan.goal == "minimize" else -1
    values = ((number, plan.value_of(metrics)) for number, metrics in tasks)
    return sorted(
        ((number, value) for number, value in values if value is not None),
        key=lambda pair: (sign * pair[1], pair[0]),
    )


def unreported(plan: Plan, state: SweepState) -> str | None:
    """Return a sentence if tasks are done but none has reported the sweep's metric, else None.

    Names longer than 60 characters are cut.
    """
    done = [metrics for _, metrics in done_metrics(state)]
    if plan.metric is None or not done or any(plan.value_of(item) is not None for item in done):
        return None
    names = list(dict.fromkeys(name for metrics in done for name in metrics))
    if plan.metric in names:
        return f"no task reported a number as {plan.metric:.60}"
    reported = [f"{name:.60}" for name in names[:_MOST_NAMES]]
    more = ["..."] if len(names) > _MOST_NAMES else []
    names_shown = ", ".join(reported + more) or "none"
    return f"no task reported {plan.metric:.60}; reported metrics: {names_shown}"
