"""`try`: one task in the foreground, with the terminal, and nothing of it recorded."""

import json
import os
import pty
import select
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import FILE, TRAIN, Say, refused
from tests.processes import COMMAND, Finished, Project, clean, linux, until

GRID = "method: grid\nprogram: {program}\nparameters: {{x: {{values: [1, 2]}}}}\n"
FUNCTION = """\
def train(params, task):
    print("with", params["x"])
    task.report(step=1, y=0.5)
    if params["x"] == 2:
        raise ValueError("two")
    (task.folder / "model.txt").write_text("fitted")
    return {"y": params["x"]}
"""


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if ".cache" not in str(path)
    }


def test_a_declared_task_runs_here_and_nothing_is_recorded(project: Project) -> None:
    project.declare("s", GRID.format(program="train.py:train"), FUNCTION)
    project.write("train.py", "raise RuntimeError('not the frozen code')\n")
    before = files(project.root)
    tried = project.run("try", "s", "t000000")
    assert (tried.code, tried.out) == (0, "with 1\nreport at 1: y=0.5\ny = 1\n")
    first, folder, last = tried.err.splitlines()
    assert first == "trying s t000000: x=1"
    assert last.startswith("done in ")
    kept = Path(folder.removeprefix("its files are in "))
    assert (kept / "model.txt").read_text() == "fitted"
    assert [*kept.parent.iterdir()] == [kept]
    shutil.rmtree(kept.parent)
    assert files(project.root) == before
    assert project.status("s")["pending"] == 2


def test_a_failing_task_shows_the_users_traceback(project: Project) -> None:
    project.declare("s", GRID.format(program="train.py:train"), FUNCTION)
    tried = project.run("try", "s", "1")
    assert (tried.code, tried.out) == (1, "with 2\nreport at 1: y=0.5\n")
    assert tried.err == (
        "trying s 1: x=2\n"
        "Traceback (most recent call last):\n"
        '  File "train.py", line 5, in train\n'
        '    raise ValueError("two")\n'
        "ValueError: two\n"
        "failed: ValueError: two; nothing is recorded\n"
    )


def test_code_that_was_not_approved_does_not_run(project: Project) -> None:
    project.declare("s", GRID.format(program="train.py:train"), FUNCTION)
    tried = project.run("try", "s", "0", COLABCTL_APPROVALS=str(project.root.parent / "none"))
    assert (tried.code, tried.out) == (1, "")
    assert "colabctl trust s" in tried.err


def test_a_sweep_file_is_tried_with_the_live_program(project: Project, say: Say) -> None:
    project.write("notebooks/ana/train.py", TRAIN)
    project.write("notebooks/ana/s.yaml", FILE)
    before = files(project.root)
    file = "notebooks/ana/s.yaml"
    assert project.run("try", file).out == "y = 1\n"
    assert project.run("try", file, "--set", "x=3").out == "y = 3\n"
    refused(say("try", file, "--set", "x=4"), "x cannot be 4; the sweep file allows 1, 2, 3")
    refused(say("try", file, "--set", "z=4"), "'z' is not a parameter")
    refused(say("try", file, "--set", "x"), "write NAME=VALUE")
    assert files(project.root) == before


def test_a_program_reads_its_parameters_and_its_exit_code_counts(project: Project) -> None:
    program = """
import sys, colabctl
task = colabctl.task()
task.report(step=1, loss=task.params["x"])
print(sys.argv[1:], flush=True)
task.done(loss=task.params["x"])
sys.exit(task.params["x"] - 1)
"""
    project.declare("s", GRID.format(program="train.py"), program)
    tried = project.run("try", "s", "0")
    assert (tried.code, tried.out) == (0, "['--x=1']\nreport at 1: loss=1\nloss = 1\n")
    tried = project.run("try", "s", "1")
    assert tried.code == 1
    assert tried.err.endswith("failed: the program ended with exit code 1; nothing is recorded\n")


