"""`pause`, `resume`, `stop` and `retry`: one event each."""

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, failed
from tests.processes import Project

LOOP = "method: grid\nmax_retries: 0\nparameters: {x: {values: [10, 20, 30, 40]}}\n"


@pytest.mark.parametrize(
    ("order", "state"), [("pause", "paused"), ("stop", "stopped"), ("resume", "pending")]
)
def test_an_order_is_one_event_by_the_member_who_gives_it(
    project: Project, say: Say, order: str, state: str
) -> None:
    project.declare("loop", LOOP)
    said = say(order, "loop", "--member", "ben")
    assert (said.code, said.out) == (0, "")
    [event] = project.events("loop")
    assert (event["event"], event["member"], event["writer"][:4]) == (order, "ben", "ben-")
    assert project.status("loop")["state"] == state
    assert project.status("loop")["workers"] == []


def test_the_last_order_counts(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    for order in ("stop", "resume", "pause", "resume", "pause"):
        assert say(order, "loop").code == 0
    assert project.status("loop")["state"] == "paused"
    assert len(project.events("loop")) == 5


def test_the_first_of_two_pauses_counts(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    assert say("pause", "loop", "--member", "ben").code == 0
    assert say("pause", "loop", "--member", "ana").err == "loop is already paused by ben\n"
    assert [event["member"] for event in project.events("loop")] == ["ben"]
    assert say("resume", "loop", "--member", "ana").code == 0
    assert "loop is paused" in say("pause", "loop", "--member", "ana").err


def test_a_finished_sweep_is_not_paused(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    assert say("cancel", "loop", "--yes").code == 0
    assert say("pause", "loop").err == "loop is finished, so there is nothing to pause\n"
    assert project.events("loop", "pause") == []


def test_a_sweep_file_is_not_taken_for_a_sweep(project: Project, say: Say) -> None:
    project.write("mine.yaml", LOOP)
    declare_it = "mine.yaml is a sweep file; declare it first: colabctl sweep mine.yaml"
    refused(say("work", "mine.yaml"), declare_it)
    refused(say("work", "./mine.yaml"), f"./{declare_it}".replace("sweep mine", "sweep ./mine"))
    assert say("sweep", "mine.yaml").code == 0
    refused(say("work", "mine.yaml"), "mine.yaml is a sweep file; name its sweep: mine")


def test_failed_tasks_are_made_available_again_all_or_by_name(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1, 2), *(failed(index, 1, "x") for index in range(3)))
    assert project.status("loop")["failed"] == 3
    said = say("retry", "loop", "--task", "t000001")
    assert (said.code, said.err) == (
        0,
        "1 failed task of loop is available again; run: colabctl work loop\n",
    )
    assert (project.status("loop")["failed"], project.status("loop")["pending"]) == (2, 2)
    assert (
        say("retry", "loop").err
        == "2 failed tasks of loop are available again; run: colabctl work loop\n"
    )
    before = project.events("loop")
    assert say("retry", "loop").err == "no task has failed\n"
    assert project.events("loop") == before


def test_a_task_that_has_not_failed_is_refused_with_a_similar_one_that_has(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0, 1), failed(1, 1, "x"))
    said = say("retry", "loop", "--task", "t000002")
    assert (said.code, said.out) == (1, "")
    assert "t000002 has not failed; did you mean t000001?" in said.err


@pytest.mark.parametrize(
    ("order", "then"), [("pause", "resume"), ("stop", "resume"), ("resume", "work")]
)
def test_the_next_step_can_be_pasted_into_a_shell(
    project: Project, say: Say, order: str, then: str
) -> None:
    project.declare("two words", LOOP)
    assert say(order, "two words").err.endswith(f": colabctl {then} 'two words'\n")


def hold(project: Project, writer: str, *tasks: int) -> None:
    """Let a worker with a lease of decades claim tasks."""
    file = project.journal("loop", claim(*tasks), writer=writer)
    file.write_text(file.read_text().replace('"lease": 30.0', '"lease": 4e9'))


def test_the_tasks_of_a_worker_that_is_gone_are_freed_by_a_part_of_its_name(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP)
    hold(project, "ana-vm-20260102T030405-aaaaaa", 0, 1)
    hold(project, "ana-vm-20260102T030405-bbbbbb", 2)
    shown = " ".join(say("status", "loop").out.split())
    assert "ana-vm-20260102T030405-aaaaaa holds t000000 and 1 more; it was last seen" in shown
    assert (
        "its lease ends in 29 d 23 h; if it is gone: colabctl retry loop --worker aaaaaa" in shown
    )
    said = say("retry", "loop", "--worker", "aaaaaa")
    assert (said.code, said.err) == (
        0,
        "2 tasks of ana-vm-20260102T030405-aaaaaa are available again; run: colabctl work loop\n",
    )
    status = project.status("loop")
    assert (status["pending"], status["running"]) == (3, 1)
    states = {worker["worker"][-6:]: worker["state"] for worker in status["workers"]}
    assert states == {"aaaaaa": "lost", "bbbbbb": "running"}


def test_a_worker_that_is_not_named_clearly_is_refused_with_the_names_there_are(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP)
    assert say("retry", "loop", "--worker", "x").err == "colabctl: no worker holds a task\n"
    hold(project, "ana-vm-20260102T030405-aaaaaa", 0, 1)
    hold(project, "ana-vm-20260102T030405-bbbbbb", 2)
    names = (
        "give one of these:\n  ana-vm-20260102T030405-aaaaaa (2 tasks)\n"
        "  ana-vm-20260102T030405-bbbbbb (1 task)\n"
    )
    for part, problem in (
        ("ana", "is part of several names"),
        ("cleo", "is not the name of a worker with tasks"),
    ):
        said = say("retry", "loop", "--worker", part)
        assert (said.code, said.err) == (1, f"colabctl: '{part}' {problem}; {names}")
    assert say("retry", "loop", "--worker", "ana", "--task", "t000000").code == 1


def test_a_pause_that_is_dated_in_2099_is_undone_by_resume(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    file = project.journal("loop", {"event": "pause", "t": 4.0999e9}, writer="mal-vm-1")
    assert project.status("loop")["state"] == "paused"
    before = file.read_bytes()
    assert say("resume", "loop").code == 0
    assert project.status("loop")["state"] != "paused"
    assert say("pause", "loop").code == 0
    assert project.status("loop")["state"] == "paused"
    assert file.read_bytes() == before
