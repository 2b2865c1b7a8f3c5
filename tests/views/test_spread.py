"""Mean and standard deviation of values of any size."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.views.spread import deviation, mean

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=2, max_size=20))
def test_mean_and_deviation_are_those_of_the_standard_library(values: list[float]) -> None:
    assert mean(values) == pytest.approx(statistics.mean(values), rel=1e-9, abs=1e-6)
    assert deviation(values) == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_finite_values_have_a_finite_mean_between_them(values: list[float]) -> None:
    centre = mean(values)
    assert (centre is None) == (not values)
    if centre is not None:
        around = math.ulp(max(map(abs, values)))
        assert min(values) - around <= centre <= max(values) + around
    sd = deviation(values)
    assert sd is None or math.isfinite(sd)


def test_values_near_the_largest_float_have_a_mean_and_a_deviation_if_it_fits() -> None:
    assert mean([1e308, 1.7e308]) == pytest.approx(1.35e308)
    assert deviation([1e308, 1.7e308]) == pytest.approx(0.7e308 / math.sqrt(2))
    assert deviation([-1.7e308, 1.7e308]) is None
    assert deviation([5e-324, 1.5e-323]) == pytest.approx(5e-324)


@given(st.lists(st.floats(), max_size=4), st.sampled_from([math.inf, -math.inf, math.nan]))
def test_values_that_are_not_finite_have_no_deviation(values: list[float], odd: float) -> None:
    centre = mean([*values, odd])
    assert centre is not None
    assert not math.isfinite(centre)
    assert deviation([*values, odd]) is None
