"""`protect` and `verify`: recorded data, and what has changed since."""

from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.processes import Project


@pytest.fixture
def data(project: Project, say: Say) -> Path:
    project.write("data/raw/a.csv", "1,2\n")
    project.write("data/raw/deep/b.csv", "3,4\n")
    protected = say("protect")
    assert protected.code == 0
    assert "data/raw: 2 files, 8 bytes recorded, 2 new" in protected.err
    return project.root / "data/raw"


def replace(file: Path, text: str) -> None:
    file.chmod(0o644)
    file.write_text(text)


def test_unchanged_data_passes(say: Say, data: Path) -> None:
    for arguments in (["verify"], ["verify", "data/raw"], ["verify", str(data)]):
        proved = say(*arguments)
        assert (proved.code, proved.out) == (0, "data/raw: 2 files, all unchanged\n")
    answer = say("verify", "--json")
    assert (answer.code, answer.json) == (
        0,
        [
            {
                "folder": "data/raw", "checked": 2, "read": 2, "unproven": 0,
                "oldest": answer.json[0]["oldest"], "changed": [], "missing": [], "added": [],
                "unreadable": [], "unsteady": [], "touched": [], "unseen": [], "without_bytes": [],
                "replaced": [], "links": [], "twins": [], "disputed": [], "copies": [],
            }
        ],
    )  # fmt: skip
    assert answer.json[0]["oldest"] is not None


def test_protected_data_is_marked_read_only(data: Path) -> None:
    assert (data / "a.csv").stat().st_mode & 0o222 == 0


@pytest.mark.parametrize(
    ("change", "shown", "expected"),
    [
        (lambda raw: replace(raw / "a.csv", "1,3\n"), "changed: data/raw/a.csv", {"changed": ["a.csv"]}),
        (lambda raw: replace(raw / "a.csv", "1,2\n3\n"), "changed: data/raw/a.csv", {"changed": ["a.csv"]}),
        (lambda raw: (raw / "deep/b.csv").unlink(), "missing: data/raw/deep/b.csv", {"missing": ["deep/b.csv"]}),
        (lambda raw: (raw / "c.csv").touch(), "added: data/raw/c.csv", {"added": ["c.csv"]}),
    ],
)  # fmt: skip
def test_every_change_of_the_data_is_named_and_exits_with_3(
    say: Say, data: Path, change: object, shown: str, expected: dict[str, list[str]]
) -> None:
    assert callable(change)
    change(data)
    answer = say("verify")
    assert (answer.code, answer.out) == (3, f"{shown}\n")
    assert "colabctl protect" in answer.err
    script = say("verify", "--json")
    assert script.code == 3
    assert {key: script.json[0][key] for key in expected} == expected


def test_new_data_is_recorded_but_changed_data_only_with_accept_changes(
    say: Say, data: Path
) -> None:
    (data / "c.csv").write_text("5")
    assert "3 files, 9 bytes recorded, 1 new" in say("protect").err
    assert say("verify").code == 0
    replace(data / "a.csv", "changed\n")
    refused = say("protect")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "a.csv" in refused.err
    assert say("verify").code == 3
    assert say("protect", "--accept-changes").code == 0
    assert say("verify").code == 0


def test_accepted_changes_are_listed(say: Say, data: Path) -> None:
    replace(data / "a.csv", "changed\n")
    (data / "deep/b.csv").unlink()
    (data / "c.csv").write_text("5")
    accepted = say("protect", "--accept-changes", "--json")
    assert accepted.err.splitlines()[:8] == [
        "data/raw differs from its record, and will be recorded as it is now:",
        "  changed: a.csv",
        "  missing, to be dropped from the record: deep/b.csv",
        "  added: c.csv",
        "data/raw: 2 files, 9 bytes recorded, 1 new",
        "  added: c.csv",
        "  accepted as changed: a.csv",
        "  accepted as missing: deep/b.csv",
    ]
    report = accepted.json[0]
    assert (report["added"], report["accepted"]) == (["c.csv"], ["a.csv", "deep/b.csv"])
    again = say("protect", "--accept-changes", "--json")
    assert (again.json[0]["added"], again.json[0]["accepted"]) == ([], [])
    assert "accepted" not in again.err


def test_a_long_list_of_accepted_changes_is_cut_on_the_screen(say: Say, data: Path) -> None:
    for number in range(25):
        (data / f"{number:02}.csv").write_text("1")
    accepted = say("protect", "--accept-changes", "--json")
    assert "  added: 19.csv\n  added: 5 more, which --json lists\n" in accepted.err
    assert len(accepted.json[0]["added"]) == 25


def test_a_missing_file_is_listed_as_still_recorded(say: Say, data: Path) -> None:
    (data / "deep/b.csv").unlink()
    assert "  missing, still recorded: deep/b.csv\n" in say("protect").err


def test_another_folder_can_be_protected_too(project: Project, say: Say) -> None:
    project.write("data/labels/a.csv", "1")
    assert say("verify", "data/labels").code == 1
    assert say("protect", "data/labels", "--json").json[0]["folder"] == "data/labels"
    assert say("verify", "data/labels").code == 0
    assert say("verify", ".", cwd=project.root / "data/labels").code == 0
    (project.root / "data/labels/a.csv").chmod(0o644)
    (project.root / "data/labels/a.csv").write_text("2")
    assert say("verify", "data/labels").code == 3


def test_protect_says_how_verify_includes_a_folder_every_time(project: Project, say: Say) -> None:
    project.write("data/labels/a.csv", "1")
    note = "to have sweeps check it, add data/labels to read_only in colabctl.yaml\n"
    assert note in say("protect", "data/labels").err
    assert note in say("protect", ".", cwd=project.root / "data/labels").err
    for arguments in ([], ["data/raw"], [str(project.root / "data/../data/raw")]):
        assert "read_only" not in say("protect", *arguments).err
    assert "read_only" not in say("protect", "data/labels", COLABCTL_READ_ONLY="data/labels").err


def test_a_manifest_that_is_damaged_is_named(project: Project, say: Say, data: Path) -> None:
    project.write("data/raw.manifest.json", "{")
    said = say("verify")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "raw.manifest.json" in said.err


def test_verify_says_what_it_does_not_compare(say: Say, data: Path) -> None:
    (data / "link.csv").symlink_to("a.csv")
    (data / "a.csv.bad-12345678").write_text("old")
    say("protect")
    proved = say("verify")
    assert proved.code == 0
    assert "1 link, of which only the target's name is compared" in proved.err
    assert "1 file passed over, named NAME.bad-DIGEST" in proved.err
