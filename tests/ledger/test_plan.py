"""plan.json comes from others: invalid content is damage, and its digest covers what runs."""

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.ledger import Plan, read_plan
from colabctl.ledger.journals.checks import check
from colabctl.ledger.plan_checks import MOST_EARLIER, MOST_TASKS
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.search import expansion
from colabctl.search.language import declaration

KERNELS = {"fresh": False, "kernel_tasks": 0, "shell_errors": "raise", "keep": "failed"}
PLAN = Plan(
    sweep="s", total=2, kind="function", method="grid", consistency="coherent", heartbeat=10.0,
    lease=60.0, declared_by="ana", declared_at=1_767_225_600.0,
    program="train.py:train", kernels=KernelOptions(), task_digests=("0" * 64,),
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
     {"learn_from": ["old"]}, {"learn_from": "old"}, {"learn_from": {"old": None}},
     {"learn_from": {"old": "0" * 63}}, {"learn_from": {"../old": "0" * 64}},
     {"learn_from": {"o\x1bld": "0" * 64}}, {"learn_from": {"": "0" * 64}},
     {"learn_from": {"o" * 300: "0" * 64}},
     {"learn_from": {f"s{n}": "0" * 64 for n in range(MOST_EARLIER + 1)}},
     {"needs": {"gpu": 1}}, {"needs": [1]}, {"needs": [{"gpu": -1}]},
     {"needs": [{"gpu": 10**400}]}, {"needs": [{"gpu": True}]}, {"needs": [{"where": "x = 1"}]},
     {"needs": [{"memory": 1.5}]}, {"needs": [{"gpu": 1, "where": 3}]}, {"needs": 101 * [{"gpu": 1}]},
     {"needs": [{"gpu": 1, "where": "x ="}]}, {"needs": [{"gpu": 1, "where": 99 * "("}]},
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
    assert MOST_EARLIER == declaration.MOST_EARLIER


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_in_place_of_the_plan_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(OSError, match="not a regular file"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_without_digests_of_its_task_files_is_refused(tmp_path: Path) -> None:
    for digests in ([], ["a" * 64, "b" * 64]):
        with pytest.raises(UserError, match="declare the sweep again under another name"):
            read_plan(plan_with(tmp_path / "s", task_digests=digests))


def with_(**changes: Any) -> Plan:
    return replace(PLAN, **changes)


# Another value of the right kind for each key that decides what runs.
OTHERS: dict[str, Any] = {
    "sweep": "t", "total": 3, "kind": "objective", "method": "random", "consistency": "eventual",
    "heartbeat": 11.0, "lease": 61.0, "program": "train.py:other", "command": ["sh"], "cwd": "a",
    "import_path": ["b"], "code_digest": "c", "code_origin": ".", "metric": "loss",
    "goal": "maximize", "max_retries": 2, "task_timeout": 1.0, "claims": "careful", "target": 0.0,
    "budget": {"tasks": 3}, "patience": {"trials": 2, "min_delta": 0.0},
    "sampler": "tpe", "seed": 1, "early_terminate": {"type": "median"},
    "scheduler": {"source": "a.py", "config": {}}, "learn_from": {"old": "a"},
    "notify": {"url": "U", "on": ["idle"]}, "stage": {"a": {"path": "a", "digest": ""}},
    "metrics": [{"name": "a", "goal": "minimize"}], "repeat": {"name": None, "values": [0, 1], "aggregate": "mean"}, "declaration_digest": "d",
    "task_digests": ["e"], "code_files": ["f"], "parameters": {"lr": True}, "process_tasks": 1,
    "kernels": {**KERNELS, "fresh": True}, "keep_wandb": True,
    "cells": [{"values": {"d": 1}, "tasks": 2}], "needs": [{"gpu": 1}],
}  # fmt: skip


def test_a_change_of_any_key_that_decides_what_runs_changes_the_digest() -> None:
    only_shown = {"declared_by", "declared_at", "made_with", "title", "format"}
    in_memory = {"declared_as", "declared", "extensions"}
    assert {field.name for field in fields(Plan)} == OTHERS.keys() | only_shown | in_memory
    others = {
        **OTHERS,
        "kernels": KernelOptions.decode(OTHERS["kernels"]),
    }
    digests = {with_(**{key: value}).run_digest for key, value in others.items()}
    assert len(digests - {PLAN.run_digest}) == len(OTHERS)
    assert {with_(**{key: "x"}).run_digest for key in only_shown} == {PLAN.run_digest}


@given(data=st.data(), key=st.sampled_from(sorted(OTHERS)))
def test_no_two_values_of_a_key_have_the_same_digest(data: st.DataObject, key: str) -> None:
    value: st.SearchStrategy[Any] = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    )
    pair: tuple[Any, Any]
    if key == "kernels":
        value = st.builds(KernelOptions, st.booleans(), st.integers(0, 3))
    pair = data.draw(value), data.draw(value)
    plans = [with_(**{key: each}) for each in pair]
    texts = [json.dumps(asdict(plan)[key], sort_keys=True) for plan in plans]
    same = plans[0].run_digest == plans[1].run_digest
    assert same == (texts[0] == texts[1])


def test_the_digest_survives_writing_and_reading(tmp_path: Path) -> None:
    plan = replace(
        PLAN, sweep="s", task_digests=("a",), target=1e-7, kernels=KernelOptions(keep="all"),
        cells=({"values": {"d": [1, {"größe": None}]}, "tasks": 2},), parameters={"d": True},
    )  # fmt: skip
    (tmp_path / "s").mkdir()
    (tmp_path / "s/plan.json").write_bytes(plan.encode())
    assert read_plan(tmp_path / "s/plan.json").run_digest == plan.run_digest


NAMES_THAT_STEER = ("x\nimport os", "x\x1b[2J", "", " ", "\u202ex")


@pytest.mark.parametrize("name", NAMES_THAT_STEER)
def test_a_proposed_parameter_without_a_printable_name_is_damage(name: str) -> None:
    def claim(params: dict[str, Any]) -> dict[str, Any]:
        return {"n": 1, "t": 2e9, "event": "claim", "tasks": [[0, 1]], "params": {"0": params}}

    with pytest.raises(ValueError, match="cannot be the name of a parameter"):
        check(claim({name: 1}), "eve-vm-1", 1)
    odd = {"my lr": 1, "größe": 2, "--lr": 3}  # a sweep file may call them so
    assert check(claim(odd), "ana-vm-1", 1).body["params"]["0"] == odd
