"""`archive`, and `sweep --replace`, which archives the sweep that had the name."""

import json
import math
import re
import shutil
import time

import pytest

from colabctl.project.archive import write_record
from colabctl.sweeps import namesakes, plan_of
from tests.cli.conftest import SWEEP, TRAIN, Say, refused
from tests.cli.see.test_status import claim
from tests.processes import Project, end_together, linux


def names(say: Say) -> list[str]:
    return [each["sweep"] for each in say("status", "--json").json]


def test_an_archived_sweep_is_in_no_list_until_it_is_brought_back(
    declared: Project, say: Say
) -> None:
    declared.declare("second", SWEEP)
    files = sorted(declared.root.rglob("sweeps/**/*"))
    said = say("archive", "first", "--member", "ben")
    assert (said.code, said.out) == (0, "")
    assert said.err == (
        "first is archived, and its files stay. Bring it back: colabctl archive --undo first\n"
    )
    assert sorted(declared.root.rglob("sweeps/**/*")) == files
    assert names(say) == ["second"]
    assert re.fullmatch(r"first  archived by ben [\d.]+ m?s ago\n", say("archive").out)
    assert say("archive", "first").err == "first is archived already\n"
    assert say("archive", "--undo", "first", "second").err == (
        "first is back; see it: colabctl status first\nsecond is not archived\n"
    )
    assert names(say) == ["first", "second"]
    assert say("archive").out == "no sweep is archived\n"


def test_an_archived_sweep_is_shown_by_name_and_does_not_run(declared: Project, say: Say) -> None:
    assert say("archive", "first").code == 0
    for command in ("status", "results"):
        shown = say(command, "first")
        assert shown.code == 0
        assert "note: first was archived by ana" in shown.err
        assert shown.err.endswith("back: colabctl archive --undo first\n")
    refused(say("work", "first"), "sweep first was archived by ana", "archive --undo first")
    assert say("work").err == "colabctl: no sweeps yet; declare one: colabctl sweep FILE\n"
    assert declared.events("first") == []


def test_the_later_of_two_decisions_counts_whatever_the_clocks_say(
    declared: Project, say: Say
) -> None:
    assert say("archive", "first").code == 0
    [file] = (declared.root / ".colabctl/archive").glob("*.json")
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "at": 4e9}))
    assert say("archive", "--undo", "first").code == 0
    assert names(say) == ["first"]


RECORD: dict[str, object] = {
    "format": 1, "sweep": "first", "digest": "", "archived": True, "replaced_by": "", "member": "x",
    "at": 1.0, "after": [],
}  # fmt: skip


@pytest.mark.parametrize("at", [10**400, "5", True, None, [], -1, 5e9, math.nan, math.inf])
def test_a_record_whose_time_is_none_has_no_effect(declared: Project, say: Say, at: object) -> None:
    [plan] = [plan_of(sweep) for sweep in namesakes(declared.config({}).layout, "first")]
    record = {**RECORD, "digest": plan.run_digest}
    declared.write(".colabctl/archive/x.json", json.dumps({**record, "at": at}))
    assert names(say) == ["first"]
    declared.write(".colabctl/archive/y.json", json.dumps(record))
    assert names(say) == []


@linux
@pytest.mark.parametrize("to", ["outside", "itself"])
def test_records_are_not_written_through_a_link_out_of_the_project(
    declared: Project, say: Say, to: str
) -> None:
    outside = declared.root.parent / "outside"
    outside.mkdir()
    link = declared.root / ".colabctl/archive"
    link.rmdir()
    link.symlink_to(link if to == "itself" else outside)
    assert names(say) == ["first"]
    refused(say("archive", "first"), str(link), "remove the link")
    file = declared.write("first.yaml", SWEEP.replace("1, 2", "3"))
    refused(say("sweep", str(file), "--replace"), "is a link")
    assert len(list((declared.root / "sweeps").iterdir())) == 1
    assert list(outside.iterdir()) == []


@linux
def test_a_sweep_that_replaces_another_is_not_written_through_a_link_out_of_the_project(
    declared: Project, say: Say
) -> None:
    replace(declared, say, "[1, 2, 3]")
    [new] = [each for each in (declared.root / "sweeps").iterdir() if each.name != "first"]
    for record in (declared.root / ".colabctl/archive").iterdir():
        record.unlink()
    shutil.rmtree(new)
    outside = declared.root.parent / "outside"
    outside.mkdir()
    new.symlink_to(outside)
    refused(say("sweep", "first.yaml", "--replace"), str(new), "leads out of the project")
    assert list(outside.iterdir()) == []
    assert names(say) == ["first"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "sweep": 3}', "\0" * 99])
def test_a_damaged_record_has_no_effect(declared: Project, say: Say, text: str) -> None:
    declared.write(".colabctl/archive/x.json", text)
    assert names(say) == ["first"]


def test_a_running_sweep_is_archived_only_after_a_question_and_then_stops(
    declared: Project, say: Say
) -> None:
    file = declared.journal("first", claim(0))
    file.write_text(file.read_text().replace('"lease": 30.0', '"lease": 4e9'))
    asked = say("archive", "first")
    assert asked.code == 1
    assert asked.err == (
        "first is running: 1 worker, 1 task claimed or running, 0 of 2 finished\n"
        "colabctl: nothing was changed: there is no terminal to ask on; add --yes to do it\n"
    )
    assert names(say) == ["first"]
    assert say("archive", "first", "--yes").code == 0
    assert names(say) == []
    assert [event["member"] for event in declared.events("first", "stop")] == ["ana"]


