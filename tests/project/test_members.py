"""Who works in a project, and as whom."""

import json
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout
from colabctl.project.members import add, members
from tests.project.conftest import everything


def names(layout: Layout) -> tuple[str, ...]:
    return members(layout, load(layout.root, {}))


def test_a_member_who_comes_later_has_the_same_folders(project: Layout) -> None:
    created = add(project, "cleo")
    assert set(project.member_folders("cleo")) <= set(created.new)
    assert project.start_notebook("cleo") in created.new
    assert names(project) == ("ana", "ben", "cleo")


def test_adding_a_member_does_not_change_the_configuration(project: Layout) -> None:
    before = project.config.read_bytes()
    add(project, "cleo")
    add(project, "dora")
    assert project.config.read_bytes() == before
    assert len(list(project.member_records.iterdir())) == 2


@pytest.mark.parametrize("name", ["ana", "ANA", "cleo", "Cleo"])
def test_adding_a_member_twice_changes_nothing(project: Layout, name: str) -> None:
    add(project, "cleo")
    before = everything(project.root)
    assert add(project, name).new == ()
    assert everything(project.root) == before


@pytest.mark.parametrize("name", ["a/b", "..", "nul", "final", "Workers", ""])
def test_nothing_is_created_for_a_member_with_an_invalid_name(project: Layout, name: str) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match="member name"):
        add(project, name)
    assert everything(project.root) == before


@pytest.mark.parametrize(
    "record",
    ["", '{"format": 1, "name": "cl', "[]", '{"format": 1}', '{"format": 1, "name": 5}',
     '{"format": 1, "name": "../../etc"}', '{"format": 2, "name": "cleo"}', "[" * 100_000, "\xff"],
)  # fmt: skip
def test_a_record_that_is_damaged_or_leads_elsewhere_is_ignored(
    project: Layout, record: str
) -> None:
    (project.member_records / "cleo.json").write_bytes(record.encode("latin-1"))
    assert names(project) == ("ana", "ben")


def test_a_copy_of_a_record_is_not_another_member(project: Layout) -> None:
    for file in ("cleo.json", "cleo (1).json"):
        (project.member_records / file).write_text(json.dumps({"format": 1, "name": "cleo"}))
    (project.member_records / "ANA.json").write_text(json.dumps({"format": 1, "name": "ANA"}))
    assert names(project) == ("ana", "ben", "cleo")


def test_a_project_that_was_never_completed_has_the_members_of_its_file(tmp_path: Path) -> None:
    config = Config(tmp_path, "churn", members=("ana",))
    assert members(config.layout, config) == ("ana",)
