"""The tasks of a sweep can be found again from its sweep.yaml, line by line."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.declare.preview import draft
from colabctl.errors import UserError
from colabctl.search import expand, read
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

FILES = [
    "method: grid\nparameters: {a: {values: [1, 1.0, true, null, '1', 1e-7]}, b: {value: [x, 2]}}",
    "method: grid\nrun_cap: 3\nparameters: {a: {values: [1, 2]}, b: {values: [3, 4]}}",
    "method: random\ntrials: 40\nseed: 7\nparameters: {a: {min: 0.0, max: 1.0}, b: {values: [1]}}",
    "method: random\ntrials: 40\nparameters: {a: {min: 1, max: 5}}",
    """
method: random
trials: 5
foreach: [m]
parameters:
  a: {min: 1e-9, max: 1, distribution: log_uniform_values}
  m:
    choices:
      x: {parameters: {k: {values: [1, 2]}}}
      y: {parameters: {n: {parameters: {z: {min: 0, max: 9}}}}}
""",
    "method: bayes\ntrials: 5\nmetric: {name: y}\nparameters: {a: {min: 0.0, max: 1.0}}",
    "method: bayes\ntrials: 50\nmetric: {name: y}\nparameters: {a: {min: 1, max: 5}}",
    """
method: random
run_cap: 1500
foreach: [d]
parameters: {a: {min: 0.0, max: 1.0}, d: {values: [1, 2, 3]}}
""",
]


def opened(project: Project) -> OpenSweep:
    return OpenSweep.at(project.root, project.config({}).layout.sweep("s"))


@pytest.mark.parametrize("text", FILES)
def test_sweep_yaml_gives_the_tasks_that_were_written(project: Project, text: str) -> None:
    project.declare("s", text)
    sweep = opened(project)
    sweep.declared.check()
    expected = [dataclasses.asdict(sweep.tasks[index]) for index in range(sweep.plan.total)]
    for some in (range(sweep.plan.total), range(1, 3), range(sweep.plan.total - 1, 99_999)):
        found = [dataclasses.asdict(line) for line in sweep.declared.expand(some)]
        assert json.dumps(found) == json.dumps(expected[some.start : some.stop])


@given(
    values=st.lists(
        st.none() | st.booleans() | st.integers() | st.text()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.lists(st.integers() | st.text(), max_size=2),
        min_size=1, max_size=5,
    ),
    most=st.integers(0, 10),
)  # fmt: skip
def test_what_python_declares_is_read_back_as_the_same_tasks(values: list[Any], most: int) -> None:
    content = {"method": "random", "trials": 7, "parameters": {
        "a": {"values": values}, "b": {"min": 0.0, "max": 10.0**most},
    }}  # fmt: skip
    try:
        mine = draft(content, "sweep s")
    except UserError:
        return
    again = expand(read(mine.content, "sweep.yaml"))
    assert [line.encode() for line in mine.tasks()] == [
        json.dumps(dataclasses.asdict(task), separators=(",", ":")).encode() + b"\n"
        for task in again.tasks()
    ]


@given(st.data())
def test_some_tasks_are_the_same_as_when_all_are_drawn(data: st.DataObject) -> None:
    expansion = expand(read(data.draw(st.sampled_from(FILES)), "sweep.yaml"))
    start = data.draw(st.integers(0, expansion.total))
    some = range(start, data.draw(st.integers(start, expansion.total + 5)))
    assert list(expansion.tasks(some)) == list(expansion.tasks())[some.start : some.stop]


def test_a_plan_whose_tasks_are_not_those_of_its_sweep_yaml_is_not_approved(
    project: Project, tmp_path: Path
) -> None:
    program = "program: train.py:train\n"
    project.declare("s", program + FILES[2], "def train(params):\n    return {'y': 1}\n")
    plan = project.root / "sweeps/s/plan.json"
    parts = json.loads(plan.read_text())
    bens = {"COLABCTL_APPROVALS": str(tmp_path / "bens")}
    for change in (
        {"task_digests": ["0" * 64]},
        {"total": 41, "cells": [{"values": {}, "tasks": 41}]},
    ):
        plan.write_text(json.dumps({**parts, **change}))
        refused = project.run("trust", "s", "--yes", **bens)
        assert refused.code == 1
        assert "the tasks of sweep s are not those that its sweep.yaml gives" in refused.err
    plan.write_text(json.dumps(parts))
    assert project.run("trust", "s", "--yes", **bens).code == 0
