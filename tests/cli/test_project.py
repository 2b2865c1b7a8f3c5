"""`init` and `member`: a project and its people."""

from pathlib import Path

from tests.cli.conftest import Say
from tests.processes import Project
from tests.project.conftest import everything


def test_a_folder_becomes_a_project(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "new/deep"
    answer = say("init", str(folder), "--name", "Churn, 2nd", "--member", "eve", "--owner", "eve")
    assert (answer.code, answer.out) == (0, f"{folder}\n")
    assert "created data/raw\n" in answer.err
    assert (folder / "colabctl.yaml").is_file()
    assert say("member", "list", "--json", cwd=folder).json == ["eve"]


def test_init_takes_the_current_folder_by_default(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    assert say("init", cwd=folder).out == f"{folder}\n"
    assert (folder / "colabctl.yaml").is_file()


def test_init_takes_a_path_through_the_folder_above(project: Project, say: Say) -> None:
    answer = say("init", "../new", "--member", "ana", cwd=project.root)
    new = project.root.with_name("new")
    assert (answer.code, answer.out) == (0, f"{new}\n"), answer.err
    assert say("me", "--root", "../new", cwd=project.root).out == "ana\n"


def test_creating_a_project_twice_changes_nothing(project: Project, say: Say) -> None:
    project.write("colabctl.yaml", (project.root / "colabctl.yaml").read_text() + "# mine\n")
    project.write("notebooks/ana/start.ipynb", "mine")
    say("init")
    before = everything(project.root)
    again = say("init", "--name", "other", "--member", "ana")
    assert (again.code, again.err) == (0, "nothing to create; everything exists already\n")
    assert everything(project.root) == before


def test_members_are_added_and_listed(project: Project, say: Say) -> None:
    config = (project.root / "colabctl.yaml").read_bytes()
    added = say("member", "add", "eve")
    assert (added.code, added.err.splitlines()[-1]) == (0, "eve is now a member")
    assert say("member", "list").out == "ana\nben\neve\n"
    for folder in ("notebooks/eve", "results/eve", "checkpoints/eve"):
        assert (project.root / folder).is_dir()
    before = everything(project.root)
    assert say("member", "add", "EVE").err == "EVE is already a member\n"
    assert everything(project.root) == before
    assert (project.root / "colabctl.yaml").read_bytes() == config


def test_a_command_finds_the_project_from_any_folder_in_it(project: Project, say: Say) -> None:
    assert say("member", "list", cwd=project.root / "data/raw").out == "ana\nben\n"


def test_the_option_decides_then_the_variable_then_the_folder(
    project: Project, say: Say, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        say("init", str(tmp_path / name), "--member", name)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert say("member", "list", "--root", one, COLABCTL_ROOT=two).out == "one\n"
    assert say("member", "list", COLABCTL_ROOT=two).out == "two\n"


def test_init_refuses_a_list_of_members_in_one_option(say: Say, tmp_path: Path) -> None:
    said = say("init", str(tmp_path / "new"), "--member", "ana,ben")
    assert (said.code, said.err) == (
        1,
        "colabctl: --member ana,ben: repeat the option, once for each member\n",
    )
    assert not (tmp_path / "new").exists()
