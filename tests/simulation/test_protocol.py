"""The protocol keeps its promises in thousands of simulated sweeps, whatever happens to them.

COLABCTL_TEST_SEEDS sets how many (1000 unless it is set).
"""

import os
import random
from collections import defaultdict
from collections.abc import Collection
from functools import partial
from statistics import median

import pytest

from colabctl.ledger import TaskState
from colabctl.ledger.events import EARLIEST, LATEST
from colabctl.work import control
from tests.simulation.machines import Machine
from tests.simulation.sweep import Simulation
from tests.simulation.world import START, Delays

SEEDS = int(os.environ.get("COLABCTL_TEST_SEEDS", "1000"))
TASKS = 8


def simulation(seed: int, commands: int = 0, **options: float) -> Simulation:
    """Return a sweep of three machines: each seed has its own share of loops, and of slots."""
    rng = random.Random(seed)
    durations = [rng.uniform(1, 60) for _ in range(TASKS)]
    delays = Delays(median=10, worst=60, lost_for_hours=options.pop("hours", 0.0))
    return Simulation(
        machines=3, durations=durations, delays=delays, seed=seed, heartbeat=20, lease=120,
        skew=options.pop("skew", 0.0), stagger=options.pop("stagger", 0.0),
        loops=rng.randint(0, 3), jobs=rng.randint(1, 2), commands=commands,
    )  # fmt: skip


class Watch:
    """Checks after every step that no reader loses a result that it has counted."""

    def __init__(self, simulated: Simulation) -> None:
        self._done: dict[int, set[int]] = {}
        simulated.checks.append(self.check)

    def check(self, machine: Machine) -> None:
        state = machine.ledger.state
        done = {index for index, task in enumerate(state.tasks) if task.status == "done"}
        discarded = {
            i for event in state.log.steering() if event.kind == "discard" for i in event.tasks()
        }
        assert done | discarded >= self._done.get(machine.number, set()), "a result was lost"
        self._done[machine.number] = done
        assert state.counts["done"] == len(done), "a task was counted twice"
        assert sum(state.counts.values()) == TASKS


def run(
    simulated: Simulation, longest: float = 1e5, wrong: Collection[Machine] = ()
) -> list[TaskState]:
    """Run to the end, let everything arrive, and check that all agree on every result."""
    Watch(simulated)
    simulated.run(longest)
    simulated.world.deliver()
    simulated.reader.refresh()
    seen = list(simulated.reader.state.tasks)
    for machine in simulated.machines:
        if machine.alive:
            machine.ledger.refresh()
            assert list(machine.ledger.state.tasks) == seen, "two readers disagree"
    check_releases(simulated, {machine.name for machine in wrong})
    return seen


def check_releases(simulated: Simulation, wrong: Collection[str]) -> None:
    """Check that no worker released a task twice, or one that it had not claimed.

    A worker whose clock is `wrong` may: it loses claims and gets them back, and a second release
    does nothing.
    """
    held: dict[str, set[int]] = defaultdict(set)
    for file in simulated.world.files:
        for event in file.events:
            if event.kind == "claim":
                held[event.writer].update(index for index, _ in event.body["tasks"])
            elif event.kind == "released" and event.writer not in wrong:
                assert held[event.writer].issuperset(event.body["tasks"]), "released twice"
                held[event.writer].difference_update(event.body["tasks"])


def steered(simulated: Simulation, kind: str, skew: float = 0.0) -> None:
    """Let a member cancel or retry tasks, or discard results, some of those that can be."""
    sweep = simulated.command(skew)
    statuses = {"cancel": ("open", "held"), "discard": ("done",), "retry": ("cancelled",)}[kind]
    columns = sweep.ledger.state.columns
    fitting = [n for n in range(TASKS) if columns.status(n) in statuses]
    chosen = sorted(simulated.rng.sample(fitting, simulated.rng.randint(0, len(fitting))))
    if chosen:
        getattr(control, kind)(sweep, "eve", chosen)


def all_done(tasks: list[TaskState]) -> bool:
    return all(task.status == "done" for task in tasks)


def seeds(share: float) -> range:
    return range(max(1, int(SEEDS * share)))


def test_every_task_is_done_and_all_agree_whatever_the_delays() -> None:
    for seed in seeds(0.3):
        assert all_done(run(simulation(seed, stagger=60)))


def test_clocks_that_are_minutes_wrong_change_nothing() -> None:
    for seed in seeds(0.2):
        assert all_done(run(simulation(seed, skew=600, stagger=60)))


WRONG_CLOCKS = (EARLIEST - START, LATEST - START - 1e4, -4e9, 4e9, -7200.0, 7200.0, 86400.0)


