"""What a condition says, as a tree of values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Literal:
    """A value that is written in the condition; `start` is its position in the text."""

    value: Any
    start: int


@dataclass(frozen=True)
class Name:
    """The value that has this name."""

    name: str
    start: int


@dataclass(frozen=True)
class Items:
    """A list of values."""

    items: tuple["Operand", ...]
    start: int


@dataclass(frozen=True)
class Calculation:
    """A number, calculated from two."""

    left: "Operand"
    operator: str
    right: "Operand"
    start: int


@dataclass(frozen=True)
class Comparison:
    """Whether two values compare so."""

    left: "Operand"
    operator: str
    right: "Operand"


@dataclass(frozen=True)
class Truth:
    """Whether a value is true."""

    operand: "Operand"


@dataclass(frozen=True)
class Negation:
    """Whether a condition is false."""

    condition: "Condition"


@dataclass(frozen=True)
class Every:
    """Whether all conditions hold."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Either:
    """Whether any of the conditions holds."""

    conditions: tuple["Condition", ...]


Operand = Literal | Name | Items | Calculation
Condition = Comparison | Truth | Negation | Every | Either


def comparisons(condition: Condition) -> Iterator[Comparison | Truth]:
    """Yield the conditions that compare values or ask for one, from left to right."""
    match condition:
        case Negation(inner):
            yield from comparisons(inner)
        case Every(conditions) | Either(conditions):
            for each in conditions:
                yield from comparisons(each)
        case Comparison() | Truth():
            yield condition


def operands(part: Comparison | Truth | Operand) -> Iterator[Operand]:
    """Yield the values in a comparison and in its calculations and lists, from left to right."""
    match part:
        case Comparison(left, _, right):
            yield from operands(left)
            yield from operands(right)
        case Truth(operand):
            yield from operands(operand)
        case Calculation(left, _, right):
            yield from operands(left)
            yield part
            yield from operands(right)
        case Items(items):
            yield part
            for item in items:
                yield from operands(item)
        case _:
            yield part
