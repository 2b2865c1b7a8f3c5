"""A program is found however the sweep file names it; what can never run is refused."""

import os
from pathlib import Path

import pytest

from colabctl.code.program import NoProgramError
from colabctl.errors import UserError
from tests.code.trees import files, frozen, lay_out


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return lay_out(
        tmp_path / "project",
        {
            "src/__init__.py": "",
            "src/train.py": "def train(params, task): pass",
            "src/__main__.py": "",
            "conf/deep/s.yaml": "",
            "main.py": "",
            "pkg/__init__.py": "",
            "pkg/cli.py": "def main(): pass",
            "pyproject.toml": '[project.scripts]\nfit = "pkg.cli:main"',
            "a/twin.py": "",
            "b/twin.py": "",
        },
    )


@pytest.mark.parametrize(
    ("name", "here", "file", "program", "cwd"),
    [
        ("src/train.py", "", "s.yaml", "src/train.py", "."),
        ("./src/train.py", "", "s.yaml", "src/train.py", "."),
        ("train.py", "src", "s.yaml", "src/train.py", "src"),
        ("train.py", "", "src/s.yaml", "src/train.py", "src"),
        ("src/train.py", "", "src/s.yaml", "src/train.py", "."),
        ("main.py", "", "conf/deep/s.yaml", "main.py", "."),
        ("../../main.py", "", "conf/deep/s.yaml", "main.py", "conf/deep"),
        ("main.py", "src", "src/s.yaml", "main.py", "."),
        ("src.train", "", "s.yaml", "src/train.py", "."),
        ("src", "", "s.yaml", "src/__main__.py", "."),
        ("fit", "", "s.yaml", "pkg/cli.py", "."),
        ("src/train.py:train", "", "s.yaml", "src/train.py:train", "."),
        ("src.train:train", "", "s.yaml", "src/train.py:train", "."),
        ("src\\train.py", "", "s.yaml", "src/train.py", "."),
        # Seen from another folder, or on another machine.
        ("train.py", "", "conf/s.yaml", "src/train.py", "src"),
        ("/home/me/project/src/train.py", "", "s.yaml", "src/train.py", "."),
        ("C:\\work\\project\\src\\train.py", "", "s.yaml", "src/train.py", "."),
        ("old_name/train.py", "", "s.yaml", "src/train.py", "."),
    ],
)
def test_it_is_found(
    project: Path, name: str, here: str, file: str, program: str, cwd: str
) -> None:
    made = frozen(project, name, here=here, file=file)
    assert (made.program, made.cwd) == (program, cwd)
    assert made.code.origin == project.resolve()


def test_an_absolute_path_in_the_project_is_found(project: Path) -> None:
    made = frozen(project, str(project / "src/train.py"))
    assert (made.program, made.cwd) == ("src/train.py", ".")


def test_a_program_in_another_place_is_told(project: Path) -> None:
    made = frozen(project, "train.py")
    assert made.notes[0] == (
        "program: train.py is not here; took src/train.py, the only file that it can mean"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mian.py", "did you mean main.py?"),
        ("src/trian.py", "did you mean src/train.py?"),
        ("twin.py", "is it one of a/twin.py, b/twin.py?"),
        ("conf", "conf is a folder; name the file in it to run"),
        ("../outside.py", "leaves the project; move it into"),
        ("../main.py", "leaves the project; give a path inside it; did you mean main.py?"),
        ("src.nothing", "program: src.nothing does not exist"),
        ("no-such-command", "program: no-such-command does not exist"),
        ("train.py:fit", "has no function 'fit'"),
    ],
)
def test_what_is_not_there_is_refused_with_what_was_meant(
    project: Path, name: str, reason: str
) -> None:
    lay_out(project.parent, {"outside.py": ""})
    with pytest.raises(UserError) as refusal:
        frozen(project, name)
    assert reason in str(refusal.value)


def test_a_program_outside_the_project_comes_with_its_own_repository(
    project: Path, tmp_path: Path
) -> None:
    lay_out(
        tmp_path / "clone",
        {".git/HEAD": "", "sweeps/s.yaml": "", "src/train.py": "import src.net", "src/net.py": ""},
    )
    made = frozen(project, "src/train.py", file="../clone/sweeps/s.yaml")
    assert sorted(made.code.files) == ["src/net.py", "src/train.py"]
    assert made.code.origin == (tmp_path / "clone").resolve()


def test_a_script_that_gives_the_file_to_an_agent_is_its_program(project: Path) -> None:
    lay_out(project, {"go.py": "cfg = load('s.yaml')\nwandb.agent(wandb.sweep(cfg), train)"})
    result = frozen(project, None)
    assert result.program == "go.py"
    assert result.command == ("${env}", "${interpreter}", "${program}")
    assert "s.yaml names no program; took go.py" in result.notes[0]
    assert frozen(project, None, file="other.yaml").program is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_is_no_program(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    with pytest.raises(NoProgramError, match=r"pipe\.py is neither a file nor a folder"):
        frozen(project, "pipe.py")


def test_the_current_folder_can_be_chosen(project: Path) -> None:
    made = frozen(project, "train.py", cwd="src")
    assert (made.program, made.cwd) == ("src/train.py", "src")
    for cwd, reason in (("scr", "did you mean src?"), ("..", "is outside the project")):
        with pytest.raises(UserError) as refusal:
            frozen(project, "main.py", cwd=cwd)
        assert reason in str(refusal.value)


def test_code_adds_files_folders_and_patterns(project: Path) -> None:
    lay_out(project, {"src/a.bin": "", "src/__pycache__/x.pyc": "", ".env": "", "data/x.csv": ""})
    assert files(project, "main.py", code=("pkg",))[-1] == "pyproject.toml"
    assert "src/a.bin" in files(project, "main.py", code=("src/*.bin",))
    assert "src/a.bin" in files(project, "main.py", code=("**/*.bin",))
    assert "src/a.bin" not in files(project, "main.py", code=("*",))
    everything = files(project, "main.py", code=(".",))
    assert "src/a.bin" in everything
    assert not {"src/__pycache__/x.pyc", ".env", "data/x.csv"} & set(everything)
    for name, reason in (
        ("pgk", "did you mean pkg?"),
        (".env", "looks like a secret"),
        ("../x", "is outside the project"),
        ("/etc/passwd", "is outside the project"),
    ):
        with pytest.raises(UserError) as refusal:
            frozen(project, "main.py", code=(name,))
        assert reason in str(refusal.value)
