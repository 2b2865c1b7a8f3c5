"""`space` shows what is used and what can be deleted; `space --tidy` removes what it listed."""

import os
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Finished, Project
from tests.screen import Screen
from tests.space.conftest import WRITER, leftover, swept

__all__ = ["swept"]  # a fixture

MB = 1_000_000


def big(project: Project, name: str, size: int, fill: bytes = b"x") -> Path:
    file = project.write(name, "")
    file.write_bytes(fill * size)
    return file


def lines_of(said: Finished) -> list[str]:
    assert said.code == 0, said.err
    return said.out.splitlines()


def test_each_member_has_a_row_with_what_they_use_and_where(project: Project, say: Say) -> None:
    big(project, "results/ana/a.bin", 3 * MB)
    big(project, "checkpoints/ben/b.bin", 2 * MB)
    big(project, "data/raw/c.bin", 1 * MB)
    said = say("space")
    lines = lines_of(said)
    assert lines[0].startswith("churn: 6.")
    (ana,) = [line for line in lines if line.startswith("  ana ")]
    (ben,) = [line for line in lines if line.startswith("  ben ")]
    assert "3.0 MB  results 3.0 MB" in ana
    assert "2.0 MB  checkpoints 2.0 MB" in ben
    assert any(line.startswith("  of no member ") and "data/raw 1.0 MB" in line for line in lines)
    assert lines.index(ana) < lines.index(ben)
    assert "\x1b" not in said.out
    assert "█" not in said.out


def test_the_largest_files_are_listed(project: Project, say: Say) -> None:
    big(project, "results/ana/a.bin", 3 * MB)
    big(project, "results/ana/b.bin", 4 * MB, b"y")
    lines = lines_of(say("space", "--top", "1"))
    assert lines[lines.index("largest files") + 1].split() == ["4.0", "MB", "results/ana/b.bin"]
    assert not any("a.bin" in line for line in lines)


def test_the_same_content_is_named_with_what_it_costs(project: Project, say: Say) -> None:
    big(project, "data/raw/c.bin", 2 * MB)
    big(project, "results/ana/copy.bin", 2 * MB)
    big(project, "results/ben/small.bin", 1000)
    big(project, "results/ana/small.bin", 1000)
    said = say("space")
    assert "the same content several times: 2.0 MB in copies, which are only named here" in said.out
    assert "  2 x 2.0 MB\n    data/raw/c.bin\n    results/ana/copy.bin\n" in said.out
    assert "small.bin" not in said.out.partition("the same content")[2]
    assert "the same content" not in say("space", "--quick").out


def test_on_a_drive_duplicates_are_read_to_the_end_only_if_asked(
    project: Project, say: Say
) -> None:
    for name in ("a", "b"):
        big(project, f"results/ana/{name}.bin", 2 * MB)
    drive = {"COLABCTL_CONSISTENCY": "eventual"}
    assert "--full reads them to the end" in say("space", **drive).out
    assert say("space", "--json", **drive).json["duplicates"][0]["proved"] is False
    assert say("space", "--json", "--full", **drive).json["duplicates"][0]["proved"] is True


def test_json_has_all_facts(project: Project, say: Say) -> None:
    big(project, "results/ana/a.bin", 3 * MB)
    leftover(project)
    facts = say("space", "--json").json
    ana = facts["members"][0]
    assert (ana["member"], ana["known_bytes"]) == ("ana", 0)
    assert ana["folders"][0] == {"folder": "results", "bytes": 3 * MB + 4, "files": 2}
    assert facts["complete"] is True
    assert facts["largest"][0] == {"path": "results/ana/a.bin", "bytes": 3 * MB}
    assert {each["kind"]: each["files"] for each in facts["removable"]} == {
        "checkpoints": 0, "notebooks": 0, "archived": 0, "leftovers": 1,
            "earlier": 0, "bad": 0,
    }  # fmt: skip
    assert 0 < facts["free"] <= facts["total"]
    assert facts["accounts"] == []
    assert say("space", "--json", "--quick").json["duplicates"] is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_what_cannot_be_read_makes_every_total_a_lower_bound(project: Project, say: Say) -> None:
    closed = project.root / "results" / "ben"
    closed.chmod(0)
    try:
        said, facts = say("space"), say("space", "--json").json
    finally:
        closed.chmod(0o700)
    assert said.out.startswith("churn: at least ")
    assert "not counted: results/ben: Permission denied" in said.out
    assert (facts["complete"], facts["unread"][0]["path"]) == (False, "results/ben")


