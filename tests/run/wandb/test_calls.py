"""What the patches of W&B write down: steps as W&B counts them, summaries, torn lines."""

import json
from pathlib import Path
from typing import Any

from colabctl.run.wandb.calls import Report, WandbCalls


def log(
    values: dict[str, Any], step: int | None = None, commit: bool | None = None, run: int = 1
) -> str:
    return json.dumps({"run": [7, run], "step": step, "flush": commit, "values": values}) + "\n"


def read(file: Path, *lines: str) -> tuple[list[Report], WandbCalls]:
    file.write_text("".join(lines))
    calls = WandbCalls(file)
    return list(calls.read(final=True)), calls


def test_each_call_is_a_step_unless_it_says_which(tmp_path: Path) -> None:
    reports, _ = read(
        tmp_path / "calls",
        log({"loss": 3}),
        log({"loss": 2}),
        log({"loss": 1}, step=10),
        log({"accuracy": 0.5}, step=10),
        log({"loss": 0}),
        log({"loss": -1}),
    )
    assert reports == [
        (0, {"loss": 3}),
        (1, {"loss": 2}),
        (10, {"loss": 1}),
        (10, {"accuracy": 0.5}),
        (10, {"loss": 0}),
        (11, {"loss": -1}),
    ]


def test_what_is_not_committed_waits_for_the_rest_of_its_step_or_the_end(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    file.write_text(log({"loss": 1}, commit=False))
    calls = WandbCalls(file)
    assert list(calls.read()) == []
    with file.open("a") as lines:
        lines.write(log({"accuracy": 0.5}) + log({"loss": 2}, step=5, commit=False))
    assert list(calls.read()) == [(0, {"loss": 1, "accuracy": 0.5})]
    assert list(calls.read(final=True)) == [(5, {"loss": 2})]
    assert calls.metrics == {"loss": 2, "accuracy": 0.5}


def test_runs_count_their_own_steps(tmp_path: Path) -> None:
    reports, _ = read(
        tmp_path / "calls", log({"a": 1}, run=1), log({"b": 1}, run=2), log({"a": 2}, run=1)
    )
    assert reports == [(0, {"a": 1}), (0, {"b": 1}), (1, {"a": 2})]


def test_a_summary_replaces_what_was_logged_and_removes_names(tmp_path: Path) -> None:
    summary = {
        "summary": [["best", {"best.epoch": 3}], ["note", {"note": "good"}]],
        "removed": ["gone"],
    }
    _, calls = read(
        tmp_path / "calls",
        log({"best.loss": 1, "gone": 1, "gone.too": 2, "going": 3}),
        json.dumps(summary) + "\n",
    )
    assert calls.metrics == {"going": 3, "best.epoch": 3, "note": "good"}


def test_a_line_that_a_killed_process_left_incomplete_is_passed_over(tmp_path: Path) -> None:
    half = log({"loss": 1})[:20]
    reports, _ = read(tmp_path / "calls", half + "\n", log({"loss": 2}), half)
    assert reports == [(0, {"loss": 2})]
