"""The best results of a sweep, by value and by index."""

import math
from dataclasses import replace
from typing import Any

import pytest

from colabctl.ledger import Event, Ledger
from colabctl.views.best import best, unreported
from colabctl.views.best import best_first as ranked
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

SWEEP = "method: grid\nmetric: {{name: y, goal: {goal}}}\nparameters: {{x: {{value: 1}}}}\n"


@pytest.mark.parametrize(
    ("goal", "best_first"),
    [("minimize", [(3, -2.0), (0, 1), (4, 1.0), (1, 5.0)]), ("maximize", [(1, 5.0), (0, 1), (4, 1.0), (3, -2.0)])],
)  # fmt: skip
def test_among_equal_values_the_first_is_best_and_only_numbers_have_a_rank(
    project: Project, goal: str, best_first: list[tuple[int, float]]
) -> None:
    values: list[Any] = [1, 5.0, math.nan, -2.0, 1.0, "7", None, True]
    tasks = [*((n, {"y": value}) for n, value in enumerate(values)), (9, {"z": 0.0}), (10, {})]
    project.declare("s", SWEEP.format(goal=goal))
    sweep = OpenSweep.named(project.config({}).layout, "s")
    state = Ledger(sweep.ledger._journals, replace(sweep.plan, total=11)).state
    for index, metrics in tasks:
        parts = {"task": index, "attempt": 1, "metrics": metrics}
        state.add([Event(1.7e9, "ana", index, "done", parts)])
    assert ranked(sweep.plan, state) == best_first
    assert best(sweep.plan, state) == best_first[0]


@pytest.mark.parametrize(
    ("reported", "hint"),
    [
        ({"acc": 1, "latency": 2}, "; no task reported latncy; reported metrics: acc, latency; did you mean latency?"),
        ({"acc": 1, "latncy": "fast"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_a_metric_that_no_task_reported_comes_with_the_one_that_is_perhaps_meant(
    project: Project, reported: dict[str, Any], hint: str
) -> None:
    project.declare("s", SWEEP.format(goal="minimize"))
    sweep = OpenSweep.named(project.config({}).layout, "s")
    goals = ({"name": "acc", "goal": "maximize"}, {"name": "latncy", "goal": "minimize"})
    plan = replace(sweep.plan, metric=None, metrics=goals, total=1)
    state = Ledger(sweep.ledger._journals, plan).state
    state.add([Event(1.7e9, "ana", 0, "done", {"task": 0, "attempt": 1, "metrics": reported})])
    text = "1 of 1 done tasks did not report all of acc, latncy, the first t000000"
    assert unreported(plan, state) == text + hint
