"""Optuna's samplers, which choose the parameters of objectives, with a new one for each trial.

A sampler knows only the current trials and its own trial's number. Only the process that runs
objectives imports this file, because Optuna is slow to import.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    PartialFixedSampler,
    QMCSampler,
    TPESampler,
)
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.study import Study, StudyDirection, create_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from colabctl.errors import UserError
from colabctl.run.failures.failure import TaskError
from colabctl.search.learn.nsga2 import NSGAII
from colabctl.search.learn.samplers import check_libraries

_AHEAD = 7  # trials that a Gaussian process may sample before its own, each as slow as its own


def sampler(name: str, seed: int, number: int, order: Sequence[int]) -> BaseSampler:
    """Return the sweep's sampler for the trial `number`; `seed` is for this trial alone.

    `order` has the numbers of the other trials in the order in which they ended. Raises TaskError
    for an unknown name, and if a library is missing.
    """
    try:
        check_libraries(name, objective=True)
    except UserError as missing:
        raise TaskError(str(missing)) from None
    match name:
        case "tpe":
            return TPESampler(seed=seed, constant_liar=True)
        case "gp":
            return _InTurn(seed=seed, warn_independent_sampling=False)
        case "cmaes":
            return _Replayed(seed, order)
        case "nsga2":
            return NSGAII(seed)
        case "qmc":
            return _Numbered(number)
    raise TaskError(f"sampler: {name!r:.40} is unknown; update colabctl on this machine")


def reseed(sampler: BaseSampler, seed: int) -> None:
    """Give a sampler of the user, and those inside it, other random numbers for each task.

    Each task creates it again, and with one seed all tasks would draw the same.
    """
    for value in vars(sampler).values():
        if isinstance(value, BaseSampler):
            reseed(value, seed + 1)
        elif isinstance(value, LazyRandomState):
            value.rng.seed(seed % 2**32)


class _InTurn(GPSampler):
    """Gaussian processes that propose different points for slots that start together.

    By default, all would propose the same best point. So each first samples for the running trials
    with lower numbers. A point proposed for a trial is stored with it, and then avoided as if the
    trial ran there.
    """

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ahead = [
            other
            for other in running
            if other.number < trial.number and not search_space.keys() <= other.params.keys()
        ]
        if len(ahead) > _AHEAD:
            return {}  # Optuna then samples at random
        for other in ahead:
            super().sample_relative(study, other, search_space)
        return super().sample_relative(study, trial, search_space)


class _Numbered(QMCSampler):
    """A quasi-random sequence, from which a trial gets the point with its own number."""

    def __init__(self, number: int) -> None:
        super().__init__(seed=number, warn_independent_sampling=False)
        self._number = number

    def _find_sample_id(self, *_: Any) -> int:
        return self._number


class _Replayed(CmaEsSampler):
    """CMA-ES rebuilt from the trials; Optuna's own sampler pickles its state into them."""

    def __init__(self, seed: int, ended: Sequence[int]) -> None:
        super().__init__(seed=seed, warn_independent_sampling=False)
        self._seed = seed
        self._rank = {number: rank for rank, number in enumerate(ended)}

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's signature
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        done.sort(key=lambda past: self._rank.get(past.number, -1))
        axes = {
            name: _Axis(distribution)
            for name, distribution in search_space.items()
            if isinstance(distribution, FloatDistribution | IntDistribution)
        }
        if not axes or not done:
            return {}
        from colabctl.search.learn.cma_es import replayed  # noqa: PLC0415 - others need no cmaes

        points = (
            ([axis.coordinate(past.params[name]) for name, axis in axes.items()], past.value)
            for past in done
            if past.value is not None
        )
        # The settings are those of Optuna's sampler.
        optimizer = replayed(
            points,
            dimensions=len(axes),
            sign=1.0 if study.direction == StudyDirection.MINIMIZE else -1.0,
            sigma=1 / 6,
            seed=self._seed,
            most_resampling=10 * len(axes),
        )
        point = zip(axes.items(), optimizer.ask().tolist(), strict=True)
        return {name: axis.value(coordinate) for (name, axis), coordinate in point}


class _Axis:
    """A numeric parameter, scaled to 0 to 1 so that all its steps are equally wide."""

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self._distribution = distribution
        half = 0.0 if distribution.step is None else distribution.step / 2
        self._start = self._scaled(distribution.low - half)
        self._length = self._scaled(distribution.high + half) - self._start

    def coordinate(self, value: float) -> float:
        """Return the coordinate of a value."""
        return (self._scaled(value) - self._start) / self._length

    def value(self, coordinate: float) -> float | int:
        """Return the nearest value to a coordinate."""
        axis, scaled = self._distribution, self._start + coordinate * self._length
        value = math.exp(scaled) if axis.log else scaled
        if axis.step is not None:
            value = axis.low + round((value - axis.low) / axis.step) * axis.step
        value = min(max(value, axis.low), axis.high)
        return value if isinstance(axis, FloatDistribution) else int(value)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._distribution.log else value


# -- settled parameters -----------------------------------------------------------------------


class Settled(PartialFixedSampler):
    """Returns the values of settled parameters, and leaves the others to another sampler."""

    def __init__(
        self,
        settled: Mapping[str, Any],
        others: BaseSampler,
        examples: Sequence[FrozenTrial] | None = None,
    ) -> None:
        """Create it; if `examples` are given, the study's search space is that of these trials."""
        super().__init__(dict(settled), others)
        self._settled = settled
        self._examples = None
        if examples is not None:
            several = max((len(each.values or ()) for each in examples), default=1)
            self._examples = create_study(directions=["minimize"] * max(several, 1))
            self._examples.add_trials(examples)

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,
    ) -> dict[str, BaseDistribution]:
        """Return the search space, without comparing the distributions of all trials."""
        return super().infer_relative_search_space(self._examples or study, trial)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a parameter's value; raise TaskError if its settled one is not allowed."""
        if param_name in self._settled:
            return settle(param_name, self._settled[param_name], param_distribution)
        return super().sample_independent(study, trial, param_name, param_distribution)


def settle(name: str, value: Any, distribution: BaseDistribution) -> Any:
    """Return a settled value in the distribution's form; raise TaskError if it is not allowed."""
    try:
        create_trial(value=0.0, params={name: value}, distributions={name: distribution})
    except (ValueError, TypeError):
        raise TaskError(
            f"{name} is {value!r:.80} in this task (from foreach or an earlier attempt), "
            f"but the objective suggests it {_range_of(distribution)}"
        ) from None
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _range_of(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return "from " + ", ".join(map(repr, distribution.choices))[:200]
    parts = json.loads(distribution_to_json(distribution))["attributes"]
    step = f" in steps of {parts['step']}" if parts["step"] not in (None, 1) else ""
    return f"from {parts['low']} to {parts['high']}{step}"
