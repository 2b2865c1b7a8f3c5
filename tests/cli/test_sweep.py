"""`sweep` declares a sweep; declaring the same one again changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import FILE, TRAIN, Say, refused
from tests.notebook.notebooks import content
from tests.processes import Project, end
from tests.project.conftest import everything


def plan(project: Project, name: str = "s") -> dict[str, Any]:
    parts: dict[str, Any] = json.loads((project.root / f"sweeps/{name}/plan.json").read_text())
    return parts


def test_a_declared_sweep_has_its_file_its_code_its_tasks_and_its_plan(
    project: Project, say: Say, file: Path
) -> None:
    said = say("sweep", str(file))
    assert (said.code, said.out) == (0, "s: 3 tasks, declared\n")
    assert "colabctl work s" in said.err
    folder = project.root / "sweeps/s"
    assert (folder / "sweep.yaml").read_text() == FILE
    assert (folder / "code/notebooks/ana/train.py").read_text() == TRAIN
    tasks = [json.loads(line) for line in (folder / "tasks/00000.jsonl").read_text().splitlines()]
    assert [(task["index"], task["params"]) for task in tasks] == [
        (0, {"x": 1}),
        (1, {"x": 2}),
        (2, {"x": 3}),
    ]
    answer = plan(project)
    assert (answer["format"], answer["total"], answer["declared_by"]) == (1, 3, "ana")
    assert {path.name for path in folder.iterdir()} == {
        "sweep.yaml", "plan.json", "code", "tasks", "journal", "runs",
    }  # fmt: skip


def test_declaring_the_same_sweep_again_changes_nothing(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    before = everything(project.root)
    again = say("sweep", str(file), "--member", "ben")
    assert (again.code, again.out) == (0, "s: 3 tasks, already declared\n")
    assert everything(project.root) == before


@pytest.mark.parametrize(
    "changed",
    [
        FILE.replace("# which is best?", "# anything else"),
        FILE.replace("[1, 2, 3]", "[1,2,3]"),
        FILE + "name: s\n",
        FILE + "description: the same, answer at length\n",
    ],
)
def test_another_spelling_of_a_sweep_file_declares_the_same_sweep(
    say: Say, file: Path, changed: str
) -> None:
    say("sweep", str(file))
    file.write_text(changed)
    assert say("sweep", str(file)).out == "s: 3 tasks, already declared\n"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (FILE.replace("[1, 2, 3]", "[1, 2, 4]"), ["-    - 3", "+    - 4"]),
        (FILE.replace("[1, 2, 3]", "[1, 2]"), ["-    - 3", "tasks: 3 declared, 2 new"]),
        (FILE + "max_retries: 3\n", ["+max_retries: 3"]),
        (FILE + "seed: 1\n", ["+seed: 1"]),
        (FILE.replace("{name: y}", "{name: z}"), ["-  name: y", "+  name: z"]),
    ],
)
def test_another_sweep_with_that_name_is_refused_with_the_differences(
    project: Project, say: Say, file: Path, changed: str, shown: list[str]
) -> None:
    say("sweep", str(file))
    file.write_text(changed)
    before = everything(project.root)
    said = say("sweep", str(file))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("colabctl: sweep s is already declared with different content")
    assert "--name s-2" in said.err
    assert all(line in said.err for line in shown), said.err
    assert everything(project.root) == before
    assert say("sweep", str(file), "--name", "s-2").code == 0


def test_other_code_is_another_sweep(project: Project, say: Say, file: Path) -> None:
    say("sweep", str(file))
    project.write("notebooks/ana/train.py", TRAIN + "# better\n")
    said = say("sweep", str(file))
    assert said.code == 1
    assert "code: notebooks/ana/train.py changed" in said.err


def test_options_are_part_of_the_sweep(say: Say, file: Path) -> None:
    assert say("sweep", str(file), "--run-cap", "2").out == "s: 2 tasks, declared\n"
    assert say("sweep", str(file), "--run-cap", "2").out == "s: 2 tasks, already declared\n"
    assert "tasks: 2 declared, 3 new" in say("sweep", str(file)).err


@pytest.mark.parametrize(
    "gone", ["", "sweep.yaml", "tasks/00000.jsonl", "code/notebooks/ana/train.py sweep.yaml"]
)
def test_an_interrupted_declaration_is_completed(
    project: Project, say: Say, file: Path, gone: str
) -> None:
    say("sweep", str(file))
    whole = everything(project.root / "sweeps/s")
    for name in ["plan.json", *gone.split()]:
        (project.root / "sweeps/s" / name).unlink()
    assert "no sweeps yet" in say("status").out
    assert say("work", "s").code == 1
    assert say("sweep", str(file)).out == "s: 3 tasks, declared\n"
    again = everything(project.root / "sweeps/s")
    assert {**again, "plan.json": None} == {**whole, "plan.json": None}
    assert project.run("work", "s").code == 0
    assert [row["metrics"] for row in project.results("s")] == [{"y": 1}, {"y": 2}, {"y": 3}]


def test_an_interrupted_declaration_is_not_mixed_with_another(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    (project.root / "sweeps/s/plan.json").unlink()
    file.write_text(FILE.replace("[1, 2, 3]", "[1]"))
    before = everything(project.root)
    said = say("sweep", str(file))
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert f"{project.root}/sweeps/s holds the unfinished declaration of another" in said.err
    assert everything(project.root) == before
    assert say("sweep", str(file), "--name", "s-2").code == 0


def test_code_from_an_interrupted_declaration_is_not_used(
    project: Project, say: Say, file: Path
) -> None:
    say("sweep", str(file))
    (project.root / "sweeps/s/plan.json").unlink()
    project.write("sweeps/s/code/left.py", "")
    assert say("sweep", str(file)).code == 0
    shown = say("trust", "s", "--yes")
    assert shown.code == 0
    assert "left.py" not in shown.out


def test_declarations_at_the_same_time_give_one_sweep(project: Project, file: Path) -> None:
    declarations = [project.start("sweep", str(file), member=m) for m in ("ana", "ben") * 2]
    ended = [end(each) for each in declarations]
    assert [each.code for each in ended] == [0] * 4, [each.err for each in ended]
    assert sorted(each.out for each in ended) == [
        *["s: 3 tasks, already declared\n"] * 3,
        "s: 3 tasks, declared\n",
    ]
    assert project.run("work", "s").code == 0
    assert project.status("s")["done"] == 3


def test_scripts_get_the_declared_sweep(say: Say, file: Path) -> None:
    answer = say("sweep", str(file), "--json").json
    assert (answer["sweep"], answer["tasks"], answer["new"]) == ("s", 3, True)
    assert say("sweep", str(file), "--json").json["new"] is False


def test_a_program_is_looked_up_where_the_user_stands_first_and_two_are_named(
    project: Project, say: Say, file: Path
) -> None:
    project.write("train.py", TRAIN)
    said = say("sweep", str(file))
    assert "note: program: took train.py, not notebooks/ana/train.py" in said.err
    assert list(everything(project.root / "sweeps/s/code")) == ["train.py"]


def test_a_task_runs_where_the_name_of_its_program_starts(
    project: Project, say: Say, file: Path
) -> None:
    said = say("sweep", str(file), "--json").json
    assert (said["program"], said["cwd"]) == ("notebooks/ana/train.py:train", "notebooks/ana")
    assert said["files"] == ["notebooks/ana/train.py"]
    project.write("s.yaml", FILE.replace("train.py", "notebooks/ana/train.py"))
    assert say("sweep", "s.yaml", "--name", "b", "--json").json["cwd"] == "."
    project.write("c.yaml", FILE + "cwd: notebooks\n")
    assert "program: train.py does not exist" not in say("sweep", "c.yaml", "--json").err
    assert plan(project, "c")["cwd"] == "notebooks"
    project.write("d.yaml", FILE + "cwd: notebook\n")
    assert "cwd: there is no folder notebook" in say("sweep", "d.yaml").err


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("ResNet: lr/bs sweep", "ResNet-lr-bs-sweep"),
        ("  done...", "done"),
        ("nul", "sweep-nul"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_title_that_no_folder_can_have_gets_a_safe_name_and_stays_the_title(
    project: Project, say: Say, file: Path, title: str, name: str
) -> None:
    file.write_text(FILE + f"name: {json.dumps(title)}\ndescription: of lr\n")
    assert say("sweep", str(file)).out == f"{name}: 3 tasks, declared\n"
    assert plan(project, name)["title"] == title.strip()
    status = say("status", name)
    assert " ".join(f"{name} ({title.strip()[:57]}".split()) in " ".join(status.out.split())
    assert json.loads(say("status", name, "--json").out)["title"] == title.strip()
    assert say("sweep", str(file)).out == f"{name}: 3 tasks, already declared\n"
    assert say("export", name, "--to", "wandb", "-o", str(project.root / "w")).code == 0
    (exported,) = (project.root / "w").iterdir()
    written = yaml.safe_load(exported.read_text())
    assert (written["name"], written["description"]) == (title.strip(), "of lr")


def test_commands_find_a_sweep_by_its_title(project: Project, say: Say, file: Path) -> None:
    file.write_text(FILE + 'name: "Exp1:  Eigenvalues"\n')
    say("sweep", str(file))
    for title in ("Exp1: Eigenvalues", "Exp1-Eigenvalues", "Exp1:  Eigenvalues"):
        assert "Exp1-Eigenvalues (Exp1: Eigenvalues)" in say("status", title).out
    for other in ("Exp1: Eigenvectors", "Exp1; Eigenvalues"):
        assert say("status", other).code == 1


def test_a_name_that_a_folder_can_have_is_no_title(project: Project, say: Say, file: Path) -> None:
    file.write_text(FILE + "name: Discount sweep\n")
    say("sweep", str(file))
    assert plan(project, "Discount sweep")["title"] is None


def test_two_titles_with_one_name_do_not_become_one_sweep(
    project: Project, say: Say, file: Path
) -> None:
    file.write_text(FILE + "name: 'a: b'\n")
    assert say("sweep", str(file)).code == 0
    file.write_text(FILE + "name: a/b\n")
    said = say("sweep", str(file))
    assert said.code == 1
    assert 'a different sweep, "a: b", already has the name a-b' in said.err
    assert "(--name a-b-2)" in said.err
    assert say("sweep", str(file), "--name", "a-b-2").code == 0
    assert plan(project, "a-b-2")["title"] == "a/b"


def test_a_name_on_the_command_line_must_be_safe(say: Say, file: Path) -> None:
    said = say("sweep", str(file), "--name", "a/b")
    assert (said.code, said.out) == (1, "")
    assert "sweep name 'a/b' contains /" in said.err


def test_a_program_that_uses_hydra_is_told_what_it_would_misread(
    project: Project, say: Say
) -> None:
    project.write("t.py", "import hydra\n")
    parameters = "parameters: {lr: {values: [1]}, sched: {values: [null, cosine]}}\n"
    text = f"method: grid\nprogram: t.py\n{parameters}"
    file = project.write("h.yaml", text + 'command: ["${program}", "${args_no_hyphens}"]\n')
    assert "note: sched: Hydra misreads" in say("sweep", str(file), "--dry-run").out
    project.write("t.py", "print('no hydra')\n")
    assert "Hydra" not in say("sweep", str(file), "--dry-run").out


def test_a_file_outside_the_project_is_accepted(project: Project, say: Say, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(FILE)
    (tmp_path / "train.py").write_text(TRAIN)
    assert say("sweep", str(tmp_path / "mine.yaml")).out == "mine: 3 tasks, declared\n"


def test_notes_on_the_file_are_printed(project: Project, say: Say) -> None:
    project.write("wandb.yaml", "method: random\nproject: p\nparameters: {x: {min: 0, max: 9}}\n")
    said = say("sweep", "wandb.yaml")
    assert said.code == 0
    assert "note: project: used by W&B only, has no effect here" in said.err


def test_a_notebook_is_declared_with_the_modules_that_it_imports(
    project: Project, say: Say, file: Path
) -> None:
    project.write("notebooks/ana/beside.py", "")
    notebook = content("# parameters\nx = 0", "import os\nfrom beside import y")
    (project.root / "notebooks/ana/train.ipynb").write_bytes(notebook)
    file.write_text(FILE.replace("train.py:train", "train.ipynb"))
    said = say("sweep", str(file))
    assert "froze 2 files with notebooks/ana/train.ipynb: 1 Python module, 1 notebook" in said.err


def test_a_name_is_quoted_for_the_shell(say: Say, file: Path) -> None:
    said = say("sweep", str(file), "--name", "a; b")
    assert said.err.endswith("run it: colabctl work 'a; b'    see it: colabctl status 'a; b'\n")


def test_a_name_in_another_unicode_form_is_the_same_name(
    project: Project, say: Say, file: Path
) -> None:
    for name in ("gro\u0308ße", "größe"):
        assert say("sweep", str(file), "--name", name).code == 0
    assert plan(project, "größe")["sweep"] == "größe"
    assert say("status", "gro\u0308ße").code == 0


def test_only_notebooks_have_kernels(project: Project, say: Say, file: Path) -> None:
    say("sweep", str(file))
    assert plan(project)["kernels"] is None
    for name, cells in (
        ("once", ["# parameters\nx = 0"]),
        ("loop", ["import colabctl\nfor task in colabctl.open().sweep().tasks():\n    pass"]),
    ):
        (project.root / "notebooks/ana/train.ipynb").write_bytes(content(*cells))
        file.write_text(FILE.replace("train.py:train", "train.ipynb"))
        assert say("sweep", str(file), "--name", name).code == 0
        assert plan(project, name)["kernels"]["keep"] == "failed"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"COLABCTL_HEARTBEAT": "50s", "COLABCTL_LEASE": "100s"}, (50.0, 100.0)),
        ({"COLABCTL_HEARTBEAT": "50s"}, (50.0, 100.0)),
        ({"COLABCTL_LEASE": "10s"}, (5.0, 10.0)),
        ({}, (10.0, 60.0)),
    ],
)
def test_a_lease_has_at_least_two_heartbeats(
    project: Project, say: Say, file: Path, given: dict[str, str], expected: tuple[float, float]
) -> None:
    say("sweep", str(file), COLABCTL_CONSISTENCY="coherent", **given)
    assert (plan(project)["heartbeat"], plan(project)["lease"]) == expected


def test_files_that_the_code_names_and_no_task_sees_are_noted(project: Project, say: Say) -> None:
    for name in (".env", "Makefile", "package.json", "pytest.ini"):
        project.write(name, "")
    code = "import os\n\ndef train(params):\n    open('.env'), open('package.json'), os.environ\n"
    project.write("train.py", code + "    os.system('make -f Makefile')\n")
    sweep = project.write(
        "first.yaml",
        "program: train.py:train\ncode: [Makefile]\nmethod: grid\nparameters: {x: {values: [1]}}\n",
    )
    said = say("sweep", str(sweep))
    unseen = [line for line in said.err.splitlines() if "do not see" in line]
    note = "note: train.py names .env, which tasks do not see (colabctl guide trust); "
    assert unseen == [note + "list its variables under secrets: in colabctl.yaml"]


@pytest.mark.parametrize("name", ["firts.yaml", "first.yml", "first", "FIRST.yaml"])
@pytest.mark.parametrize("verb", ["sweep", "try"])
def test_a_slip_in_the_name_of_a_sweep_file_names_the_file(
    project: Project, say: Say, verb: str, name: str
) -> None:
    project.write("work/first.yaml", FILE)
    refused(say(verb, f"work/{name}"), f"work/{name} does not exist; did you mean work/first.yaml?")
    refused(say("sweep", name), f"{name} does not exist; give the path of a sweep file")
