"""`pause`, `resume`, `stop` and `retry`: one event each."""

import pytest

from tests.cli.conftest import Say
from tests.cli.test_status import claim, failed
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
