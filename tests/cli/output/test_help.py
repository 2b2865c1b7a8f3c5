"""Help is complete, and instant."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import colabctl
from colabctl.cli import _with_only
from colabctl.cli.app import app
from tests.cli.conftest import SWEEP, TRAIN, Say
from tests.processes import Project, clean

COMMANDS = ["init", "demo", "member", "member add", "member list", "protect", "verify", "sweep",
            "export", "guide", "doctor",
            "work", "trust", "workers", "notebook", "notebook new", "status", "results", "pause", "resume", "stop", "retry"]  # fmt: skip
# Only some commands need these; Typer itself needs rich.
HEAVY = ["nbclient", "nbformat", "sklearn", "optuna", "pandas", "numpy", "pyarrow", "pydantic"]


def test_help_lists_the_commands(say: Say) -> None:
    shown = say("--help")
    assert shown.code == 0
    for command in COMMANDS:
        assert command.split()[0] in shown.out


def test_commands_are_listed_in_groups(say: Say) -> None:
    shown = say("--help").out
    names = ["Project", "Data", "Sweeps", "Work", "See", "Steer", "Share"]
    titles = [line.split()[1] for line in shown.splitlines() if line.startswith("╭─ ")]
    assert titles == ["Options", *names]
    assert shown.index(" Sweeps ") < shown.index(" export ") < shown.index(" Work ")


def test_the_command_alone_shows_how_to_start(say: Say) -> None:
    said = say()
    assert (said.code, said.err) == (0, "")
    assert len(said.out.splitlines()) <= 15
    for typed in ("demo", "init", "sweep", "work", "guide", "--help"):
        assert f"colabctl {typed}" in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_text(say: Say, command: str) -> None:
    shown = say(*command.split(), "--help")
    assert (shown.code, shown.err) == (0, "")
    assert f"Usage: colabctl {command}" in shown.out
    assert say(*command.split(), "-h").out == shown.out


def test_the_version_is_that_of_the_package(say: Say) -> None:
    assert say("--version").out == f"{colabctl.__version__}\n"


MAIN = """
import sys
from colabctl.cli import main
sys.argv = ["colabctl", "{}"]
try:
    main()
except SystemExit:
    pass
"""


def loaded(project: Project, text: str) -> set[str]:
    """Return the names of the modules that are there after running `text`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{text}\nimport json, sys; print(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=project.root,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "text",
    [
        "import colabctl",
        "import colabctl.cli.app",
        MAIN.format("--help"),
        MAIN.format("status"),
        "import colabctl; colabctl.open(member='ana')",
    ],
)
def test_heavy_libraries_are_loaded_only_when_needed(project: Project, text: str) -> None:
    assert loaded(project, text) & set(HEAVY) == set()


def test_a_worker_of_functions_loads_only_what_it_needs(project: Project) -> None:
    project.write("train.py", TRAIN)
    project.declare("first", SWEEP)
    options = ["work", "--root", ".", "--jobs", "1", "--max-tasks", "2", "--member", "ana"]
    worker = loaded(project, MAIN.format('", "'.join(options)))
    rarely = {
        "html",
        "hmac",
        "secrets",
        "colabctl.run.failures.failure",
        "colabctl.search",
        "colabctl.api",
    }
    assert "colabctl.work.worker" in worker
    assert worker & {"rich", "jsonschema", *rarely, *HEAVY} == set()


def test_declaring_a_sweep_loads_no_heavy_library(project: Project) -> None:
    project.write("train.py", TRAIN)
    project.write("first.yaml", SWEEP)
    loaded_modules = loaded(project, MAIN.format('sweep", "first.yaml", "--member", "ana'))
    assert (project.root / "sweeps/first/plan.json").exists()
    assert loaded_modules & set(HEAVY) == set()


@pytest.mark.parametrize("jobs", ["0", "-1", "1.5", "x", "", " ", "²"])
def test_a_number_that_is_not_allowed_is_wrong_usage(say: Say, jobs: str) -> None:
    said = say("work", "--jobs", jobs)
    assert (said.code, "Invalid value for '--jobs'" in said.err) == (2, True), said.err


def test_only_the_command_that_is_run_is_prepared() -> None:
    names = [each.callback.__name__ for each in _with_only(["work"]).registered_commands]  # type: ignore[union-attr]
    assert names == ["work"]
    for others in ([], ["member"], ["--help"], ["wrok"]):
        assert _with_only(others) is app


def test_importing_the_package_loads_very_little(project: Project) -> None:
    heavy = {"typer", "click", "rich", "yaml", "subprocess", "sqlite3", "asyncio", *HEAVY}
    assert loaded(project, "import colabctl; colabctl.task; colabctl.open") & heavy == set()


@pytest.fixture
def installed() -> Path:
    """Return the path of the installed command."""
    command = Path(sys.executable).with_name("colabctl")
    if not command.exists() or shutil.which("bash") is None:
        pytest.skip("needs the installed command, and bash")
    return command


@pytest.mark.parametrize(
    ("words", "completed"), [("st", ["stage", "status", "stop"]), ("guide comm", ["commands"])]
)
def test_bash_gets_a_script_that_completes_commands_and_topics(
    project: Project, installed: Path, words: str, completed: list[str]
) -> None:
    """The script is read by a real bash, which then completes `colabctl st`."""
    asked = f"{installed} --show-completion; true"
    script = bash(asked, project).stdout
    assert "complete " in script
    typed = f"""{script}
        complete -p colabctl >&2
        export COMP_WORDS=(colabctl {words}) COMP_CWORD={len(words.split())}
        export PATH="{installed.parent}:$PATH"
        _colabctl_completion colabctl; echo "${{COMPREPLY[@]}}"
    """
    assert bash(typed, project).stdout.split() == completed


def bash(script: str, project: Project) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True, text=True, check=True, cwd=project.root,
        env={**clean(os.environ), "SHELL": "/bin/bash"},
    )  # fmt: skip


def test_names_of_sweeps_are_completed(project: Project) -> None:
    for name in ("grid", "great", "other"):
        project.declare(name, "method: grid\nparameters: {x: {values: [1]}}\n")
    script = "from colabctl.cli.options import complete_sweep; print(complete_sweep('gr'))"
    assert project.python(script).out == "['great', 'grid']\n"
    elsewhere = "import os; os.chdir('/'); "
    assert project.python(elsewhere + script).out == "[]\n"
