"""Parameters of which some are given by hand."""

from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.search import expand, read
from colabctl.search.expansion import Expansion
from colabctl.search.with_values import with_values

RANDOM = """\
method: random
trials: 5
seed: 3
parameters:
  lr: {distribution: log_uniform_values, min: 1.0e-4, max: 0.1}
  layers: {min: 1, max: 6}
  momentum: {min: 0.0, max: 1.0}
  size: {values: [1.5, 2.0, large]}
  optimizer: {parameters: {beta: {min: 0.1, max: 0.9}}}
"""
BRANCHES = """\
method: random
trials: 2
foreach: [model]
parameters:
  model:
    choices:
      svm:
        parameters:
          C: {min: 0.5, max: 2.0}
          kernel: {choices: {linear: {}, rbf: {parameters: {gamma: {value: 0.1}}}}}
      forest: {parameters: {trees: {values: [10, 20]}}}
  seed: {value: 1}
"""


def expansion(text: str) -> Expansion:
    return expand(read(text, "s.yaml"))


def test_without_values_the_first_task_is_taken() -> None:
    space = expansion(RANDOM)
    assert with_values(space, {}) == next(space.tasks()).params


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", 0.01), ("layers", 6), ("size", "large"), ("size", 2.0), ("momentum", 0), ("momentum", 1.0)],
)  # fmt: skip
def test_a_value_replaces_that_of_the_first_task(name: str, value: Any) -> None:
    first = with_values(expansion(RANDOM), {})
    assert with_values(expansion(RANDOM), {name: value}) == {**first, name: value}


def test_a_value_is_as_the_file_lists_it() -> None:
    size = with_values(expansion(RANDOM), {"size": 2})["size"]
    assert (size, type(size)) == (2.0, float)


def test_a_parameter_in_a_map_is_named_with_a_dot() -> None:
    assert with_values(expansion(RANDOM), {"optimizer.beta": 0.2})["optimizer"] == {"beta": 0.2}


@pytest.mark.parametrize("method", ["grid", "bayes"])
def test_every_method_has_a_first_task(method: str) -> None:
    text = f"method: {method}\nmetric: {{name: y, goal: minimize}}\nparameters:\n  a: {{values: [1, 2]}}\n"
    more = "  b: {min: 0.0, max: 1.0}\n" if method == "bayes" else "  b: {values: [3, 4]}\n"
    params = with_values(expansion(text + more), {"a": 2})
    assert (params["a"], set(params)) == (2, {"a", "b"})


def test_a_choice_selects_its_branch() -> None:
    svm = with_values(expansion(BRANCHES), {"model": "svm", "kernel": "rbf", "gamma": 0.1})
    assert svm.keys() == {"model", "kernel", "gamma", "C", "seed"}
    assert with_values(expansion(BRANCHES), {"trees": 20})["model"] == "forest"
    assert with_values(expansion(BRANCHES), {"gamma": 0.1})["kernel"] == "rbf"
    linear = with_values(expansion(BRANCHES), {"kernel": "linear"})
    assert linear.keys() == {"model", "kernel", "C", "seed"}


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        (RANDOM, {"momentm": 1}, "'momentm' is not a parameter; did you mean momentum"),
        (RANDOM, {"lr": 0.5}, "lr cannot be 0.5; the sweep file allows 0.0001 to 0.1"),
        (RANDOM, {"lr": "high"}, "lr cannot be .high"),
        (RANDOM, {"layers": 7}, "layers cannot be 7; the sweep file allows 1 to 6"),
        (RANDOM, {"size": "small"}, "size cannot be .small.; the sweep file allows 1.5, 2.0, .large"),
        (RANDOM, {"optimizer.beta": 2}, "optimizer.beta cannot be 2"),
        (RANDOM, {"optimizer": 2}, "optimizer is a map; give its parameters, such as optimizer.beta"),
        (BRANCHES, {"model": "boost"}, "model cannot be .boost.; the sweep file allows .svm., .forest"),
        (BRANCHES, {"kernel": "cubic"}, "kernel cannot be .cubic.; the sweep file allows .linear., .rbf"),
        (BRANCHES, {"kernel": "linear", "gamma": 0.1}, "gamma is not a parameter with kernel=linear"),
        (BRANCHES, {"model": "forest", "C": 1.0}, "C is not a parameter with model=forest"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_space_is_named(text: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_values(expansion(text), given)


LINKED = """\
method: bayes
metric: {name: loss}
trials: 5
parameters:
  lr: {values: [0.1, 0.01]}
  schedule: {values: [a, b]}
  depth: {min: 1, max: 8}
  width: {min: 1, max: 8}
zip: [lr, schedule]
where: depth < width
"""


def test_values_bring_those_that_are_zipped_with_them_and_meet_the_constraints() -> None:
    params = with_values(expansion(LINKED), {"schedule": "b", "depth": 7})
    assert params == {"depth": 7, "lr": 0.01, "schedule": "b", "width": 8}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 8}, "s.yaml:10:8: where: depth < width leaves nothing with depth=8"),
        ({"depth": 3, "width": 2}, "depth < width leaves nothing with depth=3, width=2"),
        ({"lr": 0.1, "schedule": "b"}, 'lr cannot be 0.1; the sweep file allows lr=0.1 with schedule="a", '),
        ({"lr": 5}, 'lr cannot be 5; the sweep file allows lr=0.1 with schedule="a", '),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        with_values(expansion(LINKED), values)
    assert message in str(refused.value)
