"""W&B's hyperband, which compares a run with its peers at certain numbers of reports, the bands.

As in W&B's engine (PyPI `sweeps` 0.3.0, `hyperband_stopping.py`), this is one bracket of successive
halving, not the several of the paper (Li et al. 2018). The n-th logged value counts, at any step;
values that are not finite do not count. Peers count in every state.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from colabctl.search.language.metric import Goal
from colabctl.search.language.stopping.stopping_rules import Hyperband
from colabctl.search.learn.trials import Trial, Trials

_BANDS_UP = 100
_MOST_DOWN = 100_000
"""The most bands below max_iter; only an eta near 1 would give more."""

_NEVER = 2**53
"""More values than any run logs."""


def bands(rule: Hyperband) -> tuple[int, ...]:
    """Return the numbers of logged values, from 1, at which a rule compares; ascending."""
    counts: set[int] = set()
    band: float
    if rule.max_iter is not None:
        band = rule.max_iter
        for _ in range(min(rule.s or 0, _MOST_DOWN)):
            band /= rule.eta
            if band < 1:
                break
            counts.add(int(band))
    else:
        band = rule.min_iter or 1
        for _ in range(_BANDS_UP):
            if band > _NEVER:
                break
            counts.add(int(band))
            band *= rule.eta
    return tuple(sorted(counts))


@dataclass(frozen=True)
class _Run:
    """The logged values of a trial that the rule uses; less is better."""

    trial: Trial
    at_bands: tuple[float, ...]
    best: float


class HyperbandStopper:
    """Stops a run that is not among the best 1/eta of the runs at the last band that it reached.

    A strict rule compares the run's value at that band; otherwise its best value so far counts.
    """

    def __init__(self, rule: Hyperband, goal: Goal) -> None:
        self._bands = bands(rule)
        self._share = 1.0 / rule.eta
        self._strict = rule.strict
        self._sign = -1.0 if goal == "maximize" else 1.0
        self._runs: dict[int, _Run] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """See Stopper."""
        trial = trials.get(number)
        if trial is None or trial.state != "running":
            return False
        self._update(trials)
        run = self._runs[number]
        count = len(run.at_bands)
        if not count:
            return False
        values = (r.at_bands[count - 1] for r in self._runs.values() if len(r.at_bands) >= count)
        peers = sorted(values)
        threshold = peers[int(self._share * len(peers))]
        return (run.at_bands[-1] if self._strict else run.best) > threshold

    def _update(self, trials: Trials) -> None:
        runs = self._runs
        for number, trial in trials.items():
            run = runs.get(number)
            if run is None or run.trial is not trial:
                runs[number] = self._run(trial)
        if len(runs) > len(trials):
            self._runs = {number: runs[number] for number in trials}

    def _run(self, trial: Trial) -> _Run:
        logged = [self._sign * value for _, value in trial.reports if math.isfinite(value)]
        reached = self._bands[: bisect_right(self._bands, len(logged))]
        at_bands = tuple(logged[band - 1] for band in reached)
        return _Run(trial, at_bands, min(logged, default=math.inf))
