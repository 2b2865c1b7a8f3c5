"""Workspaces of a project on a simulated Drive."""

from collections.abc import Callable

from tests.drive import Drive
from tests.eventual.group import Group

_SCRIPT = """
import subprocess
import colabctl
from pathlib import Path

ROOT = Path(__file__).resolve().parent
task = colabctl.task()
assert (ROOT / "data/raw/x.csv").read_text() == "1"
(ROOT / "models").mkdir(exist_ok=True)
(ROOT / "models" / "m.txt").write_text("weights")
subprocess.run("mkdir shell; echo 1 > shell/s.txt; echo 2 > top.txt", shell=True, check=True)
task.done(loss=0, model=str(ROOT / "models" / "m.txt"))
"""


def test_what_tasks_create_reaches_the_other_machines(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=2)
    group = Group(drive, tasks=1, seconds=0)
    root, other = group.root(0), group.root(1)
    (root / "data/raw").mkdir(parents=True, exist_ok=True)
    (root / "data/raw/x.csv").write_text("1")
    (root / "save.py").write_text(_SCRIPT)
    (root / "save.yaml").write_text(
        "program: save.py\nmethod: grid\nmetric: {name: loss, goal: minimize}\n"
        "parameters: {x: {values: [1]}}\n"
    )
    declared = group.command(0, "sweep", str(root / "save.yaml"), "--root", str(root))
    assert declared.returncode == 0, declared.stderr
    worker = group.work(0, sweep="save")
    assert worker.wait(120) == 0, worker.said()  # type: ignore[attr-defined]
    drive.settle()
    assert (other / "models/m.txt").read_text() == "weights"
    assert (other / "shell/s.txt").read_text() == "1\n"
    assert (other / "top.txt").read_text() == "2\n"
    answer = group.command(1, "results", "save", "--format", "csv", "--root", str(other))
    assert str(root / "models/m.txt") in answer.stdout
