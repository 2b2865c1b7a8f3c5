"""A Gaussian process, which predicts the values of points from those of trials.

As in Optuna's GPSampler, the kernel is Matern's with nu = 5/2, with a width for each parameter, and
a list's values are alike or not. Widths, scale and noise have the greatest posterior density (C. E.
Rasmussen and C. K. I. Williams (2006), 5.4), with the priors of Optuna. This one needs no torch,
can be asked for its mean, and learns from what it predicts without another fit.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import minimize

_LEAST_NOISE = 1e-6  # a variance, where that of all values is 1
_LEAST_VARIANCE = 1e-14
# Where the search for the greatest density starts: the logarithms of a weight and of the noise.
_STARTS = ((math.log(4.0), -5.0), (0.0, -1.0))
_BOUNDS = ((-9.0, 9.0), (-5.0, 5.0), (-18.0, 1.0))  # of the logarithms: weight, scale, noise


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted Gaussian process with a prior mean of 0.

    Attributes:
        points: what is known, (points, parameters); each coordinate is from 0 to 1, unless listed
        values: the value of each point; their mean is 0, their variance 1
        listed: for each parameter, whether its coordinate is the index of a value in no order
        weights: for each parameter, 1 / width squared
        scale: the variance of values before any is known
        noise: the variance of a value around that of its point
    """

    points: Any
    values: Any
    listed: Any
    weights: Any
    scale: float
    noise: float

    @cached_property
    def _inverse(self) -> Any:
        """The inverse of the Cholesky factor of the values' covariance."""
        kernel, _ = _matern(_gaps(self.points, self.points, self.listed) @ self.weights)
        covariance = self.scale * kernel + self.noise * np.eye(len(self.values))
        return np.linalg.inv(np.linalg.cholesky(covariance))

    @cached_property
    def _solved(self) -> Any:
        """The inverse of the covariance times the values."""
        return self._inverse.T @ (self._inverse @ self.values)

    def predict(self, points: Any) -> tuple[Any, Any]:
        """Return the mean and the standard deviation at each of some points."""
        kernel, _ = _matern(_gaps(points, self.points, self.listed) @ self.weights)
        kernel *= self.scale
        explained = ((kernel @ self._inverse.T) ** 2).sum(axis=1)
        return kernel @ self._solved, np.sqrt(np.maximum(self.scale - explained, _LEAST_VARIANCE))

    def slopes(self, point: Any) -> tuple[float, float, Any, Any]:
        """Return mean and standard deviation at one point, and the gradient of each there.

        The gradients say nothing about listed parameters.
        """
        gap = point - self.points
        square = np.where(self.listed, gap != 0, gap * gap)
        kernel, slope = _matern(square @ self.weights)
        rise = (2 * self.scale) * slope[:, None] * gap * self.weights
        explained = self._inverse @ (self.scale * kernel)
        deviation = math.sqrt(max(self.scale - explained @ explained, _LEAST_VARIANCE))
        mean = float(self.scale * kernel @ self._solved)
        return mean, deviation, self._solved @ rise, -(explained @ self._inverse @ rise) / deviation

    def believing(self, points: Any) -> "GaussianProcess":
        """Return the process that takes its own predictions at some points for their values.

        This is the Kriging believer of D. Ginsbourger, R. Le Riche and L. Carraro (2010).
        """
        return GaussianProcess(
            np.vstack([self.points, points]),
            np.concatenate([self.values, self.predict(points)[0]]),
            self.listed,
            self.weights,
            self.scale,
            self.noise,
        )


def fitted(points: Any, values: Any, listed: Any) -> GaussianProcess:
    """Return the Gaussian process that fits values best; see GaussianProcess for the arguments."""
    gaps, bounds = _gaps(points, points, listed), [_BOUNDS[0]] * points.shape[1] + [*_BOUNDS[1:]]
    starts = [[weight] * points.shape[1] + [0.0, noise] for weight, noise in _STARTS]
    best = min(
        (
            minimize(
                _loss,
                start,
                args=(gaps, values),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 100, "ftol": 1e-6},
            )
            for start in starts
        ),
        key=lambda fit: float(fit.fun),
    )
    weights, scale, noise = _parameters(best.x)
    return GaussianProcess(points, values, listed, weights, scale, noise)


def _parameters(logarithms: Any) -> tuple[Any, float, float]:
    *_, scale, noise = logarithms
    return np.exp(logarithms[:-2]), math.exp(scale), math.exp(noise) + _LEAST_NOISE


def _loss(logarithms: Any, gaps: Any, values: Any) -> tuple[float, Any]:
    """Return minus the logarithm of the posterior density, up to a constant, and its gradient."""
    weights, scale, noise = _parameters(logarithms)
    kernel, slope = _matern(gaps @ weights)
    try:
        factor = np.linalg.cholesky(scale * kernel + noise * np.eye(len(values)))
    except np.linalg.LinAlgError:  # numbers too large or too small to tell points apart
        return 1e10, np.zeros(len(logarithms))
    root = np.linalg.inv(factor)
    inverse = root.T @ root
    solved = inverse @ values
    likelihood = -values @ solved / 2 - np.log(np.diag(factor)).sum()
    prior = -0.1 * (1 / weights + weights).sum() + math.log(scale) - scale
    prior += 0.1 * math.log(noise) - 30 * noise
    rise = np.outer(solved, solved) - inverse
    gradient = np.concatenate(
        [
            weights * np.einsum("ij,ijk->k", rise * slope, gaps) * scale / 2
            + 0.1 * (1 / weights - weights),
            [scale * (rise * kernel).sum() / 2 + 1 - scale],
            [(np.trace(rise) / 2 + 0.1 / noise - 30) * (noise - _LEAST_NOISE)],
        ]
    )
    return -float(likelihood + prior), -gradient


def _gaps(some: Any, others: Any, listed: Any) -> Any:
    """Return squared distances, (some, others, parameters); other values of a list are 1 apart."""
    gaps = (some[:, None, :] - others[None, :, :]) ** 2
    gaps[..., listed] = gaps[..., listed] > 0
    return gaps


def _matern(squares: Any) -> tuple[Any, Any]:
    """Return the kernel at squared distances, and its derivative by them."""
    root = np.sqrt(5 * squares)
    decay = np.exp(-root)
    return (1 + root + root * root / 3) * decay, (-5 / 6) * (1 + root) * decay
