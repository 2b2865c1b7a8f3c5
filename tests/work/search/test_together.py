"""Repeats and several metrics together with extensions, points to start with, and earlier sweeps."""

import pytest

from tests.processes import Finished, Project

pytest.importorskip("optuna")

TRAIN = """
def train(x, seed=0, **others):
    return {"loss": (x - 1) ** 2 + seed / 100, "ms": 10 - x}
"""
HEAD = "program: train.py:train\nmetric: {name: loss, goal: minimize}\nrepeat: {seed: [1, 2, 3]}\n"
RANGE = "parameters: {x: {min: -5.0, max: 5.0}}\n"
GRID = f"method: grid\n{HEAD}parameters: {{x: {{values: [0, 1]}}}}\n"
RANDOM = f"method: random\n{HEAD}{RANGE}"
BAYES = f"method: bayes\n{HEAD}{RANGE}"
METRICS = "metrics: [{name: loss, goal: minimize}, {name: ms, goal: minimize}]\n"
SEVERAL = f"method: bayes\nprogram: train.py:train\n{METRICS}{RANGE}"


def work(project: Project, sweep: str) -> None:
    worked = project.run("work", sweep)
    assert worked.code == 0, worked.err


def configurations(project: Project, sweep: str, repeats: int = 3) -> list[float]:
    """Return x of each configuration, after a check that its tasks follow each other."""
    rows = [row["params"] for row in project.results(sweep)]
    assert len(rows) % repeats == 0
    blocks = [rows[at : at + repeats] for at in range(0, len(rows), repeats)]
    for block in blocks:
        assert len({params["x"] for params in block}) == 1
        assert [params["seed"] for params in block] == list(range(block[0]["seed"], repeats + 1))
    return [block[0]["x"] for block in blocks]


def refused(said: Finished, *parts: str) -> None:
    assert said.code == 1
    for part in parts:
        assert part in said.err


def test_an_extension_adds_whole_configurations_as_if_they_had_been_declared(
    project: Project,
) -> None:
    project.declare("few", f"{RANDOM}trials: 2\n", TRAIN)
    project.declare("many", f"{RANDOM}trials: 5\n", TRAIN)
    work(project, "few")
    assert project.run("extend", "few", "--trials", "+1").out == "few: 3 new tasks, 9 in all\n"
    assert project.run("extend", "few", "--trials", "5").out == "few: 6 new tasks, 15 in all\n"
    work(project, "few")
    work(project, "many")
    assert configurations(project, "few") == configurations(project, "many")
    grouped = project.run("results", "few", "--by", "config", "--format", "json").json
    assert [row["count"] for row in grouped] == [3] * 5


def test_values_and_a_changed_file_add_the_configurations_that_are_new(project: Project) -> None:
    project.declare("g", GRID, TRAIN)
    work(project, "g")
    assert project.run("extend", "g", "--value", "x=2").out == "g: 3 new tasks, 9 in all\n"
    project.write("g.yaml", GRID.replace("[0, 1]", "[0, 1, 3]"))
    said = project.run("sweep", "g.yaml", "--extend", "--yes")
    assert said.code == 1  # it lacks 2, which the sweep has by now
    project.write("g.yaml", GRID.replace("[0, 1]", "[0, 1, 2, 3]"))
    assert project.run("sweep", "g.yaml", "--extend", "--yes").out == "g: 3 new tasks, 12 in all\n"
    work(project, "g")
    assert configurations(project, "g") == [0, 1, 2, 3]
    assert project.status("g")["best"]["count"] == 3


