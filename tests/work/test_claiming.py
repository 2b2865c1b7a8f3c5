"""The rules that workers with slots and loops share, and what a loop does when its folder fails."""

import errno
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from colabctl.ledger import Claim, open_ledger
from colabctl.ledger.numbered import NumberedStore
from colabctl.work.identity import new_identity
from colabctl.work.loop.worker import InlineWorker, Run
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project
from tests.simulation.sweep import Simulation
from tests.simulation.world import Delays

BOTH_KINDS = pytest.mark.parametrize("loops", [0, 2], ids=["slots", "loops"])
EVENTUAL = {"COLABCTL_CONSISTENCY": "eventual"}


@dataclass
class Clock:
    """A clock that moves when something sleeps, and by `tick` each time it is read."""

    now: float = 0.0
    tick: float = 0.0
    start: float = field(default_factory=time.time)

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    def wall(self) -> float:
        return self.start + self.monotonic()

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Sweep:
    """A sweep named s, and the workers that run loops over it in simulated time."""

    project: Project
    clock: Clock

    @classmethod
    def declared(cls, project: Project, values: int, more: str = "", **environ: str) -> "Sweep":
        text = f"method: grid\nparameters: {{x: {{values: {list(range(values))}}}}}\n{more}"
        project.declare("s", text, **environ)
        return cls(project, Clock())

    def opened(self) -> OpenSweep:
        sweep = OpenSweep.named(self.project.config({}).layout, "s")
        ledger = open_ledger(sweep.layout.journal, sweep.plan, self.clock.wall)
        return replace(sweep, ledger=ledger)

    def loop(
        self,
        member: str = "ana",
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
        max_tasks: int | None = None,
        **environ: str,
    ) -> InlineWorker:
        sweep, clock = self.opened(), self.clock
        me = new_identity(sweep.plan, self.project.config(environ), member)
        return InlineWorker(
            sweep, me, rng=rng or random.Random(0), max_tasks=max_tasks,
            monotonic=clock.monotonic, sleep=sleep or clock.sleep,
        )  # fmt: skip

    def rival(self, *tasks: int, member: str = "ben") -> OpenSweep:
        """Return the sweep as opened by another worker, which claims tasks without checking them."""
        sweep = self.opened()
        me = new_identity(sweep.plan, self.project.config({}), member)
        sweep.ledger.join(me.name)
        claim = {"tasks": [[index, 1] for index in tasks]}
        sweep.ledger.record([me.start(), ("claim", claim)])
        return sweep

    def claimed(self) -> list[int]:
        """Return the number of tasks in each claim."""
        return [len(claim["tasks"]) for claim in self.project.events("s", "claim")]

    def files(self) -> int:
        return len(list(self.project.root.glob("sweeps/s/journal/*/*/*.jsonl")))

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.project.results("s")]


def next_of(loop: InlineWorker) -> Run:
    assert loop.step()
    run = loop.start_next()
    assert run is not None
    return run


def simulated(
    loops: int, seed: int = 0, *, careful: bool = False, max_tasks: int | None = None
) -> Simulation:
    """Return a sweep of eight tasks and two workers, whose files arrive within a heartbeat."""
    return Simulation(
        machines=2, durations=[20.0] * 8, delays=Delays(10, 60), seed=seed, heartbeat=65, lease=600,
        loops=loops, careful=careful, max_tasks=max_tasks,
    )  # fmt: skip


# -- claims ---------------------------------------------------------------------------------------


@BOTH_KINDS
def test_the_start_of_a_worker_and_its_first_claim_are_one_write(loops: int) -> None:
    simulation = simulated(loops)
    simulation.run()
    for machine in simulation.machines:
        files = [file for file in simulation.world.files if file.machine == machine.number]
        kinds = [event.kind for event in files[0].events]
        assert (kinds[0], kinds[-1]) == ("start", "claim")
        assert set(kinds[1:-1]) <= {"heartbeat"}  # it may name others


@BOTH_KINDS
def test_claims_that_did_not_settle_do_not_count_against_max_tasks(loops: int) -> None:
    claims = 0
    for seed in range(20):
        simulation = simulated(loops, seed, careful=True, max_tasks=4)
        simulation.run()
        assert [len(machine.runs) for machine in simulation.machines] == [4, 4]
        events = [event for file in simulation.world.files for event in file.events]
        claims += sum(len(event.body["tasks"]) for event in events if event.kind == "claim")
    assert claims > 20 * 8, "no claim was lost"


