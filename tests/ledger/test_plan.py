"""plan.json and task files come from others: invalid content is damage."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.ledger import Plan, TaskFiles, TaskLine, read_plan, write_tasks
from colabctl.ledger.events import check
from colabctl.ledger.plan import MOST_TASKS
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.search import expansion

KERNELS = {"fresh": False, "kernel_tasks": 0, "shell_errors": "raise", "keep": "failed"}
PLAN = Plan(
    sweep="s", total=2, kind="function", method="grid", consistency="coherent", heartbeat=10.0,
    lease=60.0, source_digest="", declared_by="ana", declared_at=1_767_225_600.0,
    program="train.py:train", kernels=KernelOptions(),
)  # fmt: skip


def plan_with(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "plan.json"
    file.write_text(json.dumps({**json.loads(PLAN.encode()), **changes}))
    return file


@pytest.mark.parametrize(
    "changes",
    [{"program": "/tmp/evil.py"}, {"program": "../train.py:train"}, {"program": "a/../../b.sh"},
     {"program": "C:/evil.py"}, {"program": ":train"}, {"program": "train.py:a b"},
     {"program": "a.sh:x", "kind": "program"}, {"total": MOST_TASKS + 1},
     {"total": 10**18}, {"declared_at": float("inf")}, {"declared_at": float("nan")},
     {"declared_at": 1e18}, {"declared_at": -1e12}, {"task_timeout": float("nan")},
     {"task_timeout": 0}, {"lease": 10**400}, {"heartbeat": 10**400},
     {"kernels": {**KERNELS, "fresh": "yes"}}, {"kernels": {**KERNELS, "kernel_tasks": -1}},
     {"kernels": {**KERNELS, "shell_errors": "eval"}}, {"kernels": {**KERNELS, "keep": ["all"]}},
     {"process_tasks": -1}, {"process_tasks": True}, {"parameters": {"lr": "yes"}},
     {"parameters": ["lr"]},
     {"kernels": {**KERNELS, "fresh": 1}}, {"kernels": ["fresh"]}],
)  # fmt: skip
def test_a_plan_that_no_one_could_have_declared_is_damaged(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    file = plan_with(tmp_path / "s", **changes)
    with pytest.raises(UserError, match=r"plan\.json is damaged \(") as refused:
        read_plan(file)
    assert len(str(refused.value)) < len(str(file)) + 200


def test_unknown_keys_of_kernels_are_ignored(tmp_path: Path) -> None:
    file = plan_with(tmp_path / "s", kernels={**KERNELS, "secrets": ["AWS_KEY"], "new": 1})
    assert read_plan(file) == PLAN


def test_kernels_are_written_as_an_object_and_read_back(tmp_path: Path) -> None:
    options = KernelOptions(fresh=True, kernel_tasks=3, shell_errors="ignore", keep="all")
    plan = replace(PLAN, kernels=options)
    file = tmp_path / "s" / "plan.json"
    file.parent.mkdir()
    file.write_bytes(plan.encode())
    written = {"fresh": True, "kernel_tasks": 3, "shell_errors": "ignore", "keep": "all"}
    assert json.loads(plan.encode())["kernels"] == written
    assert read_plan(file) == plan


def test_the_plan_of_another_sweep_is_refused(tmp_path: Path) -> None:
    for name in ("../../elsewhere", "t", "/tmp"):
        file = plan_with(tmp_path / "s", sweep=name)
        with pytest.raises(UserError, match=r"s/plan\.json is the plan of another sweep"):
            read_plan(file)


def test_a_plan_may_have_as_many_tasks_as_a_sweep_file_can_declare() -> None:
    assert MOST_TASKS == expansion.MOST_TASKS


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_pipes_in_place_of_files_are_refused_at_once(tmp_path: Path) -> None:
    for name in ("plan.json", "00000.jsonl"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="not a regular file"):
        read_plan(tmp_path / "plan.json")
    tasks = TaskFiles(lambda number: tmp_path / f"{number:05d}.jsonl", PLAN)
    with pytest.raises(OSError, match="not a regular file"):
        tasks.arrived()
    with pytest.raises(OSError, match="not a regular file"):
        tasks[0]


NAMES_THAT_STEER = ("x\nimport os", "x\x1b[2J", "", " ", "\u202ex")


@pytest.mark.parametrize("name", NAMES_THAT_STEER)
def test_a_parameter_of_a_task_without_a_printable_name_is_damage(
    tmp_path: Path, name: str
) -> None:
    lines = iter([TaskLine(0, 0, 0, {"x": 1}), TaskLine(1, 0, 1, {name: 1})])
    write_tasks(lambda _: tmp_path / "tasks", PLAN, lines)
    tasks = TaskFiles(lambda _: tmp_path / "tasks", PLAN)
    assert tasks[0].params == {"x": 1}
    with pytest.raises(
        UserError, match=r"damaged \(task 1: .* cannot be the name of a parameter\)"
    ):
        tasks[1]


@pytest.mark.parametrize("name", NAMES_THAT_STEER)
def test_a_proposed_parameter_without_a_printable_name_is_damage(name: str) -> None:
    def claim(params: dict[str, Any]) -> dict[str, Any]:
        return {"n": 1, "t": 2e9, "event": "claim", "tasks": [[0, 1]], "params": {"0": params}}

    with pytest.raises(ValueError, match="cannot be the name of a parameter"):
        check(claim({name: 1}), "eve-vm-1", 1)
    odd = {"my lr": 1, "größe": 2, "--lr": 3}  # a sweep file may call them so
    assert check(claim(odd), "ana-vm-1", 1).body["params"]["0"] == odd
