"""The mean of values and their standard deviation, for finite values of any size."""

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None without values, and infinite or NaN if one of them is."""
    if not values:
        return None
    unit = _unit(values)
    if unit is None:
        return sum(values) / len(values)
    return math.fsum(value / unit for value in values) / len(values) * unit


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation.

    It is None for fewer than two values, if one of them is not finite, and where it is too large
    for a float.
    """
    unit = _unit(values)
    if len(values) < 2 or unit is None:
        return None
    scaled = [value / unit for value in values]
    centre = math.fsum(scaled) / len(scaled)
    squares = math.fsum((value - centre) ** 2 for value in scaled)
    sd = math.sqrt(squares / (len(scaled) - 1)) * unit
    return sd if math.isfinite(sd) else None


def _unit(values: Sequence[float]) -> float | None:
    """Return a power of two near the largest value; None if one of them is not finite.

    In this unit, no sum and no square of the values is too large for a float.
    """
    if not all(map(math.isfinite, values)):
        return None
    exponent = math.frexp(max(map(abs, values), default=0.0))[1]
    return math.ldexp(1.0, min(max(exponent, -1000), 1023))
