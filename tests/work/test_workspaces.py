"""Tasks of every kind see the project, and leave what they create there."""

import pytest

from tests.notebook.notebooks import content
from tests.processes import Project

SWEEP = """
program: {program}
method: grid
metric: {{name: y, goal: maximize}}
max_retries: 0
parameters: {{x: {{values: [1, 2]}}}}
"""
# It reads data and a module, writes beside itself and in the current folder, and tells where.
BODY = """
import os, subprocess
from pathlib import Path
from parts import ROOT
assert (ROOT / "data/raw/x.csv").read_text() == Path("data/raw/x.csv").read_text() == "1"
(ROOT / "models").mkdir(exist_ok=True)
(ROOT / "models" / f"{x}.txt").write_text("weights")
open(f"new-{x}.csv", "w").close()
subprocess.run(f"mkdir -p shell; echo {x} > shell/{x}.txt", shell=True, check=True)
where = str(ROOT / "models")
"""
FUNCTION = (
    "def train(params, task):\n    x = params['x']\n{}\n    return {{'y': x, 'where': where}}\n"
)
PROGRAM = "import colabctl\ntask = colabctl.task()\nx = task.params['x']\n{}\ntask.done(y=x, where=where)\n"
PARTS = "from pathlib import Path\nROOT = Path(__file__).resolve().parent\n"


LOOP = """
import os
import colabctl
for task in colabctl.open().sweep("s").tasks():
    with task:
        os.system(f"touch {task.params['x']}.txt")
        task.done(y=1, where=os.getcwd())
"""


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


@pytest.mark.parametrize("kind", ["function", "program", "notebook"])
def test_data_is_read_and_new_files_are_in_the_project(project: Project, kind: str) -> None:
    project.write("data/raw/x.csv", "1")
    project.write("parts.py", PARTS)
    if kind == "function":
        project.declare("s", SWEEP.format(program="run.py:train"), FUNCTION.format(indented(BODY)))
    elif kind == "program":
        project.declare("s", SWEEP.format(program="run.py"), PROGRAM.format(BODY))
    else:
        end = "import colabctl\ncolabctl.task().done(y=x, where=where)"
        project.write("run.ipynb", content("# parameters\nx = 0", BODY, end).decode())
        project.declare("s", SWEEP.format(program="run.ipynb"))
    assert project.run("work", "s", "--jobs", "2").code == 0
    models = project.root / "models"
    assert [row["metrics"]["where"] for row in project.results("s")] == [str(models)] * 2
    for name in ("models/1.txt", "models/2.txt", "new-1.csv", "new-2.csv", "shell/1.txt"):
        assert (project.root / name).is_file(), name
    assert not models.is_symlink()


def test_the_paths_that_a_loop_records_are_the_project_s(project: Project) -> None:
    project.declare("s", SWEEP.format(program="loop.ipynb"), content(LOOP).decode())
    assert project.run("work", "s").code == 0
    assert [row["metrics"]["where"] for row in project.results("s")] == [str(project.root)] * 2
    assert (project.root / "2.txt").exists()


def test_what_a_killed_task_had_created_is_in_the_project(project: Project) -> None:
    program = """
import os, subprocess
def train(params, task):
    subprocess.run("mkdir half; echo 1 > half/done.txt; echo 2 > file.txt", shell=True)
    os.kill(os.getpid(), 9)
"""
    project.declare("s", SWEEP.format(program="run.py:train"), program)
    assert "SIGKILL" in project.run("work", "s", "--max-tasks", "1").err
    assert (project.root / "half/done.txt").read_text() == "1\n"
    assert (project.root / "file.txt").read_text() == "2\n"


def test_code_that_is_not_frozen_fails_the_task_with_the_fix(project: Project) -> None:
    project.write("plugins/fast.py", "raise SystemExit('it ran')")
    program = """
import importlib
def train(params, task):
    importlib.import_module(".".join(["plug" + "ins", open("name.csv").read()]))
"""
    project.write("name.csv", "fast")
    project.declare("s", SWEEP.format(program="run.py:train"), program)
    project.write("plugins/late.py", "raise SystemExit('it ran')")
    project.write("name.csv", "late")
    said = project.run("work", "s", "--max-tasks", "1").err
    assert "ImportError: plugins.late is plugins/late.py in the project" in said
    assert "add `code: [plugins/late.py]`" in said
    assert "it ran" not in said


def test_a_file_with_relative_imports_is_part_of_its_package(project: Project) -> None:
    project.write("src/net/__init__.py", "")
    project.write("src/net/model.py", "def f(x): return 2 * x")
    train = "from .model import f\ndef train(params, task): return {'y': f(params['x']), 'is': train.__module__}"
    project.declare("s", SWEEP.format(program="src/net/run.py:train"), train)
    assert project.run("work", "s").code == 0
    [first, _] = project.results("s")
    assert first["metrics"] == {"y": 2, "is": "net.run"}


def test_a_worker_starts_beside_ten_thousand_files(project: Project) -> None:
    for number in range(10_000):
        (project.root / f"{number}.dat").touch()
    program = "import os\ndef train(params, task): return {'y': os.path.exists('9999.dat') + 0}"
    project.declare("s", SWEEP.format(program="run.py:train"), program)
    assert project.run("work", "s").code == 0
    assert [row["metrics"] for row in project.results("s")] == [{"y": 1}] * 2
