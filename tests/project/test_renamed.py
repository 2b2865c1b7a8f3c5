"""Members get another name, retire and come back; nothing of theirs is lost."""

import itertools
import json
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.current_member import current_member, remember
from colabctl.project.layout import Layout
from colabctl.project.member_records import Person, present_names, recorded
from colabctl.project.members import add, earlier_members, members, people, rename, retire
from tests.project.conftest import everything


def names(layout: Layout) -> tuple[str, ...]:
    return members(layout, load(layout.root, {}))


def record(layout: Layout, file: str, **parts: object) -> None:
    (layout.member_records / f"{file}.json").write_text(json.dumps({"format": 2, **parts}))


def test_a_renamed_member_keeps_all_files_under_the_new_name(project: Layout) -> None:
    (project.member_results("ana") / "a.txt").write_text("mine")
    before = everything(project.root)
    done = rename(project, "ana", "anna")
    assert [target.name for _, target in done.moved] == ["anna"] * 3
    assert done.in_config
    after = everything(project.root)
    kept = {name.replace("/ana", "/anna"): content for name, content in before.items()}
    assert {name: after[name] for name in kept} == kept
    assert names(project) == ("anna", "ben")


def test_a_member_is_found_by_every_name_they_had(project: Layout) -> None:
    rename(project, "ana", "anna")
    rename(project, "anna", "Zoë")
    config = load(project.root, {})
    for name in ("ana", "ANA", "anna", "zoë"):
        assert current_member(config, {"COLABCTL_MEMBER": name}).name == "Zoë"
    called = present_names(project)
    assert [called(name) for name in ("ana", "Anna", "Zoë", "ben")] == ["Zoë"] * 3 + ["ben"]


def test_what_a_machine_remembers_goes_on_working(
    project: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "machine"))
    remember(project.root, "ana")
    rename(project, "ana", "anna")
    assert current_member(load(project.root, {}), {}).name == "anna"


def test_folders_whose_new_name_is_taken_stay_where_they_are(project: Layout) -> None:
    (project.results / "anna").mkdir()
    (project.results / "anna/theirs").write_text("x")
    (project.member_results("ana") / "mine").write_text("y")
    done = rename(project, "ana", "anna")
    assert [path.name for path, _ in done.unmoved] == ["ana"]
    assert (project.results / "ana/mine").read_text() == "y"
    assert (project.results / "anna/theirs").read_text() == "x"


def test_folders_can_be_kept(project: Layout) -> None:
    done = rename(project, "ana", "anna", keep_folders=True)
    assert (done.moved, len(done.unmoved)) == ((), 3)
    assert project.member_results("ana").is_dir()
    assert project.member_results("anna").is_dir()


def test_an_interrupted_rename_is_completed_by_the_same_command(project: Layout) -> None:
    record(project, "r", kind="rename", name="ana", to="anna", at=1)
    project.member_results("ana").rename(project.member_results("anna"))
    (project.member_checkpoints("ana") / "half.pt").write_text("w")
    rename(project, "ana", "anna")
    assert (project.member_checkpoints("anna") / "half.pt").read_text() == "w"
    assert len(list(project.member_records.iterdir())) == 1


def test_only_the_case_of_a_name_can_change(project: Layout) -> None:
    rename(project, "ana", "Ana")
    assert names(project) == ("Ana", "ben")
    assert {path.name for path in project.results.iterdir()} == {"Ana", "ben", "final"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ana", "ben", "two members cannot become one"),
        ("ana", "BEN", "two members cannot become one"),
        ("zoe", "x", "not a member"),
        ("ana", "final", "folder in every project"),
        ("ana", "a/b", "contains /"),
    ],
)
def test_nothing_changes_for_a_name_that_cannot_be(
    project: Layout, old: str, new: str, reason: str
) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match=reason):
        rename(project, old, new)
    assert everything(project.root) == before


def test_a_former_name_is_not_for_someone_else(project: Layout) -> None:
    rename(project, "ana", "anna")
    with pytest.raises(UserError, match="member rename anna ana"):
        add(project, "ana")
    with pytest.raises(UserError, match="former name"):
        rename(project, "ben", "ana")
    rename(project, "anna", "ana")  # but the person can have it again
    assert names(project) == ("ana", "ben")


def test_the_list_in_the_configuration_may_have_either_name(project: Layout) -> None:
    rename(project, "ana", "anna")
    text = project.config.read_text()
    for listed in ('["anna", "ben"]', '["ana", "anna", "ben"]', '["ben"]'):
        project.config.write_text(text.replace('["ana", "ben"]', listed))
        assert sorted(names(project)) == ["anna", "ben"]


def test_a_retired_member_keeps_everything_and_may_come_back(project: Layout) -> None:
    before = everything(project.root)
    retire(project, "BEN")
    assert {key: everything(project.root)[key] for key in before} == before
    assert names(project) == ("ana",)
    assert Person("ben", is_retired=True) in people(project, load(project.root, {}))
    with pytest.raises(UserError, match=r"ben has retired.*member add ben"):
        current_member(load(project.root, {}), {}, "ben")
    add(project, "ben")
    assert names(project) == ("ana", "ben")
    retire(project, "ben")
    assert names(project) == ("ana",)


def test_machines_that_change_members_at_once_agree_in_whatever_order_files_arrive(
    tmp_path: Path,
) -> None:
    changes: dict[str, dict[str, object]] = {
        "a": {"kind": "rename", "name": "ana", "to": "anna", "at": 10},
        "b": {"kind": "rename", "name": "ana", "to": "anya", "at": 10},
        "c": {"kind": "rename", "name": "ben", "to": "anna", "at": 11},
        "d": {"kind": "retire", "name": "ben", "at": 12},
        "e": {"kind": "return", "name": "ben", "at": 9},
    }
    outcomes = set()
    for number, order in enumerate(itertools.permutations(changes)):
        layout = Layout(tmp_path / str(number))
        layout.member_records.mkdir(parents=True)
        for file in order:
            record(layout, file, **changes[file])
        outcomes.add(recorded(layout))
    # ana was anna for a moment, so ben cannot become anna.
    assert outcomes == {(Person("anya", ("ana", "anna")), Person("ben", is_retired=True))}


def test_a_record_comes_after_those_its_writer_had_read_whatever_the_clock_says(
    project: Layout,
) -> None:
    record(project, "future", kind="retire", name="ben", at=4e9)
    add(project, "ben")
    assert names(project) == ("ana", "ben")


@pytest.mark.parametrize(
    "parts",
    [
        {"kind": "rename", "name": "ana", "at": 1},
        {"kind": "rename", "name": "ana", "to": "../x", "at": 1},
        {"kind": "rename", "name": "ana", "to": "x", "at": "1"},
        {"kind": "retire", "name": "ana", "at": float("nan")},
        {"kind": "explode", "name": "ana", "at": 1},
        {"kind": ["retire"], "name": "ana", "at": 1},
        {"name": "ana", "at": 1},
    ],
)
def test_a_record_that_is_not_valid_has_no_effect(
    project: Layout, parts: dict[str, object]
) -> None:
    record(project, "odd", **parts)
    assert names(project) == ("ana", "ben")


def test_a_project_without_its_configuration_gets_the_same_members_again(project: Layout) -> None:
    add(project, "cleo")
    add(project, "dora")
    rename(project, "ben", "benno")
    retire(project, "dora")
    project.config.unlink()
    assert sorted(earlier_members(project)) == ["ana", "benno", "cleo"]
    create(project.root, members=earlier_members(project))
    assert sorted(names(project)) == ["ana", "benno", "cleo"]