def test_a_loop_takes_tasks_one_by_one_until_one_is_done(project: Project) -> None:
    sweep = Sweep.declared(project, 40, "max_retries: 0\n")
    for number, task in enumerate(sweep.loop().tasks()):
        with task:
            sweep.clock.now += 0.01
            if number < 6:
                raise ValueError
    assert sweep.claimed()[:7] == [1] * 7
    assert max(sweep.claimed()) > 1


def test_a_worker_counts_its_own_slots_even_if_its_lease_has_lapsed(project: Project) -> None:
    sweep = Sweep.declared(project, 40)
    sweep.rival(0)
    loop = sweep.loop(COLABCTL_LEASE="1s")
    run = next_of(loop)
    sweep.clock.now += 0.01
    run.task.done()
    run.finish()
    sweep.clock.tick = 2.0
    next_of(loop)
    assert sweep.claimed()[-1] == 10  # half of the 38 tasks that are left, shared by two workers


def test_a_loop_looks_for_a_task_less_often_while_nothing_happens(project: Project) -> None:
    sweep = Sweep.declared(project, 1)
    rival = sweep.rival(0)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        sweep.clock.now += seconds
        if len(pauses) == 12:
            rival.ledger.record([("done", {"task": 0, "attempt": 1, "seconds": 1, "metrics": {}})])

    assert list(sweep.loop(sleep=sleep).tasks()) == []
    assert pauses == sorted(pauses)
    assert (pauses[0] <= 0.02, pauses[-1]) == (True, 0.5)


def test_a_loop_starts_a_task_only_when_its_careful_claim_has_settled(project: Project) -> None:
    environ = {**EVENTUAL, "COLABCTL_HEARTBEAT": "20s"}
    sweep = Sweep.declared(project, 1, "claims: careful\n", **environ)
    started = []
    for task in sweep.loop().tasks():
        started.append(sweep.clock.now)
        task.done()
    assert len(started) == 1
    assert started[0] >= 20.0


def test_a_loop_drops_a_waiting_task_that_another_worker_claimed_before(project: Project) -> None:
    sweep = Sweep.declared(project, 20)
    loop = sweep.loop()
    for _ in range(2):  # the second claim has all other tasks
        run = next_of(loop)
        sweep.clock.now += 0.01
        run.task.done()
        run.finish()
    waiting = set(loop.pool.tasks)
    lost = set(sorted(waiting)[:3])
    Sweep(project, Clock(start=sweep.clock.start - 10.0)).rival(*lost)
    sweep.clock.now += 1.0
    ran = set()
    for _ in waiting - lost:
        run = next_of(loop)
        ran.add(run.task.index)
        run.task.done()
        run.finish()
    assert (len(waiting), ran) == (18, waiting - lost)


def test_a_task_that_was_interrupted_does_not_count_against_max_tasks(project: Project) -> None:
    sweep = Sweep.declared(project, 5)
    interrupted: list[int] = []
    for task in sweep.loop(max_tasks=2).tasks():
        try:
            with task:
                if not interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            interrupted.append(task.index)
    assert len(interrupted) == 1
    assert project.status("s")["done"] == 2


def test_a_loop_leaves_the_share_of_others_to_them_until_its_next_poll(project: Project) -> None:
    sweep = Sweep.declared(project, 1, **EVENTUAL)
    sweep.rival(member="ana")  # the only task is in the share of the first worker by name
    loop = sweep.loop(member="ben", rng=Reluctant())
    claim, claims = loop.claimer.ledger.claim, []

    def counted(*arguments: Any, **options: Any) -> list[Claim]:
        claims.append(sweep.clock.now)
        return claim(*arguments, **options)

    loop.claimer.ledger.claim = counted  # type: ignore[method-assign]
    for _ in range(4):
        assert loop.step()
        sweep.clock.now += 1.0
    assert claims == [0.0, 2.0]


class Reluctant(random.Random):
    """Leaves the others' shares to them each time."""

    def random(self) -> float:
        return 0.0


# -- writes ---------------------------------------------------------------------------------------


def test_the_outcome_of_a_long_task_and_the_next_claim_of_a_loop_are_one_file(
    project: Project,
) -> None:
    sweep = Sweep.declared(project, 3, **EVENTUAL)
    loop = sweep.loop()
    for files in (1, 2, 3):
        run = next_of(loop)
        assert sweep.files() == files
        sweep.clock.now += 20.0
        run.task.done()
        run.finish()


