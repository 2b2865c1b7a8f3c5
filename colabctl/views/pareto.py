"""The Pareto front of a sweep with several metrics: the tasks that no other one beats in all."""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.metrics import number_in
from colabctl.views.repeats import configurations


@dataclass(frozen=True)
class Point:
    """A task, or a configuration with repeats, that has a number for each metric.

    Attributes:
        index: the task; of a configuration, the one whose first metric is nearest to its value.
        values: of each metric, in their order.
        tasks: its tasks.
        own: the values of each of these.

    """

    index: int
    values: tuple[float, ...]
    tasks: Sequence[int]
    own: tuple[tuple[float, ...], ...]


def front(plan: Plan, state: SweepState) -> list[Point]:
    """Return the points that no other one dominates, the best by the first metric first.

    A point dominates another one if it is nowhere worse and somewhere better. Of equal points, all
    are on the front.
    """
    signs = [1.0 if goal == "minimize" else -1.0 for goal in plan.goals.values()]
    costs = [
        (tuple(s * value for s, value in zip(signs, point.values, strict=True)), point)
        for point in points(plan, state)
    ]
    costs.sort(key=lambda pair: (pair[0], pair[1].index))
    on_front: list[tuple[tuple[float, ...], Point]] = []
    for cost, point in costs:  # an earlier one is not worse in the first metric that differs
        if not any(_dominates(other, cost) for other, _ in reversed(on_front)):
            on_front.append((cost, point))
    return [point for _, point in on_front]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def points(plan: Plan, state: SweepState) -> Iterator[Point]:
    """Yield the tasks, or the configurations of a sweep with repeats, that have all metrics."""
    values = {
        index: own
        for index in state.columns.having("done")
        if (own := plan.values_of(state.tasks[index].outcome.metrics)) is not None
    }
    if plan.repeats.count == 1:
        yield from (Point(index, own, (index,), (own,)) for index, own in values.items())
        return
    first = array("d", [math.nan]) * plan.total
    for index, own in values.items():
        first[index] = own[0]
    for each in configurations(plan, state, values=first):
        own_values = tuple(values[index] for index in each.tasks)
        columns = zip(*own_values, strict=True)
        together = tuple(map(plan.repeats.aggregated, columns))
        yield Point(each.nearest, together, each.tasks, own_values)


def column_of(state: SweepState, name: str) -> "array[float]":
    """Return the value of a metric for each task; NaN for one that is not done or lacks it."""
    column = array("d", [math.nan]) * state.total
    for index in state.columns.having("done"):
        value = number_in(state.tasks[index].outcome.metrics, name)
        if value is not None:
            column[index] = value
    return column


def described(plan: Plan, state: SweepState, tasks: TaskFiles) -> list[dict[str, Any]]:
    """Return the front for `status`: {task, index, tasks, values, params} of each point.

    `values` are by metric; `tasks` are all of a configuration with repeats, `task` is one of them.
    """
    return [
        {
            "task": task_name(point.index),
            "index": point.index,
            "tasks": list(map(task_name, point.tasks)),
            "values": dict(zip(plan.goals, point.values, strict=True)),
            "params": plan.repeats.configuration(params_of(state, tasks, point.index)),
        }
        for point in (front(plan, state) if plan.metrics else ())
    ]


def by_metric(plan: Plan, name: str) -> Plan:
    """Return a plan as if one of its metrics was the only one; raise UserError for another one."""
    if name not in plan.goals:
        near = nearest(name, plan.goals)
        hint = f"did you mean {near}?" if near else f"its metrics are {', '.join(plan.goals)}"
        raise UserError(
            f"--metric: {name:.60} is not a metric of sweep {plan.sweep}"
            f"{f'; {hint}' if plan.goals else ', which names none'}"
        )
    return replace(plan, metric=name, goal=plan.goals[name], metrics=())