def test_a_notebook_is_tried(project: Project) -> None:
    work = "import colabctl\nprint('with', x)\nopen('gone.csv') if x == 2 else colabctl.task().done(y=x)"
    cells: list[object] = [
        {"cell_type": "code", "id": name, "metadata": {"tags": tags}, "source": source,
         "outputs": [], "execution_count": None}
        for name, tags, source in (("one", ["parameters"], "x = 1"), ("two", [], work))
    ]  # fmt: skip
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    project.write("nb.ipynb", json.dumps(book))
    project.write("s.yaml", GRID.format(program="nb.ipynb"))
    assert project.run("try", "s.yaml").out == "with 1\ny = 1\n"
    tried = project.run("try", "s.yaml", "--set", "x=2")
    assert tried.code == 1
    assert "gone.csv" in tried.out
    assert "filesystem" not in tried.out  # no frames of ours
    assert "failed: cell 2: FileNotFoundError" in tried.err
    [kept] = [line for line in tried.err.splitlines() if line.startswith("its files are in ")]
    shutil.rmtree(Path(kept.removeprefix("its files are in ")).parent)


def test_an_objective_is_tried(project: Project) -> None:
    pytest.importorskip("optuna")
    program = "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"
    project.write("train.py", program)
    text = "method: optuna\nmetric: {name: y, goal: minimize}\nprogram: train.py:objective\ntrials: 3\n"
    project.write("s.yaml", text)
    for arguments in (["s.yaml"],):
        tried = project.run("try", *arguments)
        assert (tried.code, tried.out[:4]) == (0, "y = ")
        assert "suggested x = " in tried.err


def test_what_cannot_be_tried_says_why(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(program="train.py:train"), FUNCTION)
    project.declare("loop", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    refused(say("try", "s"), "name a task of s, such as: colabctl try s 0")
    refused(say("try", "s", "--set", "x=1"), "--set needs a sweep file, and s is a sweep")
    refused(say("try", "t"), "sweep 't' does not exist")
    refused(say("try", "gone.yaml"), "gone.yaml does not exist")
    refused(say("try", "s", "2"), "'2' is not a task of s; its tasks are t000000 to t000001")
    refused(say("try", "s", "0", "--set", "x=1"), "--set is for a sweep file")
    assert say("try", "loop", "0").code == 1


def test_a_file_never_runs_in_place_of_a_sweep(project: Project, say: Say) -> None:
    project.declare("first", GRID.format(program="train.py:train"), FUNCTION)
    project.declare("s.yaml", GRID.format(program="train.py:train"), FUNCTION)
    project.write("evil.py", "raise SystemExit('evil ran')\n")
    for name in ("first", "other", "s.yaml"):
        project.write(name, GRID.format(program="evil.py"))
    refused(say("try", "first"), "name a task of first, such as: colabctl try first 0")
    refused(say("try", "other"), "if you mean the file: colabctl try ./other")
    refused(
        say("try", "s.yaml"), "both a sweep and a file", "colabctl try ./s.yaml", "try s.yaml 0"
    )
    assert say("try", "./s.yaml").code == 1
    assert say("try", "s.yaml", "0").code == 0


def test_a_list_for_a_choice_is_refused(project: Project, say: Say) -> None:
    project.write("train.py", FUNCTION)
    project.write(
        "s.yaml",
        GRID.format(program="train.py:train").replace(
            "x: {values: [1, 2]}", "model: {choices: {a: {}, b: {}}}"
        ),
    )
    for value in ("[1]", "{a: 1}"):
        refused(say("try", "s.yaml", "--set", f"model={value}"), "model cannot be")


def test_no_secret_is_in_what_try_prints(project: Project) -> None:
    config = project.root / "colabctl.yaml"
    project.write(
        "colabctl.yaml", f"{config.read_text()}secrets: [TOK]\nnotify: {{url: NOTIFY_URL}}\n"
    )
    program = """
import os

def train(params, task):
    task.report(step=1, **{os.environ["TOK"]: 1})
    raise ValueError(f"cannot reach {os.environ['NOTIFY_URL']} with {os.environ['TOK']}")
"""
    project.declare("s", GRID.format(program="train.py:train"), program)
    secret = {"TOK": "hunter2!", "NOTIFY_URL": "https://example.org/hook/abc123"}
    tried = project.run("try", "s", "0", **secret)
    assert tried.code == 1
    assert "hunter2" not in tried.out + tried.err
    assert "abc123" not in tried.out + tried.err
    said = "ValueError: cannot reach [NOTIFY_URL] with [TOK]"
    assert f"\n{said}\nfailed: {said}; nothing is recorded\n" in tried.err
    assert "report at 1: [TOK]=1\n" in tried.out


def on_terminal(project: Project, *arguments: str, keys: list[tuple[bytes, bytes]]) -> Finished:
    """Run a command on a terminal; of each pair, type the second after it has printed the first."""
    environ = {**clean(os.environ), "COLABCTL_MEMBER": "ana"}
    left = list(keys)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        os.execvpe(sys.executable, [*COMMAND, *arguments], environ)
    shown = b""
    while True:
        assert select.select([terminal], [], [], 120)[0], shown
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the terminal is closed
            break
        if not data:
            break
        shown += data
        while left and left[0][0] in shown:
            os.write(terminal, left.pop(0)[1])
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Finished(code, shown.decode().replace("\r\n", "\n"), "")


@linux
@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("train.py:train", "def train(params, task):\n    y = params['x'] * 7\n    breakpoint()\n    return {'y': y}\n"),
        ("train.py", "import colabctl\ny = colabctl.task().params['x'] * 7\nbreakpoint()\ncolabctl.task().done(y=y)\n"),
    ],
)  # fmt: skip
def test_a_debugger_has_the_terminal(project: Project, program: str, text: str) -> None:
    project.write("train.py", text)
    project.write("s.yaml", GRID.format(program=program))
    arguments = ("try", "s.yaml", "--set", "x=2")
    tried = on_terminal(project, *arguments, keys=[(b"(Pdb) ", b"y = y + 1\nc\n")])
    assert tried.code == 0
    assert "\ny = 15\n" in tried.out


