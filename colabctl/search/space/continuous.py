"""Continuous distributions of parameters, and their rounding to multiples of a step."""
# ruff: noqa: D102 - the base classes say what the methods do

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

from colabctl.search.space.beta import beta_quantile, beta_share
from colabctl.search.space.discrete import Distribution, Points, check_order

_STANDARD_NORMAL = NormalDist()
_WIDEST = 8.3  # in standard deviations; no draw of 53 bits exceeds it
_LARGEST_EXPONENT = 690.0  # e to this power is just below LARGEST_NUMBER
_MOST_STEPS = 2**53  # up to this multiple of q, neighbours are different floats


class Continuous(Distribution):
    """A distribution over real numbers, which `Quantized` can round."""

    def value_at(self, u: float) -> float:
        raise NotImplementedError

    def share_below(self, value: float) -> float:
        """Return the share, 0 to 1, of all draws below `value`: the inverse of `value_at`.

        It loses digits where the density is near 0.
        """
        raise NotImplementedError

    def range(self) -> tuple[float, float] | None:
        """Return the bounds of the values; None if they have none."""
        return None


@dataclass(frozen=True)
class Uniform(Continuous):
    """Uniform from `min` to `max`."""

    word: ClassVar[str] = "uniform"
    min: float
    max: float

    def __post_init__(self) -> None:
        check_order(self.min, self.max)

    def value_at(self, u: float) -> float:
        return u * (self.max - self.min) + self.min

    def share_below(self, value: float) -> float:
        return _part(value, self.min, self.max)

    def range(self) -> tuple[float, float]:
        return self.min, self.max


@dataclass(frozen=True)
class Logarithmic(Continuous):
    """A distribution whose logarithm is uniform."""

    min: float
    max: float

    def exponents(self) -> tuple[float, float]:
        """Return the bounds of the logarithm."""
        raise NotImplementedError

    def share_below(self, value: float) -> float:
        return _part(math.log(value) if value > 0 else -math.inf, *self.exponents())


@dataclass(frozen=True)
class _Exponents(Logarithmic):
    """Bounds that are exponents of e."""

    def __post_init__(self) -> None:
        check_order(self.min, self.max)
        if max(abs(self.min), abs(self.max)) > _LARGEST_EXPONENT:
            raise ValueError(
                f"min {self.min} and max {self.max} are exponents of e here, and too large; for "
                "bounds of the values use the distribution whose name ends in _values"
            )

    def range(self) -> tuple[float, float]:
        low, high = self.exponents()
        return math.exp(low), math.exp(high)


@dataclass(frozen=True)
class LogUniform(_Exponents):
    """e to the power of a number that is uniform from `min` to `max`."""

    word: ClassVar[str] = "log_uniform"

    def value_at(self, u: float) -> float:
        return math.exp(u * (self.max - self.min) + self.min)

    def exponents(self) -> tuple[float, float]:
        return self.min, self.max


@dataclass(frozen=True)
class InvLogUniform(_Exponents):
    """e to the power of minus a number that is uniform from `min` to `max`, with 1 - u for u."""

    word: ClassVar[str] = "inv_log_uniform"

    def value_at(self, u: float) -> float:
        return math.exp(-((1 - u) * (self.max - self.min) + self.min))

    def exponents(self) -> tuple[float, float]:
        return -self.max, -self.min


@dataclass(frozen=True)
class _Values(Logarithmic):
    """Bounds that are values, above 0."""

    def __post_init__(self) -> None:
        check_order(self.min, self.max)
        if not self.min > 0:
            raise ValueError(f"min is {self.min}, and a logarithm needs it above 0")

    def exponents(self) -> tuple[float, float]:
        return math.log(self.min), math.log(self.max)

    def range(self) -> tuple[float, float]:
        return self.min, self.max


@dataclass(frozen=True)
class LogUniformValues(_Values):
    """From `min` to `max`, with a logarithm that is uniform."""

    word: ClassVar[str] = "log_uniform_values"

    def value_at(self, u: float) -> float:
        low, high = self.exponents()
        return math.exp(u * (high - low) + low)


@dataclass(frozen=True)
class InvLogUniformValues(_Values):
    """As LogUniformValues, but computed through the inverse, with 1 - u for u."""

    word: ClassVar[str] = "inv_log_uniform_values"

    def value_at(self, u: float) -> float:
        low, high = -math.log(self.max), -math.log(self.min)
        return math.exp(-((1 - u) * (high - low) + low))


