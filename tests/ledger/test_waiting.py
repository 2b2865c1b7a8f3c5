"""Why a worker has to wait, as the state of a sweep shows it."""

from pathlib import Path
from typing import Any

import pytest

from colabctl.ledger import Plan, SweepState, read_plan, waiting
from colabctl.ledger.events import Event
from tests.processes import Project

BEGAN = 1.7e9  # ledger time
LEASE = 60.0


@pytest.fixture
def plan(project: Project) -> Plan:
    project.declare("first", "method: grid\nparameters: {x: {values: [1, 2, 3]}}\n")
    return read_plan(Path(project.root, "sweeps/first/plan.json"))


class Sweep:
    """A sweep of three tasks, whose events are added one by one, a second apart."""

    def __init__(self) -> None:
        self.state = SweepState(3, 1, LEASE)
        self.now = BEGAN
        self._numbers: dict[str, int] = {}

    def add(self, writer: str, kind: str, **parts: Any) -> "Sweep":
        self.now += 1
        n = self._numbers[writer] = self._numbers.get(writer, -1) + 1
        self.state.add([Event(self.now, writer, n, kind, parts)], self.now)
        return self

    def start(self, writer: str, lease: float = LEASE) -> "Sweep":
        return self.add(writer, "start", member=writer, host="vm", pid=1, jobs=1, lease=lease)

    def claim(self, writer: str, *tasks: int) -> "Sweep":
        return self.add(writer, "claim", tasks=[[task, 1] for task in tasks])


def test_who_can_claim_does_not_wait(plan: Plan) -> None:
    sweep = Sweep().start("ana").claim("ana", 0, 1)
    assert waiting(plan, sweep.state, sweep.now, "ben") is None


def test_a_paused_sweep_names_who_paused_it_and_since_when(plan: Plan) -> None:
    sweep = Sweep().add("ben-1", "pause", member="ben")
    why = waiting(plan, sweep.state, sweep.now + 600, "ana")
    assert why is not None
    assert why.kind == "paused"
    assert why.text.startswith("paused by ben since ")
    assert why.text.endswith("(10 min 00 s ago)")
    assert why.advice == "resume it: colabctl resume first"
    sweep.add("ana-1", "resume", member="ana", after={"ben-1": 0})
    assert waiting(plan, sweep.state, sweep.now, "ana") is None


def test_a_pause_by_another_member_is_another_cause_and_time_is_not(plan: Plan) -> None:
    sweep = Sweep().add("ben-1", "pause", member="ben")
    causes = [waiting(plan, sweep.state, sweep.now + later) for later in (0, 600)]
    sweep.add("ana-1", "pause", member="ana")
    causes.append(waiting(plan, sweep.state, sweep.now))
    first, second, third = (why.cause for why in causes if why is not None)
    assert first == second != third


def test_an_order_without_a_member_has_its_writer(plan: Plan) -> None:
    sweep = Sweep().add("ben-1", "pause")
    assert "paused by ben-1 since" in str(waiting(plan, sweep.state, sweep.now))


def test_tasks_that_others_hold_are_counted_and_their_leases_are_named(plan: Plan) -> None:
    sweep = Sweep().start("ana-x-aaa").start("ben-x-bbb")
    sweep.claim("ana-x-aaa", 0, 1).claim("ben-x-bbb", 2)
    assert str(waiting(plan, sweep.state, sweep.now + 10, "me")) == (
        "waiting: others hold the 3 tasks left: "
        "ana-x-aaa (2 tasks, seen 11 s ago, lease ends in 49 s), "
        "ben-x-bbb (1 task, seen 10 s ago, lease ends in 50 s); a worker that is gone loses its "
        "tasks when its lease ends, or at once: colabctl retry first --worker NAME"
    )


def test_a_single_holder_is_named_in_the_command(plan: Plan) -> None:
    sweep = Sweep().start("ana-x-aaa").claim("ana-x-aaa", 0, 1, 2)
    assert str(waiting(plan, sweep.state, sweep.now)).endswith("colabctl retry first --worker aaa")


def test_who_holds_a_task_or_may_take_one_over_does_not_wait(plan: Plan) -> None:
    sweep = Sweep().start("ana").claim("ana", 0, 1, 2)
    assert waiting(plan, sweep.state, sweep.now, "ana") is None
    assert waiting(plan, sweep.state, sweep.now + LEASE, "ben") is None


def test_a_holder_that_falls_silent_is_another_cause(plan: Plan) -> None:
    sweep = Sweep().start("ana", lease=36000.0).claim("ana", 0, 1, 2)
    early, late = (waiting(plan, sweep.state, sweep.now + s, "ben") for s in (0, 3000))
    assert early is not None
    assert late is not None
    assert early.cause == ("ana",)  # a lease of ten hours is said at once
    sweep = Sweep().start("ana", lease=3000.0).claim("ana", 0, 1, 2)
    early, late = (waiting(plan, sweep.state, sweep.now + s, "ben") for s in (0, 2900))
    assert early is not None
    assert late is not None
    assert early.cause != late.cause


@pytest.mark.parametrize("order", ["stop", "finish"])
def test_no_one_waits_for_a_sweep_that_is_over(plan: Plan, order: str) -> None:
    sweep = Sweep().start("ana").claim("ana", 0, 1, 2)
    if order == "stop":
        sweep.add("ben-1", "stop", member="ben")
    else:
        for task in range(3):
            sweep.add("ana", "done", task=task, attempt=1, seconds=1.0, metrics={})
    assert waiting(plan, sweep.state, sweep.now, "ben") is None
