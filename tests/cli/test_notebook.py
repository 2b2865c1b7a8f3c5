"""`notebook new` and `workers`: notebooks for people, and for machines."""

import json
import os
import pty
import subprocess
import sys

import pytest

from colabctl.project.notebooks.wheel import wheel
from tests.cli.conftest import Say, refused
from tests.notebook.notebooks import content
from tests.processes import Project
from tests.project.conftest import everything

PLAIN = content("lr = 0.1\nseed = 3", "loss = (lr - 0.2) ** 2 + seed * 0")
LOOP = "method: grid\nparameters: {x: {values: [1]}}\n"


def test_a_new_notebook_is_printed_and_its_wheel_is_in_the_project(
    project: Project, say: Say
) -> None:
    made = say("notebook", "new", "exploring", "--member", "ben")
    assert (made.code, made.out) == (0, "notebooks/ben/exploring.ipynb\n")
    assert (project.root / "notebooks/ben/exploring.ipynb").is_file()
    assert (project.root / ".colabctl" / wheel().name).is_file()
    refused(say("notebook", "new", "exploring", "--member", "ben"), "already exists")
    refused(say("notebook", "new", "a/b"), "notebook name 'a/b'")
    refused(say("notebook", "new", "x", "--member", "eve"), "'eve' is not a member")


def test_a_new_member_and_a_new_project_get_the_wheel(project: Project, say: Say) -> None:
    assert f"created .colabctl/{wheel().name}\n" in say("member", "add", "eve").err
    folder = project.root.parent / "other"
    assert f"created .colabctl/{wheel().name}\n" in say("init", str(folder)).err


# -- notebook prepare -----------------------------------------------------------------------------


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


# -- workers --------------------------------------------------------------------------------------


def test_worker_notebooks_are_printed_one_to_a_line(declared: Project, say: Say) -> None:
    made = say("workers", "first", "-n", "2", "--member", "ana")
    names = [f"notebooks/workers/first-ana-{n}.ipynb" for n in (1, 2)]
    assert (made.code, made.out.splitlines()) == (0, names)
    assert made.err.startswith(
        "2 created, 0 already existed\nColab's terms forbid distributed computing"
    )
    assert made.err.count("\n") == 2
    again = say("workers", "first", "-n", "2", "--member", "ana")
    assert again.out == made.out
    assert again.err.startswith("0 created, 2 already existed\n")


def test_a_notebook_with_other_cells_is_reported_and_unchanged(declared: Project, say: Say) -> None:
    declared.write("notebooks/workers/first-ana-1.ipynb", "mine")
    made = say("workers", "first")
    assert made.out == "notebooks/workers/first-ana-2.ipynb\n"
    assert (
        "notebooks/workers/first-ana-1.ipynb exists with other cells; it stays unchanged\n"
        in made.err
    )
    assert (declared.root / "notebooks/workers/first-ana-1.ipynb").read_text() == "mine"


def test_a_script_can_read_the_created_notebooks_and_their_links(
    declared: Project, say: Say
) -> None:
    say("workers", "first")
    path = declared.root / "notebooks/workers/first-ana-1.ipynb"
    try:
        os.setxattr(path, "user.drive.id", b"1aB")
    except (AttributeError, OSError):
        pytest.skip("needs extended attributes")
    link = "https://colab.research.google.com/drive/1aB"
    assert say("workers", "first").out == f"notebooks/workers/first-ana-1.ipynb  {link}\n"
    assert say("workers", "first", "-n", "2", "--json").json == [
        {"notebook": "notebooks/workers/first-ana-1.ipynb", "new": False, "link": link},
        {"notebook": "notebooks/workers/first-ana-2.ipynb", "new": True, "link": None},
    ]


def test_options_reach_the_form(declared: Project, say: Say) -> None:
    [name] = say("workers", "first", "--max-time", "90m", "--release").out.splitlines()
    cells = json.loads((declared.root / name).read_text())["cells"]
    form = "".join(cells[1]["source"])
    assert 'max_time = "90m"' in form
    assert "release_machine = True" in form


def test_an_impossible_request_is_refused_and_nothing_is_written(
    declared: Project, say: Say
) -> None:
    declared.declare("loop", LOOP)
    before = everything(declared.root)
    refused(say("workers", "frist"), "sweep 'frist' does not exist; did you mean first?")
    refused(say("workers", "first", "-n", "0"), "-n is 0; give a number")
    refused(
        say("workers", "first", "--member", "eve"), "'eve' is not a member", "colabctl member add"
    )
    refused(say("workers", "first", "--max-time", "soon"), "--max-time", "write 90s, 10m")
    refused(say("workers", "loop"), "sweep loop has no `program:`")
    assert everything(declared.root) == before


def test_a_worker_notebook_needs_approved_code(
    declared: Project, say: Say, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = {"COLABCTL_APPROVALS": str(tmp_path_factory.mktemp("approvals"))}
    refused(
        say("workers", "first", **elsewhere),
        "neither declared nor approved (declared by ana,",
        "colabctl trust first",
    )
    assert say("trust", "first", "--yes", **elsewhere).code == 0
    assert say("workers", "first", **elsewhere).code == 0
