"""`sweep --dry-run` shows what a sweep file expands to, and writes nothing."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import FILE, Say
from tests.notebook.notebooks import content
from tests.processes import Project
from tests.project.conftest import everything


def test_a_dry_run_shows_the_tasks_and_writes_nothing(
    project: Project, say: Say, file: Path
) -> None:
    before = everything(project.root)
    shown = say("sweep", str(file), "--dry-run")
    assert shown.code == 0
    assert "s: 3 tasks, method grid" in shown.out
    assert "{'x': 1}" in shown.out
    answer = say("sweep", str(file), "--dry-run", "--json").json
    assert (answer["sweep"], answer["tasks"], answer["first"]) == (
        "s",
        3,
        [{"x": 1}, {"x": 2}, {"x": 3}],
    )
    assert everything(project.root) == before


def test_each_combination_is_a_cell_with_its_own_trials(project: Project, say: Say) -> None:
    project.write(
        "bench.yaml",
        """
method: random
foreach: [model, data]
trials: 4
exclude: [{model: svm, data: b}]
parameters:
  data: {values: [a, b]}
  model:
    choices:
      svm: {parameters: {C: {distribution: log_uniform_values, min: 1e-3, max: 1e3}}}
      forest: {parameters: {depth: {min: 2, max: 9}}}
      linear: {}
  seed: {value: 1}
""",
    )
    answer = say("sweep", "bench.yaml", "--json").json
    tasks = {
        (cell["values"]["model"], cell["values"]["data"]): cell["tasks"] for cell in answer["cells"]
    }
    assert tasks == {
        ("svm", "a"): 4,
        ("forest", "a"): 4,
        ("forest", "b"): 4,
        ("linear", "a"): 1,
        ("linear", "b"): 1,
    }
    lines = (project.root / "sweeps/bench/tasks/00000.jsonl").read_text().splitlines()
    params = [json.loads(line)["params"] for line in lines]
    assert {tuple(sorted(each)) for each in params} == {
        ("C", "data", "model", "seed"),
        ("data", "depth", "model", "seed"),
        ("data", "model", "seed"),
    }
    assert all(1e-3 <= each["C"] <= 1e3 for each in params if "C" in each)


def test_parameters_depend_only_on_the_seed_and_their_cell(project: Project, say: Say) -> None:
    form = "method: random\ntrials: 5\nforeach: [d]\nparameters: {x: {min: 0.0, max: 1.0}, %s}\n"

    def drawn(name: str, more: str, extra: str = "") -> dict[str, list[float]]:
        project.write(f"{name}.yaml", form % more + extra)
        assert say("sweep", f"{name}.yaml").code == 0
        lines = (project.root / f"sweeps/{name}/tasks/00000.jsonl").read_text().splitlines()
        found: dict[str, list[float]] = {}
        for line in lines:
            params = json.loads(line)["params"]
            found.setdefault(params["d"], []).append(params["x"])
        return found

    first = drawn("first", "d: {values: [a, b]}")
    assert first["a"] != first["b"]
    more = drawn("more", "d: {values: [c, a, b]}, z: {min: 1, max: 9}")
    assert (more["a"], more["b"]) == (first["a"], first["b"])
    assert drawn("again", "d: {values: [a, b]}") == first
    assert drawn("other", "d: {values: [a, b]}", "seed: 1\n") != first


def test_a_note_on_a_word_comes_before_the_tasks_of_a_dry_run(say: Say, file: Path) -> None:
    file.write_text(FILE.replace("[1, 2, 3]", "[no, 12:30]"))
    assert say("sweep", str(file), "--dry-run").out.splitlines()[:6] == [
        "s: 2 tasks, method grid",
        'note: x.values[0] (line 6): no is read as false; for the text, write "no"',
        'note: x.values[1] (line 6): 12:30 is read as 750, a number in base 60; for the text, write "12:30"',
        "first tasks:",
        "  {'x': False}",
        "  {'x': 750}",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("program: broken.py:train\n", "broken.py is not valid Python"),
        ("program: train.py:trian\n", "did you mean train?"),
        ("program: data.xyz\n", "no interpreter is known for notebooks/ana/data.xyz"),
        ("program: train.py:train\ncode: [missing]\n", "code: missing does not exist"),
    ],
)
def test_a_dry_run_refuses_the_same_files_as_sweep(
    project: Project, say: Say, file: Path, changed: str, expected: str
) -> None:
    folder = "notebooks/ana"
    project.write(f"{folder}/broken.py", "def train(:\n")
    project.write(f"{folder}/data.xyz", "")
    file.write_text(FILE.replace("program: train.py:train\n", changed))
    for dry in (["--dry-run"], []):
        said = say("sweep", str(file), *dry)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
        assert expected in said.err


@pytest.mark.parametrize("program", ["gone.py:train", "gone.ipynb", "gone.sh", "gone"])
def test_a_dry_run_without_the_program_notes_that_and_shows_the_rest(
    project: Project, say: Say, program: str
) -> None:
    file = project.write("s.yaml", FILE.replace("train.py:train", program))
    shown = say("sweep", str(file), "--dry-run")
    assert shown.code == 0
    assert "{'x': 1}" in shown.out
    missing = f"program: {program.partition(':')[0]} does not exist in {project.root}"
    assert f"note: {missing}" in shown.out.splitlines()
    assert missing in say("sweep", str(file)).err


def test_a_dry_run_cuts_long_values(say: Say, file: Path) -> None:
    file.write_text(FILE.replace("[1, 2, 3]", f"[{'long' * 100}, 2]"))
    lines = say("sweep", str(file), "--dry-run").out.splitlines()
    assert lines[2:4] == [f"  {{'x': '{'long' * 14}...}}", "  {'x': 2}"]


def test_a_dry_run_of_a_notebook_says_when_its_parameters_are_chosen(
    project: Project, say: Say, file: Path
) -> None:
    notebook = content("import os", "# parameters\nx = 0", "y = x")
    (project.root / "notebooks/ana/train.ipynb").write_bytes(notebook)
    text = FILE.replace("train.py:train", "train.ipynb").replace("grid", "bayes")
    file.write_text(text.replace("{values: [1, 2, 3]}", "{min: 0.0, max: 1.0}"))
    shown = say("sweep", str(file), "--dry-run").out
    assert shown.endswith(
        "train.ipynb runs once for each task; its parameters are chosen when a task is claimed, "
        "and inserted after cell 2\n"
    )
