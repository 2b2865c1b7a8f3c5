"""What one proposal costs beside Optuna's own, by the number of finished trials.

The second table is for the parameters of an Optuna objective, in a worker's process.

Run it by name: `python -m tests.bench.proposals`. Ours learns what is new and proposes; Optuna
asks a study in memory for the same parameters. Medians of several; what counts is the ratio.
"""

import json
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import optuna

from colabctl.run.optuna.objective import begin
from colabctl.run.optuna.past_trials import PastTrials
from colabctl.run.optuna.trial_texts import TrialTexts
from colabctl.search import expand, read
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial
from colabctl.task import Assignment, Task
from tests.bench.regret import PROBLEMS, Problem
from tests.run.optuna.objectives import Recorder

TIMES = 15


def ours(problem: Problem, finished: int) -> float:
    """Return the seconds of one proposal, a trial having finished since the one before."""
    content = {"method": "random", "parameters": problem.parameters}
    expansion = expand(read(content, problem.name), trials=finished + TIMES)
    drawn = [draw.params or {} for draw in expansion.tasks()]
    trials = {n: Trial("done", drawn[n], problem.value(drawn[n])) for n in range(finished)}
    proposer = sampler("tpe", expansion.cells[0].space, "minimize", 0, {})
    proposer.propose(finished, trials)

    def once(number: int) -> None:
        proposer.propose(finished + number + 1, trials)

    def between(number: int) -> None:
        params = drawn[finished + number]
        trials[finished + number] = Trial("done", params, problem.value(params))

    return _median(once, between)


def optunas(problem: Problem, finished: int, **settings: Any) -> float:
    """Return the seconds in which Optuna suggests all parameters of a trial."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, **settings))
    first = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    first.optimize(lambda trial: problem.value(problem.ask(trial)), n_trials=finished)
    study.add_trials(first.trials)
    asked: list[tuple[optuna.Trial, float]] = []

    def once(number: int) -> None:
        trial = study.ask()
        asked.append((trial, problem.value(problem.ask(trial))))

    def between(number: int) -> None:
        for trial, value in asked:
            study.tell(trial, value)
        asked.clear()

    return _median(once, between)


def suggestions(problem: Problem, finished: int) -> tuple[float, float]:
    """Return the processor seconds until an objective has its parameters, ours and Optuna's.

    In ours, the worker writes an assignment, and the process reads it and builds a study from it;
    Optuna keeps one in memory. As a process runs task after task, the assignment has one trial that
    the process has not seen.
    """
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: problem.value(problem.ask(trial)), n_trials=finished + TIMES)
    trials = {trial.number: _known(trial) for trial in study.trials}
    texts, past, mine, peers = TrialTexts(), PastTrials(), list[float](), list[float]()
    other = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    other.add_trials(study.trials[:finished])
    settings = {"goals": {"value": "minimize"}, "sampler": "tpe"}
    for number in range(finished, finished + TIMES):
        begun = time.process_time()
        written = texts.write((each, trials[each]) for each in range(number))
        own = {**settings, "number": number, "seed": number, **written}
        assignment = Assignment("s", "t", number, 1, {}, "", study=own)
        task = Task(Assignment(**json.loads(json.dumps(vars(assignment)))), Recorder())
        problem.ask(begin(task, {}, past))
        mine.append(time.process_time() - begun)
        begun = time.process_time()
        trial = other.ask()
        params = problem.ask(trial)
        peers.append(time.process_time() - begun)
        other.tell(trial, problem.value(params))
    return median(mine), median(peers)


def _known(trial: optuna.trial.FrozenTrial) -> Trial:
    distributions = {
        name: json.loads(optuna.distributions.distribution_to_json(each))
        for name, each in trial.distributions.items()
    }
    return Trial(
        "done", trial.params, trial.value, (), distributions, float(trial.number), seconds=1.0
    )


def _median(once: Callable[[int], None], between: Callable[[int], None]) -> float:
    taken = []
    for number in range(TIMES):
        begun = time.perf_counter()
        once(number)
        taken.append(time.perf_counter() - begun)
        between(number)
    return median(taken)


def main() -> None:
    """Print the table."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    print(
        f"{'problem':<12} {'trials':>7} {'ours ms':>8} {'Optuna ms':>10} {'ratio':>6} {'joint':>6}"
    )
    for problem in PROBLEMS:
        for finished in (100, 1000):
            mine, plain = ours(problem, finished), optunas(problem, finished)
            joint = optunas(problem, finished, multivariate=True, group=True, constant_liar=True)
            print(
                f"{problem.name:<12} {finished:>7} {mine * 1e3:>8.1f} {plain * 1e3:>10.1f} "
                f"{mine / plain:>6.2f} {mine / joint:>6.2f}",
                flush=True,
            )
    print(f"\n{'objective':<12} {'trials':>7} {'ours ms':>8} {'Optuna ms':>10} {'ratio':>6}")
    for problem in PROBLEMS[:2]:
        for finished in (100, 1000):
            mine, plain = suggestions(problem, finished)
            print(
                f"{problem.name:<12} {finished:>7} {mine * 1e3:>8.1f} {plain * 1e3:>10.1f} "
                f"{mine / plain:>6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
