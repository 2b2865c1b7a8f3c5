"""Every distribution gives the reference engine's values, which figures.json records."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.search import expand, read
from colabctl.search.language.distribution_keys import KINDS, inferred, make
from colabctl.search.space.discrete import Categorical, Distribution, IntUniform, position
from colabctl.yamlfile.problems import InvalidFileError

FIGURES: dict[str, Any] = json.loads(
    Path(__file__).parents[1].joinpath("reference", "figures.json").read_text(encoding="utf-8")
)

# Only these call a mathematical library, which differs in the last digits between machines.
TRANSCENDENTAL = {
    *("log_uniform", "log_uniform_values", "inv_log_uniform", "inv_log_uniform_values"),
    *("normal", "log_normal", "beta"),
}


def named(case: dict[str, Any]) -> str:
    return json.dumps(case["parameter"])[:60]


def distribution_of(parameter: dict[str, Any]) -> Distribution:
    keys = {key: value for key, value in parameter.items() if key != "distribution"}
    kind = parameter.get("distribution") or inferred(keys)
    assert kind is not None
    return make(kind, keys)


@pytest.mark.parametrize("case", FIGURES["drawn"], ids=named)
def test_the_same_uniform_numbers_give_the_reference_engines_values(case: dict[str, Any]) -> None:
    distribution = distribution_of(case["parameter"])
    assert distribution.kind == case["kind"]
    for u, expected in zip(FIGURES["u"], case["values"], strict=True):
        value = distribution.value_at(u)
        assert type(value) is type(expected)
        if case["kind"] in TRANSCENDENTAL:
            assert value == pytest.approx(expected, rel=1e-13, abs=1e-300)
        else:
            assert value == expected


def test_the_figures_have_every_distribution() -> None:
    assert {case["kind"] for case in FIGURES["drawn"]} == set(KINDS)


@pytest.mark.parametrize("case", FIGURES["understood"], ids=named)
def test_a_parameter_is_understood_or_refused_as_the_reference_engine_does(
    case: dict[str, Any],
) -> None:
    sweep = {"method": "random", "parameters": {"p": case["parameter"]}}
    if case["kind"] is None:
        with pytest.raises(InvalidFileError, match=r"parameters\.p"):
            read(sweep, "sweep")
    else:
        assert distribution_of(case["parameter"]).kind == case["kind"]
        read(sweep, "sweep")


@pytest.mark.parametrize(
    "case", FIGURES["grids"], ids=lambda case: json.dumps(case["parameters"])[:60]
)
def test_a_grid_has_the_reference_engines_points_in_its_order(case: dict[str, Any]) -> None:
    sweep = expand(read({"method": "grid", "parameters": case["parameters"]}, "sweep"))
    points = [task.params for task in sweep.tasks()]
    assert json.dumps(points, sort_keys=True) == json.dumps(case["points"], sort_keys=True)
    assert sweep.total == len(case["points"])


@pytest.mark.parametrize("case", FIGURES["drawn"], ids=named)
def test_all_values_of_a_finite_distribution_are_listed(case: dict[str, Any]) -> None:
    support = distribution_of(case["parameter"]).support()
    if support is not None and support.size < 1000:
        listed = [json.dumps(support.at(i)) for i in range(support.size)]
        drawn = {json.dumps(value) for value in case["values"]}
        assert drawn <= set(listed)
        assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("parameter", "points"),
    [
        ({"min": 1, "max": 3}, [1, 2, 3]),
        ({"distribution": "q_uniform", "min": 1, "max": 7, "q": 4}, [0, 4, 8]),
        ({"distribution": "q_uniform", "min": 1, "max": 5, "q": 2}, [2, 4]),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 4, "q": 1}, [1, 2, 3, 4]),
        ({"distribution": "q_beta", "q": 0.5}, [0.0, 0.5, 1.0]),
        ({"values": ["a", "b"], "probabilities": [0, 1]}, ["b"]),
        ({"values": [1, 1.0, 2]}, [1.0, 2]),
    ],
)
def test_the_points_that_can_be_drawn(parameter: dict[str, Any], points: list[Any]) -> None:
    support = distribution_of(parameter).support()
    assert support is not None
    assert [support.at(i) for i in range(support.size)] == points


def test_an_endless_distribution_has_no_list_of_points() -> None:
    for parameter in (
        {"distribution": "normal"},
        {"distribution": "q_normal"},
        {"min": 0, "max": 1.0},
    ):
        assert distribution_of(parameter).support() is None
        assert distribution_of(parameter).grid() is None


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("int_uniform", {"min": 5, "max": 1}, "min 5 is not below max 1"),
        ("uniform", {"min": 1.0, "max": 1.0}, "not below"),
        ("log_uniform_values", {"min": 0, "max": 1}, "above 0"),
        ("log_uniform", {"min": 16, "max": 1024}, "_values"),
        ("log_normal", {"mu": 0, "sigma": 1000}, "too large"),
        ("normal", {"mu": 0, "sigma": 0}, "sigma is 0"),
        ("beta", {"a": 0, "b": 1}, "a is 0"),
        ("q_uniform", {"min": 0, "max": 1, "q": 0}, "q is 0"),
        ("q_uniform", {"min": 0, "max": 1e200, "q": 1e-200}, "too small"),
        ("q_normal", {"q": 1e-200}, "too small"),
        ("categorical", {"values": []}, "empty"),
        ("categorical_w_probabilities", {"values": [], "probabilities": []}, "empty"),
        ("categorical_w_probabilities", {"values": [1], "probabilities": [0.5, 0.5]}, "1 values"),
        ("categorical_w_probabilities", {"values": [1, 2], "probabilities": [0.5, 0.6]}, "1.1"),
    ],
)
def test_a_distribution_that_makes_no_sense_cannot_be_created(
    kind: str, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make(kind, keys)


shares = st.floats(2.0**-53, 1 - 2.0**-53)
bounds = st.tuples(st.integers(-(10**12), 10**12), st.integers(1, 10**12))


@given(shares, bounds)
def test_whole_numbers_stay_within_their_bounds(u: float, bounds: tuple[int, int]) -> None:
    low, width = bounds
    assert low <= IntUniform(low, low + width).value_at(u) <= low + width


@given(st.lists(shares, min_size=2, max_size=10), st.integers(1, 50))
def test_larger_numbers_never_give_earlier_positions(numbers: list[float], count: int) -> None:
    positions = [position(u, 0, count) for u in sorted(numbers)]
    assert positions == sorted(positions)


@given(st.integers(1, 100))
def test_the_middle_of_each_share_gives_each_value_once(count: int) -> None:
    values = list(range(count))
    drawn = [Categorical(values).value_at((i + 0.5) / count) for i in values]
    assert drawn == values


@settings(deadline=None)
@given(shares, st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_beta_quantiles_are_between_0_and_1(u: float, a: float, b: float) -> None:
    value = make("beta", {"a": a, "b": b}).value_at(u)
    assert 0 <= value <= 1
    assert math.isfinite(value)
