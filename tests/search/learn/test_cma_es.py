"""A replayed CMA-ES proposes the same point as one that ran in one process."""

import cmaes
import numpy as np
import pytest

from colabctl.search.learn.cma_es import replayed

Point = tuple[list[float], float]


def optimizer(seed: int, sigma: float) -> cmaes.CMA:
    return cmaes.CMA(
        mean=np.array([0.5, 0.5, 0.5]),
        sigma=sigma,
        bounds=np.array([[0.0, 1.0]] * 3),
        n_max_resampling=30,
        seed=seed,
    )


def run(sigma: float, generations: int, sign: float) -> tuple[cmaes.CMA, list[Point]]:
    """Return an optimiser after some generations, and its points with their values."""
    live, points = optimizer(1, sigma), []
    for _ in range(generations):
        asked = [live.ask() for _ in range(live.population_size)]
        values = [float(np.sum((point - 0.3) ** 2)) for point in asked]
        live.tell(list(zip(asked, values, strict=True)))
        points += [(p.tolist(), sign * v) for p, v in zip(asked, values, strict=True)]
    return live, points


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("sigma", [0.3, 1 / 6])
def test_the_next_point_is_bit_for_bit_that_of_the_optimiser_that_ran(
    sigma: float, sign: float
) -> None:
    live, points = run(sigma, 5, sign)
    unfinished = points[:2]  # of a generation that does not count yet
    again = replayed(
        points + unfinished, dimensions=3, sign=sign, sigma=sigma, seed=7, most_resampling=30
    )
    live.reseed_rng(7)
    assert again.generation == 5
    assert again.ask().tolist() == live.ask().tolist()


def test_without_a_complete_generation_the_search_starts_in_the_middle() -> None:
    first = replayed([], dimensions=3, sign=1.0, sigma=0.3, seed=7, most_resampling=30)
    assert first.ask().tolist() == optimizer(7, 0.3).ask().tolist()
