"""What conditions mean: arithmetic as in Python, and no answer where a value is absent."""

from typing import Any

import pytest

from colabctl.conditions.meaning import ABSENT, answer_of
from colabctl.conditions.parser import parse
from colabctl.conditions.tokens import ConditionError, Vocabulary

VALUES: dict[str, Any] = {"a": 2, "b": 3.5, "name": "sgd", "flag": False, "none": None, "a-b": 9}
WORDS = Vocabulary([*VALUES, "gone"], ["sgd", "adam-w", "a"])


def answer(text: str) -> bool | None:
    condition = parse(text, WORDS)
    return answer_of(condition, lambda values, name: values.get(name, ABSENT), None)(VALUES)


@pytest.mark.parametrize(
    "calculation",
    ["1 + 2 * 3", "(1 + 2) * 3", "2 - 3 - 4", "8 / 2 / 2", "7 // 2", "-7 // 2", "-7 % 3", "2 ** 3 ** 2",
     "-2 ** 2", "2 * -3", "a*b", "a/b + 1", "a-1", "-a", "- a", "--a", "+3 - +2", "2*(a + b)**2"],
)  # fmt: skip
def test_arithmetic_is_that_of_python(calculation: str) -> None:
    value = eval(calculation, {}, VALUES)  # our own text, as Python means it
    assert answer(f"{calculation} == {value!r} or {calculation} == {value!r} + 0") is True
    assert answer(f"a + {calculation} < a + {value!r}") is False


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("gone < 1", None),
        ("not gone < 1", None),
        ("gone < 1 and a == 2", None),
        ("gone < 1 and a == 3", False),
        ("a == 3 and gone < 1", False),
        ("gone < 1 or a == 2", True),
        ("gone < 1 or a == 3", None),
        ("gone", None),
        ("gone == None", True),
        ("gone != None", False),
        ("gone in [1, None]", True),
        ("gone in [1, 2]", None),
        ("gone not in [1, 2]", None),
        ("gone + 1 > 0", None),
        ("0 < a < gone", None),
        ("0 > a > gone", False),
        ("name < 3", None),  # there is no order between text and numbers
        ("name + 1 > 0", None),
        ("flag + 1 > 0", None),
        ("a / 0 > 1", None),
        ("(0 - 1) ** 0.5 > 1", None),
        ("9.0 ** 999 > 1", None),
        ("none == None", True),
        ("none == sgd", False),
        ("none != sgd", True),
        ("none < 1", None),
        ("name == sgd", True),
        ("name != adam-w", True),
        ("a-b == 9", True),
        ("a == 2", True),  # a is a name before it is a text
    ],
)
def test_a_condition_has_three_answers(text: str, held: bool | None) -> None:
    assert answer(text) is held


def test_without_known_words_there_is_no_arithmetic() -> None:
    with pytest.raises(ConditionError, match="there is no arithmetic"):
        parse("a * 2 < 3")
    assert answer_of(parse("a-c < 3"), lambda _, name: len(name), None)({}) is False
