"""Bayesian search: a worker proposes the parameters of the tasks it claims from all results."""

import pytest

from tests.processes import PATIENCE, START_TOGETHER, Project

pytest.importorskip("optuna")

SWEEP = """
method: bayes
program: train.py:train
metric: {{name: loss, goal: minimize}}
trials: {trials}
{more}
parameters:
  x: {{min: -5.0, max: 5.0}}
  kind: {{values: [a, b, c]}}
"""
TRAIN = """
def train(params, task):
    return {"loss": (params["x"] - 1) ** 2 + (params["kind"] != "b")}
"""


def sweep(trials: int, more: str = "") -> str:
    return SWEEP.format(trials=trials, more=more)


def test_a_slot_gets_its_parameters_with_its_claim_and_the_search_finds_the_minimum(
    project: Project,
) -> None:
    project.declare("quad", sweep(30), TRAIN)
    worked = project.run("work", "quad")
    assert worked.code == 0, worked.err
    rows = project.results("quad")
    assert [row["status"] for row in rows] == ["done"] * 30
    claimed = {
        int(index): params
        for event in project.events("quad", "claim")
        for index, params in event["params"].items()
    }
    assert claimed == {row["index"]: row["params"] for row in rows}
    assert min(row["metrics"]["loss"] for row in rows) < 0.2
    best = project.status("quad")["best"]
    assert best["params"] == claimed[best["index"]]


def test_several_workers_at_once_do_not_propose_the_same_point(project: Project) -> None:
    program = START_TOGETHER + TRAIN.replace("return", "start_together(3)\n    return")
    project.declare("many", sweep(24), program)
    workers = [project.start("work", "many", member=member) for member in ("ana", "ben", "ana")]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0, 0]
    rows = project.results("many")
    assert len({row["worker"] for row in rows}) == 3
    assert len({(row["params"]["x"], row["params"]["kind"]) for row in rows}) == 24


def test_a_task_that_failed_is_tried_again_with_the_same_parameters(project: Project) -> None:
    program = """
def train(params, task):
    if task.attempt == 1:
        raise RuntimeError("once")
    return {"loss": params["x"] ** 2}
"""
    project.declare("again", sweep(3), program)
    assert project.run("work", "again").code == 0
    asked: dict[str, list[object]] = {}
    for event in project.events("again", "claim"):
        for index, params in event["params"].items():
            asked.setdefault(index, []).append(params)
    assert [len(results) for results in asked.values()] == [2, 2, 2]
    assert all(first == second for first, second in asked.values())


def test_each_combination_of_foreach_has_its_own_search(project: Project) -> None:
    text = sweep(12, "foreach: [kind]")
    project.declare(
        "each", text, TRAIN.replace("- 1)", "- {'a': -4, 'b': 0, 'c': 4}[params['kind']])")
    )
    assert project.run("work", "each").code == 0
    rows = project.results("each")
    best = {
        kind: min(
            (row["metrics"]["loss"], row["params"]["x"])
            for row in rows
            if row["params"]["kind"] == kind
        )
        for kind in "abc"
    }
    assert best["a"][1] < -2
    assert best["c"][1] > 2
    assert len(rows) == 36


def test_the_loop_of_a_script_gets_proposals_too(project: Project) -> None:
    ended = project.python(
        """
import colabctl
sweep = colabctl.open().sweep(
    "loop", {"x": {"min": -5.0, "max": 5.0}}, method="bayes", trials=5,
    metric={"name": "loss", "goal": "minimize"},
)
for task in sweep.tasks():
    with task:
        task.done(loss=task.params["x"] ** 2)
print(len({row.params["x"] for row in sweep.results()}))
"""
    )
    assert (ended.code, ended.out) == (0, "5\n"), ended.err


def test_a_sweep_file_that_was_changed_after_it_was_declared_proposes_nothing(
    project: Project,
) -> None:
    project.declare("moved", sweep(3), TRAIN)
    file = project.root / "sweeps/moved/sweep.yaml"
    file.write_text(file.read_text().replace("5.0", "50.0"))
    worked = project.run("work", "moved")
    assert worked.code == 1
    assert "was changed after the sweep was declared" in worked.err
    assert project.results("moved") == []


def test_the_record_of_each_task_says_what_proposed_it(project: Project) -> None:
    project.declare("who", sweep(9), TRAIN)
    assert project.run("work", "who").code == 0
    recorded = {
        int(index): name
        for event in project.events("who", "claim")
        for index, name in event["samplers"].items()
    }
    assert sorted(recorded.values()) == ["random"] * 6 + ["tpe"] * 3  # tasks are short
    assert {row["index"]: row["sampler"] for row in project.results("who")} == recorded


@pytest.mark.parametrize("method", ["bayes", "random"])
def test_points_to_start_with_run_first(project: Project, method: str) -> None:
    text = sweep(12, "start_with: [{x: 0.25, kind: b}, {x: 4}]")
    project.declare("from", text.replace("bayes", method), TRAIN)
    assert project.run("work", "from", "--max-tasks", "2").code == 0
    rows = sorted(project.results("from"), key=lambda row: row["index"])
    assert [row["index"] for row in rows] == [0, 1]
    assert rows[0]["params"] == {"x": 0.25, "kind": "b"}
    assert rows[1]["params"]["x"] == 4
    assert project.run("work", "from").code == 0
    assert len(project.results("from")) == 12


def test_a_search_learns_from_an_earlier_sweep_where_the_spaces_overlap(project: Project) -> None:
    project.declare("old", sweep(40).replace("bayes", "random"), TRAIN)
    assert project.run("work", "old").code == 0
    old = {row["params"]["x"] for row in project.results("old")}
    text = sweep(10, "learn_from: [old]").replace("min: -5.0", "min: -1.0")
    project.declare("new", text, TRAIN)
    before = sorted(path.name for path in (project.root / "sweeps/old/journal").iterdir())
    assert project.run("work", "new").code == 0
    rows = project.results("new")
    assert {row["sampler"] for row in rows} == {"tpe"}  # so none is random
    assert not {row["params"]["x"] for row in rows} & old
    assert before == sorted(path.name for path in (project.root / "sweeps/old/journal").iterdir())


def test_a_bad_name_in_learn_from_is_told_before_anything_is_declared(project: Project) -> None:
    project.declare("old", sweep(3), TRAIN)
    for name, text in (
        ("odl", "sweep 'odl' does not exist; did you mean old?"),
        ("old", "old has no parameter y, so none of its tasks is a point of this sweep"),
    ):
        content = sweep(3, f"learn_from: [{name}]").replace("  x:", "  y:")
        project.write("next.yaml", content)
        ended = project.run("sweep", "next.yaml")
        assert ended.code == 1
        assert f"next.yaml: learn_from: {text}" in ended.err
        assert not (project.root / "sweeps/next").exists()
