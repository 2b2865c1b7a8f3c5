"""With claims in a store that refuses a second create, no task runs twice while its worker lives.

Whatever the store, the clocks and the mirrors do. A run of this file simulates 100 sweeps; with
`-m slow`, 3000, or as many as COLABCTL_TEST_SEEDS says.
"""

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from colabctl.ledger import TaskState
from tests.simulation.claims import Faults, shuffled
from tests.simulation.machines import Machine
from tests.simulation.sweep import Simulation
from tests.simulation.test_protocol import WRONG_CLOCKS, all_done, run
from tests.simulation.world import Delays

SOME, THOUSANDS = 100, int(os.environ.get("COLABCTL_TEST_SEEDS", "3000"))
Seeds = Callable[[float], range]
TASKS = 8
LEASE = 120.0
HONEST = Faults(between=0.4)


def simulation(
    seed: int, faults: Faults | None = None, *, skew: float = 0.0, hours: float = 0.0
) -> Simulation:
    """Return a sweep of three machines; the faults of each seed's store are others."""
    rng = random.Random(seed)
    return Simulation(
        machines=3, durations=[rng.uniform(1, 60) for _ in range(TASKS)],
        delays=Delays(median=5, worst=60, lost_for_hours=hours), seed=seed, heartbeat=20,
        lease=LEASE, skew=skew, stagger=60.0, loops=rng.randint(0, 3), jobs=rng.randint(1, 2),
        faults=faults or shuffled(rng, 0.2),
    )  # fmt: skip


@pytest.fixture(
    params=[
        pytest.param(SOME, id="some"),
        pytest.param(THOUSANDS, id="thousands", marks=pytest.mark.slow),
    ]
)
def seeds(request: pytest.FixtureRequest) -> Seeds:
    """Return a function that gives a test the seeds of its share of all sweeps."""
    return lambda share: range(max(1, int(request.param * share)))


def runs_of(simulated: Simulation) -> Counter[int]:
    return Counter(run.index for machine in simulated.machines for run in machine.runs)


def finished(simulated: Simulation) -> list[TaskState]:
    """Run to the end, and check that each task ran once."""
    tasks = run(simulated)
    assert all_done(tasks)
    assert runs_of(simulated) == dict.fromkeys(range(TASKS), 1)
    assert simulated.reader.state.duplicates == 0
    return tasks


def test_each_task_runs_once_whatever_the_store_answers(seeds: Seeds) -> None:
    for seed in seeds(0.3):
        finished(simulation(seed))


def test_each_task_runs_once_although_clocks_are_wrong_or_jump(seeds: Seeds) -> None:
    for seed in seeds(0.2):
        simulated = simulation(seed, skew=600.0)
        rng = simulated.rng
        for machine in rng.sample(simulated.machines, rng.randint(1, 3)):

            def jump(machine: Machine = machine, rng: random.Random = rng) -> None:
                machine.ledger.clock._lead = rng.choice(WRONG_CLOCKS)

            simulated.incidents.append((rng.uniform(0, 100), jump))
        run(simulated, wrong=simulated.machines)
        assert runs_of(simulated) == dict.fromkeys(range(TASKS), 1)


def test_each_task_runs_once_although_journals_arrive_hours_late(seeds: Seeds) -> None:
    # In the last two, the store fails so often that long pauses would cost a worker its lease.
    for seed in (*seeds(0.1), 256, 257):
        finished(simulation(seed, hours=0.3))


def test_the_tasks_of_dead_machines_run_again_and_no_others(seeds: Seeds) -> None:
    for seed in seeds(0.3):
        simulated = simulation(seed)
        for machine in simulated.machines[1:]:
            simulated.incidents.append((simulated.rng.uniform(0, 200), machine.die))
        assert all_done(run(simulated, longest=3600))
        living = [machine for machine in simulated.machines if machine.alive]
        ran = Counter(each.index for machine in living for each in machine.runs)
        assert all(count == 1 for count in ran.values())


def test_a_worker_that_sleeps_keeps_its_tasks_for_the_whole_lease(seeds: Seeds) -> None:
    for seed in seeds(0.1):
        simulated = simulation(seed, HONEST)
        sleeper = simulated.machines[0]
        at = simulated.rng.uniform(1, 100)
        slept: list[float] = []

        def fall_asleep(
            simulated: Simulation = simulated,
            sleeper: Machine = sleeper,
            slept: list[float] = slept,
        ) -> None:
            if not sleeper.ended:
                slept.append(simulated.world.now)
                sleeper.wakes += 900.0

        simulated.incidents.append((at, fall_asleep))
        assert all_done(run(simulated))
        own = {each.index for each in sleeper.runs}
        again = [
            each.started
            for machine in simulated.machines[1:]
            for each in machine.runs
            if each.index in own
        ]
        assert all(slept and at >= slept[0] + LEASE - 25.0 for at in again)


def test_the_store_is_asked_little() -> None:
    refused = requests = created = 0
    for seed in range(20):
        simulated = simulation(seed, Faults(between=0.1))
        finished(simulated)
        claims = simulated.world.claims
        assert claims is not None
        refused += claims.refused
        requests += claims.requests
        created += len(claims.objects)
    assert refused < created / 2
    assert requests < 5 * created


@pytest.mark.parametrize("seed", range(3))
def test_a_simulation_has_the_same_outcome_for_the_same_seed(seed: int) -> None:
    assert simulation(seed).run() == simulation(seed).run()
