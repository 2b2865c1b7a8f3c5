"""Doctor names folders that are missing, files in their place, and names that not everyone can use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colabctl.doctor.check import Check
from colabctl.doctor.names import names
from colabctl.doctor.places import places
from colabctl.doctor.versions import versions
from colabctl.ledger.state.writer import Writer
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.layout import Layout
from colabctl.project.members import rename, retire
from colabctl.version import VERSION


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    create(tmp_path / "p", members=["ana", "ben"])
    return Layout(tmp_path / "p")


def said(checks: Iterator[Check]) -> list[str]:
    found = list(checks)
    assert all(check.fix for check in found if check.level != "ok")
    return [f"{check.level}: {check.what}" for check in found]


def placed(layout: Layout, *, eventual: bool = False) -> list[str]:
    return said(places(layout, load(layout.root, {}), eventual=eventual))


def test_a_whole_project_has_all_folders(layout: Layout) -> None:
    assert placed(layout) == ["ok: all folders of the project and its members are there"]


def test_missing_folders_are_noted_with_the_command_that_creates_them(layout: Layout) -> None:
    layout.final.rmdir()
    layout.member_checkpoints("ben").rmdir()
    found = ["note: results/final is missing", "note: checkpoints/ben is missing"]
    assert placed(layout) == placed(layout, eventual=True) == found
    create(layout.root)
    assert len(placed(layout)) == 1


def test_a_folder_inside_a_missing_one_is_not_named_again(layout: Layout) -> None:
    for folder in (layout.raw, layout.interim, layout.processed, layout.data):
        folder.rmdir()
    assert placed(layout) == ["note: data is missing"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_wrong(layout: Layout, kind: str) -> None:
    layout.interim.rmdir()
    if kind == "file":
        layout.interim.touch()
    else:
        layout.interim.symlink_to("/nowhere")
    what = "is a file, but must be a folder" if kind == "file" else "is a link that leads nowhere"
    assert placed(layout) == [f"wrong: data/interim {what}"]


def test_paths_that_lead_nowhere_name_their_key(layout: Layout) -> None:
    text = layout.config.read_text()
    layout.config.write_text(f"{text}paths: {{notebooks: notebuks}}\nread_only: [data/labels]\n")
    moved = load(layout.root, {})
    assert said(places(moved.layout, moved, eventual=False)) == [
        "note: notebuks is missing (paths.notebooks in colabctl.yaml)",
        "wrong: data/labels (read_only in colabctl.yaml) is not a folder",
    ]


def test_folders_with_a_former_name_are_noted_and_those_of_the_retired_are_not(
    layout: Layout,
) -> None:
    rename(layout, "ana", "anna", keep_folders=True)
    retire(layout, "ben")
    layout.member_results("ben").rmdir()
    assert placed(layout) == [
        f"note: {folder}/ana has a former name of anna"
        for folder in ("notebooks", "results", "checkpoints")
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a:b.csv", "contains :, which Windows refuses"),
        ("what?", "contains ?, which Windows refuses"),
        ("end.", "ends with '.', which Windows drops"),
        ("con.txt", "is the name of a device on Windows"),
        ("a\tb", "contains U+0009 (invisible), which Windows refuses"),
    ],
)
def test_names_that_windows_refuses_are_noted(layout: Layout, name: str, problem: str) -> None:
    (layout.raw / name).touch()
    [found] = said(names(layout))
    assert found.startswith("note: data/raw/")
    assert found.endswith(problem)


@pytest.mark.parametrize(
    "name", ["a b.csv", "Zoë.csv", "日本.csv", ".hidden", "-x", "a..b", "console"]
)
def test_usual_names_are_fine(layout: Layout, name: str) -> None:
    (layout.raw / name).touch()
    assert said(names(layout))[0].startswith("ok: ")


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ("Data.csv", "data.csv", "differ only in case"),
        ("st\u00e9rn", "ste\u0301rn", "look the same (two forms of Unicode)"),
    ],
)
def test_names_that_are_one_on_another_system_are_wrong(
    layout: Layout, first: str, second: str, how: str
) -> None:
    (layout.raw / first).touch()
    (layout.raw / second).touch()
    if len(list(layout.raw.iterdir())) < 2:
        pytest.skip("this file system takes the two for one")
    [found] = said(names(layout))
    assert found.startswith("wrong: data/raw: ")
    assert how in found


def test_a_long_path_is_noted_once_where_it_gets_long(layout: Layout) -> None:
    deep = layout.processed.joinpath(*["a-long-name-of-a-folder"] * 12)
    deep.mkdir(parents=True)
    (deep / "x.csv").touch()
    [found] = said(names(layout))
    assert "paths of more than 200 characters" in found


def test_thousands_of_files_in_one_folder_are_noted(layout: Layout) -> None:
    for number in range(2001):
        (layout.raw / f"{number}.csv").touch()
    [found] = said(names(layout))
    assert found.startswith("note: data/raw has 2,001 entries; a Drive mount gets slow")


def test_only_some_findings_of_a_kind_are_shown(layout: Layout) -> None:
    for number in range(12):
        (layout.raw / f"{number}:").touch()
    assert said(names(layout))[-1] == "note: names that Windows refuses: 7 more"


def worker(version: str, started: float) -> Writer:
    one = Writer("w", 0, 60.0)
    one.version, one.started, one.host = version, started, "vm"
    return one


def test_the_last_version_of_each_member_counts() -> None:
    old, new = worker("0.0.1", 1.0), worker(VERSION, 2.0)
    assert said(versions([("ana", old), ("ana", new)])) == [
        f"ok: every member ran colabctl {VERSION} last, as here"
    ]
    found = list(versions([("ana", new), ("ben", old), ("cleo", worker("9.0", 3.0))]))
    assert ["newer" in check.what for check in found] == [True, False]
    assert "ask ben to upgrade" in found[0].fix
    assert "upgrade this machine" in found[1].fix
    assert said(versions([])) == []


def test_a_damaged_record_of_a_member_is_named(layout: Layout) -> None:
    (layout.member_records / "cleo.json").write_text('{"format": 1, "na')
    assert placed(layout) == [
        "note: .colabctl/members/cleo.json is damaged or not complete, so it has no effect"
    ]
