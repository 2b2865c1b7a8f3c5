"""The facts of the page, compared with what the sweep's file and its journals say."""

import math
from pathlib import Path
from typing import Any

import pytest

from colabctl.report.columns import MISSING, column
from colabctl.report.facts import facts
from colabctl.report.importance import OPTUNA, RANKS, _by_ranks, importance
from colabctl.report.sample import sample
from colabctl.report.scales import listed, scales
from colabctl.report.timeline import timeline
from colabctl.views.task_status import statuses
from tests.processes import Project
from tests.report.histories import bench, opened, write_journal

START = 1.79e9


def test_numbers_stay_numbers_and_what_json_has_none_for_is_text() -> None:
    given = [1, 0.1 + 0.2, MISSING, math.nan, math.inf, 2**60]
    assert column(given) == {
        "numbers": [1, 0.3, None, None, None, None],
        "log": False,
        "odd": {"3": "NaN", "4": "Infinity", "5": str(2**60)},
    }


def test_a_column_with_any_text_has_categories_with_numbers_first() -> None:
    assert column(["auto", 10, 2, None, True, MISSING]) == {
        "names": ["2", "10", "auto", "null", "true"],
        "codes": [2, 1, 0, 3, 4, -1],
        "typed": {0: 2, 1: 10, 3: None, 4: True},
    }


@pytest.mark.parametrize(
    ("distribution", "scale"),
    [
        ("{distribution: log_uniform_values, min: 0.1, max: 10}", "log"),
        ("{distribution: q_log_uniform_values, min: 1, max: 100, q: 1}", "log"),
        ("{distribution: log_normal, mu: 0, sigma: 1}", "log"),
        ("{values: [16, 32, 64, 512]}", "log"),
        ("{values: [0.1, 0.3, 0.6, 0.9]}", None),
        ("{values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}", None),
        ("{values: [0, 10, 1000]}", None),
        ("{min: 0.001, max: 1000.0}", None),
    ],
)
def test_the_distribution_decides_the_scale(
    project: Project, distribution: str, scale: str | None
) -> None:
    text = f"method: random\ntrials: 2\nparameters: {{x: {distribution}}}\n"
    project.declare("s", text)
    assert scales(opened(project, "s")).get("x") == scale


def test_only_what_varies_is_a_parameter_and_conditional_ones_have_gaps(project: Project) -> None:
    bench(project, 2)
    shown = facts([opened(project, "bench")], project.root)
    params = {each["title"]: each for each in shown["params"]}
    assert shown["constant"] == [["epochs", "20"]]
    assert "epochs" not in params
    assert params["lr"]["log"]
    assert params["lr"]["numbers"].count(None) == 0
    assert params["dropout"]["numbers"].count(None) == 16


def test_the_best_task_is_a_line_for_a_shell_and_yaml(project: Project) -> None:
    text = """
method: grid
metric: {name: y, goal: minimize}
parameters: {"it's": {values: ["a b", "\\e[31m"]}, deep: {parameters: {n: {values: [1, 2]}}}}
"""
    project.declare("s", text)
    events: list[dict[str, Any]] = [
        {"t": START, "event": "claim", "tasks": [[n, 1] for n in range(4)]}
    ]
    events += [
        {"t": START + n, "event": "done", "task": n, "attempt": 1, "seconds": 1.0,
         "metrics": {"y": 4.0 - n}}
        for n in range(4)
    ]  # fmt: skip
    write_journal(project, "s", "ana-vm0", "ana", events)
    best = facts([opened(project, "s")], project.root)["sweeps"][0]["best"]
    assert best["task"] == "t000003"
    assert best["line"] == r"--deep.n=2 $'--it\'s=\x1b[31m'"
    assert "\x1b" not in best["yaml"]


def test_the_timeline_tells_lost_and_duplicate_work_from_what_counted(project: Project) -> None:
    bench(project, 3, workers=3)
    sweep = opened(project, "bench")
    spans = timeline(sweep.ledger.state, sweep.ledger.clock.now())
    kinds = [span.kind for span in spans]
    finished = sweep.ledger.state.counts
    assert kinds.count("done") == finished["done"]
    assert kinds.count("pruned") == finished["pruned"]
    assert kinds.count("lost") == 1
    assert kinds.count("duplicate") == sweep.ledger.state.duplicates > 0
    assert all(span.start <= span.end for span in spans)


def test_a_long_timeline_is_joined_and_keeps_every_task(project: Project) -> None:
    bench(project, 300)
    sweep = opened(project, "bench")
    spans = timeline(sweep.ledger.state, sweep.ledger.clock.now())
    finished = sum(span.count for span in spans if span.kind in ("done", "pruned", "failed"))
    attempts = sum(
        event.kind == "failed"
        for event in map(sweep.ledger.state.log.event, range(len(sweep.ledger.state.log)))
    )
    assert len(spans) <= 3000 < sweep.plan.total
    assert (
        finished
        == sweep.ledger.state.counts["done"] + sweep.ledger.state.counts["pruned"] + attempts
    )
    assert [span.kind for span in spans].count("lost") == 1


