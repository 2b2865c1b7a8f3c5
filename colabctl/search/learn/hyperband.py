"""W&B's hyperband: a run must keep up with its peers at each of a ladder of reports.

The rule of W&B's engine (the package `sweeps` 0.3.0, `hyperband_stopping.py`): one ladder of
successive halving, without the brackets of the paper that gave it its name. What counts is the
n-th value that a run has logged, whatever its step; values that are not finite do not count at all.
Peers count whatever has become of them.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colabctl.search.language.metric import Goal
from colabctl.search.learn.trials import Trial, Trials

_BANDS_UP = 100
_MOST_DOWN = 100_000
"""Steps down from max_iter; only an eta near 1 would take more."""

_NEVER = 2**53
"""More values than any run logs."""


def bands(rule: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the numbers of logged values, counted from 1, at which a rule compares; ascending."""
    eta: float = rule["eta"]
    found: set[int] = set()
    band: float
    if "max_iter" in rule:
        band = rule["max_iter"]
        for _ in range(min(rule["s"], _MOST_DOWN)):
            band /= eta
            if band < 1:
                break
            found.add(int(band))
    else:
        band = rule["min_iter"]
        for _ in range(_BANDS_UP):
            if band > _NEVER:
                break
            found.add(int(band))
            band *= eta
    return tuple(sorted(found))


@dataclass(frozen=True)
class _Run:
    """What a trial has logged as far as the rule looks at it; less is better."""

    trial: Trial
    at_bands: tuple[float, ...]
    best: float


class Hyperband:
    """Stops a run that is worse, where it last met a band, than 1/eta of all that have met it.

    strict      its value at that band counts, else the best that it has logged so far
    """

    def __init__(self, rule: Mapping[str, Any], goal: Goal) -> None:
        self._bands = bands(rule)
        self._share = 1.0 / rule["eta"]
        self._strict: bool = rule["strict"]
        self._sign = -1.0 if goal == "maximize" else 1.0
        self._runs: dict[int, _Run] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """Return whether the running trial `number` should stop now."""
        trial = trials.get(number)
        if trial is None or trial.state != "running":
            return False
        self._look_at(trials)
        run = self._runs[number]
        met = len(run.at_bands)
        if not met:
            return False
        peers = sorted(r.at_bands[met - 1] for r in self._runs.values() if len(r.at_bands) >= met)
        threshold = peers[int(self._share * len(peers))]
        return (run.at_bands[-1] if self._strict else run.best) > threshold

    def _look_at(self, trials: Trials) -> None:
        runs = self._runs
        for number, trial in trials.items():
            known = runs.get(number)
            if known is None or known.trial is not trial:
                runs[number] = self._run(trial)
        if len(runs) > len(trials):
            self._runs = {number: runs[number] for number in trials}

    def _run(self, trial: Trial) -> _Run:
        logged = [self._sign * value for _, value in trial.reports if math.isfinite(value)]
        met = self._bands[: bisect_right(self._bands, len(logged))]
        at_bands = tuple(logged[band - 1] for band in met)
        return _Run(trial, at_bands, min(logged, default=math.inf))
