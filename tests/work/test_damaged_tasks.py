"""A damaged task file costs the tasks whose lines differ, each by name, and no worker."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Project

SWEEP = (
    "method: grid\nprogram: train.py:train\nmetric: {name: y, goal: maximize}\n"
    "parameters: {x: {values: [0, 1, 2, 3, 4, 5, 6, 7]}}\n"
)
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"
BAYES = (
    "method: bayes\nprogram: train.py:train\ntrials: 2\nsampler: qmc\n"
    "metric: {name: y, goal: maximize}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
)
LATE = {"COLABCTL_CONSISTENCY": "eventual", "COLABCTL_HEARTBEAT": "1"}


def swap(project: Project, *values: int) -> Path:
    """Write other parameters into the lines of tasks."""
    file = project.root / "sweeps/s/tasks/00000.jsonl"
    text = file.read_text()
    for value in values:
        text = text.replace(f'"x":{value}}}', '"x":"; rm -rf ~"}')
    file.write_text(text)
    return file


def outcomes(project: Project) -> list[tuple[str, Mapping[str, int]]]:
    return [(row["status"], row["metrics"]) for row in project.results("s")]


@pytest.mark.parametrize("environ", [{}, LATE])
def test_only_the_tasks_of_changed_lines_fail_and_run_once_the_file_is_restored(
    project: Project, environ: dict[str, str]
) -> None:
    project.declare("s", SWEEP, TRAIN, **environ)
    project.run("trust", "s", "--yes")
    whole = (project.root / "sweeps/s/tasks/00000.jsonl").read_bytes()
    file = swap(project, 0, 1, 2, 3, 4, 5)  # more than the failures that end a worker
    worked = project.run("work", "s", **environ)
    assert worked.code == 1
    assert "ran 8 tasks: 2 done, 6 failed; the sweep is finished" in worked.err
    assert outcomes(project) == [*[("failed", {})] * 6, ("done", {"y": 6}), ("done", {"y": 7})]
    assert [row["params"] for row in project.results("s")] == [{"x": x} for x in range(8)]
    error = "line 6 of tasks/00000.jsonl of sweep s is not what was declared, so t000005 does not"
    assert error in project.results("s")[5]["error"]
    assert error in project.run("failures", "s", "--all").out
    file.write_bytes(whole)
    assert project.run("retry", "s").code == 0
    assert project.run("work", "s", **environ).code == 0
    assert outcomes(project) == [("done", {"y": x}) for x in range(8)]


def test_status_results_export_and_doctor_name_the_damage_once(project: Project) -> None:
    project.declare("s", SWEEP, TRAIN)
    assert project.run("work", "s").code == 0
    swap(project, 3, 4)
    named = "tasks/00000.jsonl of sweep s is not what was declared: 2 tasks, the first t000003, do"
    for command in (
        ["status", "s"], ["results", "s"], ["export", "s", "--to", "csv"], ["doctor"],
    ):  # fmt: skip
        said = project.run(*command)
        assert said.code == (3 if command == ["doctor"] else 0), said.err
        text = " ".join(f"{said.out} {said.err}".split())
        assert text.count(named) == 1, text
        assert "rm -rf" not in text
    assert [row["params"] for row in project.results("s")] == [{"x": x} for x in range(8)]


def test_without_sweep_yaml_no_task_of_a_changed_file_runs_and_the_reason_is_named(
    project: Project,
) -> None:
    project.declare("s", SWEEP, TRAIN)
    swap(project, 3)
    (project.root / "sweeps/s/sweep.yaml").unlink()
    worked = project.run("work", "s")
    assert (worked.code, project.status("s")["failed"]) == (1, 8)
    error = project.results("s")[0]["error"]
    assert "which of its lines differ is not known" in error
    assert "sweep.yaml is missing" in error
    assert project.results("s")[0]["params"] == {}
    assert "tasks/00000.jsonl" in project.run("status", "s").out


def test_a_proposal_outside_the_declared_space_does_not_run(project: Project) -> None:
    project.declare("s", BAYES, TRAIN)
    old = time.time() - 1000
    events: list[dict[str, Any]] = [
        {"event": "start", "member": "ben", "host": "vm", "lease": 1.0},
        {
            "event": "claim", "tasks": [[0, 1], [1, 1]],
            "params": {"0": {"x": "import os"}, "1": {"x": 0.5, "more": "rm"}},
        },
        {"event": "released", "tasks": [0, 1]},
    ]  # fmt: skip
    lines = [json.dumps({"n": n, "t": old + n, **event}) for n, event in enumerate(events)]
    project.write("sweeps/s/journal/ben-vm-1/events.jsonl", "\n".join(lines) + "\n")
    worked = project.run("work", "s")
    assert worked.code == 0, worked.err
    assert [row["params"].keys() for row in project.results("s")] == [{"x"}, {"x"}]
    assert all(0 <= row["metrics"]["y"] <= 1 for row in project.results("s"))


def test_a_suggestion_for_a_search_without_an_objective_fails_its_task_only(
    project: Project,
) -> None:
    project.declare("s", BAYES, TRAIN)
    suggested = {
        "event": "suggested", "task": 0, "attempt": 1, "params": {"x": "import os"},
        "distributions": {},
    }  # fmt: skip
    project.journal("s", suggested, {"event": "end", "reason": "x"}, writer="ben-vm-1")
    assert project.run("work", "s").code == 1
    assert [row["status"] for row in project.results("s")] == ["failed", "done"]
    assert "not among those that sweep s declares" in project.results("s")[0]["error"]
