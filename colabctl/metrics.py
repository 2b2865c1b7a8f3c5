"""Metrics as plain JSON values: numbers of NumPy, torch and others become Python numbers."""

import math
import warnings
from collections.abc import Mapping
from numbers import Complex, Real
from typing import Any

_DEEPEST = 20  # levels of lists and maps in a metric
_MOST_DIGITS = 4000  # of an integer; Python refuses to write more than 4300 as text
_MOST = 10**_MOST_DIGITS
_LEAST = -_MOST


def plain_step(step: Any) -> float:
    """Return a step as a plain number; raise TypeError if it is not a number."""
    plain = _plain("step", step)
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"step is of type {type(step).__name__}; use a number")
    return plain


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics as plain JSON values: NumPy and torch scalars become Python numbers.

    Raises TypeError, with the metric's name, for a value that JSON cannot hold or that is nested
    too deep.
    """
    return {str(name): _plain(str(name), value) for name, value in metrics.items()}


def is_number(value: Any) -> bool:
    """Whether a value is a number, also of NumPy, torch and others; True is not."""
    try:
        plain = _plain("", value)
    except TypeError:
        return False
    return isinstance(plain, int | float) and not isinstance(plain, bool)


def number_in(metrics: Mapping[str, Any], name: str | None) -> float | None:
    """Return a metric, which may be NaN; None if it is missing or not a number."""
    value = metrics.get(name) if name is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer with hundreds of digits
        return None


def _plain(name: str, value: Any, left: int = _DEEPEST) -> Any:
    kind = type(value)
    if kind is float or kind is str or kind is bool or value is None:
        return value
    if kind is int and _LEAST < value < _MOST:
        return value
    if isinstance(value, Mapping | list | tuple):
        if not left:
            raise TypeError(f"metric {name[:40]!r} is nested more than {_DEEPEST} levels deep")
        if isinstance(value, Mapping):
            return {str(k): _plain(f"{name}.{k}", part, left - 1) for k, part in value.items()}
        return [_plain(name, part, left - 1) for part in value]
    try:
        plain = _scalar(value)
    except Exception as error:  # a library's own type may raise anything
        raise TypeError(_refusal(name, value)) from error
    if plain is None:
        raise TypeError(_refusal(name, value))
    return plain


def _refusal(name: str, value: Any) -> str:
    if isinstance(value, int):
        return f"metric {name!r} is an integer with more than {_MOST_DIGITS} digits"
    return f"metric {name!r} is of type {type(value).__name__}; use a number or text"


def _scalar(value: Any) -> bool | int | float | str | None:
    """Return the number that float() gives, or the text; None for anything else.

    An integer stays an integer, and an array or tensor of one element counts as the element.
    """
    for kind in (str, float, int):  # subclasses, such as an enumeration's members
        if isinstance(value, kind):
            return None if type(value) is int else kind(value)
    if isinstance(value, bytes | bytearray) or math.prod(getattr(value, "shape", ())) != 1:
        return None
    if not callable(
        getattr(value, "mask", len)
    ):  # NumPy: float() gives nan for a masked value, item() its old value
        with warnings.catch_warnings(action="ignore"):
            return float(value)
    item = getattr(value, "item", None)  # NumPy, torch, jax
    element = item() if callable(item) else value
    if type(element) in (bool, int, float, str):
        return element  # type: ignore[no-any-return]
    is_complex = isinstance(element, Complex) and not isinstance(element, Real)
    # NumPy's longdouble, TensorFlow, Decimal, Fraction
    return float(element) if hasattr(type(element), "__float__") and not is_complex else None
