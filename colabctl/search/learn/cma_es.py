"""CMA-ES (N. Hansen) rebuilt from finished trials; import this only where `cmaes` is installed."""

from collections.abc import Iterable, Sequence

import cmaes
import numpy as np


def replayed(
    trials: Iterable[tuple[Sequence[float], float]],
    *,
    dimensions: int,
    sign: float,
    sigma: float,
    seed: int,
    most_resampling: int = 100,
) -> cmaes.CMA:
    """Return the optimiser after the complete generations among the trials.

    Trials form generations in the order in which they finished, no matter which state proposed
    them. The state does not depend on random numbers. So with one worker, this is CMA-ES itself;
    with several, some trials of a generation were proposed from an earlier state.

    Args:
        trials: the coordinates, each from 0 to 1, and the value of each, in the order of their ends
        dimensions: the number of coordinates
        sign: -1.0 to maximize, else 1.0
        sigma: the initial standard deviation
        seed: of the random numbers for the next point
        most_resampling: the most tries for a point within the bounds
    """
    optimizer = cmaes.CMA(
        mean=np.full(dimensions, 0.5),
        sigma=sigma,
        bounds=np.tile([0.0, 1.0], (dimensions, 1)),
        n_max_resampling=most_resampling,
        seed=seed,
    )
    solutions = [(np.array(point), sign * value) for point, value in trials]
    size = optimizer.population_size
    for start in range(0, len(solutions) - size + 1, size):
        optimizer.tell(solutions[start : start + size])
    return optimizer
