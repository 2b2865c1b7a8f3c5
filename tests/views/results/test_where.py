"""Conditions on tasks: what they mean, and what is said about one that cannot be read."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.views.results.where import parse_where

TASK: dict[str, Any] = {
    "lr": 0.005, "model": "svm", "n": 3, "shuffle": True, "val/acc": 0.9, "learning-rate": 0.1,
    "net.depth": 2, "params.lr": 0.005, "val acc": 0.8, "params.val acc": 0.8, "layers": [64, 32],
    "empty": None, "diverged": math.nan, "inf_loss": math.inf, "error": "CUDA out of memory", "C": 10**400,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "lr < 0.01 and model == 'svm'",
        "lr<1e-2 & model=='svm'",
        '(lr < 0.01) && (model = "svm")',
        "lr > 1 or n == 3",
        "lr > 1 | n >= 3 || false",
        "0.001 <= lr < .01 <= 1",
        "0.01 > lr > -1",
        "not lr > 1",
        "!(lr > 1)",
        "~(lr > 1)",
        "not not lr < 1",
        "LR > 1 or NOT lr > 1 AND true",
        "model in ['svm', 'mlp',]",
        "model in ('svm', 'mlp')",
        "model not in ['mlp']",
        "model IN ['svm']",
        "n in [1, 2, 3.0]",
        "'memory' in error",
        "error contains 'memory'",
        "error startswith 'CUDA'",
        "error endswith 'memory'",
        "layers contains 64",
        "64 in layers",
        "layers == [64, 32]",
        "shuffle",
        "shuffle == true",
        "shuffle == True and not missing",
        "val/acc > 0.5",
        "learning-rate == 0.1",
        "net.depth == 2",
        "params.lr < 1",
        "`val acc` > 0.5",
        "params['val acc'] > 0.5",
        "lr == params.lr",
        "(n) == 3",
        "((((n == 3))))",
        "empty == None",
        "empty is None",
        "diverged == nan",
        "missing is null",
        "missing == None",
        "None == missing",
        "lr is not None",
        "lr != none",
        "None != lr",
        "model != 'mlp'",
        "model != 3",
        "model is 'svm'",
        "C > 1e300",
        "C > 5 and C == 1" + "0" * 400,
        "C < 1" + "0" * 3900,
        "inf_loss == inf",
        "lr > -inf",
        "n < 1_000",
        "model == 'svm' \n and \t n == 3",
        "model == \"s\" or model != 'it\\'s'",
    ],
)
def test_a_task_that_meets_the_condition_matches(text: str) -> None:
    assert parse_where(text).matches(TASK)


@pytest.mark.parametrize(
    "text",
    [
        "lr > 0.01",
        "missing < 1",
        "missing > 1",
        "missing == 1",
        "missing != 1",
        "missing == missing",
        "missing not in [1]",
        "missing",
        "diverged < 1",
        "diverged != 1",
        "model < 3",
        "model > 3",
        "model == 3",
        "lr < [1]",
        "n contains 1",
        "3 in n",
        "3 not in n",
        "model startswith 1",
        "model contains 1",
        "empty",
        "false",
        "lr < 0.01 and model == 'mlp' or n == 4",
        "0.001 < lr < 0.002",
        "error contains 'Memory'",
    ],
)
def test_missing_values_and_other_types_do_not_match(text: str) -> None:
    assert not parse_where(text).matches(TASK)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("lr <", 4, "expected a name or a value"),
        ("lr < and n == 3", 5, "expected a name or a value, not and"),
        ("lr < 0.01 model == 'svm'", 10, "model is not expected here"),
        ("lr < 0.01 and", 13, "expected a name or a value"),
        ("(lr < 0.01", 10, "expected )"),
        ("lr < 0.01)", 9, ") is not expected here"),
        ("model in ['a' 'b']", 14, "expected , or ]"),
        ("model in ['a'", 13, "expected , or ]"),
        ("model == 'svm", 9, "the quote ' is not closed"),
        ("`lr < 1", 0, "the quote ` is not closed"),
        ("lr * 2 < 1", 3, "'*' is not expected here; there is no arithmetic"),
        ("lr + 2 < 1", 3, "+ is not expected here"),
        ("a < 1e", 4, "this is not a number"),
        ("3d > 1", 0, "this is not a number; a name that starts with a digit goes in backticks"),
        ("model == 'svm' or 'mlp'", 18, "a value alone is not a condition"),
        ("model == ('svm' or 'mlp')", 10, "a value alone is not a condition"),
        ("0.5", 0, "a value alone is not a condition"),
        ("not", 3, "expected a name or a value"),
        ("lr not 3", 7, "expected in after not"),
        ("(lr < 1) < 2", 11, "a condition in parentheses cannot be compared"),
        ("__import__('os')", 10, "( is not expected here"),
        ("().__class__", 2, "'.' is not expected here"),
        ("lr ; n", 3, "';' is not expected here"),
        ("lr < \x1b[31m", 5, "'\\x1b' is not expected here"),
        ("params['a' < 3", 11, "expected ]"),
        ("lr < -model", 6, "expected a number after -"),
    ],
)  # fmt: skip
def test_an_expression_that_cannot_be_read_is_refused_with_its_place(
    text: str, place: int, message: str
) -> None:
    with pytest.raises(UserError) as refused:
        parse_where(text)
    said, shown, caret = str(refused.value).split("\n")
    assert said.startswith(f"the condition cannot be read: {message}")
    assert "\x1b" not in shown
    assert caret == " " * (place + 2) + "^"


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_condition_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="the condition is empty; write one"):
        parse_where(text)


def test_a_name_that_no_task_has_is_refused_with_its_place_and_the_nearest() -> None:
    where = parse_where("lr < 0.01 and modle == 'svm'")
    assert where.names == ["lr", "modle"]
    with pytest.raises(UserError) as refused:
        where.check(["lr", "model", "params.lr"])
    assert str(refused.value) == (
        "the condition names modle, which no task has; did you mean model?\n"
        "  lr < 0.01 and modle == 'svm'\n"
        "                ^"
    )
    where.check(["lr", "modle"])


def test_text_without_quotes_is_explained() -> None:
    with pytest.raises(UserError, match=r"text goes in quotes: 'svm'"):
        parse_where("model == svm").check(["model", "lr"])
    with pytest.raises(UserError, match=r"the names are model, lr\n"):
        parse_where("xyz == 'svm'").check(["model", "lr"])


def test_the_place_in_a_long_expression_is_shown_with_its_surroundings() -> None:
    text = " or ".join(["lr < 0.01"] * 100) + " or < " + " or ".join(["lr < 0.01"] * 100)
    with pytest.raises(UserError) as refused:
        parse_where(text)
    _, shown, caret = str(refused.value).split("\n")
    assert len(shown) < 80
    assert shown[len(caret) - 1] == "<"


@pytest.mark.parametrize(
    "text", ["(" * 5000, "not " * 1000 + "a", "[" * 100, "a in " + "[" * 100, "lr < 1" + " " * 4000,
             "-" * 100, "(" * 60 + "a" + ")" * 60],
)  # fmt: skip
def test_deep_and_long_expressions_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        parse_where(text)


pieces = st.sampled_from(
    ["lr", "<", ">", "==", "!=", "and", "or", "not", "in", "(", ")", "[", "]", ",", "'a'", "3",
     "1e400", "-", "None", "true", "is", "contains", "`x y`", "missing", "\n", "."]
)  # fmt: skip


@given(st.lists(pieces, max_size=12).map(" ".join) | st.text(max_size=20))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        where = parse_where(text)
    except UserError:
        return
    assert where.matches(TASK) in (True, False)
    assert where.matches({}) in (True, False)
