"""`cancel`, `retry` and `discard`: which tasks they are for, and what they say."""

import pytest

from tests.cli.conftest import Say
from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project

LOOP = (
    "method: grid\nmax_retries: 0\nmetric: {name: y, goal: maximize}\n"
    "parameters: {x: {values: [10, 20, 30, 40]}}\n"
)
LONGER = "colabctl retry loop --continue --task t000000"
DISCARD = "colabctl discard loop --task t000000"


@pytest.fixture
def loop(project: Project) -> Project:
    """Return a project with a sweep: t0 done, t1 failed, t2 and t3 open."""
    project.declare("loop", LOOP)
    events = (claim(0, 1), done(0, y=0.5), failed(1, 1, "ValueError: no"), {"event": "end"})
    project.journal("loop", *events)
    return project


def counts(project: Project) -> tuple[int, ...]:
    status = project.status("loop")
    return tuple(status[name] for name in ("done", "failed", "cancelled", "pending"))


def test_a_cancelled_sweep_keeps_its_results_and_is_finished(loop: Project, say: Say) -> None:
    said = say("cancel", "loop", "--member", "ben")
    assert (said.code, said.out, said.err) == (
        0,
        "",
        "2 tasks of loop cancelled. Undo it: colabctl retry loop --cancelled\n",
    )
    [event] = loop.events("loop", "cancel")
    assert (event["member"], event["tasks"]) == ("ben", [2, 3])
    assert (counts(loop), loop.status("loop")["state"]) == ((1, 1, 2, 0), "finished")
    assert [row["task"] for row in loop.results("loop")] == ["t000000", "t000001"]
    assert "2 tasks cancelled by ben" in say("status", "loop").out
    assert say("cancel", "loop").err == "loop has no such task to cancel\n"


def test_one_task_is_cancelled_by_its_name_and_by_a_condition(loop: Project, say: Say) -> None:
    assert say("cancel", "loop", "--task", "t000002", "--task", "2").code == 0
    assert say("cancel", "loop", "--where", "x > 20 and x < 40").err == (
        "loop has no such task to cancel\n"
    )
    assert counts(loop) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("command", "task", "reason"),
    [
        ("cancel", "0", f"t000000 is done; if its result should not count: {DISCARD}"),
        ("cancel", "1", "t000001 has failed, so it does not run"),
        ("retry", "0", f"t000000 is done; to run it again, discard its result first: {DISCARD}; to train it longer: {LONGER}"),
        ("retry", "2", "t000002 has not failed; did you mean t000001?"),
        ("discard", "1", "t000001 has failed, so it has no result"),
        ("discard", "2", "t000002 has no result: it is not finished"),
        ("cancel", "t4", "sweep loop has no task 't4'; it has t000000 to t000003"),
        ("cancel", "first", "sweep loop has no task 'first'; it has t000000 to t000003"),
    ],
)  # fmt: skip
def test_a_task_that_the_command_is_not_for_is_refused_with_the_reason(
    loop: Project, say: Say, command: str, task: str, reason: str
) -> None:
    before = loop.events("loop")
    said = say(command, "loop", "--task", task, "--task", "3")
    assert (said.code, said.out, said.err) == (1, "", f"colabctl: {reason}\n")
    assert loop.events("loop") == before


def test_cancelled_tasks_run_again_after_a_retry(loop: Project, say: Say) -> None:
    assert say("cancel", "loop").code == 0
    assert say("retry", "loop", "--task", "1").code == 0
    assert say("retry", "loop").err == (
        "no task has failed; 2 tasks are cancelled, to run them: colabctl retry loop --cancelled\n"
    )
    assert say("retry", "loop", "--task", "t000003").err == (
        "1 cancelled task of loop is available again; run: colabctl work loop\n"
    )
    assert say("retry", "loop", "--cancelled", "--where", "x == 30").code == 0
    assert counts(loop) == (1, 0, 0, 3)


def test_failed_and_cancelled_tasks_are_retried_together(loop: Project, say: Say) -> None:
    assert say("cancel", "loop").code == 0
    assert say("retry", "loop", "--failed", "--cancelled").err == (
        "1 failed and 2 cancelled tasks of loop are available again; run: colabctl work loop\n"
    )


def test_failed_tasks_are_retried_by_cause_and_by_condition(loop: Project, say: Say) -> None:
    assert say("retry", "loop", "--cause", "memory").code == 1
    assert say("retry", "loop", "--where", "x > 20").err == "loop has no such task to retry\n"
    assert say("retry", "loop", "--where", "y2 > 20").code == 1
    assert say("retry", "loop", "--cause", "valueerror", "--where", "x == 20").err == (
        "1 failed task of loop is available again; run: colabctl work loop\n"
    )
    assert counts(loop) == (1, 0, 0, 3)


