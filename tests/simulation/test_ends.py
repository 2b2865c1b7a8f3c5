"""Sweeps with a budget or patience end, and all readers agree why, whatever the delays."""

import os
import random
from typing import Any

import pytest

from tests.simulation.claims import Faults
from tests.simulation.sweep import Simulation
from tests.simulation.world import Delays

SEEDS = int(os.environ.get("COLABCTL_TEST_SEEDS", "1000")) // 10
TASKS = 30


def simulation(seed: int, keys: dict[str, Any], faults: Faults | None = None) -> Simulation:
    rng = random.Random(seed)
    return Simulation(
        machines=3, durations=[rng.uniform(1, 60) for _ in range(TASKS)],
        delays=Delays(median=10, worst=60), seed=seed, heartbeat=20, lease=120, stagger=60,
        loops=rng.randint(0, 3), jobs=rng.randint(1, 2), keys=keys, faults=faults,
    )  # fmt: skip


def ended(simulated: Simulation) -> str | None:
    """Run to the end; return what ended the sweep, after a check that all agree."""
    simulated.run()
    simulated.world.deliver()
    simulated.reader.refresh()
    seen = simulated.reader.state
    for machine in simulated.machines:
        machine.ledger.refresh()
        state = machine.ledger.state
        assert (state.ended, state.ends.spent) == (seen.ended, seen.ends.spent)
        assert sorted(state.open) == sorted(seen.open)
    assert not any(seen.held.values())
    return seen.ended


@pytest.mark.parametrize("keys", [{"tasks": 10}, {"time": 300.0}], ids=str)
def test_a_budget_ends_a_sweep_of_any_machines(keys: dict[str, Any]) -> None:
    for seed in range(SEEDS):
        simulated = simulation(seed, {"budget": keys})
        assert ended(simulated) == "budget"
        assert simulated.reader.state.outcomes < TASKS


def test_where_claims_are_guarded_a_budget_of_tasks_is_kept_exactly() -> None:
    for seed in range(SEEDS):
        simulated = simulation(seed, {"budget": {"tasks": 10}}, Faults(between=0.4))
        assert ended(simulated) == "budget"
        assert simulated.reader.state.outcomes == 10


def test_a_budget_is_used_up_although_machines_die() -> None:
    for seed in range(SEEDS):
        simulated = simulation(seed, {"budget": {"tasks": 10}})
        simulated.incidents = [(40.0 + 60 * n, simulated.machines[n].die) for n in range(2)]
        simulated.run()
        simulated.world.deliver()
        simulated.reader.refresh()
        assert simulated.reader.state.ended == "budget"


def test_patience_ends_a_sweep_of_any_machines() -> None:
    for seed in range(SEEDS):
        simulated = simulation(seed, {"patience": {"trials": 3, "min_delta": 0.0}})
        assert ended(simulated) in ("patience", None)  # None: it got better until the last task
