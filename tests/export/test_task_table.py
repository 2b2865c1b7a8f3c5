"""The table of tasks: a line for each, finished or not."""

import csv
from collections import Counter
from typing import Any

import pytest

from colabctl.export.task_table import as_csv, is_ours
from colabctl.views.task_status import statuses
from colabctl.work.open_sweep import OpenSweep
from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project

SWEEP = """
method: grid
metric: {name: y}
max_retries: 0
foreach: [data]
parameters:
  data: {values: [a, "b,\\n\\"c\\""]}
  m: {choices: {svm: {parameters: {C: {values: [1, 2]}}}, net: {parameters: {opt: {parameters: {lr: {value: 0.1}}}}}}}
  seed: {value: null}
"""


def listed(project: Project, name: str) -> list[dict[str, str]]:
    sweep = OpenSweep.at(project.root, project.config({}).layout.sweep(name))
    sweep.ledger.refresh()
    ledger = sweep.ledger
    return list(csv.DictReader(as_csv(sweep.plan, ledger.state, sweep.tasks, ledger.clock.now())))


def test_every_task_has_a_line_with_its_cell_status_and_parameters(
    project: Project,
) -> None:
    project.declare("s", SWEEP)
    project.journal(
        "s", claim(0, 1, 2, 3), done(0, y=1.0), failed(1, 1, "no"), {"event": "end", "reason": "x"}
    )
    rows = listed(project, "s")
    assert list(rows[0]) == [
        "task",
        "index",
        "cell",
        "trial",
        "status",
        *("data", "m", "seed", "C", "opt.lr"),
    ]
    assert [row["task"] for row in rows] == [f"t{index:06d}" for index in range(6)]
    assert [(row["cell"], row["trial"]) for row in rows] == [
        ("0", "0"), ("0", "1"), ("0", "2"), ("1", "0"), ("1", "1"), ("1", "2"),
    ]  # fmt: skip
    assert [row["status"] for row in rows] == ["done", "failed", *["pending"] * 4]
    assert {row["data"] for row in rows} == {"a", 'b,\n"c"'}
    assert [(row["m"], row["C"], row["opt.lr"]) for row in rows[:3]] == [
        ("svm", "1", ""),
        ("svm", "2", ""),
        ("net", "", "0.1"),
    ]


def test_a_parameter_named_like_a_column_says_so(project: Project) -> None:
    project.declare("s", "method: grid\nparameters: {Task: {value: 1}, cell: {value: [1, {a: 2}]}}")
    [row] = listed(project, "s")
    assert (row["params.Task"], row["params.cell"]) == ("1", '[1, {"a": 2}]')


def test_deferred_tasks_have_the_values_of_their_cell_and_the_rest_once_claimed(
    project: Project,
) -> None:
    project.declare(
        "s",
        "method: bayes\ntrials: 2\nforeach: [d]\nmetric: {name: y}\n"
        "parameters: {x: {min: 0.0, max: 1.0}, d: {values: [a]}}",
    )
    assert list(listed(project, "s")[0]) == ["task", "index", "cell", "trial", "status", "d"]
    project.journal("s", {**claim(1), "params": {"1": {"x": 0.25}}})
    assert [(row["d"], row["x"]) for row in listed(project, "s")] == [("a", ""), ("a", "0.25")]


@pytest.mark.parametrize("order", ["pause", "stop", None])
@pytest.mark.parametrize("lease", [30.0, 1e6])
def test_statuses_of_tasks_add_up_to_the_counts_of_status(
    project: Project, order: str | None, lease: float
) -> None:
    project.declare("s", SWEEP)
    file = project.journal(
        "s", claim(0, 1, 2), done(0, y=1.0), *([{"event": order}] if order else [])
    )
    file.write_text(file.read_text().replace('"lease": 30.0', f'"lease": {lease}'))
    sweep = OpenSweep.at(project.root, project.config({}).layout.sweep("s"))
    sweep.ledger.refresh()
    counts = Counter(statuses(sweep.plan, sweep.ledger.state, sweep.ledger.clock.now()))
    shown: dict[str, Any] = project.status("s")
    assert counts == Counter(
        {state: shown[state] for state in ("pending", "claimed", "running", "done", "failed", "pruned", "cancelled")}
    )  # fmt: skip


def test_a_table_of_tasks_is_recognized() -> None:
    assert is_ours(b"task,index,cell,trial,status,x\n")
    assert not is_ours(b"task,index,status,attempt\n")
