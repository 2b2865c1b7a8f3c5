"""Proposes a point by a Gaussian process: the greatest expected improvement, or the best mean.

Workers of a shared folder see each other's trials late. With the same knowledge they would all
propose the same point. So a trial's seed says which place it takes among as many trials as run
elsewhere, and itself: the process believes that the earlier places were proposed as it would
propose them, and proposes the next. This is the batch of D. Ginsbourger, R. Le Riche and L. Carraro
(2010), of which each worker computes its own part. The first place takes the point with the best
mean: to do so in a part of all trials, and to explore in the others, finds better points in short
searches than to explore always (G. De Ath and others (2021), "Greed is good").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, ndtr
from scipy.stats import yeojohnson

from colabctl.search.learn.gaussian_process import GaussianProcess, fitted

_ANYWHERE, _STARTS = 1024, 6  # points to compare, and those from which the best is climbed to
_BEST = 4  # known points around which others are tried, at these distances:
_AROUND = np.repeat([0.1, 0.02, 0.004], 10)
_APART = 0.02  # the least distance between starts
_ROUNDS = 5
_PLACES = 8  # the most; each one takes as long as a proposal
_FLAT = 1e-9
_LOG_ROOT = math.log(2 * math.pi) / 2
_ROOT = math.sqrt(math.pi / 2)
_FAR = -1e4


@dataclass(frozen=True)
class Box:
    """The points of a level.

    Attributes:
        counts: how many values each parameter has, None for real numbers
        listed: whether they are without order; their coordinate is an index, others' from 0 to 1
    """

    counts: Sequence[int | None]
    listed: Sequence[bool]

    @property
    def real(self) -> Any:
        """For each parameter, whether it is a real number."""
        return np.array([count is None for count in self.counts])

    def draw(self, count: int, random: np.random.Generator) -> Any:
        """Return points from everywhere."""
        shares = random.random((count, len(self.counts)))
        for i, values in enumerate(self.counts):
            if values is not None and self.listed[i]:
                shares[:, i] = np.floor(shares[:, i] * values)
        return self.nearest(shares)

    def around(self, points: Any, random: np.random.Generator) -> Any:
        """Return points around each of some points."""
        centres = np.repeat(points, len(_AROUND), axis=0)
        distances = np.tile(_AROUND, len(points))[:, None] * ~np.array(self.listed)
        return self.nearest(centres + random.normal(size=centres.shape) * distances)

    def nearest(self, points: Any) -> Any:
        """Return the nearest points of the level."""
        for i, values in enumerate(self.counts):
            if not self.listed[i]:
                points[:, i] = np.clip(points[:, i], 0, 1)
                if values is not None:
                    points[:, i] = np.round(points[:, i] * (values - 1)) / (values - 1)
        return points

    def neighbours(self, point: Any) -> Any:
        """Return the points that differ from one in a parameter that is not a real number."""
        points = []
        for i, values in enumerate(self.counts):
            if values is not None:
                several = np.tile(point, (values, 1))
                several[:, i] = np.arange(values) / (1 if self.listed[i] else values - 1)
                points.append(several)
        return np.vstack(points)


@dataclass(frozen=True)
class Improvement:
    """The logarithm of the expected improvement on a value; values are to become small.

    Formulas as in S. Ament and others (2023), "Unexpected improvements to expected improvement for
    Bayesian optimization".
    """

    process: GaussianProcess
    value: float

    def at(self, points: Any) -> Any:
        """Return it at each of some points."""
        mean, deviation = self.process.predict(points)
        return _log_improvement((self.value - mean) / deviation)[0] + np.log(deviation)

    def slope(self, point: Any) -> tuple[float, Any]:
        """Return it at one point, and its gradient."""
        mean, deviation, mean_rise, rise = self.process.slopes(point)
        share = (self.value - mean) / deviation
        (height,), (slope,) = _log_improvement(np.array([share]))
        gradient = (rise * (1 - slope * share) - slope * mean_rise) / deviation
        return float(height) + math.log(deviation), gradient


@dataclass(frozen=True)
class Mean:
    """Minus the expected value."""

    process: GaussianProcess

    def at(self, points: Any) -> Any:
        """Return it at each of some points."""
        return -self.process.predict(points)[0]

    def slope(self, point: Any) -> tuple[float, Any]:
        """Return it at one point, and its gradient."""
        mean, _, rise, _ = self.process.slopes(point)
        return -mean, -rise


def proposed(
    box: Box,
    finished: Sequence[Sequence[float]],
    values: Sequence[float],
    running: Sequence[Sequence[float]],
    seed: int,
) -> list[float]:
    """Return the point to try next, to make values small.

    Args:
        box: the points of the level
        finished: the points of finished trials
        values: the value of each of them; not NaN
        running: the points of trials without a value
        seed: of the trial; it chooses among as many points as trials are running, and one more
    """
    random = np.random.default_rng(seed)
    process = fitted(
        np.array(finished, dtype=float), _even(np.array(values)), np.array(box.listed, dtype=bool)
    )
    place = int(random.integers(min(len(running) + 1, _PLACES)))
    if running:
        process = process.believing(np.array(running, dtype=float))
        if place == 0:
            return list(highest(Mean(process), box, random))
    for _ in range(place):
        process = process.believing(highest(_improvement(process), box, random)[None])
    return list(highest(_improvement(process), box, random))


def _improvement(process: GaussianProcess) -> Improvement:
    """Return the improvement on the best mean of the known points, as values may have noise."""
    return Improvement(process, float(process.predict(process.points)[0].min()))


def _even(values: Any) -> Any:
    """Return values with a mean of 0, a variance of 1, and little skew.

    A few values far from the others would else decide what the process fits. The transformation is
    that of I.-K. Yeo and R. A. Johnson (2000), as in HEBO (A. Cowen-Rivers and others, 2022).
    """
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() == finite.max():
        return np.zeros(len(values))
    values = np.clip(values, finite.min(), finite.max())
    values = _standard(values / np.abs(finite).max())
    even, _ = yeojohnson(values)
    return _standard(even) if np.isfinite(even).all() and np.ptp(even) > _FLAT else values


def _standard(values: Any) -> Any:
    return (values - values.mean()) / (values.std() or 1.0)


def highest(aim: Improvement | Mean, box: Box, random: np.random.Generator) -> Any:
    """Return the point of a level where an aim is highest, as far as local searches find it."""
    process = aim.process
    best = process.points[np.argsort(process.predict(process.points)[0])[:_BEST]]
    points = np.vstack([box.draw(_ANYWHERE, random), best, box.around(best, random)])
    starts: list[Any] = []
    for i in np.argsort(-aim.at(points)):
        if all(np.abs(points[i] - start).max() > _APART for start in starts):
            starts.append(points[i])
        if len(starts) == _STARTS:
            break
    return max((_climbed(aim, box, start) for start in starts), key=lambda top: top[0])[1]


def _climbed(aim: Improvement | Mean, box: Box, start: Any) -> tuple[float, Any]:
    """Return the height and the place of a top near a start.

    It climbs along the real numbers and among the other parameters' values in turn.
    """
    real = box.real
    height, point = float(aim.at(start[None])[0]), start.copy()
    for _ in range(_ROUNDS):
        if real.any():
            end = minimize(
                _falling,
                point[real],
                args=(aim, point, real),
                jac=True,
                method="L-BFGS-B",
                bounds=[(0.0, 1.0)] * int(real.sum()),
                options={"maxiter": 50, "ftol": 1e-10},
            )
            if -end.fun > height:
                height, point[real] = -float(end.fun), end.x
        if real.all():
            break
        neighbours = box.neighbours(point)
        heights = aim.at(neighbours)
        top = int(np.argmax(heights))
        if heights[top] <= height + 1e-9:
            break
        height, point = float(heights[top]), neighbours[top]
    return height, point


def _falling(numbers: Any, aim: Improvement | Mean, point: Any, real: Any) -> tuple[float, Any]:
    there = point.copy()
    there[real] = numbers
    height, gradient = aim.slope(there)
    return -height, -gradient[real]


def _log_improvement(shares: Any) -> tuple[Any, Any]:
    """Return log(density(u) + u cumulated(u)) of the normal distribution, and its derivative."""
    near = np.maximum(shares, -1.0)
    density = np.exp(-near * near / 2 - _LOG_ROOT)
    cumulated = ndtr(near)
    total = density + near * cumulated
    low = np.clip(shares, _FAR, -1.0)
    ratio = _ROOT * erfcx(-low / math.sqrt(2))  # cumulated / density, which both may be 0
    left = np.maximum(1 + low * ratio, 1e-300)
    far = np.minimum(shares, _FAR)
    tail = -(np.minimum(shares, -1.0) ** 2) / 2 - _LOG_ROOT
    height = np.where(
        shares > -1,
        np.log(total),
        tail + np.where(shares < _FAR, -2 * np.log(-far), np.log(left)),
    )
    slope = np.where(shares > -1, cumulated / total, np.where(shares < _FAR, -far, ratio / left))
    return height, slope
