"""What a condition means: whether it holds for some values, with three answers as in SQL.

A comparison with a value that is absent, or that cannot be made, has no answer. `not` of no answer
is none; `and` is false if a part is, and `or` is true if a part is.
"""

import math
from collections.abc import Callable, Mapping
from operator import add, eq, floordiv, ge, gt, le, lt, mod, mul, ne, sub, truediv
from typing import Any, Final

from colabctl.conditions.tree import (
    Calculation,
    Comparison,
    Condition,
    Either,
    Every,
    Items,
    Literal,
    Name,
    Negation,
    Operand,
    Truth,
)

Values = Mapping[str, Any]
_NUMBERS = (int, float)
ABSENT: Final = object()
"""What `value_of` returns for a name that has no value."""

ValueOf = Callable[[Values, str], Any]
Answer = Callable[[Values], bool | None]


def answer_of(condition: Condition, value_of: ValueOf, unknown: bool | None) -> Answer:
    """Return a function from values to whether the condition holds for them.

    `value_of` returns the value of a name, or ABSENT. `unknown` is the answer of a comparison that
    has none; with False instead of None, there are the usual two answers.
    """
    match condition:
        case Comparison():
            return _comparison(condition, value_of, unknown)
        case Truth(operand):
            of = _value(operand, value_of)

            def is_true(values: Values) -> bool | None:
                value = of(values)
                return unknown if value is ABSENT else bool(value)

            return is_true
        case Negation(inner):
            answer = answer_of(inner, value_of, unknown)

            def is_not(values: Values) -> bool | None:
                held = answer(values)
                return None if held is None else not held

            return is_not
        case Every(conditions):
            return _joined([answer_of(each, value_of, unknown) for each in conditions], last=False)
        case Either(conditions):
            return _joined([answer_of(each, value_of, unknown) for each in conditions], last=True)


def _joined(answers: list[Answer], *, last: bool) -> Answer:
    """Return the answer of parts of which one that is `last` decides."""

    def joined(values: Values) -> bool | None:
        held: bool | None = not last
        for answer in answers:
            part = answer(values)
            if part is last:
                return last
            if part is None:
                held = None
        return held

    return joined


def _comparison(comparison: Comparison, value_of: ValueOf, unknown: bool | None) -> Answer:
    left, right = (_value(each, value_of) for each in (comparison.left, comparison.right))
    operator = comparison.operator
    nones = [
        isinstance(each, Literal) and each.value is None
        for each in (comparison.left, comparison.right)
    ]
    if operator in ("==", "!=") and any(nones):
        either, wanted = right if nones[0] else left, operator == "=="
        return lambda values: ((value := either(values)) is ABSENT or value is None) is wanted
    compare = _COMPARISONS[operator]

    def holds(values: Values) -> bool | None:
        try:
            a, b = left(values), right(values)
            if a is not ABSENT and b is not ABSENT:
                return bool(compare(a, b))
            if operator == "in" and isinstance(b, list) and None in b:
                return True
        except (TypeError, ValueError, ArithmeticError):  # such as < between a number and text
            pass
        return unknown

    return holds


def _value(operand: Operand, value_of: ValueOf) -> Callable[[Values], Any]:
    match operand:
        case Literal(value):
            return lambda _: value
        case Name(name):
            return lambda values: value_of(values, name)
        case Items(items):
            parts = [_value(item, value_of) for item in items]
            return lambda values: [part(values) for part in parts]
        case Calculation(left, operator, right):
            calculate = _CALCULATIONS[operator]
            a_of, b_of = _value(left, value_of), _value(right, value_of)

            def calculated(values: Values) -> Any:
                a, b = a_of(values), b_of(values)
                if type(a) in _NUMBERS and type(b) in _NUMBERS:
                    return calculate(a, b)
                if a is ABSENT or b is ABSENT:
                    return ABSENT
                raise TypeError

            return calculated


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are not."""
    return type(value) in _NUMBERS


def _is_in(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    return isinstance(right, list | tuple) and left in right


def _is_not_in(left: Any, right: Any) -> bool:
    return isinstance(right, str | list | tuple) and not _is_in(left, right)


def _texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "==": eq,
    "!=": ne,
    "in": _is_in,
    "not in": _is_not_in,
    "contains": lambda left, right: _is_in(right, left),
    "startswith": lambda left, right: _texts(left, right) and left.startswith(right),
    "endswith": lambda left, right: _texts(left, right) and left.endswith(right),
}
# Powers of floats, as those of whole numbers can take for ever.
_CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": sub, "*": mul, "/": truediv, "//": floordiv, "%": mod,
    "**": math.pow,
}  # fmt: skip