@linux
@pytest.mark.parametrize("program", ["train.py:train", "train.py"])
def test_ctrl_c_ends_the_task(project: Project, program: str) -> None:
    text = """
import time
def train(params=None, task=None):
    try:
        print("started", flush=True)
        time.sleep(100)
    finally:
        print("cleaned up", flush=True)
if __name__ == "__main__":
    train()
"""
    project.write("train.py", text)
    project.write("s.yaml", GRID.format(program=program))
    tried = on_terminal(project, "try", "s.yaml", keys=[(b"started", b"\x03")])
    assert tried.code == 130
    assert "cleaned up" in tried.out
    assert tried.out.endswith("interrupted; nothing is recorded\n")


@linux
@pytest.mark.parametrize("program", ["train.py:train", "train.py"])
def test_the_third_ctrl_c_kills_a_task_that_ignores_it(project: Project, program: str) -> None:
    text = """
import os, signal, subprocess, time
def train(params=None, task=None):
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"ignored"))
    subprocess.Popen(["sh", "-c", "trap : INT; while :; do sleep 1; done"])
    print("started", flush=True)
    for number in range(10_000):
        time.sleep(0.5)
        print(f"tick {number};", flush=True)
if __name__ == "__main__":
    train()
"""
    project.write("train.py", text)
    project.write("s.yaml", GRID.format(program=program))
    keys = [(b"started", b"\x03"), *((b"tick %d;" % n, b"\x03") for n in range(8))]
    tried = on_terminal(project, "try", "s.yaml", keys=keys)
    assert tried.code == 130
    assert "the task did not end after Ctrl-C, so it was killed\n" in tried.out
    assert tried.out.endswith("interrupted; nothing is recorded\n")
    until(lambda: not project.processes())
