"""How good the best of 60 trials is: ours beside Optuna, one worker and six that see others late.

Run it by name: `python -m tests.bench.regret [--seeds 20] [--sampler tpe]`. Regret is the best
value less the known minimum. Six of ours see what others claimed and finished ten finished tasks
late, and their own at once; Optuna's six share one study in memory and see everything at once.
"""

import argparse
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from statistics import median, quantiles
from typing import Any

import optuna

from colabctl.search import expand, read
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

TRIALS = 60
WORKERS = 6
LATE = 10  # finished tasks after which news of others is seen

Params = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A function to minimise: its space as a sweep file has it, and as an Optuna objective asks."""

    name: str
    minimum: float
    value: Callable[[Params], float]
    parameters: dict[str, Any]
    ask: Callable[[optuna.Trial], Params]


def branin(params: Params) -> float:
    """L. Branin's function, as in Forrester, Sobester and Keane (2008)."""
    x, y = params["x"], params["y"]
    ridge = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(ridge**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


_WEIGHTS = (1.0, 1.2, 3.0, 3.2)
_SCALES = (
    (10, 3, 17, 3.5, 1.7, 8),
    (0.05, 10, 17, 0.1, 8, 14),
    (3, 3.5, 1.7, 10, 17, 8),
    (17, 8, 0.05, 10, 0.1, 14),
)
_CENTRES = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)


def hartmann(params: Params) -> float:
    """J. Hartmann's function of six variables, as in Dixon and Szego (1978)."""
    return -sum(
        weight
        * math.exp(
            -sum(
                scale * (params[f"x{i}"] - centre) ** 2
                for i, (scale, centre) in enumerate(zip(scales, centres, strict=True))
            )
        )
        for weight, scales, centres in zip(_WEIGHTS, _SCALES, _CENTRES, strict=True)
    )


def conditional(params: Params) -> float:
    """Three models with parameters of their own; the second has the minimum, 0."""
    shared = 0.3 * (params["scale"] - 0.4) ** 2
    match params["model"]:
        case "svm":
            c, gamma = math.log10(params["c"]), math.log10(params["gamma"])
            return float(shared + 0.05 + 0.05 * (c - 1.2) ** 2 + 0.08 * (gamma + 2) ** 2)
        case "mlp":
            rate, width = math.log10(params["lr"]), (params["width"] - 180) / 256
            depth, relu = abs(params["depth"] - 3), params["act"] == "relu"
            return float(
                shared + 0.1 * (rate + 2.7) ** 2 + 0.4 * width**2 + 0.03 * depth + 0.1 * relu
            )
    return float(shared + 0.15)


def _ask_conditional(trial: optuna.Trial) -> Params:
    params: Params = {
        "scale": trial.suggest_float("scale", 0, 1),
        "model": trial.suggest_categorical("model", ["svm", "mlp", "linear"]),
    }
    if params["model"] == "svm":
        params["c"] = trial.suggest_float("c", 1e-3, 1e3, log=True)
        params["gamma"] = trial.suggest_float("gamma", 1e-5, 10, log=True)
    elif params["model"] == "mlp":
        params["lr"] = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        params["width"] = trial.suggest_int("width", 8, 256)
        params["depth"] = trial.suggest_int("depth", 1, 6)
        params["act"] = trial.suggest_categorical("act", ["relu", "tanh", "gelu"])
    return params


def _log(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "log_uniform_values", "min": low, "max": high}


PROBLEMS = (
    Problem(
        "Branin",
        0.397887,
        branin,
        {"x": {"min": -5.0, "max": 10.0}, "y": {"min": 0.0, "max": 15.0}},
        lambda trial: {"x": trial.suggest_float("x", -5, 10), "y": trial.suggest_float("y", 0, 15)},
    ),
    Problem(
        "Hartmann-6",
        -3.32237,
        hartmann,
        {f"x{i}": {"min": 0.0, "max": 1.0} for i in range(6)},
        lambda trial: {f"x{i}": trial.suggest_float(f"x{i}", 0, 1) for i in range(6)},
    ),
    Problem(
        "conditional",
        0.0,
        conditional,
        {
            "scale": {"min": 0.0, "max": 1.0},
            "model": {
                "choices": {
                    "svm": {"parameters": {"c": _log(1e-3, 1e3), "gamma": _log(1e-5, 10)}},
                    "mlp": {
                        "parameters": {
                            "lr": _log(1e-5, 1e-1),
                            "width": {"min": 8, "max": 256},
                            "depth": {"min": 1, "max": 6},
                            "act": {"values": ["relu", "tanh", "gelu"]},
                        }
                    },
                    "linear": {},
                }
            },
        },
        _ask_conditional,
    ),
)