def test_an_extension_cannot_change_the_repeats(project: Project) -> None:
    project.declare("g", GRID, TRAIN)
    refused(project.run("extend", "g", "--value", "seed=4"), "repeats each configuration over seed")
    project.write("g.yaml", GRID.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    said = project.run("sweep", "g.yaml", "--extend", "--yes")
    refused(said, 'repeat is {"seed": [1, 2, 3, 4]}, and the sweep was declared with', "--name")
    project.write("g.yaml", f"{GRID}aggregate: max\n")
    refused(project.run("sweep", "g.yaml", "--extend", "--yes"), "aggregate was added: ")
    assert project.status("g")["total"] == 6


def test_more_trials_are_counted_in_configurations(project: Project) -> None:
    project.declare("r", f"{RANDOM}trials: 4\n", TRAIN)
    said = project.run("extend", "r", "--trials", "2")
    refused(said, "sweep r has 4 trials already", "--trials +2")


@pytest.mark.parametrize("text", [RANDOM, BAYES], ids=["random", "bayes"])
def test_a_point_to_start_with_runs_with_each_repeat_before_all_others(
    project: Project, text: str
) -> None:
    project.declare("s", f"{text}trials: 4\nstart_with: [{{x: 1.5}}, {{x: 0.5}}]\n", TRAIN)
    said = project.run("work", "s", "--max-tasks", "6", "--jobs", "1")
    assert said.code == 0, said.err
    ran = [row for row in project.results("s") if row["status"] == "done"]
    assert [row["params"] for row in ran] == [
        {"x": x, "seed": seed} for x in (1.5, 0.5) for seed in (1, 2, 3)
    ]
    assert project.run("extend", "s", "--trials", "6").out == "s: 6 new tasks, 18 in all\n"
    work(project, "s")
    every = configurations(project, "s")
    assert every[:2] == [1.5, 0.5]
    assert len(set(every)) == 6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("start_with: [{x: 1, seed: 2}]", "every point runs with each seed of repeat:"),
        ("start_with: [{x: 1}, {x: 2}]\ntrials: 1", "2 points for 1 configuration;"),
    ],
)
def test_a_point_that_does_not_fit_the_repeats_is_refused(
    project: Project, more: str, message: str
) -> None:
    project.write("train.py", TRAIN)
    project.write("bad.yaml", f"{BAYES}{more}\n")
    refused(project.run("sweep", "bad.yaml"), "bad.yaml", message)


def test_conditions_and_linked_parameters_hold_in_every_repeat(project: Project) -> None:
    text = GRID.replace(
        "{x: {values: [0, 1]}}",
        "{x: {values: [0, 1, 2]}, w: {values: [5, 6, 7]}, h: {values: [1, 2]}}",
    )
    project.declare("z", f"{text}zip: [[x, w]]\nwhere: x + h < 4\n", TRAIN)
    work(project, "z")
    rows = [row["params"] for row in project.results("z")]
    assert len(rows) == 5 * 3
    assert {(row["x"], row["w"], row["h"]) for row in rows} == {
        (0, 5, 1), (0, 5, 2), (1, 6, 1), (1, 6, 2), (2, 7, 1)
    }  # fmt: skip


def test_a_search_learns_the_means_of_an_earlier_sweep_with_repeats(project: Project) -> None:
    project.declare("old", f"{RANDOM}trials: 12\n", TRAIN)
    work(project, "old")
    project.declare("new", f"{BAYES}trials: 3\nlearn_from: [old]\n", TRAIN)
    once = BAYES.replace("repeat: {seed: [1, 2, 3]}\n", "")
    project.declare("once", f"{once}trials: 3\nlearn_from: [old]\n", TRAIN)
    for sweep in ("new", "once"):
        work(project, sweep)
        assert {row["sampler"] for row in project.results(sweep)} == {"tpe"}  # none is random
    assert len(configurations(project, "new")) == 3


def test_several_metrics_are_learned_from_a_sweep_that_has_them(project: Project) -> None:
    project.declare("old", f"{SEVERAL}trials: 12\nrepeat: 2\n", TRAIN)
    work(project, "old")
    assert project.run("extend", "old", "--trials", "14").out == "old: 4 new tasks, 28 in all\n"
    work(project, "old")
    more = "trials: 4\nlearn_from: [old]\nstart_with: [{x: 1.0}]\nwhere: x < 4\n"
    project.declare("new", f"{SEVERAL}{more}", TRAIN)
    work(project, "new")
    rows = project.results("new")
    assert rows[0]["params"] == {"x": 1.0}
    assert [row["sampler"] for row in rows[1:]] == ["tpe"] * 3
    assert project.run("results", "new", "--pareto", "--format", "json").json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{SEVERAL}learn_from: [one]\n", "one has the metric loss, not ms"),
        (
            BAYES.replace("loss", "acc") + "learn_from: [two]\n",
            "two has the metrics loss and ms, not acc",
        ),
        (
            SEVERAL.replace("{x:", "{seed: {values: [1, 2]}, x:") + "learn_from: [rep]\n",
            "rep repeats its configurations over seed, which is a parameter here",
        ),
    ],
    ids=["one of two", "another", "the repeats"],
)
def test_what_cannot_be_learned_is_told_before_anything_is_declared(
    project: Project, text: str, message: str
) -> None:
    project.declare("one", f"{BAYES}trials: 2\n", TRAIN)
    project.declare("two", f"{SEVERAL}trials: 2\n", TRAIN)
    project.declare("rep", f"{SEVERAL}trials: 2\nrepeat: {{seed: [1, 2]}}\n", TRAIN)
    project.write("next.yaml", text)
    refused(project.run("sweep", "next.yaml"), f"next.yaml: learn_from: {message}", "remove")
    assert not (project.root / "sweeps/next").exists()
