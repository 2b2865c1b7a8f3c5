"""How good the best of 60 trials is: ours beside Optuna, one worker and six that see others late.

Run it by name: `python -m tests.bench.regret [--seeds 20] [--sampler auto] [--problems Branin]`.
Regret is the true value of the trial that looks best, less the known minimum. Six of ours see what
others claimed and finished ten finished tasks late, and their own at once; Optuna's six share one
study in memory and see everything at once. They have Optuna's defaults, and its GPSampler where
torch is installed. Tasks of ours count as an hour long, so that no proposal is too slow. A ratio is
that of our median to a peer's; the target is the most that either may be.
"""

import argparse
import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from importlib.util import find_spec
from statistics import median, quantiles
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, TPESampler

from colabctl.search import expand, read
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

TRIALS = 60
WORKERS = 6
SECONDS = 3600.0  # that each of our tasks takes
LATE = 10  # finished tasks after which news of others is seen
TARGETS = {1: 0.9, WORKERS: 1.1}  # by workers: the most that our regret may be of each peer's

Params = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A function to minimise: its space as a sweep file has it, and as an Optuna objective asks."""

    name: str
    minimum: float
    value: Callable[[Params], float]
    parameters: dict[str, Any]
    ask: Callable[[optuna.Trial], Params]
    noise: float = 0.0

    def seen(self, params: Params, rng: random.Random) -> float:
        """Return what a task reports: the value, with noise of this standard deviation."""
        return self.value(params) + rng.gauss(0.0, self.noise)


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


_TARGETS = {"x0": 0.3, "x1": 0.7, "x2": 0.5, "x3": 0.2}


def mixed(params: Params) -> float:
    """Ten parameters: four real, one logarithmic, two whole, three lists; the minimum is 0."""
    real = sum((params[name] - target) ** 2 for name, target in _TARGETS.items())
    rate = (math.log10(params["lr"]) + 2.5) ** 2
    whole = ((params["depth"] - 5) / 8) ** 2 + ((params["width"] - 96) / 128) ** 2
    listed = {"adam": 0.0, "sgd": 0.15, "rmsprop": 0.08, "lion": 0.2}[params["optimizer"]]
    listed += {"relu": 0.05, "gelu": 0.0, "tanh": 0.12}[params["act"]]
    shift = {"none": 1.0, "batch": 0.0, "layer": 0.4}[params["norm"]]
    return float(real + 0.1 * rate + whole + listed + 0.1 * shift * (1 + params["x0"]))


def _ask_mixed(trial: optuna.Trial) -> Params:
    return {
        **{name: trial.suggest_float(name, 0, 1) for name in _TARGETS},
        "lr": trial.suggest_float("lr", 1e-5, 1.0, log=True),
        "depth": trial.suggest_int("depth", 1, 9),
        "width": trial.suggest_int("width", 16, 256),
        "optimizer": trial.suggest_categorical("optimizer", ["adam", "sgd", "rmsprop", "lion"]),
        "act": trial.suggest_categorical("act", ["relu", "gelu", "tanh"]),
        "norm": trial.suggest_categorical("norm", ["none", "batch", "layer"]),
    }


def _log(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "log_uniform_values", "min": low, "max": high}


_PROBLEMS = (
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
    Problem(
        "mixed",
        0.0,
        mixed,
        {
            **{name: {"min": 0.0, "max": 1.0} for name in _TARGETS},
            "lr": _log(1e-5, 1.0),
            "depth": {"min": 1, "max": 9},
            "width": {"min": 16, "max": 256},
            "optimizer": {"values": ["adam", "sgd", "rmsprop", "lion"]},
            "act": {"values": ["relu", "gelu", "tanh"]},
            "norm": {"values": ["none", "batch", "layer"]},
        },
        _ask_mixed,
    ),
)
PROBLEMS = (*_PROBLEMS, replace(_PROBLEMS[1], name="noisy", noise=0.1))


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
    ended: list[tuple[float, float]] = []  # what each trial reported, and its regret

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
        value = problem.seen(params, rng)
        ended.append((value, problem.value(params) - problem.minimum))
        ends += 1
        tell(worker, number, Trial("done", params, value, seconds=SECONDS))
        if slots:
            begin(worker, now)
    return min(ended)[1]


def optunas(problem: Problem, seed: int, workers: int, sampler: BaseSampler) -> float:
    """Return the regret of workers that share one study of Optuna's in memory."""
    rng = random.Random(seed)
    study = optuna.create_study(sampler=sampler)
    running: list[tuple[float, int, optuna.Trial, Params]] = []
    ended: list[tuple[float, float]] = []

    def begin(now: float) -> None:
        trial = study.ask()
        heappush(running, (now + rng.uniform(0.5, 1.5), trial.number, trial, problem.ask(trial)))

    for _ in range(workers):
        begin(0.0)
    for left in range(TRIALS, 0, -1):
        now, _, trial, params = heappop(running)
        value = problem.seen(params, rng)
        ended.append((value, problem.value(params) - problem.minimum))
        study.tell(trial, value)
        if left > workers:
            begin(now)
    return min(ended)[1]


