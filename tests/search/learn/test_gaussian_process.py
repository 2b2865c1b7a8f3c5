"""A Gaussian process predicts values of points from those of trials."""

import pytest

pytest.importorskip("scipy")

import numpy as np

from colabctl.search.learn.gaussian_process import GaussianProcess, fitted


def wave(points: list[float]) -> GaussianProcess:
    there = np.array(points)[:, None]
    return fitted(there, np.sin(6 * there[:, 0]), np.array([False]))


def test_it_predicts_a_smooth_function_between_its_points() -> None:
    process = wave([n / 10 for n in range(11)])
    mean, deviation = process.predict(np.array([[0.33], [0.77]]))
    assert mean == pytest.approx(np.sin([6 * 0.33, 6 * 0.77]), abs=0.02)
    assert max(deviation) < 0.1


def test_it_is_less_sure_far_from_its_points() -> None:
    _, (near, far) = wave([n / 20 for n in range(11)]).predict(np.array([[0.26], [1.0]]))
    assert far > 3 * near


def test_what_it_believes_changes_no_mean_but_makes_it_surer() -> None:
    process = wave([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    there = np.array([[0.5]])
    (before,), (unsure,) = process.predict(there)
    (after,), (sure,) = process.believing(there).predict(there)
    assert after == pytest.approx(before, abs=1e-3)
    assert sure < unsure


def test_noise_is_not_taken_for_a_function() -> None:
    points = np.linspace(0, 1, 40)[:, None]
    noisy = points[:, 0] - 0.5 + np.random.default_rng(0).normal(0, 0.2, 40)
    mean, _ = fitted(points, noisy, np.array([False])).predict(points)
    assert mean == pytest.approx(points[:, 0] - 0.5, abs=0.2)


def test_parameters_that_change_nothing_get_a_small_weight() -> None:
    points = np.random.default_rng(1).random((40, 2))
    process = fitted(points, np.sin(6 * points[:, 0]), np.array([False, False]))
    assert process.weights[0] > 5 * process.weights[1]


def test_values_of_a_list_are_alike_only_to_themselves() -> None:
    points = np.array([[n % 3, n / 12] for n in range(12)])
    values = np.array([[0.0, 1.0, -1.0][n % 3] for n in range(12)])
    mean, _ = fitted(points, values, np.array([True, False])).predict(
        np.array([[0, 0.5], [1, 0.5], [2, 0.5]])
    )
    assert mean == pytest.approx([0, 1, -1], abs=0.2)