def test_a_machine_whose_clock_is_decades_wrong_or_jumps_costs_no_result() -> None:
    for seed in seeds(0.2):
        simulated = simulation(seed, stagger=60)
        rng = simulated.rng
        wrong = rng.sample(simulated.machines, rng.randint(1, 2))
        for machine in wrong:
            machine.ledger.clock._lead = rng.choice(WRONG_CLOCKS)

            def jump(machine: Machine = machine, rng: random.Random = rng) -> None:
                machine.ledger.clock._lead = rng.choice(WRONG_CLOCKS)

            simulated.incidents.append((rng.uniform(1, 100), jump))
        assert all_done(run(simulated, wrong=wrong))


def test_the_tasks_of_a_dead_machine_with_a_wrong_clock_are_done_in_bounded_time() -> None:
    for seed in seeds(0.1):
        simulated = simulation(seed)
        dead = simulated.machines[0]
        dead.ledger.clock._lead = simulated.rng.choice(WRONG_CLOCKS)
        simulated.incidents.append((simulated.rng.uniform(1, 100), dead.die))
        assert all_done(run(simulated, longest=3600))


def test_machines_that_die_at_any_step_lose_their_attempts_only() -> None:
    for seed in seeds(0.25):
        simulated = simulation(seed, skew=120)
        for machine in simulated.machines[1:]:
            simulated.incidents.append((simulated.rng.uniform(0, 200), machine.die))
        assert all_done(run(simulated))


def test_files_that_arrive_hours_late_are_counted_in_the_end() -> None:
    for seed in seeds(0.05):
        simulated = simulation(seed, hours=0.1)
        tasks = run(simulated)
        assert all_done(tasks)
        finished = sum(run.done for machine in simulated.machines for run in machine.runs)
        assert simulated.reader.state.duplicates == finished - TASKS


def test_a_worker_that_comes_back_after_its_lease_does_no_harm() -> None:
    for seed in seeds(0.1):
        simulated = simulation(seed)
        sleeper = simulated.machines[0]

        def fall_asleep(sleeper: Machine = sleeper) -> None:
            if not sleeper.ended:
                sleeper.wakes += 900.0

        simulated.incidents.append((simulated.rng.uniform(1, 100), fall_asleep))
        assert all_done(run(simulated))


def test_careful_claims_run_no_task_twice_where_files_arrive_within_a_heartbeat() -> None:
    for seed in seeds(0.1):
        rng = random.Random(seed)
        simulated = Simulation(
            machines=3, durations=[rng.uniform(1, 60) for _ in range(TASKS)],
            delays=Delays(10, 60), seed=seed, heartbeat=65, lease=600, careful=True,
            loops=rng.randint(0, 3), jobs=rng.randint(1, 2),
        )  # fmt: skip
        assert all_done(run(simulated))
        assert sum(len(machine.runs) for machine in simulated.machines) == TASKS


def test_all_agree_whatever_members_cancel_retry_and_discard() -> None:
    for seed in seeds(0.15):
        simulated = simulation(seed, 6, skew=60, stagger=60)
        rng = simulated.rng
        for _ in range(rng.randint(1, 6)):
            kind, skew = (
                rng.choice(("cancel", "discard", "retry")),
                rng.choice((0.0, -7200.0, 7200.0)),
            )
            act = partial(steered, simulated, kind, skew)
            simulated.incidents.append((rng.uniform(1, 150), act))
        causes = {"cancelled": {"cancel"}, "open": {"retry", "discard"}}  # the workers have left
        tasks, steering = run(simulated), simulated.reader.state.log.steering()
        for index, task in enumerate(tasks):
            kinds = {event.kind for event in steering if index in event.tasks()}
            assert task.status == "done" or causes[task.status] & kinds


def test_a_cancelled_task_ends_where_it_runs_as_soon_as_the_event_has_arrived() -> None:
    for seed in seeds(0.1):
        simulated = Simulation(
            machines=3, durations=[1e5] * TASKS, delays=Delays(10, 60), seed=seed,
            heartbeat=20, lease=120, jobs=2, commands=1,
        )  # fmt: skip

        def cancel_all(simulated: Simulation = simulated) -> None:
            control.cancel(simulated.command(), "eve", range(TASKS))

        simulated.incidents.append((simulated.rng.uniform(1, 300), cancel_all))
        tasks = run(simulated, longest=600)
        assert {task.status for task in tasks} == {"cancelled"}
        assert not any(each.done for machine in simulated.machines for each in machine.runs)


@pytest.mark.parametrize("seed", range(5))
def test_a_simulation_has_the_same_outcome_for_the_same_seed(seed: int) -> None:
    assert simulation(seed, skew=60).run() == simulation(seed, skew=60).run()


@pytest.mark.parametrize(
    ("machines", "tasks", "most"), [(4, 120, 0.2), (6, 120, 0.35), (6, 240, 0.15), (6, 360, 0.1)]
)
def test_few_short_tasks_run_twice_although_files_are_later_than_tasks(
    machines: int, tasks: int, most: float
) -> None:
    delays = Delays(4.0, 30.0)
    found = [
        Simulation(
            machines=machines, durations=[0.5] * tasks, delays=delays, seed=seed, stagger=1.0
        ).run()
        for seed in range(9)
    ]
    assert median(each.repeated for each in found) <= most