def test_names_cannot_start_a_line_or_colour_the_terminal(project: Project, say: Say) -> None:
    big(project, "results/ana/new\nline\x1b[31m", 3 * MB)
    said = say("space")
    assert "results/ana/new\\nline<U+001B>[31m" in said.out


def test_each_account_shows_the_room_that_its_workers_saw_last(
    project: Project,
    say: Say,
    swept: Project,
) -> None:
    said = say("space")
    assert "on this file system, for all members" in said.out
    for member, free in (("ana", 12_300_000_000), ("ben", 400_000_000)):
        end = {"event": "end", "reason": "finished", "free": free}
        project.journal("first", end, writer=f"{member}-vm-20260102T030406-abcdef")
    said = say("space", COLABCTL_CONSISTENCY="eventual")
    rows = [line.split() for line in said.out.partition("free room")[2].splitlines()]
    assert ["ana", "12.3", "GB", "seen", "59", "s", "ago"] in [
        [*row[:4], "59", *row[5:]] for row in rows if row[:1] == ["ana"]
    ]
    assert any(row[:3] == ["ben", "400", "MB"] for row in rows)
    assert "ana has the most, so start workers on that account next" in said.out
    accounts = say("space", "--json", COLABCTL_CONSISTENCY="eventual").json["accounts"]
    assert [(each["member"], each["free"]) for each in accounts] == [
        ("ana", 12_300_000_000),
        ("ben", 400_000_000),
    ]


@pytest.mark.parametrize(
    ("free", "accepted"),
    [(-1, False), (1.5, False), ("lots", False), (None, False), (1 << 60, False), (7, True)],
)
def test_a_false_free_room_in_a_journal_is_left_out(
    project: Project,
    say: Say,
    swept: Project,
    free: object,
    accepted: bool,
) -> None:
    end = {"event": "end", "reason": "finished", "free": free}
    project.journal("first", end, writer="ana-vm-20260102T030406-abcdef")
    facts = say("space", "--json", COLABCTL_CONSISTENCY="eventual").json
    assert [each["free"] for each in facts["accounts"]] == ([7] if accepted else [])
    assert say("status", "first").code == 0


def test_tidy_shows_and_removes_nothing_where_no_one_can_be_asked(
    project: Project, say: Say
) -> None:
    file = leftover(project)
    said = say("space", "--tidy")
    assert said.code == 1
    assert "leftovers: 4 bytes in 1 file" in said.out
    assert f"4 bytes  {file.relative_to(project.root)}" in said.out
    assert "nothing was removed" in said.err
    assert "--yes" in said.err
    assert file.exists()


def test_tidy_removes_what_it_listed_and_says_what_that_freed(project: Project, say: Say) -> None:
    file, other = leftover(project), leftover(project, "results/ben")
    said = say("space", "--tidy", "--yes")
    assert (said.code, said.err.splitlines()) == (
        0,
        [
            "not listed: 1 file (4 bytes) of ben; they can remove them, or add --all-members",
            "removed 1 file (4 bytes)",
        ],
    )
    assert (file.exists(), other.exists()) == (False, True)
    assert say("space", "--tidy", "--yes").err.endswith("nothing to delete\n")
    assert say("space", "--tidy", "--yes", "--all-members").code == 0
    assert not other.exists()


def test_on_a_drive_it_says_that_the_trash_counts_and_whose_files_only_move(
    project: Project, say: Say
) -> None:
    leftover(project)
    leftover(project, "results/ben")
    said = say("space", "--tidy", "--yes", "--all-members", COLABCTL_CONSISTENCY="eventual")
    assert "note: 1 file may belong to other accounts" in said.err
    assert "which counts against the quota until it is emptied" in said.err


def test_tidy_takes_only_the_kinds_that_are_named(project: Project, say: Say) -> None:
    file = leftover(project)
    assert "nothing to delete\n" in say("space", "--tidy", "--yes", "notebooks").err
    refused(say("space", "--tidy", "notebook"), "'notebook'", "did you mean notebooks?")
    refused(say("space", "--tidy", "data/raw"), "choose from checkpoints, notebooks")
    assert file.exists()