def test_a_discarded_result_is_shown_first_and_gone_everywhere(loop: Project, say: Say) -> None:
    refused = say("discard", "loop", "--task", "0")
    assert (refused.code, counts(loop)) == (1, (1, 1, 0, 2))
    first, shown, last = refused.err.splitlines()
    assert (first, last[-18:]) == ("loop: 1 result to discard:", "add --yes to do it")
    assert shown.startswith("  t000000  done  y=0.5  by ana, ")
    said = say("discard", "loop", "--task", "0", "--yes", "--member", "ben")
    assert said.err.splitlines()[-1] == (
        "1 result of loop discarded; its task may run again: colabctl work loop"
    )
    assert (counts(loop), loop.status("loop")["best"]) == ((0, 1, 0, 3), None)
    assert [row["task"] for row in loop.results("loop")] == ["t000001"]
    assert "1 result discarded by ben" in say("status", "loop").out
    assert len(loop.events("loop", "done")) == 1


def test_a_result_that_was_discarded_may_be_followed_by_a_better_one(
    loop: Project, say: Say
) -> None:
    assert say("discard", "loop", "--where", "y > 0.1", "--yes").code == 0
    [order] = loop.events("loop", "discard")
    after = {"ana-vm-1": 3, order["writer"]: 0}
    loop.journal("loop", {**claim(0), "after": after}, done(0, y=0.9), writer="ben-vm-2")
    assert loop.status("loop")["best"]["value"] == 0.9
    assert loop.status("loop")["duplicates"] == 0


def test_discard_needs_to_know_which_results(loop: Project, say: Say) -> None:
    assert say("discard", "loop", "--yes").code == 1
    assert say("discard", "loop", "--where", "y > 0.9", "--yes").err == "loop has no such result\n"


def test_several_sweeps_are_steered_at_once_or_none_of_them(loop: Project, say: Say) -> None:
    loop.declare("other", LOOP)
    for command in ("pause", "resume", "stop", "cancel"):
        missing = say(command, "loop", "othr")
        assert (missing.code, "did you mean other?" in missing.err) == (1, True)
        assert loop.events("loop", command) == []
        assert say(command, "loop", "other", "loop").code == 0
        assert [len(loop.events(name, command)) for name in ("loop", "other")] == [1, 1]
    assert say("retry", "loop", "other", "--cancelled").err.count("available again") == 2
    for command in ("cancel", "retry", "discard"):
        both = say(command, "loop", "other", "--task", "0")
        assert both.err == "colabctl: --task names something of one sweep; give only that one\n"
    assert "of one sweep" in say("stop", "loop", "other", "--worker", "x").err


def test_a_worker_is_dismissed_by_a_part_of_its_name_that_fits_no_other(
    loop: Project, say: Say
) -> None:
    assert say("stop", "loop", "--worker", "x").err == "colabctl: loop has no live worker\n"
    for name in ("ana-vm-20260102T030405-aaaaaa", "ana-vm-20260102T030405-bbbbbb"):
        file = loop.journal("loop", claim(2), writer=name)
        file.write_text(file.read_text().replace('"lease": 30.0', '"lease": 4e9'))
    both = say("stop", "loop", "--worker", "vm")
    assert both.code == 1
    assert "'vm' is part of several names; give one of these:\n" in both.err
    assert "ana-vm-20260102T030405-bbbbbb (0 tasks)" in both.err
    assert say("stop", "loop", "--worker", "bbbbbb", "--member", "ben").code == 0
    [event] = loop.events("loop", "dismiss")
    assert (event["worker"][-6:], event["member"]) == ("bbbbbb", "ben")
    assert "bbbbbb dismissed by ben" in say("status", "loop").out
    assert loop.status("loop")["state"] == "running"


def test_hostile_names_in_events_are_shown_escaped(loop: Project, say: Say) -> None:
    evil = "\x1b[31mmal\nroot"
    loop.journal(
        "loop",
        {"event": "cancel", "tasks": [2], "member": evil},
        {"event": "discard", "tasks": [0], "member": [1]},
        {"event": "dismiss", "worker": evil, "member": evil},
        {"event": "pause", "member": evil},
        writer="mal-vm-1",
    )
    shown = say("status", "loop")
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert r"1 task cancelled by \x1b[31mmal\nroot" in shown.out
    assert "damaged" not in shown.out