@dataclass(frozen=True)
class Normal(Continuous):
    """The normal distribution with mean `mu` and standard deviation `sigma`."""

    word: ClassVar[str] = "normal"
    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _check_spread(self.sigma)

    def value_at(self, u: float) -> float:
        return self.mu + self.sigma * _STANDARD_NORMAL.inv_cdf(u)

    def share_below(self, value: float) -> float:
        return _STANDARD_NORMAL.cdf((value - self.mu) / self.sigma)


@dataclass(frozen=True)
class LogNormal(Continuous):
    """e to the power of a normal number with mean `mu` and standard deviation `sigma`."""

    word: ClassVar[str] = "log_normal"
    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _check_spread(self.sigma)
        if abs(self.mu) + _WIDEST * self.sigma > _LARGEST_EXPONENT:
            raise ValueError(
                f"mu {self.mu} and sigma {self.sigma} are exponents of e here, and too large"
            )

    def value_at(self, u: float) -> float:
        return math.exp(self.sigma * _STANDARD_NORMAL.inv_cdf(u)) * math.exp(self.mu)

    def share_below(self, value: float) -> float:
        log = math.log(value) if value > 0 else -math.inf
        return _STANDARD_NORMAL.cdf((log - self.mu) / self.sigma)


@dataclass(frozen=True)
class Beta(Continuous):
    """The beta distribution on [0, 1] with shapes `a` and `b`."""

    word: ClassVar[str] = "beta"
    a: float = 1
    b: float = 1

    def __post_init__(self) -> None:
        for name, shape in (("a", self.a), ("b", self.b)):
            if not 0.001 <= shape <= 1e6:
                raise ValueError(f"{name} is {shape}; it must be from 0.001 to 1e6")

    def value_at(self, u: float) -> float:
        return beta_quantile(u, self.a, self.b)

    def share_below(self, value: float) -> float:
        return beta_share(value, self.a, self.b)

    def range(self) -> tuple[float, float]:
        return 0.0, 1.0


@dataclass(frozen=True)
class Quantized(Distribution):
    """Draws of `base`, rounded to multiples of `q`, halves to even.

    Rounding can move a draw out of [min, max]. Draws are whole numbers if `q` is an int.
    """

    base: Continuous
    q: float = 1.0

    def __post_init__(self) -> None:
        if not self.q > 0:
            raise ValueError(f"q is {self.q}; it must be above 0")
        ends = self.base.range() or (self.base.value_at(2**-53), self.base.value_at(1 - 2**-53))
        if max(abs(end) for end in ends) / self.q > _MOST_STEPS:
            raise ValueError(f"q is {self.q}, too small for numbers as large as {max(ends):.3g}")

    @property
    def kind(self) -> str:
        return f"q_{self.base.kind}"

    def value_at(self, u: float) -> float:
        return self._multiple(round(self.base.value_at(u) / self.q))

    def share_around(self, value: float) -> tuple[float, float]:
        """Return the two shares of the draws of `base` between which they round to `value`."""
        count = round(value / self.q)
        below, above = (count - 0.5) * self.q, (count + 0.5) * self.q
        return self.base.share_below(below), self.base.share_below(above)

    def _multiple(self, count: int) -> float:
        value = float(count) * self.q
        return int(value) if isinstance(self.q, int) else value

    def grid(self) -> Points[float] | None:
        if not isinstance(self.base, Uniform):
            return None
        return _arange(self.base.min, self.base.max, self.q)

    def support(self) -> Points[float] | None:
        ends = self.base.range()
        if ends is None:
            return None
        # The ends themselves are never drawn, so a half rounds inwards.
        first, last = math.floor(ends[0] / self.q + 0.5), math.ceil(ends[1] / self.q - 0.5)
        return Points(max(last - first, 0) + 1, lambda i: self._multiple(first + i))


def _arange(low: float, high: float, step: float) -> Points[float]:
    """Return the values of numpy.arange(low, high, step), bit for bit."""
    size = math.ceil((high - low) / step)
    if all(isinstance(number, int) for number in (low, high, step)):
        return Points(size, lambda i: low + i * step)
    distance = float(low + step) - low
    return Points(size, lambda i: low + i * distance)


def _part(value: float, low: float, high: float) -> float:
    """Return the position of `value` between `low`, at 0, and `high`, at 1; limited to these."""
    if not low < high:  # bounds so close that their logarithms are equal
        return 0.5
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _check_spread(sigma: float) -> None:
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; it must be above 0")
