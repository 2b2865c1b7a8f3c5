"""Believes what a model says of trials that still run, so that a search does not repeat them.

This is the Kriging believer of D. Ginsbourger, R. Le Riche and L. Carraro (2010): a running trial
counts as if it had the value that the model predicts for it. So expected improvement is low around
it, whichever version of Optuna computes it. Optuna's own batch acquisition (from 4.9 on) expects
that one of many running trials improves, and then explores. Where results come late, as in a
shared folder, many seem to run.
"""

from collections.abc import Sequence

import numpy as np

_WIDTH = 0.2  # of the kernel, in shares of a parameter's range, times the root of their number
_NOISE = 1e-3  # of a value, in variances of all values


def believed(
    known: Sequence[Sequence[float]],
    values: Sequence[float],
    running: Sequence[Sequence[float]],
    listed: Sequence[bool],
) -> list[float]:
    """Return the values that a Gaussian process with a fixed kernel predicts.

    Args:
        known: the coordinates of finished trials, each from 0 to 1 unless it is `listed`
        values: the value of each of them
        running: the coordinates of running trials
        listed: for each coordinate, whether it is the index of a value without neighbours
    """
    there, here = np.array(known, dtype=float), np.array(running, dtype=float)
    heights = np.array(values, dtype=float)
    finite = heights[np.isfinite(heights)]
    if not finite.size:
        return [float(heights[0])] * len(running)
    heights = np.clip(heights, finite.min(), finite.max())
    mean, scale = float(heights.mean()), float(heights.std()) or 1.0
    alike = np.array(listed, dtype=bool)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        apart = a[:, None, :] - b[None, :, :]
        apart = np.where(alike, apart != 0, apart)
        squares = (apart**2).sum(axis=-1) / (_WIDTH**2 * a.shape[1])
        return np.asarray(np.exp(-squares / 2))

    weights = np.linalg.solve(
        kernel(there, there) + _NOISE * np.eye(len(there)), (heights - mean) / scale
    )
    predicted = kernel(here, there) @ weights * scale + mean
    return [float(value) for value in predicted]
