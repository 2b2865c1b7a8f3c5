"""Constraints leave out exactly the points that break them, and move no other draw."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.search import expand, read
from colabctl.search.space.constraints import NothingLeftError
from colabctl.search.space.space import Space
from colabctl.search.space.uniforms import uniforms

NAMES = ("a", "b", "c", "d", "e")
CONDITIONS = (
    "a < c", "a * e <= 4", "b == 1 or d == 1", "not (a == 0 and e == 0)", "a + b + c + d + e <= 6",
    "c % 2 == 0", "b in [0, 2]", "d - b < 2", "e ** 2 > c", "a != e",
)  # fmt: skip


def space_of(parameters: dict[str, Any], where: list[str], method: str = "grid") -> Space:
    keys = {"method": method, "parameters": parameters, "where": where}
    keys |= {"metric": {"name": "x"}} if method == "bayes" else {}
    return read(keys, "f.yaml").parameters


def points_of(space: Space, *, grid: bool = True) -> list[dict[str, Any]]:
    points = space.points(grid=grid)
    assert points is not None
    return [points.at(i) for i in range(points.size)]


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(*(st.integers(1, 4) for _ in NAMES)),
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=4, unique=True),
)
def test_a_grid_has_the_points_that_meet_all_constraints_in_their_order(
    sizes: tuple[int, ...], where: list[str]
) -> None:
    parameters = {
        name: {"values": list(range(size))} for name, size in zip(NAMES, sizes, strict=True)
    }
    try:
        space = space_of(parameters, where)
    except UserError:  # a value that a short list does not have
        return
    expected = [
        point
        for values in product(*(range(size) for size in sizes))
        if all(eval(each, {}, point := dict(zip(NAMES, values, strict=True))) for each in where)
    ]
    assert points_of(space) == expected


def test_points_with_equal_values_in_lists_and_weighted_ones_are_told_apart_by_what_they_are() -> (
    None
):
    space = space_of({"a": {"values": [1, 2, 2.0, "2"]}, "b": {"values": [1, 2]}}, ["a == b"])
    assert points_of(space) == [{"a": 1, "b": 1}, {"a": 2.0, "b": 2}]


def test_branches_are_left_out_by_their_own_parameters() -> None:
    model = {
        "choices": {
            "mlp": {"parameters": {"dropout": {"values": [0.1, 0.6]}, "depth": {"values": [1, 2]}}},
            "svm": {},
        }
    }
    space = space_of(
        {"model": model, "width": {"values": [1, 2]}},
        ["not (model == mlp and dropout > 0.5)", "depth <= width"],
    )
    assert points_of(space) == [
        {"model": "mlp", "width": 1, "depth": 1, "dropout": 0.1},
        {"model": "mlp", "width": 2, "depth": 1, "dropout": 0.1},
        {"model": "mlp", "width": 2, "depth": 2, "dropout": 0.1},
        {"model": "svm", "width": 1},
        {"model": "svm", "width": 2},
    ]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("p < 2", ["a1", "b"]),  # no answer for b, which has no p
        ("not p < 2", ["a2", "b"]),
        ("p != 1", ["a2", "b"]),
        ("p + 1 == 2", ["a1", "b"]),
        ("p in [1]", ["a1", "b"]),
        ("p == 1 and model == a", ["a1"]),  # one part is false for b
        ("p == 1 or model == a", ["a1", "a2", "b"]),
        ("p == 2 or model == a", ["a1", "a2", "b"]),
        ("p is None", ["b"]),
        ("p is not None", ["a1", "a2"]),
    ],
)
def test_a_comparison_with_a_parameter_that_a_task_does_not_have_excludes_nothing(
    condition: str, left: list[str]
) -> None:
    branches = {"a": {"parameters": {"p": {"values": [1, 2]}}}, "b": {}}
    space = space_of({"model": {"choices": branches}}, [condition])
    assert [f"{each['model']}{each.get('p', '')}" for each in points_of(space)] == left


def test_null_is_a_value_that_is_not_equal_to_others_and_has_no_order() -> None:
    space = space_of(
        {"s": {"values": [None, "cos"]}, "n": {"values": [None, 1, 3]}}, ["s == cos", "n < 2"]
    )
    assert points_of(space) == [{"n": None, "s": "cos"}, {"n": 1, "s": "cos"}]


def test_what_cannot_be_calculated_excludes_nothing() -> None:
    space = space_of({"a": {"values": [0, 1, 2]}, "b": {"values": [6]}}, ["b / a < 4"])
    assert [each["a"] for each in points_of(space)] == [0, 2]


def test_large_grids_are_counted_and_numbered_without_listing_them() -> None:
    parameters = {f"p{n:02}": {"values": list(range(30))} for n in range(12)}
    space = space_of(parameters, ["p00 < p11", "p03 + p07 == 3"])
    points = space.points(grid=True)
    assert points is not None
    assert points.size == (30 * 29 // 2) * 4 * 30**8
    for index in (0, points.size // 3, points.size - 1):
        point = points.at(index)
        assert space.allows(point)
        assert point["p03"] + point["p07"] == 3


def test_a_grid_with_too_many_combinations_to_check_is_refused() -> None:
    parameters = {name: {"values": list(range(300))} for name in "abc"}
    with pytest.raises(NothingLeftError, match=r"more than 3,000,000 combinations .* fewer values"):
        space_of(parameters, ["a + b + c < 3", "a * b < c"]).points(grid=True)


RANGES = {
    "lr": {"min": 0.0, "max": 1.0}, "depth": {"min": 1, "max": 9}, "width": {"min": 1, "max": 9},
    "other": {"min": 0.0, "max": 1.0},
}  # fmt: skip


def test_only_draws_that_break_a_constraint_move_and_only_what_it_links() -> None:
    free = space_of(RANGES, [], "random").sampler(uniforms(0, {}))
    bound = space_of(RANGES, ["depth <= width"], "random").sampler(uniforms(0, {}))
    moved = 0
    for trial in range(300):
        before, now = free(trial), bound(trial)
        assert now["depth"] <= now["width"]
        assert (now["lr"], now["other"]) == (before["lr"], before["other"])
        if before["depth"] <= before["width"]:
            assert now == before
        else:
            moved += 1
    assert 90 < moved < 180


def test_two_constraints_on_different_parameters_are_redrawn_apart() -> None:
    one = space_of(RANGES, ["depth <= width"], "random").sampler(uniforms(0, {}))
    both = space_of(RANGES, ["depth <= width", "lr < other"], "random").sampler(uniforms(0, {}))
    for trial in range(200):
        assert [both(trial)[name] for name in ("depth", "width")] == [
            one(trial)[name] for name in ("depth", "width")
        ]


def test_draws_that_almost_never_meet_a_constraint_come_from_the_list_of_points() -> None:
    ranges = {"a": {"min": 1, "max": 200}, "b": {"min": 1, "max": 200}}
    sample = space_of(ranges, ["a == 77", "b == 5"], "random").sampler(uniforms(0, {}))
    assert {tuple(sample(trial).values()) for trial in range(3)} == {(77, 5)}


def test_a_space_whose_draws_almost_never_meet_a_constraint_is_refused_with_its_place() -> None:
    text = "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}\nwhere:\n- lr < 1e-9\n"
    with pytest.raises(NothingLeftError) as refused:
        expand(read(text, "f.yaml"))
    assert str(refused.value) == (
        "f.yaml:4:3: where[0]: lr < 1e-9 leaves nothing, or almost nothing: 10,000 draws break it; "
        "change the condition, or the ranges of its parameters"
    )


@pytest.mark.parametrize("method", ["grid", "random"])
def test_constraints_that_leave_nothing_are_refused_with_their_place(method: str) -> None:
    text = f"method: {method}\nparameters: {{a: {{values: [1, 2]}}}}\nwhere: a > 2\n"
    with pytest.raises(
        NothingLeftError, match=r"^f.yaml:3:8: where: a > 2 leaves nothing to run; "
    ):
        expand(read(text, "f.yaml"))


def test_cells_in_which_constraints_allow_nothing_are_left_out() -> None:
    text = """
method: random
trials: 4
foreach: [model, data]
parameters:
  model: {values: [svm, mlp]}
  data: {values: [iris, wine]}
  lr: {min: 0.0, max: 1.0}
where: not (model == mlp and data == wine)
"""
    expansion = expand(read(text, "f.yaml"))
    assert [tuple(cell.values.values()) for cell in expansion.cells] == [
        ("svm", "iris"),
        ("svm", "wine"),
        ("mlp", "iris"),
    ]


def test_a_small_space_runs_each_point_that_is_left_once() -> None:
    text = """
method: random
trials: 50
parameters: {a: {min: 1, max: 5}, b: {min: 1, max: 5}}
where: a < b
"""
    tasks = [task.params for task in expand(read(text, "f.yaml")).tasks()]
    assert tasks == [{"a": a, "b": b} for a in range(1, 6) for b in range(1, 6) if a < b]