@dataclass(frozen=True)
class Row:
    """What was found on one problem by so many workers.

    Attributes:
        problem: its name
        workers: how many
        regrets: those of all seeds, for each peer, and for "colabctl"
    """

    problem: str
    workers: int
    regrets: Mapping[str, Sequence[float]]

    @property
    def who(self) -> str:
        """The problem and the workers."""
        return f"{self.problem}, {'one worker' if self.workers == 1 else f'{self.workers} workers'}"

    def median(self, tool: str) -> float | None:
        """Return the median of a tool's regrets; None if it is not installed."""
        return median(self.regrets[tool]) if tool in self.regrets else None

    def ratio(self, peer: str) -> float | None:
        """Return our median regret over that of a peer; None if it is not installed."""
        return (
            median(self.regrets["colabctl"]) / median(self.regrets[peer])
            if peer in self.regrets
            else None
        )

    @property
    def verdict(self) -> str:
        """Whether the target is reached beside each peer; a dash where one is not installed."""
        ratios = [self.ratio(peer) for peer in PEERS]
        known = [ratio for ratio in ratios if ratio is not None]
        if any(ratio > TARGETS[self.workers] for ratio in known):
            return "missed"
        return "ok" if len(known) == len(ratios) else "-"

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns of HEADINGS."""
        regrets = [self.median(tool) for tool in (*PEERS, "colabctl")]
        ratios = [self.ratio(peer) for peer in PEERS]
        return (
            self.who,
            *("-" if regret is None else f"{regret:.2g}" for regret in regrets),
            *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
            f"{TARGETS[self.workers]:g}",
            self.verdict,
        )


PEERS = ("Optuna TPE", "Optuna GP")
HEADINGS = ("regret", *PEERS, "colabctl", "over TPE", "over GP", "target", "")


def rows(problem: Problem, seeds: int, name: str) -> Iterator[Row]:
    """Yield what one worker finds on a problem, and six; ours have the sampler `name`."""
    peers: dict[str, Callable[[int], BaseSampler]] = {
        "Optuna TPE": lambda seed: TPESampler(seed=seed)
    }
    if find_spec("torch"):
        peers["Optuna GP"] = lambda seed: GPSampler(seed=seed)
    for workers, late in ((1, 0), (WORKERS, LATE)):
        regrets = {
            peer: [optunas(problem, seed, workers, make(seed)) for seed in range(seeds)]
            for peer, make in peers.items()
        }
        regrets["colabctl"] = [ours(problem, seed, name, workers, late) for seed in range(seeds)]
        yield Row(problem.name, workers, regrets)


def main() -> None:
    """Print the table, and the quartiles of each figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--problems", nargs="*", default=[problem.name for problem in PROBLEMS])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"regret after {TRIALS} trials, {options.seeds} seeds, sampler {options.sampler}")
    print(f"{HEADINGS[0]:<24}" + "".join(f"{heading:>12}" for heading in HEADINGS[1:]))
    for problem in PROBLEMS:
        if problem.name not in options.problems:
            continue
        for row in rows(problem, options.seeds, options.sampler):
            print(f"{row.cells[0]:<24}" + "".join(f"{cell:>12}" for cell in row.cells[1:]))
            for tool, regrets in row.regrets.items():
                low, _, high = quantiles(regrets, n=4)
                print(f"    {tool}: quartiles {low:.2g} to {high:.2g}", flush=True)


if __name__ == "__main__":
    main()
