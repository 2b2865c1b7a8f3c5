"""The samplers, which propose parameters of deferred tasks: TPE by Optuna, GP, CMA-ES, Sobol.

A proposal depends only on the sweep's seed, the values of the cell, the number of the trial, and
the known trials. So nothing is lost with a worker, two machines that claim one task with the same
knowledge propose the same point, and two trials get different points.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, get_args

from colabctl.errors import UserError
from colabctl.search.language import libraries
from colabctl.search.language.declaration import SamplerName
from colabctl.search.language.metric import Goal
from colabctl.search.learn.auto import Kind
from colabctl.search.learn.axes import Dimension, Level, Real, clamped, level_of
from colabctl.search.learn.cell_draws import CellDraws
from colabctl.search.learn.optuna_bridge import import_optuna
from colabctl.search.learn.trials import Trial, Trials
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import Path

_KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}


class Sampler(Protocol):
    """Proposes parameters for the trials of one cell; it remembers the trials that it has seen.

    Attributes:
        proposed_by: the name of the sampler that chose the last proposal, as it is recorded
    """

    proposed_by: str

    def prepare(self, trials: Trials) -> None:
        """Import now what the next proposal needs, which can take seconds."""

    def propose(self, number: int, trials: Trials) -> Values:
        """Return parameters for trial `number`, learned from all known trials.

        A trial that has changed since the last call must be another object. Trials that do not fit
        the space are ignored.
        """


def sampler(
    name: str, space: Space, goal: Goal | Sequence[Goal], seed: int, values: Values
) -> Sampler:
    """Return the sampler for the cell with these `values` of its foreach parameters.

    `goal` is that of the metric, or of each of several.

    Raises UserError for a library that is not installed, ValueError for an unknown name.
    """
    if name not in get_args(SamplerName):
        raise ValueError(f"unknown sampler {name!r:.40}")
    check_libraries(name)
    draws = CellDraws(space, seed, values)
    if name == "qmc":
        return Sobol(draws)
    level = level_of(space)
    goals = [goal] if isinstance(goal, str) else goal
    if name == "cmaes":
        numbers = [d for d in level.searched() if isinstance(d.axis, Real) or d.axis.ordered]
        if len(numbers) > 1:  # it needs two; TPE searches a single number
            return CovarianceMatrix(draws, level, numbers, goals[0])
    import_optuna("method: bayes")
    from colabctl.search.learn.optuna_sampler import OptunaSampler  # noqa: PLC0415 - heavy

    return OptunaSampler(draws, level, goals, _KINDS.get(name, "tpe"))


def check_libraries(name: str, *, objective: bool = False) -> None:
    """Raise UserError if a library that a sampler, perhaps of an objective, needs is missing."""
    lacking = libraries.missing(name, objective=objective)
    if lacking:
        raise UserError(
            f"sampler: {name} needs {', '.join(lacking)}; run: {libraries.command(lacking)}"
        )


class CovarianceMatrix:
    """CMA-ES over the numbers that every task has; other parameters are drawn at random."""

    proposed_by = "cmaes"

    def __init__(
        self, draws: CellDraws, level: Level, numbers: list[Dimension], goal: Goal
    ) -> None:
        from colabctl.search.learn.cma_es import replayed  # noqa: PLC0415 - cmaes may be missing

        self._replayed = replayed
        self._draws, self._level, self._numbers = draws, level, numbers
        self._sign = -1.0 if goal == "maximize" else 1.0

    def prepare(self, trials: Trials) -> None:
        """See Sampler."""

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        optimizer = self._replayed(
            self._finished(trials),
            dimensions=len(self._numbers),
            sign=self._sign,
            sigma=0.3,
            seed=self._draws.seed(number),
        )

        def choose(draw: int) -> Mapping[Path, float]:
            optimizer.reseed_rng(self._draws.seed(draw))
            point = zip(self._numbers, optimizer.ask(), strict=True)
            return {d.path: clamped(float(share)) for d, share in point}

        return self._draws.new_point(number, trials, choose)

    def _finished(self, trials: Trials) -> Iterator[tuple[list[float], float]]:
        for _, trial in sorted(trials.items(), key=_by_end):
            value = trial.value
            if trial.state != "done" or value is None or math.isnan(value):
                continue
            coordinates = self._level.coordinates(trial.params)
            if coordinates is not None:
                point = [d.axis.share(coordinates[d.name]) for d in self._numbers]
                yield point, min(max(value, -1e300), 1e300)


def _by_end(item: tuple[int, Trial]) -> tuple[float, int]:
    number, trial = item
    return math.inf if trial.ended is None else trial.ended, number


class Sobol:
    """A scrambled Sobol sequence, which does not learn; trial n gets its point n."""

    proposed_by = "qmc"

    def __init__(self, draws: CellDraws) -> None:
        from scipy.stats import qmc  # noqa: PLC0415 - heavy, and may be missing

        self._draws = draws
        self._paths = sorted({d.path for d in level_of(draws.space).walk()})
        self._sequence: Callable[[], Any] = lambda: qmc.Sobol(len(self._paths), seed=draws.seed(-1))

    def prepare(self, trials: Trials) -> None:
        """See Sampler."""

    def propose(self, number: int, trials: Trials) -> Values:
        """See Sampler."""
        return self._draws.new_point(
            number, trials, lambda draw: self._point(number) if draw == number else {}
        )

    def _point(self, number: int) -> Mapping[Path, float]:
        if not self._paths:
            return {}
        sequence = self._sequence()
        if number:
            sequence.fast_forward(number)
        point = zip(self._paths, sequence.random()[0], strict=True)
        return {path: clamped(float(share)) for path, share in point}