def test_intermediate_values_of_a_loop_wait_half_a_minute_on_a_drive(project: Project) -> None:
    sweep = Sweep.declared(project, 1, **EVENTUAL)
    task = next_of(sweep.loop()).task
    written = []
    for step in range(7):
        sweep.clock.now += 5.0
        task.report(step=step, y=1)
        written.append(sweep.files() - 1)
    assert written == [0, 0, 0, 0, 0, 1, 1]


def test_a_loop_that_was_left_but_not_closed_claims_nothing(project: Project) -> None:
    sweep = Sweep.declared(project, 5)
    loop = sweep.loop()
    with pytest.raises(KeyboardInterrupt), next_of(loop).task:
        raise KeyboardInterrupt
    for _ in range(5):
        sweep.clock.now += 10.0
        loop.keep_alive()
    assert (project.status("s")["pending"], sweep.claimed()) == (5, [1])


def test_a_loop_that_is_closed_releases_the_tasks_that_it_has_not_run(project: Project) -> None:
    sweep = Sweep.declared(project, 20)
    loop = sweep.loop()
    for task in loop.tasks():
        sweep.clock.now += 0.01
        task.done()
        if len(loop.pool.tasks) > 5:
            break
    assert len(loop.pool.tasks) > 5
    assert project.events("s", "released")[-1]["tasks"] == sorted(loop.pool.tasks)


# -- faults of the folder -------------------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int, range], None]:
    """Let some of the writes fail, counted from 1; unsent events are saved below tmp_path."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    write, tries = NumberedStore.write, []

    def fail(number: int, which: range) -> None:
        def failing_write(store: NumberedStore, lines: bytes) -> int:
            tries.append(lines)
            if len(tries) in which:
                raise OSError(number, "the system's words", "the folder")
            return write(store, lines)

        monkeypatch.setattr(NumberedStore, "write", failing_write)

    return fail


def test_a_fault_of_the_folder_that_passes_is_waited_out(
    project: Project,
    failing: Callable[[int, range], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sweep = Sweep.declared(project, 4, **EVENTUAL)
    failing(errno.EIO, range(2, 5))
    names = []
    for task in sweep.loop().tasks():
        names.append(task.name)
        task.done(y=1)
    assert sorted(names) == ["t000000", "t000001", "t000002", "t000003"]
    assert sweep.statuses() == ["done"] * 4
    first, last = capsys.readouterr().err.splitlines()
    assert first == "colabctl: the folder: the system's words; trying again until it answers"
    assert last.startswith("colabctl: the folder answers again, after ")


def test_a_full_folder_ends_a_loop_after_the_running_task_and_its_result_is_recovered(
    project: Project,
    failing: Callable[[int, range], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    sweep = Sweep.declared(project, 4, **EVENTUAL)
    failing(errno.ENOSPC, range(2, 100))
    tasks = sweep.loop().tasks()
    task = next(tasks)
    sweep.clock.now += 60.0
    task.report(step=1, y=1)
    task.done(y=1)
    with pytest.raises(OSError, match="the system's words"):
        next(tasks)
    assert "the last results of this worker are kept on this machine" in capsys.readouterr().err
    assert sweep.statuses() == []
    recovered = project.run("work", "--recover", XDG_STATE_HOME=str(tmp_path / "state"))
    assert recovered.code == 0, recovered.err
    assert sweep.statuses() == ["done"]


def test_a_full_folder_that_gets_space_again_while_a_task_runs_does_not_end_the_loop(
    project: Project, failing: Callable[[int, range], None]
) -> None:
    sweep = Sweep.declared(project, 2, **EVENTUAL)
    failing(errno.ENOSPC, range(2, 3))
    loop = sweep.loop()
    run = next_of(loop)
    sweep.clock.now += 60.0
    run.task.report(step=1, y=1)
    sweep.clock.now += 60.0
    run.task.report(step=2, y=1)
    run.task.done(y=1)
    run.finish()
    assert next_of(loop).task.index != run.task.index
    assert sweep.statuses() == ["done"]


def test_events_held_up_by_a_fault_are_written_by_the_keep_alive_thread(
    project: Project, failing: Callable[[int, range], None]
) -> None:
    sweep = Sweep.declared(project, 1, **EVENTUAL)
    failing(errno.EIO, range(2, 3))
    loop = sweep.loop()
    run = next_of(loop)
    sweep.clock.now += 60.0
    run.task.report(step=1, y=1)
    assert sweep.files() == 1
    sweep.clock.now += 5.0
    loop.keep_alive()
    assert sweep.files() == 2
