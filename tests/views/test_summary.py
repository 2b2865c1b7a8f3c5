"""The summary of a sweep in a line."""

from typing import Any

import pytest

from colabctl.durations import format_rate
from colabctl.views.summary import Summarizer, Summary, short
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

SWEEP = """
method: grid
metric: {name: y, goal: maximize}
parameters:
  lr: {values: [0.1, 0.2]}
  model: {values: [svm, knn]}
  nested: {parameters: {depth: {values: [1, 2]}, same: {value: 7}}}
  batch_size: {value: 32}
"""


def summarized(project: Project) -> tuple[Summarizer, OpenSweep]:
    sweep = OpenSweep.named(project.config({}).layout, "s")
    sweep.ledger.refresh()
    return Summarizer(sweep.plan, sweep.ledger, sweep.tasks), sweep


def done(task: int, y: Any) -> dict[str, Any]:
    return {"event": "done", "task": task, "attempt": 1, "seconds": 2.0, "metrics": {"y": y}}


def test_a_line_has_the_counts_and_the_best_task_with_what_varies(project: Project) -> None:
    project.declare("s", SWEEP)
    claim = {"event": "claim", "tasks": [[0, 1], [3, 1]]}
    project.journal("s", claim, done(0, 0.5), done(3, 0.123456), {"event": "end", "reason": "x"})
    summarizer, _ = summarized(project)
    assert str(summarizer.summary()) == (
        "s: 2/8, best y 0.5 (t000000: lr=0.1 model=svm nested.depth=1)"
    )


def test_the_best_task_changes_and_one_without_a_number_is_none(project: Project) -> None:
    project.declare("s", SWEEP)
    claim = {"event": "claim", "tasks": [[0, 1], [3, 1]]}
    project.journal("s", claim, done(0, None))
    summarizer, sweep = summarized(project)
    assert summarizer.summary().best is None
    project.journal("s", claim, done(0, None), done(3, 1.0))
    sweep.ledger.refresh()
    best = summarizer.summary().best
    assert best is not None
    assert (best.task, best.value) == ("t000003", 1.0)


def test_what_varies_is_learned_from_the_tasks_that_are_seen(project: Project) -> None:
    project.declare("s", SWEEP)
    summarizer, _ = summarized(project)
    assert summarizer.params({"lr": 0.1, "model": "svm"}) == "lr=0.1 model=svm"
    summarizer.see(0, {"lr": 0.1, "model": "svm"})
    summarizer.see(0, {"lr": 0.1, "model": "svm"})
    summarizer.see(1, {"lr": 0.2, "model": "svm"})
    assert summarizer.params({"lr": 0.1, "model": "svm"}) == "lr=0.1"


def test_a_summary_leaves_out_what_is_not_known() -> None:
    assert str(Summary("s", 10, 4)) == "s: 4/10"
    full = Summary("s", 10, 4, failed=1, rate=0.2, seconds_left=75.0)
    assert str(full) == "s: 4/10, 1 failed, 1 min 15 s left, 12/min"


def test_a_paused_sweep_has_its_reason_in_the_summary(project: Project) -> None:
    project.declare("s", SWEEP)
    project.journal("s", {"event": "pause", "member": "ben"}, writer="ben-vm-1")
    summarizer, _ = summarized(project)
    why = summarizer.summary().waiting
    assert why is not None
    assert why.text.startswith("paused by ben since ")


@pytest.mark.parametrize(
    ("rate", "text"),
    [(31.4, "31/s"), (3.14, "3.1/s"), (0.2, "12/min"), (0.02, "1.2/min"), (0.001, "3.6/h"),
     (1e-9, "3.6e-06/h"), (12345.6, "12,346/s")],
)  # fmt: skip
def test_a_rate_has_the_unit_in_which_it_is_at_least_one(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_long_texts_are_cut_and_numbers_have_four_digits() -> None:
    assert short(0.123456) == "0.1235"
    assert short("w" * 100) == "w" * 37 + "..."
    assert short(12345678) == "12345678"