def test_what_final_results_replaced_goes_only_by_its_name(project: Project, say: Say) -> None:
    old = project.write("results/final/earlier/model.pt-2026-ana-1a2b/model.pt", "old")
    project.write("results/ana/large.bin", "x" * 200_000)
    said = say("space", "--tidy", "--yes")
    assert said.err == "nothing to delete\n"
    assert said.out.startswith("what only you can decide on:\n")
    assert "3 bytes  what other final results have replaced" in said.out
    assert "200 kB  results/ana/large.bin" in said.out
    assert "colabctl space --tidy earlier" in said.out
    assert "can be deleted: 0 bytes" in say("space").out
    assert say("space", "--tidy", "earlier", "--yes").err == "removed 1 file (3 bytes)\n"
    assert not old.exists()


def test_where_nothing_can_be_deleted_a_finished_sweep_may_be_archived(
    swept: Project, say: Say
) -> None:
    runs = f"sweeps/first/runs/{WRITER}/00/00/000000-1-{WRITER}"
    (swept.root / runs / "executed.ipynb").unlink()
    assert say("space", "--tidy", COLABCTL_MEMBER="ben").out == ""
    big(swept, f"{runs}/model.bin", MB)
    said = say("space", "--tidy", COLABCTL_MEMBER="ben")
    assert said.err == "nothing to delete\n"
    assert "1.0 MB  sweep first, if it is archived: colabctl archive first\n" in said.out
    assert "journal" not in said.out


def test_many_files_of_one_folder_are_one_row(project: Project, say: Say) -> None:
    for number in range(3):
        leftover(project, name=f"m{number}.json")
    assert "  12 bytes  results/ana/  3 files\n" in say("space", "--tidy").out


@pytest.mark.parametrize("option", ["--yes", "--all-members", "leftovers"])
def test_what_removes_files_needs_tidy(say: Say, option: str) -> None:
    refused(say("space", option), "add --tidy")


def test_tidy_as_json_is_a_dry_run_unless_yes_is_given(project: Project, say: Say) -> None:
    file = leftover(project)
    name = file.relative_to(project.root).as_posix()
    listed = {"kind": "leftovers", "path": name, "bytes": 4, "member": "ana"}
    plan = {"removed": False, "bytes": 4, "files": [listed], "kept": []}
    assert say("space", "--tidy", "--json").json == plan
    assert file.exists()
    assert say("space", "--tidy", "--json", "--yes").json == {**plan, "removed": True}
    assert not file.exists()


def test_a_person_must_type_yes(project: Project) -> None:
    file = leftover(project)
    for answer in ("y", "no", ""):
        with Screen(project, "space", "--tidy") as screen:
            screen.until(lambda screen: "Type yes" in screen.text)
            screen.type(f"{answer}\n")
            assert screen.end() == 1
            assert "nothing was removed" in screen.text
    with Screen(project, "space", "--tidy") as screen:
        screen.until(lambda screen: "Type yes" in screen.text)
        screen.type("yes\n")
        assert screen.end() == 0
    assert not file.exists()


def test_a_file_that_is_replaced_while_the_question_is_open_stays(project: Project) -> None:
    file = leftover(project)
    with Screen(project, "space", "--tidy") as screen:
        screen.until(lambda screen: "Type yes" in screen.text)
        file.unlink()
        file.write_text("half")
        screen.type("yes\n")
        assert screen.end() == 1
        assert "has changed since it was listed" in screen.text.replace("\n", "")
    assert file.exists()


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_on_a_terminal_there_are_bars_and_no_line_is_too_long(
    project: Project, columns: int
) -> None:
    big(project, f"results/ana/{'long-name-' * 12}.bin", 3 * MB)
    big(project, "checkpoints/ben/b.bin", 1 * MB)
    with Screen(project, "space", columns=columns, rows=60) as screen:
        assert screen.end() == 0
        written = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.written)
    lines = [line.rpartition("\r")[2] for line in written.split("\r\n")]
    assert any(line.startswith("  ana") and "█" in line for line in lines)
    assert max(map(len, lines)) <= columns
