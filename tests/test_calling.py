"""Functions are called with what their arguments are named after."""

import ast
import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from colabctl.calling import Config, call_of, returned_names, shown

X_AND_LR = {"lr": True, "x": True}
PARAMS = {"lr": 0.1, "x": 3}


def function(arguments: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(f"def train({arguments}): return locals()", names)  # it returns what it was called with
    result: Callable[..., Any] = names["train"]
    return result


def called(
    arguments: str,
    parameters: dict[str, bool] = X_AND_LR,
    params: dict[str, Any] = PARAMS,
    *,
    uses_wandb: bool = False,
) -> Any:
    train = function(arguments)
    call = call_of(inspect.signature(train), parameters, uses_wandb=uses_wandb)
    return call.bound(train)(params, "the task")


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ("params, task", {"params": PARAMS, "task": "the task"}),
        ("params", {"params": PARAMS}),
        ("config", {"config": PARAMS}),
        ("train_config", {"train_config": PARAMS}),
        ("p: dict[str, float]", {"p": PARAMS}),
        ("anything: dict[str, float], t", {"anything": PARAMS, "t": "the task"}),
        ("_, task", {"_": PARAMS, "task": "the task"}),
        ("params, _", {"params": PARAMS, "_": "the task"}),
        ("task, params", {"params": PARAMS, "task": "the task"}),
        ("*, config", {"config": PARAMS}),
        ("config=None", {"config": PARAMS}),
        ("seed=0, config=None", {"seed": 0, "config": PARAMS}),
        ("params, device='cpu'", {"params": PARAMS, "device": "cpu"}),
        ("params, x=1", {"params": PARAMS, "x": 3}),
        ("x, lr", {"x": 3, "lr": 0.1}),
        ("x, lr, epochs=3", {"x": 3, "lr": 0.1, "epochs": 3}),
        ("x, lr, optimizer_args=None", {"x": 3, "lr": 0.1, "optimizer_args": None}),
        ("x, /, *, lr, task", {"x": 3, "lr": 0.1, "task": "the task"}),
        ("x, task=None, **more", {"x": 3, "task": "the task", "more": {"lr": 0.1}}),
        ("**everything", {"everything": PARAMS}),
        ("*arguments", {"arguments": (PARAMS, "the task")}),
        ("*arguments, **more", {"arguments": (PARAMS, "the task"), "more": {}}),
    ],
)
def test_an_argument_gets_what_it_is_named_after(arguments: str, values: dict[str, Any]) -> None:
    assert called(arguments) == values


def test_a_sweep_may_have_parameters_named_task_and_config() -> None:
    both = {"task": True, "x": True}
    params = {"task": "sst2", "x": 3}
    assert called("x, task", both, params) == {"x": 3, "task": "sst2"}
    assert called("params, task", both, params) == {"params": params, "task": "the task"}
    both, params = {"config": True, "x": True}, {"config": "a.yaml", "x": 3}
    assert called("config", both, params) == {"config": params}
    assert called("x, config", both, params) == {"x": 3, "config": "a.yaml"}


def test_a_parameter_of_some_tasks_leaves_the_default_in_the_others() -> None:
    some = {"model": True, "depth": False}
    assert called("model, depth=7", some, {"model": "a"}) == {"model": "a", "depth": 7}
    assert called("model, depth=7, /", some, {"model": "a"}) == {"model": "a", "depth": 7}
    assert called("model, depth=7", some, {"model": "a", "depth": 2})["depth"] == 2


def test_names_that_python_cannot_write_get_underscores() -> None:
    named = {"weight-decay": True, "model.lr": True}
    params = {"weight-decay": 1, "model.lr": 2}
    assert called("weight_decay, model_lr", named, params) == {"weight_decay": 1, "model_lr": 2}


def test_with_wandb_a_function_may_leave_the_parameters_to_its_config() -> None:
    assert called("", uses_wandb=True) == {}
    assert called("config=None", uses_wandb=True) == {"config": None}
    assert called("lr=1, project='p'", uses_wandb=True) == {"lr": 0.1, "project": "p"}
    assert called("config", uses_wandb=True) == {"config": PARAMS}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("", ["it does not take lr", "it does not take x"]),
        ("x", ["it does not take lr"]),
        ("x, learning_rate", ["no parameter learning_rate (did you mean lr?)"]),
        ("x, lrr=1", ["it does not take lr (did you mean lrr?)"]),
        ("model, data", ["no parameter model", "no parameter data", "does not take lr"]),
        ("params, device", ["no parameter device"]),
        ("params, task, seed", ["no parameter seed"]),
        ("config: float", ["no parameter config"]),
    ],
)
def test_a_function_that_does_not_fit_is_refused_with_every_reason(
    arguments: str, parts: list[str]
) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the texts follow
        called(arguments)
    assert [part for part in parts if part not in str(refusal.value)] == []


def test_an_argument_that_only_some_tasks_have_needs_a_default() -> None:
    with pytest.raises(ValueError, match="only some tasks have depth, so depth needs a default"):
        called("model, depth", {"model": True, "depth": False})


def test_partial_functions_and_methods_are_called_by_what_is_left_of_their_arguments() -> None:
    class Model:
        def fit(self, x: int, lr: float) -> tuple[int, float]:
            return x, lr

    half = functools.partial(Model().fit, lr=5)
    call = call_of(inspect.signature(half), {"x": True}, uses_wandb=False)
    assert call.bound(half)({"x": 1}, None) == (1, 5)


def test_a_config_has_its_values_as_attributes_and_as_items() -> None:
    config: Any = Config({"lr": 0.1, "model": {"depth": 2}, "layers": [{"width": 3}], "items": 4})
    assert (config.lr, config["lr"], vars(config)["lr"]) == (0.1, 0.1, 0.1)
    assert (config.model.depth, config.layers[0].width, config.items) == (2, 3, 4)
    config.lr = 0.2
    assert config["lr"] == 0.2
    assert {**config}["lr"] == 0.2
    for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert again == config
        again.lr = 0.3
        assert (again["lr"], again.model.depth, config.lr) == (0.3, 2, 0.2)
    with pytest.raises(AttributeError, match="no_such"):
        config.no_such  # noqa: B018 - it raises


def test_a_function_is_shown_without_types_and_values() -> None:
    signature = inspect.signature(function("a: int, /, b=1, *c, d: str = 'x', **e"))
    assert shown("train", signature) == "train(a, /, b=..., *c, d=..., **e)"


def test_the_names_of_returned_tuples_are_those_of_its_own_return_statements() -> None:
    source = "def f():\n def g():\n  return x, y\n if a:\n  return loss, acc\n return loss, {'a': 1}, acc[0]"
    assert returned_names(ast.parse(source).body[0]) == {("loss", "acc"), ("loss", "{}", "")}