def test_a_sample_has_the_needed_tasks_and_no_more_than_asked(project: Project) -> None:
    bench(project, 10)
    sweep = opened(project, "bench")
    state = sweep.ledger.state
    chosen = sample(sweep.plan, state, statuses(sweep.plan, state, START), 60, needed=[7, 8])
    assert len(chosen) == len(set(chosen)) == 60
    assert {7, 8} <= set(chosen)
    assert chosen == sorted(chosen)


def test_importance_is_optunas_and_ranks_agree_on_what_matters_most(project: Project) -> None:
    bench(project, 30)
    sweep = opened(project, "bench")
    rows = {n: dict(sweep.tasks.params(n) or {}) for n in range(sweep.plan.total)}
    by_optuna = importance(sweep, rows)
    assert by_optuna["method"] == OPTUNA
    assert len(by_optuna["cells"]) == 12
    for cell in [*by_optuna["cells"], *_by_ranks(sweep, rows)]:
        assert set(cell["shares"]) >= {"lr"}
        assert all(0 <= share <= 1 for share in cell["shares"].values())
    assert "rank" in RANKS


def test_a_changed_sweep_file_costs_the_scales_and_the_page_says_so(project: Project) -> None:
    bench(project, 2)
    with (project.root / "sweeps/bench/sweep.yaml").open("a") as file:
        file.write("# a word\n")
    shown = facts([opened(project, "bench")], project.root)
    assert any("sweep.yaml was changed" in gap for gap in shown["sweeps"][0]["gaps"])
    assert not any(each.get("log") for each in shown["params"])
    assert shown["sweeps"][0]["importance"]["method"] == RANKS


def test_links_lead_from_the_page_to_folders_that_exist(project: Project, tmp_path: Path) -> None:
    project.declare(
        "kept",
        "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n",
        "def train(params, task):\n"
        "    if params['x'] == 1:\n"
        "        (task.folder / 'model.txt').write_text('1')\n"
        "    return {'y': 1}\n",
    )
    assert project.run("work", "kept").code == 0
    sweep = opened(project, "kept")
    [own] = facts([sweep], project.root / "results")["sweeps"]
    assert own["links"] == {"runs": "../sweeps/kept/runs", "usual": [1, 0], "other": {}}
    [without] = facts([sweep], None)["sweeps"]
    assert without["links"]["usual"] == [0, 0]


def test_a_discarded_result_is_discarded_and_no_duplicate(project: Project) -> None:
    project.declare(
        "s",
        "method: grid\nprogram: train.py:train\nmetric: {name: y, goal: minimize}\n"
        "parameters: {x: {values: [1, 2, 3]}}\n",
        "def train(params):\n    return {'y': params['x']}\n",
    )
    assert project.run("work", "s").code == 0
    assert project.run("discard", "s", "--task", "1", "--yes").code == 0
    assert project.run("work", "s").code == 0
    sweep = opened(project, "s")
    kinds = sorted(span.kind for span in timeline(sweep.ledger.state, sweep.ledger.clock.now()))
    assert kinds == ["discarded", "done", "done", "done"]
    [own] = facts([sweep], None)["sweeps"]
    assert own["duplicates"] == 0
    assert own["steering"][0].startswith("1 result discarded by ana, ")
    assert own["digest"] == sweep.plan.run_digest


def test_a_cell_without_importance_says_what_it_lacks(project: Project) -> None:
    text = """
method: random
trials: 8
metric: {name: accuracy, goal: maximize}
foreach: [model]
parameters: {model: {values: [a, b]}, lr: {min: 0.0, max: 1.0}}
"""
    project.declare("s", text)
    events: list[dict[str, Any]] = []
    for index in range(10):  # all of the first cell, two of the second
        events += [
            {"t": START + index, "event": "claim", "tasks": [[index, 1]]},
            {"t": START + index, "event": "done", "task": index, "attempt": 1, "seconds": 1.0,
             "metrics": {"accuracy": index / 10}},
        ]  # fmt: skip
    write_journal(project, "s", "ana-vm0", "ana", events)
    [own] = facts([opened(project, "s")], None)["sweeps"]
    cells = own["importance"]["cells"]
    assert [(cell["lacks"], cell["shares"]) for cell in cells] == [
        ("parameters", {}),
        ("tasks", {}),
    ]


def test_listed_numbers_are_named_on_their_axis(project: Project) -> None:
    text = "method: grid\nparameters: {lr: {values: [0.1, 0.002, 0.01]}, x: {values: [1, b]}}\n"
    project.declare("s", text)
    assert listed(opened(project, "s")) == {"lr": [0.002, 0.01, 0.1]}
