"""A command starts the frozen copy of the program, whichever way it names it."""

import shlex
from pathlib import Path

import pytest

from colabctl.errors import UserError
from tests.code.trees import frozen, lay_out

STUB = "import sys; from pkg.cli import main; sys.exit(main())"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return lay_out(
        tmp_path,
        {
            "src/train.py": "",
            "run.sh": "python src/train.py",
            "pkg/__init__.py": "",
            "pkg/cli.py": "def main(): pass",
            "pkg/__main__.py": "",
            "pyproject.toml": '[project.scripts]\nfit = "pkg.cli:main"',
            "tool": "#!/usr/bin/env python3\n",
        },
    )


@pytest.mark.parametrize(
    ("program", "command", "started", "file"),
    [
        ("src/train.py", None, None, "src/train.py"),
        ("src.train", None, "${env} ${interpreter} -m src.train ${args}", "src/train.py"),
        (
            "src.train",
            "python -m ${program} ${args}",
            "python -m src.train ${args}",
            "src/train.py",
        ),
        (
            "fit",
            "${env} ${program} --x",
            f"${{env}} ${{interpreter}} -c '{STUB}' --x",
            "pkg/cli.py",
        ),
        ("fit", "python -m pkg.cli", "python -m pkg.cli", "pkg/cli.py"),
        (None, "python -m src.train ${args}", "python -m src.train ${args}", "src/train.py"),
        (None, "python src/train.py ${args}", "python ${program} ${args}", "src/train.py"),
        (
            None,
            "python -m torch.distributed.run src/train.py",
            "python -m torch.distributed.run ${program}",
            "src/train.py",
        ),
        (None, "A=1 python -u src/train.py", "A=1 python -u ${program}", "src/train.py"),
        (None, "fit ${args}", f"${{interpreter}} -c '{STUB}' ${{args}}", "pkg/cli.py"),
        (None, "python -m pkg ${args}", "python -m pkg ${args}", "pkg/__main__.py"),
        (None, "./run.sh ${args}", "${interpreter} ${program} ${args}", "run.sh"),
        ("run.sh", "${program} ${args}", "${interpreter} ${program} ${args}", "run.sh"),
        ("dummy", "python src/train.py", "python ${program}", "src/train.py"),
        ("tool", None, "${env} python3 ${program} ${args}", "tool"),
    ],
)
def test_a_command_starts_the_frozen_copy(
    project: Path, program: str | None, command: str | None, started: str | None, file: str
) -> None:
    made = frozen(project, program, command=tuple(shlex.split(command)) if command else None)
    assert made.program == file
    assert made.command == (tuple(shlex.split(started)) if started else None)


def test_a_command_line_in_one_word_is_searched_too(project: Path) -> None:
    made = frozen(project, None, command=("bash", "-c", "cd src && python train.py ${args}"))
    assert made.program == "src/train.py"


@pytest.mark.parametrize(
    ("program", "command", "reason"),
    [
        (None, ("python", "src/trian.py"), "did you mean src/train.py?"),
        (None, ("python src/train.py",), "is one word, and no program has that name"),
        (None, ("nvidia-smi",), "command: names no program of the project"),
        ("src/train.py", ("${env}", "${interpreter}"), "command: starts no program"),
        ("pyproject.toml", None, "no interpreter is known for pyproject.toml"),
        ("pyproject.toml", ("${interpreter}", "${program}"), "no interpreter is known"),
    ],
)
def test_a_command_that_can_never_run_is_refused(
    project: Path, program: str | None, command: tuple[str, ...] | None, reason: str
) -> None:
    with pytest.raises(UserError) as refusal:
        frozen(project, program, command=command)
    assert reason in str(refusal.value)


def test_what_only_this_machine_lacks_is_a_note(project: Path) -> None:
    made = frozen(project, "src/train.py", command=("no-such-launcher", "${program}"))
    assert "command: no-such-launcher is not on this machine; the workers need it" in made.notes