def replace(project: Project, say: Say, values: str, *options: str) -> tuple[str, str]:
    """Declare `first` with other values; return the lines that were printed."""
    text = SWEEP.replace("[1, 2]", values)
    file = project.write("first.yaml", text)
    said = say("sweep", str(file), "--replace", *options)
    assert said.code == 0, said.err
    return said.out, said.err


def test_replace_gives_the_name_to_the_new_sweep_and_another_to_the_old_one(
    declared: Project, say: Say
) -> None:
    assert say("work", "first").code == 0
    out, err = replace(declared, say, "[1, 2, 3]")
    assert out == "first: 3 tasks, declared\n"
    match = re.search(r"the earlier one is archived as (first-[0-9a-f]{6}); see it: colabctl", err)
    assert match is not None
    old = match[1]
    assert say("status", "first", "--json").json["total"] == 3
    assert say("status", old, "--json").json["done"] == 2
    assert say("results", old, "--format", "json").json[0]["status"] == "done"
    assert names(say) == ["first"]
    assert say("work", "first").code == 0
    assert say("status", "first", "--json").json["done"] == 3
    assert say("archive", "--undo", old).code == 0
    assert names(say) == ["first", old]
    assert say("status", "first", "--json").json["total"] == 3
    assert "different sweeps have the name" not in say("status", "first").err


def test_names_can_be_replaced_again_and_a_sweep_can_get_its_name_back(
    declared: Project, say: Say
) -> None:
    replace(declared, say, "[1, 2, 3]")
    replace(declared, say, "[1, 2, 3, 4]")
    assert len(say("archive").out.splitlines()) == 2
    out, _ = replace(declared, say, "[1, 2]")
    assert out == "first: 2 tasks, already declared\n"
    assert say("status", "first", "--json").json["total"] == 2
    assert len(say("archive").out.splitlines()) == 2
    for line in say("archive").out.splitlines():
        assert say("status", line.split()[0], "--json").json["total"] in (3, 4)
    assert say("doctor").code == 0


def test_replace_with_nothing_there_declares_as_usual(project: Project, say: Say) -> None:
    project.write("train.py", TRAIN)
    out, err = replace(project, say, "[1, 2]")
    assert out == "first: 2 tasks, declared\n"
    assert "note: nothing to replace: no other sweep has the name first\n" in err
    assert [each.name for each in (project.root / "sweeps").iterdir()] == ["first"]


def test_replace_approves_only_what_the_members_own_file_freezes(
    declared: Project, say: Say
) -> None:
    replace(declared, say, "[1, 2, 3]")
    hers = declared.root / "sweeps"
    [new] = [each for each in hers.iterdir() if each.name != "first"]
    (new / "code/train.py").write_text("raise SystemExit('evil')\n")
    said = say("work", "first")
    assert said.code == 1
    ben = say("work", "first", "--member", "ben", COLABCTL_APPROVALS=str(declared.root / "none"))
    assert (ben.code, "approve" in ben.err) == (1, True)


def test_two_members_who_replace_at_once_lose_nothing(declared: Project, say: Say) -> None:
    files = [
        declared.write(f"{member}/first.yaml", SWEEP.replace("[1, 2]", values))
        for member, values in (("ana", "[3]"), ("ben", "[4, 5]"))
    ]
    end_together(
        [declared.start("sweep", str(file), "--replace", member=file.parent.name) for file in files]
    )
    sweeps = [*names(say), *(line.split()[0] for line in say("archive").out.splitlines())]
    totals = [say("status", name, "--json").json["total"] for name in sweeps]
    assert sorted(totals) == [1, 2, 2]
    assert "first" in sweeps
    assert sum(1 for name in sweeps if say("status", name).code == 0) == 3


def test_of_sweeps_that_replaced_each_other_the_last_one_has_the_name(
    declared: Project, say: Say
) -> None:
    replace(declared, say, "[3]")
    replace(declared, say, "[4, 5, 6]")
    layout = declared.config({}).layout
    plans = [plan_of(sweep) for sweep in namesakes(layout, "first")]
    earlier, last = sorted(plans, key=lambda plan: plan.declared_at)[1:]
    for plan, heir in ((earlier, last), (last, earlier)):
        write_record(
            layout, "first", plan.run_digest, member="ben", now=time.time(), archived=True,
            replaced_by=heir.run_digest,
        )  # fmt: skip
    assert say("status", "first", "--json").json["total"] == 3
    assert names(say) == ["first"]
    assert len(say("archive").out.splitlines()) == 2


def test_a_sweep_that_is_declared_again_after_it_was_archived_stays_archived(
    declared: Project, say: Say
) -> None:
    assert say("archive", "first").code == 0
    file = declared.write("first.yaml", SWEEP)
    again = say("sweep", str(file))
    assert (again.code, again.out) == (0, "first: 2 tasks, already declared\n")
    assert "note: first was archived by ana" in again.err
    assert names(say) == []
    assert say("sweep", str(file), "--replace").code == 0
    assert names(say) == ["first"]
    refused(say("sweep", str(declared.write("first.yaml", SWEEP.replace("1, 2", "1")))),
            "already declared with different content", "replace it (--replace)", lines=8)  # fmt: skip


def test_a_name_whose_new_sweep_has_not_arrived_yet_is_not_taken_for_the_old_one(
    declared: Project, say: Say
) -> None:
    replace(declared, say, "[1, 2, 3]")
    [old] = [line.split()[0] for line in say("archive").out.splitlines()]
    [new] = [each for each in (declared.root / "sweeps").iterdir() if each.name != "first"]
    new.rename(declared.root / "on-its-way")
    for command in ("status", "work"):
        refused(say(command, "first"), "another sweep has got the name first", f"one is {old}")
    assert say("status", old).code == 0
