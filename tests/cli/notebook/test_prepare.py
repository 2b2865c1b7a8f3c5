"""`notebook prepare`: a plain notebook becomes the program of a sweep."""

import os
import pty
import subprocess
import sys

from tests.cli.conftest import Say, refused
from tests.notebook.notebooks import content
from tests.processes import Project
from tests.project.conftest import everything

PLAIN = content("lr = 0.1\nseed = 3", "loss = (lr - 0.2) ** 2 + seed * 0")


def test_a_plain_notebook_becomes_a_sweep_that_runs(project: Project, say: Say) -> None:
    project.write("MAIN.ipynb", PLAIN.decode())
    made = say("notebook", "prepare", "MAIN.ipynb")
    assert made.code == 0
    assert "-    lr = 0.1\n" in made.out
    assert "+    # parameters\n+    lr = 0.1\n" in made.out
    assert "+    task.done(loss=loss)\n" in made.out
    assert "  lr: {distribution: log_uniform_values, min: 0.01, max: 1.0}" in made.out
    assert made.err.splitlines() == [
        "other constants: seed; choose with --parameters NAME,...",
        "wrote MAIN-sweep.ipynb and MAIN-sweep.yaml",
        "look at both, then run: colabctl sweep MAIN-sweep.yaml",
    ]
    assert (project.root / "MAIN.ipynb").read_bytes() == PLAIN
    assert say("sweep", "MAIN-sweep.yaml", "--run-cap", "2").code == 0
    assert project.run("work", "MAIN-sweep").code == 0
    assert all(row["metrics"]["loss"] >= 0 for row in project.results("MAIN-sweep"))


def test_nothing_is_overwritten_unless_asked(project: Project, say: Say) -> None:
    project.write("MAIN.ipynb", PLAIN.decode())
    assert say("notebook", "prepare", "MAIN.ipynb", "--dry-run").code == 0
    assert not (project.root / "MAIN-sweep.ipynb").exists()
    project.write("MAIN-sweep.yaml", "mine")
    said = say("notebook", "prepare", "MAIN.ipynb")
    assert (said.code, "MAIN-sweep.yaml exists; write another copy (-o)" in said.err) == (1, True)
    assert (project.root / "MAIN-sweep.yaml").read_text() == "mine"
    assert say("notebook", "prepare", "MAIN.ipynb", "-o", "other.ipynb").code == 0
    assert 'program: "other.ipynb"' in (project.root / "other.yaml").read_text()
    assert say("notebook", "prepare", "MAIN.ipynb", "--force").code == 0
    said = say("notebook", "prepare", "MAIN.ipynb", "-o", "MAIN.ipynb", "--force")
    assert "is the notebook itself, which is never changed" in said.err
    refused(say("notebook", "prepare", "MAIN.ipynb", "-o", "x.txt"), "has to end with .ipynb")
    refused(say("notebook", "prepare", "none.ipynb"), "none.ipynb: No such file or directory")
    refused(say("sweep", "MAIN.ipynb"), "colabctl notebook prepare MAIN.ipynb")


def test_on_a_terminal_sweep_offers_a_proposal(project: Project) -> None:
    project.write("MAIN.ipynb", PLAIN.decode())
    project.write("s.yaml", "program: MAIN.ipynb\nmethod: grid\nparameters: {lr: {values: [1]}}\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "colabctl", "sweep", "s.yaml", "--member", "ana"]
    process = subprocess.Popen(
        command, cwd=project.root, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    os.write(ours, b"y\ny\n")
    shown = b""
    while b"look at both" not in shown and process.poll() is None:
        shown += os.read(ours, 1000)
    assert process.wait(60) == 0, shown
    os.close(ours)
    assert b"MAIN.ipynb has no parameters cell" in shown
    assert b"+    # parameters" in shown
    assert (project.root / "MAIN-sweep.yaml").exists()


def test_what_is_already_prepared_stays(project: Project, say: Say) -> None:
    project.write("MAIN.ipynb", PLAIN.decode())
    assert say("notebook", "prepare", "MAIN.ipynb").code == 0
    before = everything(project.root)
    again = say("notebook", "prepare", "MAIN.ipynb")
    assert (again.code, everything(project.root)) == (0, before)
    assert "MAIN-sweep.ipynb and MAIN-sweep.yaml are already prepared" in again.err
    assert "colabctl sweep MAIN-sweep.yaml" in again.err
    project.write("MAIN-sweep.yaml", "mine")
    assert "MAIN-sweep.yaml exists" in say("notebook", "prepare", "MAIN.ipynb").err
