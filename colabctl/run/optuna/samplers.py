"""Optuna's samplers, created again for each trial, which choose an objective's parameters.

Such a sampler knows only the current trials and its own trial's number. Only the process that runs
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
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from colabctl.errors import UserError
from colabctl.run.failure import TaskError
from colabctl.search.learn.samplers import check_libraries

_AHEAD = 7  # trials that a Gaussian process samples first, each of which takes as long as its own


def sampler(name: str, seed: int, number: int, order: Sequence[int]) -> BaseSampler:
    """Return the sweep's sampler for the trial `number`; `seed` is for this trial alone.

    `order` has the numbers of the other trials in the order in which they ended. Raises TaskError
    for an unknown name, and if a library is missing.
    """
    try:
        check_libraries(name)
    except UserError as missing:
        raise TaskError(str(missing)) from None
    match name:
        case "tpe":
            return TPESampler(seed=seed, constant_liar=True)
        case "gp":
            return _InTurn(seed=seed, warn_independent_sampling=False)
        case "cmaes":
            return _Replayed(seed, order)
        case "qmc":
            return _Numbered(number)
    raise TaskError(f"sampler: {name!r:.40} is unknown; update colabctl on this machine")


class _InTurn(GPSampler):
    """Gaussian processes, made to propose different points for slots that start together.

    On their own they would all propose the same best point. So each first samples for the running
    trials of lower numbers: a point proposed for a trial is stored with it, and then avoided as if
    the trial ran there.
    """

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ahead = [
            each
            for each in running
            if each.number < trial.number and not search_space.keys() <= each.params.keys()
        ]
        if len(ahead) > _AHEAD:
            return {}  # so that it samples at random
        for each in ahead:
            super().sample_relative(study, each, search_space)
        return super().sample_relative(study, trial, search_space)


class _Numbered(QMCSampler):
    """A quasi-random sequence, of which a trial gets the point of its own number."""

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
        done.sort(key=lambda each: self._rank.get(each.number, -1))
        axes = {
            name: _Axis(distribution)
            for name, distribution in search_space.items()
            if isinstance(distribution, FloatDistribution | IntDistribution)
        }
        if not axes or not done:
            return {}
        from colabctl.search.learn.cma_es import replayed  # noqa: PLC0415 - others need no cmaes

        points = (
            ([axis.coordinate(each.params[name]) for name, axis in axes.items()], each.value)
            for each in done
            if each.value is not None
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
        self._of = distribution
        half = 0.0 if distribution.step is None else distribution.step / 2
        self._start = self._scaled(distribution.low - half)
        self._length = self._scaled(distribution.high + half) - self._start

    def coordinate(self, value: float) -> float:
        """Return the coordinate of a value."""
        return (self._scaled(value) - self._start) / self._length

    def value(self, coordinate: float) -> float | int:
        """Return the nearest value to a coordinate."""
        scaled = self._start + coordinate * self._length
        value = math.exp(scaled) if self._of.log else scaled
        if self._of.step is not None:
            value = self._of.low + round((value - self._of.low) / self._of.step) * self._of.step
        value = min(max(value, self._of.low), self._of.high)
        return value if isinstance(self._of, FloatDistribution) else int(value)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._of.log else value


# -- settled parameters -----------------------------------------------------------------------


class Settled(PartialFixedSampler):
    """Returns the values of settled parameters, and leaves the others to another sampler."""

    def __init__(self, settled: Mapping[str, Any], others: BaseSampler) -> None:
        super().__init__(dict(settled), others)
        self._settled = settled

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
    """Return a settled value as its distribution has it; raise TaskError if it is not in there."""
    try:
        create_trial(value=0.0, params={name: value}, distributions={name: distribution})
    except (ValueError, TypeError):
        raise TaskError(
            f"{name} is {value!r:.80} in this task (from foreach or an earlier attempt), "
            f"but the objective suggests it {_from(distribution)}"
        ) from None
    return distribution.to_external_repr(distribution.to_internal_repr(value))


def _from(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return "from " + ", ".join(map(repr, distribution.choices))[:200]
    parts = json.loads(distribution_to_json(distribution))["attributes"]
    step = f" in steps of {parts['step']}" if parts["step"] not in (None, 1) else ""
    return f"from {parts['low']} to {parts['high']}{step}"
