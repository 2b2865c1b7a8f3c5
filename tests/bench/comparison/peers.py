"""The tools that colabctl is compared with: who has them, and what each is given to do.

`tools.py` has the sides that run function tasks in several ways; these run in one way only.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.bench.processes import output

PACKAGES = {
    "colabctl": "colabctl-drive",
    "jug": "jug",
    "Optuna": "optuna",
    "NePS": "neural-pipeline-search",
    "papermill": "papermill",
    "W&B": "sweeps",
}
"""The distribution of each tool. W&B's local controller asks the engine `sweeps`."""

_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""

# The tasks are run by one worker, as NePS does by default.
NEPS = """\
import logging, sys
from pathlib import Path

import neps

class Space(neps.PipelineSpace):
    x = neps.Float(lower=0.0, upper=1.0)

def run(x):
    return 0.0

if __name__ == "__main__":
    logging.disable()
    store = Path(__file__).with_name("store")
    tasks = int(sys.argv[1])
    neps.run(run, Space(), root_directory=store, total_evaluations_to_spend=tasks,
             optimizer="random_search")
"""

PAPERMILL = """\
import sys
import papermill

source, out, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
for x in range(1, tasks + 1):
    papermill.execute_notebook(source, out, {"x": x}, progress_bar=False, log_output=False)
"""

_FINISHED = """\
import random, sys, time, warnings

warnings.simplefilter("ignore")
finished, times = int(sys.argv[1]), 5
points = random.Random(0)
drawn = [(points.uniform(-5, 10), points.uniform(0, 15)) for _ in range(finished + times)]
values = [(x - 1) ** 2 + (y - 2) ** 2 for x, y in drawn]
"""

# The engine that W&B's local controller calls with all runs of a sweep, for each new run.
WANDB_PROPOSAL = (
    _FINISHED
    + """
from sweeps import SweepRun, next_run

config = {"method": "bayes", "metric": {"name": "loss", "goal": "minimize"},
          "parameters": {"x": {"min": -5.0, "max": 10.0}, "y": {"min": 0.0, "max": 15.0}}}
runs = [SweepRun(name=str(number), state="finished", summary_metrics={"loss": value},
                 history=[{"loss": value}], config={"x": {"value": x}, "y": {"value": y}})
        for number, ((x, y), value) in enumerate(zip(drawn, values))]
taken = []
for number in range(times):
    begun = time.perf_counter()
    next_run(config, runs[:finished + number])
    taken.append(time.perf_counter() - begun)
print(sorted(taken)[times // 2])
"""
)

OPTUNA_PROPOSAL = (
    _FINISHED
    + """
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
spaces = {"x": optuna.distributions.FloatDistribution(-5, 10),
          "y": optuna.distributions.FloatDistribution(0, 15)}
study.add_trials([
    optuna.trial.create_trial(params={"x": x, "y": y}, distributions=spaces, value=value)
    for (x, y), value in zip(drawn[:finished], values)])
taken = []
for number in range(times):
    begun = time.perf_counter()
    trial = study.ask(spaces)
    taken.append(time.perf_counter() - begun)
    study.tell(trial, values[finished + number])
print(sorted(taken)[times // 2])
"""
)

COLABCTL_PROPOSAL = (
    _FINISHED
    + """
from colabctl.search import expand, read
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

content = {"method": "random", "parameters": {"x": {"min": -5.0, "max": 10.0},
                                              "y": {"min": 0.0, "max": 15.0}}}
space = expand(read(content, "proposal"), trials=1).cells[0].space
trials = {number: Trial("done", {"x": x, "y": y}, value)
          for number, ((x, y), value) in enumerate(zip(drawn[:finished], values))}
proposer = sampler("tpe", space, "minimize", 0, {})
taken = []
for number in range(finished, finished + times):
    begun = time.perf_counter()
    proposer.propose(number, trials)
    taken.append(time.perf_counter() - begun)
    x, y = drawn[number]
    trials[number] = Trial("done", {"x": x, "y": y}, values[number])
print(sorted(taken)[times // 2])
"""
)


def versions(python: str) -> dict[str, str]:
    """Return the versions of the tools that this interpreter has."""
    names = list(PACKAGES.values())
    found = json.loads(output([python, "-c", _VERSIONS, *names]))
    return {tool: found[name] for tool, name in PACKAGES.items() if name in found}


def owners(pythons: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return for each tool the first interpreter that has it, and its version there."""
    found: dict[str, tuple[str, str]] = {}
    for python in pythons:
        for tool, version in versions(python).items():
            found.setdefault(tool, (python, version))
    return found


def count_neps(place: Path, tasks: int) -> None:
    """Check that NePS has run all tasks; raises RuntimeError if not."""
    done = len(list((place / "store" / "configs").glob("*/report.yaml")))
    if done != tasks:
        raise RuntimeError(f"NePS finished {done} of {tasks} tasks")
