"""A Gaussian process proposes where values may be better than the best that is known."""

import itertools
import math

import pytest

pytest.importorskip("scipy")

import numpy as np

from colabctl.search.learn.acquisition import Box, Improvement, Mean, proposed
from colabctl.search.learn.gaussian_process import fitted

GRID = [[x / 4, y / 4] for x, y in itertools.product(range(5), repeat=2)]
PLANE = Box([None, None], [False, False])


def bowl(point: list[float]) -> float:
    return (point[0] - 0.3) ** 2 + 2 * (point[1] - 0.6) ** 2


def propose(seed: int, running: list[list[float]], points: list[list[float]] = GRID) -> list[float]:
    return proposed(PLANE, points, [bowl(point) for point in points], running, seed)


def test_a_point_near_the_minimum_is_proposed() -> None:
    assert bowl(propose(0, [])) < 0.005


def test_the_same_seed_and_trials_give_the_same_point() -> None:
    running = [[0.3, 0.55], [0.1, 0.2]]
    assert propose(3, running) == propose(3, running)


def test_workers_that_know_the_same_propose_different_points() -> None:
    points = [[n * 0.618 % 1, n * 0.414 % 1] for n in range(1, 6)]
    values = [math.sin(9 * x) + math.cos(7 * y) for x, y in points]
    running = [[0.1, 0.1], [0.9, 0.9], [0.5, 0.1], [0.1, 0.9]]
    places: list[list[float]] = []
    for seed in range(12):
        point = proposed(PLANE, points, values, running, seed)
        if all(math.dist(point, place) > 0.05 for place in places):
            places.append(point)
    assert len(places) >= 3


def test_some_of_several_workers_propose_the_point_with_the_best_mean() -> None:
    running = [[0.1, 0.1], [0.9, 0.9]]
    values = [bowl(propose(seed, running)) for seed in range(12)]
    assert sum(value < 0.002 for value in values) >= 2


def test_values_that_are_infinite_or_huge_or_equal_are_no_error() -> None:
    for values in ([math.inf] * 4, [1.0] * 4, [1e300, -1e300, 0.0, math.inf], [1e9, 1, 2, 3]):
        point = proposed(PLANE, GRID[:4], values, [GRID[7]], 0)
        assert all(0 <= share <= 1 for share in point)


def test_whole_numbers_and_lists_are_proposed_from_their_values() -> None:
    box = Box([9, 3, None], [False, True, False])
    points = [[n % 9 / 8, n % 3, n / 30] for n in range(30)]
    values = [abs(p[0] - 0.5) + [0.5, 0.0, 0.8][round(p[1])] + (p[2] - 0.4) ** 2 for p in points]
    whole, listed, real = proposed(box, points, values, [], 1)
    assert whole * 8 == round(whole * 8)
    assert abs(whole - 0.5) < 0.2
    assert listed == 1
    assert abs(real - 0.4) < 0.3


@pytest.mark.parametrize("kind", ["improvement", "mean"])
@pytest.mark.parametrize("value", [-1.0, 0.0, -30.0])
def test_gradients_are_those_of_what_is_searched(kind: str, value: float) -> None:
    points = np.array(GRID)
    values = np.array([bowl(point) for point in GRID])
    process = fitted(points, (values - values.mean()) / values.std(), np.array([False, False]))
    aim = Improvement(process, value) if kind == "improvement" else Mean(process)
    place, step = np.array([0.37, 0.61]), 1e-6
    height, gradient = aim.slope(place)
    assert height == pytest.approx(float(aim.at(place[None])[0]))
    for i in range(2):
        moved = np.array([place, place])
        moved[:, i] += [step, -step]
        up, down = aim.at(moved)
        assert gradient[i] == pytest.approx((up - down) / (2 * step), rel=1e-2, abs=1e-4)
