"""Ranks the done tasks of a sweep by its metric, or its configurations if they have repeats."""

from collections.abc import Sequence
from itertools import islice
from math import isnan

from colabctl.ledger import Plan, SweepState, listed, meant, task_name
from colabctl.views.repeats import Configuration, configurations, ranked

_MOST_READ = 1000  # done tasks whose metrics are read to name what they reported


def best_first(
    plan: Plan, state: SweepState, values: Sequence[float] | None = None
) -> list[tuple[int, float]]:
    """Return each done task and its value of the sweep's metric, the best first.

    Among equal values, the lowest number comes first; tasks without a value are left out. Of a
    sweep with repeats, these are the configurations: for each, its value, and the task whose own
    value is nearest to that. With `values`, one for each task, these count in place of the metric.
    """
    values = state.columns.values if values is None else values
    if plan.repeats.count > 1:
        ordered = ranked(configurations(plan, state, values=values), plan.goal)
        return [(each.nearest, each.value) for each in ordered]
    sign = 1 if plan.goal == "minimize" else -1
    done = ((n, value) for n, value in enumerate(values) if not isnan(value))
    return sorted(done, key=lambda pair: (sign * pair[1], pair[0]))


def best(plan: Plan, state: SweepState) -> tuple[int, float] | None:
    """Return the first of `best_first`, None if it is empty."""
    if plan.repeats.count > 1:
        first = best_configuration(plan, state)
        return (first.nearest, first.value) if first else None
    values = (value for value in state.columns.values if not isnan(value))
    value = (min if plan.goal == "minimize" else max)(values, default=None)
    return None if value is None else (state.columns.values.index(value), value)


def best_configuration(plan: Plan, state: SweepState) -> Configuration | None:
    """Return the best configuration of a sweep with repeats; None without repeats or values."""
    if plan.repeats.count == 1:
        return None
    return next(iter(ranked(configurations(plan, state), plan.goal)), None)


def unreported(plan: Plan, state: SweepState) -> str | None:
    """Return a sentence if done tasks have not reported the sweep's metric as a number, else None.

    Names longer than 60 characters are cut.
    """
    done, lacking = state.counts["done"], state.columns.lacking
    if plan.metrics and (number := lacking.count(1)):
        every, first = listed(plan.goals), task_name(lacking.find(1))
        text = f"{number} of {done} done tasks did not report all of {every}, the first {first}"
        names = _reported(state)
        unknown = next((name for name in plan.goals if names and name not in names), None)
        if unknown is None:
            return text
        reported = f"reported metrics: {listed(names)}{meant(unknown, names)}"
        return f"{text}; no task reported {unknown:.60}; {reported}"
    if plan.metric is None or not done:
        return None
    metric = f"{plan.metric:.60}"
    if not all(map(isnan, state.columns.values)):
        number = lacking.count(1)
        if not number:
            return None
        first = task_name(lacking.find(1))
        return f"{number} of {done} done tasks reported no {metric}, the first {first}"
    names = _reported(state)
    if plan.metric in names:
        return f"no task reported a number as {metric}"
    reported = listed(names) or "none"
    return f"no task reported {metric}; reported metrics: {reported}{meant(plan.metric, names)}"


def _reported(state: SweepState) -> list[str]:
    """Return the names of the metrics that the first done tasks reported."""
    first_done = islice(state.columns.having("done"), _MOST_READ)
    names = (name for index in first_done for name in state.task(index).outcome.metrics)
    return list(dict.fromkeys(names))
