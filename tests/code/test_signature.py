"""The function of a sweep is checked in its source, when the sweep is declared."""

import ast
import inspect
from typing import Any

import pytest

from colabctl.code.signature import _signature, check_defined, check_function, check_objective
from colabctl.errors import UserError

PARAMETERS = {"lr": True, "x": True}


def check(source: str, function: str = "train", *, uses_wandb: bool = False) -> None:
    tree = ast.parse(source)
    check_defined("a.py", function, tree)
    check_function(f"a.py:{function}", tree, PARAMETERS, uses_wandb=uses_wandb)


def refusal(source: str, function: str = "train") -> str:
    with pytest.raises(UserError) as error:
        check(source, function)
    return str(error.value)


@pytest.mark.parametrize(
    "source",
    [
        "def train(params, task): pass",
        "async def train(x, lr, *, task=None): pass",
        "def train(x, /, *, lr): pass",
        "def train(x, **others): pass",
        "def train(config: 'dict[str, float]' = None): pass",
        "train = lambda x, lr: x",
        "if True:\n    def train(x, lr): pass\nelse:\n    def train(params): pass",
        "try:\n    from fast import train\nexcept ImportError:\n    def train(x, lr): pass",
        "class train:\n    def __call__(self, x, lr): pass",
        "class train:\n    def __init__(self, depth=3): pass\n    def __call__(self, config): pass",
        "@torch.no_grad()\ndef train(x, lr): pass",
        "def train(x, lr):\n    def steps(): yield 1\n    return sum(steps())",
        "def train(x, lr):\n    loss, acc = 1, 2\n    return loss, acc",
        "def train(x, lr):\n    return x / 2, {'acc': lr}",
        "def train(x, lr):\n    return (x / 2,)",
        # Only running the code can tell:
        "from other import train",
        "from other import *",
        "@decorated\ndef train(anything): pass",
        "train = make()",
        "class train(Base): pass",
        "def train(wrong): pass\ntrain = make(train)",
    ],
)
def test_what_may_be_called_is_accepted(source: str) -> None:
    check(source)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("def train(x, rate): pass", ["a.py, line 1: train(x, rate)", "no parameter rate", "lr"]),
        ("\ndef train(x): pass", ["train(x)", "does not take lr", "def train(params, task)"]),
        ("def train(x, lr, *, device): pass", ["train(x, lr, *, device)", "no parameter device"]),
        ("def train(): pass", ["train() does not fit the sweep"]),
        ("@torch.no_grad()\ndef train(rate): pass", ["no parameter rate"]),
        ("train = lambda rate: 1", ["train(rate)"]),
        ("class train:\n    def __call__(self, rate): pass", ["train(rate)", "no parameter rate"]),
        ("class train:\n    def fit(self): pass", ["a class", "__call__"]),
        ("class train:\n    def __init__(self, data): pass\n    def __call__(self, x, lr): pass",
         ["__init__ needs arguments"]),
        ("@click.command()\ndef train(x, lr): pass", ["click.command", "`program: train.py`"]),
        ("@app.command()\ndef train(x: int, lr: float): pass", ["app.command", "command line"]),
        ("def train(x, lr=typer.Option(0.1)): pass", ["typer", "command line"]),
        ("@hydra.main(version_base=None, config_path='conf')\ndef train(cfg): pass", ["hydra"]),
        ("def train(x, lr):\n    yield x", ["a generator"]),
        ("def train(x, lr):\n    return x / 2, lr", ["values without names", "return a dict"]),
    ],
)  # fmt: skip
def test_what_cannot_be_called_is_refused_with_what_to_write(source: str, parts: list[str]) -> None:
    text = refusal(source)
    assert [part for part in parts if part not in text] == []


def test_a_function_must_be_at_the_top_level() -> None:
    assert "has no function 'fit'" in refusal("class Model:\n    def fit(self): pass", "fit")
    assert "did you mean train?" in refusal("def train(params): pass", "trian")


def test_with_wandb_the_parameters_are_in_its_config() -> None:
    check("def train(): pass", uses_wandb=True)
    check("def train(config=None): return model, history[0]", uses_wandb=True)
    with pytest.raises(UserError, match="no parameter rate"):
        check("def train(rate): pass", uses_wandb=True)


@pytest.mark.parametrize("arguments", ["trial", "trial, data=None", "*args", "t, /"])
def test_an_objective_takes_a_trial(arguments: str) -> None:
    check_objective("a.py:f", ast.parse(f"def f({arguments}): pass"))


@pytest.mark.parametrize("arguments", ["", "trial, data", "*, trial"])
def test_an_objective_that_takes_something_else_is_refused(arguments: str) -> None:
    with pytest.raises(UserError, match=r"a\.py, line 1: f\(.*write def f\(trial\)"):
        check_objective("a.py:f", ast.parse(f"def f({arguments}): pass"))


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "a, b=1",
        "a, /, b: int, *, c, d=2",
        "*a, b, **c",
        "a: 'dict[str, int]' = None, *b",
        "**a",
    ],
)
def test_a_signature_in_the_source_is_the_one_that_python_sees(arguments: str) -> None:
    names: dict[str, Any] = {}
    exec(f"def f({arguments}): pass", names)
    [definition] = ast.parse(f"def f({arguments}): pass").body
    assert isinstance(definition, ast.FunctionDef)

    def seen(signature: inspect.Signature) -> list[tuple[object, ...]]:
        return [
            (each.name, each.kind, each.default is each.empty, each.annotation is each.empty)
            for each in signature.parameters.values()
        ]

    assert seen(_signature(definition.args)) == seen(inspect.signature(names["f"]))
