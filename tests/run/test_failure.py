"""Failures in one line, and tracebacks that start in the user's code."""

from pathlib import Path

from colabctl.run.failure import ProgramError, TaskError, describe, explained, headline
from tests.processes import Project

GRID = """\
method: grid
program: train.py:train
max_retries: 0
parameters: {x: {values: [0]}}
"""


def raised(text: str) -> BaseException:
    try:
        exec(compile(text, "train.py", "exec"), {})
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        return error
    raise AssertionError("nothing was raised")


def test_a_group_is_told_with_its_errors() -> None:
    group = raised("raise ExceptionGroup('two', [ValueError('a\\nb'), OSError(28, 'No space')])")
    assert headline(group) == (
        "ExceptionGroup: two (2 sub-exceptions): ValueError: a b; OSError: [Errno 28] No space"
    )


def test_a_secret_is_concealed_before_a_line_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"t.py: error: {'x ' * 245} hunter2\n")

    def conceal(text: str) -> str:
        return text.replace("hunter2", "[TOKEN]")

    line, output = describe(ProgramError("the program ended"), log, conceal)
    assert "hunt" not in line
    assert "hunter2" not in output


def test_an_error_that_says_it_all_is_not_explained(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Error: other\n")
    assert describe(TaskError("no metric"), tmp_path / "log") == ("no metric", "Error: other")
    assert (
        explained("the program ended with exit code 3", "") == "the program ended with exit code 3"
    )


def test_a_failed_child_of_a_function_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("fit.py: error: unrecognized arguments: --lr\n")
    error = raised("import subprocess; raise subprocess.CalledProcessError(2, ['fit.py'])")
    line, _ = describe(error, tmp_path / "log")
    assert line == "fit.py: error: unrecognized arguments: --lr"


def test_a_traceback_starts_in_the_users_code(project: Project) -> None:
    program = """
    def inner():
        raise ValueError("no")

    def train(params, task):
        try:
            inner()
        except ValueError as error:
            raise RuntimeError("worse") from error
    """
    text = "\n".join(line.removeprefix("    ") for line in program.splitlines())
    project.declare("traced", GRID, text)
    project.run("work", "traced")
    [failed] = project.events("traced", "failed")
    assert failed["error"] == "RuntimeError: worse"
    assert "colabctl" not in failed["output"]
    first = 'Traceback (most recent call last):\n  File "train.py", line 7, in train\n'
    assert failed["output"].startswith(first)


def test_a_traceback_has_no_frames_of_ours_below_the_users_code(project: Project) -> None:
    project.declare("traced", GRID, "def train(params, task):\n    open('gone.txt')\n")
    project.declare("script", GRID.replace(":train", ""), "open('gone.txt')\n")
    for name in ("traced", "script"):
        project.run("work", name)
        [failed] = project.events(name, "failed")
        assert "FileNotFoundError" in failed["error"]
        assert "gone.txt" in failed["output"]
        assert "startup" not in failed["output"]


def test_a_traceback_of_a_failed_import_starts_in_the_users_code(project: Project) -> None:
    project.declare("broken", GRID, "import json\njson.loads('{')\ndef train(p, task): pass\n")
    said = project.run("work", "broken").err
    [line, *_] = [line for line in said.splitlines() if line.startswith("  File ")]
    assert "train.py" in line
    assert line.endswith("line 2, in <module>")


def test_a_chain_of_errors_has_only_the_users_frames(project: Project) -> None:
    program = """\
def load():
    return open("gone.csv")

def train(params, task):
    try:
        load()
    except OSError:
        raise RuntimeError("no data")
"""
    project.declare("chain", GRID, program)
    project.run("work", "chain")
    [failed] = project.events("chain", "failed")
    lines = failed["output"].splitlines()
    assert [line for line in lines if line.startswith("  File ")] == [
        '  File "train.py", line 6, in train',
        '  File "train.py", line 2, in load',
        '  File "train.py", line 8, in train',
    ]
    assert "During handling of the above exception, another exception occurred:" in lines


def test_a_module_that_a_program_runs_is_shown_without_what_runs_it(project: Project) -> None:
    project.write("sub.py", "open('gone.csv')\n")
    project.write("pkg/__init__.py", "")
    project.write("pkg/fit.py", "import pathlib\npathlib.Path('gone.csv').read_text()\n")
    program = """\
import runpy, subprocess, sys
subprocess.run([sys.executable, "-m", "pkg.fit"])
runpy.run_path("sub.py")
"""
    project.declare("runs", f"{GRID.replace(':train', '')}code: [sub.py, pkg]\n", program)
    project.run("work", "runs")
    [failed] = project.events("runs", "failed")
    files = [line for line in failed["output"].splitlines() if line.startswith("  File ")]
    assert [file for file in files if "lib/python" not in file] == [
        '  File "pkg/fit.py", line 2, in <module>',
        '  File "train.py", line 3, in <module>',
        '  File "sub.py", line 1, in <module>',
    ]
    assert "runpy>" not in failed["output"]
