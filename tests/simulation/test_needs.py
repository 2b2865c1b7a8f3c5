"""Where tasks need different machines, each runs on one that has enough, whatever happens."""

import random

import pytest

from colabctl.needs import NOTHING, Capacity, Need
from tests.simulation.claims import Faults
from tests.simulation.sweep import Simulation
from tests.simulation.test_protocol import TASKS, all_done, run, seeds
from tests.simulation.world import Delays

_T4, _A100 = 16_106_127_360, 42_949_672_960
_HAS = (Capacity(), Capacity(1, _T4), Capacity(1, _A100))
_NEEDS = [NOTHING] * 3 + [Need(gpu=1)] + [Need(1, _T4)] * 2 + [Need(1, _A100)] * 2


def simulation(seed: int, faults: Faults | None = None) -> Simulation:
    """Return a sweep of a machine without a GPU, one with a small and one with a large one."""
    rng = random.Random(seed)
    return Simulation(
        machines=3, durations=[rng.uniform(1, 60) for _ in range(TASKS)],
        delays=Delays(median=10, worst=60), seed=seed, heartbeat=20, lease=120, stagger=60,
        loops=rng.randint(0, 3), needs=rng.sample(_NEEDS, TASKS), has=_HAS, faults=faults,
    )  # fmt: skip


def needs(simulated: Simulation) -> list[Need]:
    """Return what each task of a sweep needs."""
    found = {
        each["where"]: Need(each["gpu"], each.get("gpu_memory", 0)) for each in simulated.plan.needs
    }
    return [found.get(f"cell = {index}", NOTHING) for index in range(TASKS)]


def check_claims(simulated: Simulation) -> None:
    """Check that no worker has claimed a task for which its machine has too little."""
    wanted, has = needs(simulated), {each.name: each.has for each in simulated.machines}
    for file in simulated.world.files:
        for event in file.events:
            if event.kind == "claim":
                for index, _ in event.body["tasks"]:
                    assert wanted[index].fits(has[event.writer])


@pytest.mark.parametrize("faults", [None, Faults()])
def test_every_task_runs_on_a_machine_that_has_what_it_needs(faults: Faults | None) -> None:
    for seed in seeds(0.1):
        simulated = simulation(seed, faults)
        assert all_done(run(simulated))
        check_claims(simulated)


def test_what_no_machine_has_is_left_and_the_others_end_soon() -> None:
    for seed in seeds(0.1):
        simulated = simulation(seed)
        large = simulated.machines[2]
        simulated.incidents.append((simulated.rng.uniform(0, 60), large.die))
        tasks = run(simulated, longest=3600)
        check_claims(simulated)
        for task, need in zip(tasks, needs(simulated), strict=True):
            assert task.finished or need.lacking(_HAS[1]), "a task that fits was left"
