"""`init` and `member`: a project and its people."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project
from tests.project.conftest import everything


def test_a_folder_becomes_a_project(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "new/deep"
    answer = say("init", str(folder), "--name", "Churn, 2nd", "--member", "eve", "--owner", "eve")
    assert (answer.code, answer.out) == (0, f"{folder}\n")
    assert "created data, with 3 files and folders\n" in answer.err
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


def test_init_suggests_the_command_that_uses_folders_that_are_there(
    say: Say, tmp_path: Path
) -> None:
    folder = tmp_path / "full"
    (folder / "nbs").mkdir(parents=True)
    (folder / "nbs/a.ipynb").write_text("{}")
    before = everything(folder)
    refusal = say("init", "--member", "ana", cwd=folder)
    refused(refusal, "nbs (notebooks)", "colabctl init --member ana --adopt notebooks=nbs;")
    assert everything(folder) == before
    assert say("init", "--member", "ana", "--adopt", "notebooks=nbs", cwd=folder).code == 0
    assert not (folder / "notebooks").exists()
    assert (folder / "nbs/ana/start.ipynb").is_file()


def test_init_creates_the_usual_folders_beside_others_if_told(say: Say, tmp_path: Path) -> None:
    (tmp_path / "full/models").mkdir(parents=True)
    assert say("init", str(tmp_path / "full"), "--adopt", "none").code == 0
    assert (tmp_path / "full/checkpoints").is_dir()


def test_init_after_a_lost_configuration_finds_the_members_again(
    project: Project, say: Say
) -> None:
    say("member", "add", "cleo")
    (project.root / "colabctl.yaml").unlink()
    again = say("init")
    assert again.code == 0
    assert "the members are as before: ana, ben, cleo" in again.err
    assert say("member", "list", "--json").json == ["ana", "ben", "cleo"]


def test_init_says_where_notebooks_are_safe(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.ipynb").write_text("{}")
    assert "note: 1 notebook in the project's folder itself" in say("init", cwd=folder).err


def test_a_renamed_member_is_one_person_wherever_people_are_shown(
    declared: Project, say: Say
) -> None:
    assert declared.run("work", "first", "--max-tasks", "1", member="ana").code == 0
    renamed = say("member", "rename", "ana", "anna")
    assert renamed.err.splitlines()[-1] == "ana is now called anna; both names count as one member"
    assert declared.run("work", "first", member="anna").code == 0
    say("pause", "first")
    status = say("status", "first", "--json").json
    assert {worker["member"] for worker in status["workers"]} == {"anna"}
    assert status["best"] is None or status["best"]["member"] == "anna"
    assert status["ordered"] is None or status["ordered"]["member"] == "anna"
    results = say("results", "first", "--format", "json").json
    assert [row["member"] for row in results] == ["anna", "anna"]
    assert "ana " not in say("status", "first").out
    assert say("me").out == "anna\n"  # COLABCTL_MEMBER is still ana


def test_members_are_listed_with_former_names_and_who_has_retired(
    project: Project, say: Say
) -> None:
    say("member", "rename", "ana", "anna")
    assert say("member", "retire", "ben").code == 0
    assert say("member", "list").out == "anna (was ana)\nben (retired)\n"
    assert say("member", "list", "--json").json == ["anna"]
    assert say("member", "list", "--json", "--all").json == [
        {"name": "anna", "former": ["ana"], "retired": False},
        {"name": "ben", "former": [], "retired": True},
    ]
    assert say("member", "add", "ben").err.endswith("ben is now a member\n")


@pytest.mark.parametrize("name", ["ana b", "o'neil", "Zoë", "日本", "a@b.de", "50%"])
def test_a_member_may_have_any_name_that_can_be_a_folder(
    declared: Project, say: Say, name: str
) -> None:
    assert say("member", "add", name).code == 0
    assert (
        say("notebook", "new", "try", COLABCTL_MEMBER=name).out == f"notebooks/{name}/try.ipynb\n"
    )
    assert declared.run("work", "first", member=name).code == 0
    assert {row["member"] for row in say("results", "first", "--format", "json").json} == {name}
    assert say("status", "first").code == say("doctor").code == 0


def test_the_last_member_retires_only_if_someone_insists(project: Project, say: Say) -> None:
    say("member", "add", "ben")
    assert say("member", "retire", "ben").code == 0
    refused(say("member", "retire", "ana"), "ana is the only member", "--yes")
    assert say("member", "retire", "ana", "--yes").code == 0


def test_no_one_becomes_another_member_because_they_have_retired(
    project: Project, say: Say
) -> None:
    say("member", "add", "ben")
    say("me", "ben")
    say("member", "retire", "ben")
    refused(say("me", COLABCTL_MEMBER=""), "you were ben on this machine, but ben has retired")


def test_names_that_cannot_be_meant_are_refused_with_what_to_do(project: Project, say: Say) -> None:
    refused(say("member", "add", "cleo,dan"), "once for each member")
    refused(say("member", "add", "template.ipynb"), "the name of a file in every project")
    refused(say("member", "rename", "ana", "ana"), "ana has this name already")
    for word in ("remove", "delete"):
        refused(say("member", word, "ana"), "colabctl member retire ana")
    assert say("member", "list", "--json").json == ["ana", "ben"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
def test_what_is_no_template_does_not_keep_members_from_coming(
    project: Project, say: Say, tmp_path: Path, kind: str
) -> None:
    template = project.root / "notebooks/template.ipynb"
    if kind == "pipe":
        os.mkfifo(template)
    elif kind == "folder":
        template.mkdir()
    else:
        (tmp_path / "outside.ipynb").write_text("{}")
        template.symlink_to(tmp_path / "outside.ipynb")
    for command in (("add", "ben"), ("rename", "ben", "benjamin")):
        said = say("member", *command)
        assert said.code == 0, said
        assert "so the usual notebook is used" in said.err
    assert (project.root / "notebooks/benjamin/start.ipynb").exists()
    assert say("notebook", "new", "first", "--member", "ana").code == 0
