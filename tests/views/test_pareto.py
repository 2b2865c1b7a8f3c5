"""The Pareto front: what no other task beats in all metrics."""

import itertools
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.ledger import Event, Ledger, Plan, SweepState
from colabctl.views.pareto import by_metric, column_of, front
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

SWEEP = """
method: grid
metrics: [{name: a, goal: minimize}, {name: b, goal: maximize}]
parameters: {x: {value: 1}}
"""


def measured(project: Project, *tasks: dict[str, Any], **changes: Any) -> tuple[Plan, SweepState]:
    """Return a sweep whose tasks are done with these metrics."""
    project.declare("s", SWEEP)
    sweep = OpenSweep.named(project.config({}).layout, "s")
    plan = replace(sweep.plan, total=len(tasks), **changes)
    state = Ledger(sweep.ledger._journals, plan).state
    for index, metrics in enumerate(tasks):
        parts = {"task": index, "attempt": 1, "metrics": metrics}
        state.add([Event(1.7e9, "ana", index, "done", parts)])
    return plan, state


def test_the_front_has_what_nothing_else_beats_and_leaves_out_what_lacks_a_metric(
    project: Project,
) -> None:
    plan, state = measured(
        project,
        {"a": 1, "b": 1},
        {"a": 0, "b": 0},
        {"a": 1, "b": 0},  # beaten by both
        {"a": 1, "b": 1},  # as good as the first
        {"a": -9},
        {"a": -9, "b": None},
        {"a": -9, "b": "9"},
        {"a": 2, "b": math.inf},
    )
    assert [(each.index, each.values) for each in front(plan, state)] == [
        (1, (0, 0)), (0, (1, 1)), (3, (1, 1)), (7, (2, math.inf)),
    ]  # fmt: skip


def test_the_front_is_that_of_its_definition(project: Project) -> None:
    rng = random.Random(4)
    tasks = [{name: rng.randint(0, 9) for name in "abc"} for _ in range(200)]
    goals = [
        {"name": n, "goal": g}
        for n, g in zip("abc", ("minimize", "maximize", "minimize"), strict=True)
    ]
    plan, state = measured(project, *tasks, metrics=tuple(goals))
    costs = [(task["a"], -task["b"], task["c"]) for task in tasks]

    def beaten(cost: tuple[int, ...]) -> bool:
        return any(o != cost and all(x <= y for x, y in zip(o, cost, strict=True)) for o in costs)

    expected = {index for index, cost in enumerate(costs) if not beaten(cost)}
    assert {each.index for each in front(plan, state)} == expected
    firsts = [each.values[0] for each in front(plan, state)]
    assert all(a <= b for a, b in itertools.pairwise(firsts))


def test_the_front_of_a_sweep_with_repeats_is_of_its_configurations(project: Project) -> None:
    repeat = {"name": None, "values": [0, 1], "aggregate": "mean"}
    plan, state = measured(
        project,
        *({"a": 0, "b": 0}, {"a": 4, "b": 2}, {"a": 3, "b": 0}, {"a": 3, "b": 0}),
        repeat=repeat,
    )
    assert [each.values for each in front(plan, state)] == [(2, 1)]


def test_one_of_the_metrics_can_stand_for_all(project: Project) -> None:
    plan, state = measured(project, {"a": 1, "b": 2}, {"a": 3})
    assert (by_metric(plan, "b").metric, by_metric(plan, "b").goal) == ("b", "maximize")
    column = column_of(state, "b")
    assert column[0] == 2
    assert math.isnan(column[1])
    with pytest.raises(UserError, match="--metric: bb is not a metric of sweep s; did you mean b"):
        by_metric(plan, "bb")
