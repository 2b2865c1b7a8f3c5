"""Believes what a model says of trials that still run, so that a search does not repeat them.

This is the Kriging believer of D. Ginsbourger, R. Le Riche and L. Carraro (2010): a running trial
counts as if it had the value that a Gaussian process predicts for it. So expected improvement is
low around it, whichever version of Optuna computes it. Where results come late, as in a shared
folder, many trials seem to run; Optuna's own batch acquisition then mostly explores.
"""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

# Of the kernel, in shares of a parameter's range times the root of the number of parameters; and of
# a value, in variances of all values. Those with the greatest likelihood count.
_WIDTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
_NOISES = (1e-4, 1e-2, 0.2)


def believed(
    finished: Sequence[Sequence[float]],
    values: Sequence[float],
    running: Sequence[Sequence[float]],
    listed: Sequence[bool],
) -> list[float]:
    """Return the values that a Gaussian process predicts for running trials.

    Args:
        finished: the coordinates of finished trials, each from 0 to 1 unless it is `listed`
        values: the value of each of them
        running: the coordinates of running trials
        listed: for each coordinate, whether it is the index of a value without neighbours
    """
    heights = np.array(values, dtype=float)
    finite = heights[np.isfinite(heights)]
    if not finite.size:
        return [float(heights[0])] * len(running)
    heights = np.clip(heights, finite.min(), finite.max())
    mean, scale = float(heights.mean()), float(heights.std()) or 1.0
    heights = (heights - mean) / scale
    there, here = np.array(finished, dtype=float), np.array(running, dtype=float)
    alike = np.array(listed, dtype=bool)
    apart, across = _apart(there, there, alike), _apart(here, there, alike)
    _, width, weights = max(
        (_fitted(apart, heights, width, noise) for width, noise in product(_WIDTHS, _NOISES)),
        key=lambda fitted: fitted[0],
    )
    return [float(value) for value in _kernel(across, width) @ weights * scale + mean]


def _apart(some: Any, others: Any, alike: Any) -> Any:
    """Return the distances of points, at most 1; different values of a list are 1 apart."""
    differences = some[:, None, :] - others[None, :, :]
    differences = np.where(alike, differences != 0, differences)
    return np.sqrt((differences**2).mean(axis=-1))


def _kernel(apart: Any, width: float) -> Any:
    """Return the Matern kernel with nu = 5/2, as in Optuna's Gaussian process."""
    ratio = math.sqrt(5) * apart / width
    return (1 + ratio + ratio**2 / 3) * np.exp(-ratio)


def _fitted(apart: Any, heights: Any, width: float, noise: float) -> tuple[float, float, Any]:
    """Return the log likelihood of the values, the width, and the weights of a prediction."""
    factor = np.linalg.cholesky(_kernel(apart, width) + noise * np.eye(len(heights)))
    weights = np.linalg.solve(factor.T, np.linalg.solve(factor, heights))
    likelihood = -heights @ weights / 2 - np.log(np.diag(factor)).sum()
    return float(likelihood), width, weights
