"""Gives each column of a table one type, as Parquet and pandas want it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

Kind = Literal["empty", "bool", "int", "large", "float", "text"]
"""What a column holds; "large" is for whole numbers beyond 64 bits, which have no type."""

_KINDS: dict[type, Kind] = {type(None): "empty", bool: "bool", int: "int", float: "float"}


def kinds_of(lines: Iterable[Sequence[Any]], count: int) -> list[Kind]:
    """Return the kind of each of `count` columns.

    Whole numbers and others in one column are floats. Any other mixture is text, as are whole
    numbers if some are beyond 64 bits.
    """
    kinds: list[set[Kind]] = [set() for _ in range(count)]
    for line in lines:
        for kind, value in zip(kinds, line, strict=True):
            kind.add(_kind(value))
    return [_joined(kind - {"empty"}) for kind in kinds]


def as_kind(kind: Kind, value: Any) -> Any:
    """Return a value as one of its column's kind; None stays."""
    if value is None or kind == "empty":
        return None
    if kind == "float":
        return _as_float(value)
    return value if kind != "text" or isinstance(value, str) else str(value)


def _kind(value: Any) -> Kind:
    kind = _KINDS.get(type(value), "text")
    return "large" if kind == "int" and not -(2**63) <= value < 2**63 else kind


def _joined(kinds: set[Kind]) -> Kind:
    if "float" in kinds and kinds <= {"int", "large", "float"}:
        return "float"
    return next(iter(kinds), "empty") if len(kinds) < 2 and "large" not in kinds else "text"


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
