"""A choice adds the parameters of its branch only; a branch overrides shared parameters."""

from typing import Any

import pytest

from colabctl.search import InvalidFileError, expand, read

Params = dict[str, Any]


def tasks_of(text: str) -> list[Params]:
    return [task.params or {} for task in expand(read(text, "sweep.yaml")).tasks()]


def problem_of(text: str) -> str:
    with pytest.raises(InvalidFileError) as refused:
        read(text, "sweep.yaml")
    return str(refused.value)


def test_a_grid_visits_each_branch_with_its_own_parameters_only() -> None:
    text = """
    method: grid
    parameters:
      model:
        choices:
          svm: {parameters: {C: {values: [1, 10]}}}
          forest: {parameters: {trees: {values: [5, 6]}, depth: {value: 3}}}
          linear: {}
          mean:
      size: {values: [s, t]}
    """
    assert tasks_of(text) == [
        {"model": "svm", "C": 1, "size": "s"},
        {"model": "svm", "C": 1, "size": "t"},
        {"model": "svm", "C": 10, "size": "s"},
        {"model": "svm", "C": 10, "size": "t"},
        {"model": "forest", "depth": 3, "trees": 5, "size": "s"},
        {"model": "forest", "depth": 3, "trees": 5, "size": "t"},
        {"model": "forest", "depth": 3, "trees": 6, "size": "s"},
        {"model": "forest", "depth": 3, "trees": 6, "size": "t"},
        {"model": "linear", "size": "s"},
        {"model": "linear", "size": "t"},
        {"model": "mean", "size": "s"},
        {"model": "mean", "size": "t"},
    ]


def test_choices_nest_and_stay_on_one_level_unless_they_are_in_a_nested_map() -> None:
    text = """
    method: grid
    parameters:
      model:
        choices:
          mlp:
            parameters:
              optimizer:
                choices:
                  sgd: {parameters: {momentum: {value: 0.9}}}
                  adam: {}
      inner:
        parameters:
          kind: {choices: {a: {parameters: {x: {value: 1}}}, b: {}}}
    """
    assert tasks_of(text) == [
        {"inner": {"kind": "a", "x": 1}, "model": "mlp", "optimizer": "sgd", "momentum": 0.9},
        {"inner": {"kind": "a", "x": 1}, "model": "mlp", "optimizer": "adam"},
        {"inner": {"kind": "b"}, "model": "mlp", "optimizer": "sgd", "momentum": 0.9},
        {"inner": {"kind": "b"}, "model": "mlp", "optimizer": "adam"},
    ]


def test_branches_of_constants_vary_together_like_a_zip() -> None:
    text = """
    method: grid
    parameters:
      size: {choices: {small: {parameters: {w: 8, d: 1}}, large: {parameters: {w: 64, d: 4}}}}
    """
    assert tasks_of(text) == [
        {"size": "small", "d": 1, "w": 8},
        {"size": "large", "d": 4, "w": 64},
    ]


def test_a_branch_overrides_a_shared_parameter_and_the_others_keep_it() -> None:
    text = """
    method: grid
    parameters:
      lr: {values: [1, 2]}
      model: {choices: {a: {parameters: {lr: {value: 9}}}, b: {}}}
    """
    assert tasks_of(text) == [
        {"model": "a", "lr": 9},
        {"lr": 1, "model": "b"},
        {"lr": 2, "model": "b"},
    ]


def test_an_inner_branch_overrides_the_branch_around_it() -> None:
    text = """
    method: grid
    parameters:
      lr: {value: shared}
      model:
        choices:
          a:
            parameters:
              lr: {value: outer}
              opt: {choices: {x: {parameters: {lr: {value: inner}}}, y: {}}}
          b:
            parameters:
              opt: {choices: {x: {parameters: {lr: {value: inner of b}}}, y: {}}}
    """
    assert {(task["model"], task["opt"]): task["lr"] for task in tasks_of(text)} == {
        ("a", "x"): "inner",
        ("a", "y"): "outer",
        ("b", "x"): "inner of b",
        ("b", "y"): "shared",
    }


