"""Ranks the done tasks of a sweep by its metric."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from colabctl.ledger import Plan, SweepState, lack, listed, meant, task_name

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
    """Return a sentence if done tasks have not reported the sweep's metric as a number, else None.

    Names longer than 60 characters are cut.
    """
    done = list(done_metrics(state))
    if plan.metric is None or not done:
        return None
    metric = f"{plan.metric:.60}"
    if any(plan.value_of(metrics) is not None for _, metrics in done):
        lacking = [index for index, metrics in done if lack(plan, metrics)]
        if not lacking:
            return None
        number, first = len(lacking), task_name(lacking[0])
        return f"{number} of {len(done)} done tasks reported no {metric}, the first {first}"
    names = list(dict.fromkeys(name for _, metrics in done for name in metrics))
    if plan.metric in names:
        return f"no task reported a number as {metric}"
    reported = listed(names) or "none"
    return f"no task reported {metric}; reported metrics: {reported}{meant(plan.metric, names)}"