def ours(problem: Problem, seed: int, name: str, workers: int, late: int) -> float:
    """Return the regret of workers that each know their own trials, and others' `late`."""
    content = {"method": "random", "parameters": problem.parameters}
    space = expand(read(content, problem.name)).cells[0].space
    rng = random.Random(seed)
    slots = rng.sample(range(TRIALS), TRIALS)  # workers take tasks in random order
    samplers = [sampler(name, space, "minimize", seed, {}) for _ in range(workers)]
    views: list[dict[int, Trial]] = [{} for _ in range(workers)]
    news: list[tuple[int, int, int, Trial]] = []  # (seen after so many ends, whose, number, trial)
    seen = [0] * workers
    running: list[tuple[float, int, int, Params]] = []
    ends = 0
    best = math.inf

    def begin(worker: int, now: float) -> None:
        while seen[worker] < len(news) and news[seen[worker]][0] <= ends:
            _, whose, number, trial = news[seen[worker]]
            if whose != worker:
                views[worker][number] = trial
            seen[worker] += 1
        number = slots.pop()
        params = samplers[worker].propose(number, views[worker])
        tell(worker, number, Trial("running", params))
        heappush(running, (now + rng.uniform(0.5, 1.5), worker, number, params))

    def tell(worker: int, number: int, trial: Trial) -> None:
        views[worker][number] = trial
        news.append((ends + late, worker, number, trial))

    for worker in range(workers):
        begin(worker, 0.0)
    while running:
        now, worker, number, params = heappop(running)
        value = problem.value(params)
        best = min(best, value)
        ends += 1
        tell(worker, number, Trial("done", params, value))
        if slots:
            begin(worker, now)
    return best - problem.minimum


def optunas(problem: Problem, seed: int, workers: int, *, liar: bool) -> float:
    """Return the regret of workers that share one study of Optuna's in memory."""
    rng = random.Random(seed)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=liar))
    running: list[tuple[float, int, optuna.Trial, Params]] = []

    def begin(now: float) -> None:
        trial = study.ask()
        heappush(running, (now + rng.uniform(0.5, 1.5), trial.number, trial, problem.ask(trial)))

    for _ in range(workers):
        begin(0.0)
    for left in range(TRIALS, 0, -1):
        now, _, trial, params = heappop(running)
        study.tell(trial, problem.value(params))
        if left > workers:
            begin(now)
    return study.best_value - problem.minimum


def rows(problem: Problem, seeds: int, name: str) -> Iterator[tuple[str, list[float], str]]:
    """Yield a title, the regrets of all seeds, and the title to compare with."""
    every = range(seeds)
    alone, together = "Optuna, one worker", "Optuna, six, one study"
    yield alone, [optunas(problem, seed, 1, liar=False) for seed in every], ""
    yield f"colabctl {name}, one worker", [ours(problem, s, name, 1, 0) for s in every], alone
    yield together, [optunas(problem, seed, WORKERS, liar=True) for seed in every], ""
    late = f"colabctl {name}, six, {LATE} tasks late"
    yield late, [ours(problem, seed, name, WORKERS, LATE) for seed in every], together


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sampler", default="tpe")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"regret after {TRIALS} trials, {options.seeds} seeds")
    print(f"{'problem':<12} {'who':<36} {'median':>8} {'quartiles':>18} {'ratio':>6}")
    for problem in PROBLEMS:
        medians: dict[str, float] = {}
        for title, regrets, beside in rows(problem, options.seeds, options.sampler):
            low, _, high = quantiles(regrets, n=4)
            medians[title] = median(regrets)
            ratio = f"{medians[title] / medians[beside]:.2f}" if beside else ""
            print(
                f"{problem.name:<12} {title:<36} {medians[title]:>8.4f} "
                f"{f'{low:.4f} - {high:.4f}':>18} {ratio:>6}",
                flush=True,
            )


if __name__ == "__main__":
    main()
