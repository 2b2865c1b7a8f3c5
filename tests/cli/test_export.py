"""`export` writes a declared sweep for W&B, Optuna or a spreadsheet."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, done
from tests.processes import Project
from tests.project.conftest import everything

BENCH = """
method: random
metric: {name: loss}
foreach: [model, data]
trials: 4
seed: 3
parameters:
  data: {values: [a, b/c]}
  model:
    choices:
      svm: {parameters: {C: {distribution: log_uniform_values, min: 1e-3, max: 1e3}}}
      net: {parameters: {act: {choices: {relu: {}, elu: {parameters: {alpha: {min: 0.0, max: 1.0}}}}}}}
  x: {min: 0.0, max: 1.0}
"""


@pytest.fixture
def bench(project: Project) -> None:
    project.declare("bench", BENCH)


@pytest.mark.usefixtures("bench")
def test_wandb_gets_a_folder_with_a_file_for_each_cell_and_branch(
    project: Project, say: Say
) -> None:
    said = say("export", "bench", "--to", "wandb")
    files = [
        "model=svm,data=a.yaml",
        "model=svm,data=b-c.yaml",
        "model=net,data=a,act=relu.yaml",
        "model=net,data=a,act=elu.yaml",
        "model=net,data=b-c,act=relu.yaml",
        "model=net,data=b-c,act=elu.yaml",
    ]
    assert said.code == 0
    assert said.out.splitlines() == [str(Path("bench-wandb", file)) for file in files]
    assert "note: seed: W&B has no such key; skipped\n" in said.err
    assert said.err.endswith("6 W&B sweeps written to bench-wandb; start one: wandb sweep FILE\n")
    assert sorted(path.name for path in (project.root / "bench-wandb").iterdir()) == sorted(files)
    answer = yaml.safe_load((project.root / "bench-wandb" / files[0]).read_text())
    assert (answer["method"], answer["run_cap"], answer["metric"]) == (
        "random",
        4,
        {"name": "loss", "goal": "minimize"},
    )
    assert answer["parameters"]["C"] == {
        "distribution": "log_uniform_values",
        "min": 0.001,
        "max": 1000.0,
    }


@pytest.mark.usefixtures("bench")
def test_an_export_can_be_repeated(project: Project, say: Say) -> None:
    first = say("export", "bench", "--to", "wandb")
    before = everything(project.root)
    assert say("export", "bench", "--to", "wandb") == first
    assert everything(project.root) == before


@pytest.mark.usefixtures("bench")
def test_options_of_the_declaration_are_exported_too(project: Project, say: Say) -> None:
    project.write("few.yaml", BENCH)
    assert say("sweep", "few.yaml", "--trials", "2").code == 0
    answer = say("export", "few", "--to", "wandb", "--json").json
    assert [file["tasks"] for file in answer["files"]] == [2, 2, 1, 1, 1, 1]


@pytest.mark.usefixtures("bench")
def test_scripts_get_the_names_of_the_files(project: Project, say: Say) -> None:
    answer = say("export", "bench", "--to", "wandb", "-o", "out", "--json").json
    assert (answer["sweep"], answer["to"], len(answer["notes"])) == ("bench", "wandb", 2)
    assert answer["files"][3] == {
        "file": str(Path("out", "model=net,data=a,act=elu.yaml")),
        "values": {"model": "net", "data": "a", "act": "elu"},
        "tasks": 2,
    }
    answer = say("export", "bench", "--to", "csv", "-o", "out.csv", "--json").json
    assert answer == {
        "sweep": "bench", "to": "csv", "files": [{"file": "out.csv"}], "tasks": 16, "notes": [],
    }  # fmt: skip


@pytest.mark.usefixtures("bench")
def test_optuna_gets_one_database_with_a_study_for_each_cell(project: Project, say: Say) -> None:
    pytest.importorskip("optuna")
    project.journal("bench", claim(0, 1), done(0, loss=0.5))
    said = say("export", "bench", "--to", "optuna")
    assert (said.code, said.out) == (0, "bench.optuna.db\n")
    assert said.err == (
        "1 trial in 4 studies; view them: optuna-dashboard sqlite:///bench.optuna.db\n"
    )
    with closing(sqlite3.connect(project.root / "bench.optuna.db")) as database:
        names = [name for (name,) in database.execute("SELECT study_name FROM studies")]
        assert names == [
            "bench model=svm data=a",
            "bench model=svm data=b/c",
            "bench model=net data=a",
            "bench model=net data=b/c",
        ]
        assert database.execute("SELECT count(*) FROM trials").fetchone() == (1,)
    answer = say("export", "bench", "--to", "optuna", "-o", "out.db", "--json").json
    assert answer["files"] == [{"file": "out.db"}]
    assert answer["studies"][0] == {"study": "bench model=svm data=a", "trials": 1}


def test_the_next_step_can_be_pasted_into_a_shell(project: Project, say: Say) -> None:
    pytest.importorskip("optuna")
    project.declare("two words", BENCH)
    said = say("export", "two words", "--to", "optuna")
    assert said.err.endswith("optuna-dashboard 'sqlite:///two words.optuna.db'\n")


def test_names_of_files_cannot_control_the_terminal(project: Project, say: Say) -> None:
    project.declare("bench", BENCH)
    said = say("export", "bench", "--to", "csv", "-o", "a\x1b[2J\nb.csv")
    assert (said.code, said.out) == (0, "a<U+001B>[2J\\nb.csv\n")
    assert said.err == "16 tasks written to a<U+001B>[2J\\nb.csv\n"


@pytest.mark.usefixtures("bench")
def test_without_optuna_one_line_says_how_to_get_it(project: Project) -> None:
    block = "import sys; sys.modules['optuna'] = None; sys.argv = ['colabctl', 'export', 'bench', '--to', 'optuna']\n"
    said = project.python(block + "from colabctl.cli import main; main()")
    refused(said, "--to optuna needs Optuna", "pip install optuna")
    assert not (project.root / "bench.optuna.db").exists()


@pytest.mark.usefixtures("bench")
def test_a_spreadsheet_gets_all_tasks_on_the_screen_or_in_a_file(
    project: Project, say: Say
) -> None:
    project.journal("bench", claim(0), done(0, loss=0.5))
    said = say("export", "bench", "--to", "csv")
    assert (said.code, said.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["status"] for row in rows] == ["done", *["pending"] * 15]
    assert {(row["model"], row["data"]) for row in rows[:4]} == {("svm", "a")}
    assert say("export", "bench", "--to", "csv", "-o", "-") == said
    written = say("export", "bench", "--to", "csv", "-o", "tasks.csv")
    assert (written.code, written.out, written.err) == (
        0,
        "tasks.csv\n",
        "16 tasks written to tasks.csv\n",
    )
    assert (project.root / "tasks.csv").read_text() == said.out


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["bench", "--to", "wnadb"], ["--to wnadb: unknown; did you mean wandb?"]),
        (["bench", "--to", "excel"], ["--to excel: unknown; choose one of wandb, optuna, mlflow"]),
        (["bench", "--to", ""], ["choose one of wandb, optuna, mlflow"]),
        (["bnech", "--to", "csv"], ["sweep 'bnech' does not exist; did you mean bench?"]),
        (["a/b", "--to", "csv"], ["sweep name 'a/b' contains /"]),
        (["bench", "--to", "csv", "-o", "missing/out.csv"], ["missing/out.csv cannot be written", "there is no folder missing; create it"]),
        (["bench", "--to", "wandb", "-o", "missing/out"], ["missing/out cannot be written", "there is no folder missing; create it"]),
        (["bench", "--to", "optuna", "-o", "missing/out.db"], ["missing/out.db cannot be written", "there is no folder missing; create it"]),
        (["bench", "--to", "csv", "-o", "mine.txt"], ["mine.txt exists and does not hold a task list from colabctl", "--force"]),
        (["bench", "--to", "optuna", "-o", "mine.txt"], ["mine.txt exists and was not written by colabctl", "--force"]),
        (["bench", "--to", "wandb", "-o", "mine.txt"], ["mine.txt is a file; give a folder"]),
        (["bench", "--to", "csv", "-o", "data"], ["data cannot be written: Is a directory"]),
        (["bench", "--to", "optuna", "-o", "-"], ["--to optuna writes files", "use -o FILE"]),
        (["bench", "--to", "csv", "--json"], ["--json lists the files", "-o FILE"]),
    ],
)  # fmt: skip
def test_an_impossible_export_is_refused_in_one_line(
    project: Project, say: Say, words: list[str], parts: list[str]
) -> None:
    if "optuna" in words:
        pytest.importorskip("optuna")
    project.write("mine.txt", "mine")
    before = everything(project.root)
    refused(say("export", *words), *parts)
    assert everything(project.root) == before


@pytest.mark.usefixtures("bench")
def test_a_foreign_file_is_replaced_only_by_force(project: Project, say: Say) -> None:
    project.write("mine.txt", "mine")
    assert say("export", "bench", "--to", "csv", "-o", "mine.txt", "--force").code == 0
    assert (project.root / "mine.txt").read_text().startswith("task,index,")


@pytest.mark.usefixtures("bench")
def test_a_sweep_file_that_was_changed_after_the_declaration_is_not_exported(
    project: Project, say: Say
) -> None:
    file = project.root / "sweeps/bench/sweep.yaml"
    file.write_text(file.read_text().replace("min: 0.0", "min: 0.5"))
    refused(say("export", "bench", "--to", "wandb"), "sweep.yaml was changed after")
    assert not (project.root / "bench-wandb").exists()
    assert say("export", "bench", "--to", "csv").code == 0


def test_a_plan_that_does_not_match_its_sweep_file_is_not_exported(
    project: Project, say: Say
) -> None:
    project.declare("bench", BENCH)
    file = project.root / "sweeps/bench/plan.json"
    plan = json.loads(file.read_text())
    plan["cells"][0]["values"]["data"] = "z"
    file.write_text(json.dumps(plan))
    refused(say("export", "bench", "--to", "wandb"), "plan.json does not match sweep.yaml")


def test_a_sweep_without_a_metric_has_no_studies(project: Project, say: Say) -> None:
    project.declare("bench", BENCH.replace("metric: {name: loss}\n", ""))
    refused(say("export", "bench", "--to", "optuna"), "has no metric", "--to csv")


def test_cells_that_differ_only_in_case_are_different_files(project: Project, say: Say) -> None:
    project.declare("many", "method: grid\nforeach: [d]\nparameters: {d: {values: [set, SET]}}\n")
    said = say("export", "many", "--to", "wandb")
    assert [Path(line).name for line in said.out.splitlines()] == ["1-d=set.yaml", "2-d=SET.yaml"]


def test_a_sweep_file_may_be_called_export(project: Project, say: Say) -> None:
    project.write("export", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    assert say("sweep", "export", "--dry-run").out.startswith("export: 2 tasks")


def test_export_is_not_a_word_after_sweep(say: Say) -> None:
    said = say("sweep", "export", "first")
    refused(said, "export does not exist", "a declared sweep: colabctl export SWEEP")


def test_export_needs_a_format(say: Say) -> None:
    said = say("export", "bench")
    assert (said.code, said.out) == (2, "")
    assert "--to" in said.err


def test_a_sweep_with_a_title_is_exported_under_the_name_of_its_folder(
    project: Project, say: Say
) -> None:
    project.declare(
        "Exp1-Roots", 'name: "Exp1: Roots"\nmethod: grid\nparameters: {x: {value: 1}}\n'
    )
    said = say("export", "Exp1: Roots", "--to", "wandb", "--json")
    answer = json.loads(said.out)
    assert answer["sweep"] == "Exp1-Roots"
    assert [each["file"] for each in answer["files"]] == ["Exp1-Roots-wandb/Exp1-Roots.yaml"]