def test_a_branch_can_replace_a_choice() -> None:
    text = """
    method: grid
    parameters:
      lr: {value: 1}
      opt: {choices: {sgd: {parameters: {momentum: {values: [0.5, 0.9]}}}, adam: {}}}
      model: {choices: {linear: {parameters: {opt: {value: lbfgs}}}, mlp: {}}}
    """
    assert tasks_of(text) == [
        {"lr": 1, "model": "linear", "opt": "lbfgs"},
        {"lr": 1, "model": "mlp", "opt": "sgd", "momentum": 0.5},
        {"lr": 1, "model": "mlp", "opt": "sgd", "momentum": 0.9},
        {"lr": 1, "model": "mlp", "opt": "adam"},
    ]


def test_the_branches_of_a_replaced_choice_disappear() -> None:
    text = """
    method: grid
    parameters:
      lr: {value: shared}
      opt: {choices: {sgd: {parameters: {lr: {value: of sgd}}}}}
      model: {choices: {linear: {parameters: {opt: {value: lbfgs}}}, mlp: {}}}
    """
    assert tasks_of(text) == [
        {"lr": "shared", "model": "linear", "opt": "lbfgs"},
        {"model": "mlp", "opt": "sgd", "lr": "of sgd"},
    ]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            "{a: {choices: {x: {parameters: {lr: 1}}}}, b: {choices: {y: {parameters: {lr: 2}}}}}",
            "a branch of a and one of b, which can be chosen together, both define lr",
        ),
        ("{a: {choices: {x: {parameters: {a: 1}}}}}", "a is defined again in a branch of a"),
        (
            "{a: {choices: {x: {parameters: {b: 1}}}}, b: {choices: {y: {parameters: {a: 2}}}}}",
            "define each other",
        ),
        (
            "{a: {choices: {x: {parameters: {b: 1}}}}, b: {choices: {y: {}}}, c: {choices: {z: {parameters: {b: 2}}}}}",
            "a branch of a and one of c, which can be chosen together, both define b",
        ),
        (
            "{opt: {choices: {sgd: {parameters: {lr: 1}}}}, m: {choices: {x: {parameters: {opt: 1}}, y: {parameters: {lr: 1}}}}}",
            "a branch of opt and one of another choice, which can be chosen together, both define lr",
        ),
    ],
)
def test_a_name_that_two_branches_could_define_at_once_is_refused(
    parameters: str, words: str
) -> None:
    assert words in problem_of(f"method: random\nparameters: {parameters}")


def test_choices_in_choices_that_multiply_to_too_many_parameters_are_refused() -> None:
    lines = [
        f"  c{i:02}: {{choices: {{a: {{parameters: {{c{i + 1:02}: 1}}}}, b: {{}}, c: {{}}, d: {{}}}}}}"
        for i in range(40)
    ]
    text = "method: random\nparameters:\n" + "\n".join(lines)
    assert "too many parameters" in problem_of(text)


def test_a_shared_parameter_overridden_in_too_many_branches_is_refused() -> None:
    names = [f"p{i}" for i in range(1500)]
    branches: Params = {f"b{i}": {} for i in range(1500)}
    branches["all"] = {"parameters": {name: {"value": 2} for name in names}}
    shared: Params = {name: {"value": 1} for name in names}
    with pytest.raises(InvalidFileError, match="override too many"):
        read({"method": "random", "parameters": shared | {"c": {"choices": branches}}}, "space")


def test_a_walk_yields_every_parameter_with_its_path() -> None:
    space = read(
        "method: random\nparameters:\n"
        "  model: {choices: {svm: {parameters: {C: 1}}, net: {parameters: {opt: {parameters: {lr: 1}}}}}}\n"
        "  seed: 1\n",
        "sweep.yaml",
    ).parameters
    paths = [".".join(path) for path, _ in space.walk()]
    assert paths == ["model", "C", "opt", "opt.lr", "seed"]
