"""Quantiles and shares of the beta distribution, which the standard library lacks."""

import math

_TINY = 1e-300
_ACCURACY = 1e-15


def beta_quantile(u: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = u: Newton's method within a shrinking bracket.

    `u` in (0, 1), `a` and `b` above 0. Quantiles below 1e-300 are 0.
    """
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(2000):  # bisection alone would need about 1,100
        below, above = _tails(x, a, b, log_beta)
        error = below - u if u < 0.5 else (1 - u) - above  # the shorter tail has more digits
        if error > 0:
            high = x
        else:
            low = x
        density = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - log_beta)
        nearer = x - error / density if density > 0 else math.inf
        if not low < nearer < high:
            nearer = (low + high) / 2
        if abs(nearer - x) <= _ACCURACY * x or not _TINY <= nearer < 1:
            return nearer if nearer >= _TINY else 0.0
        x = nearer
    return x


def beta_share(x: float, a: float, b: float) -> float:
    """Return I_x(a, b), 0 for x below 0 and 1 for x above 1; `a` and `b` above 0."""
    if not 0 < x < 1:
        return 1.0 if x >= 1 else 0.0
    below, _ = _tails(x, a, b, math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))
    return below


def _tails(x: float, a: float, b: float, log_beta: float) -> tuple[float, float]:
    """Return I_x(a, b) and 1 - I_x(a, b), the incomplete beta function on either side of x.

    The continued fraction is DLMF 8.17.22, evaluated by Lentz's method (Numerical Recipes, 5.2). It
    converges fast up to the mean; above it, I_x(a, b) = 1 - I_(1-x)(b, a).
    """
    if x > (a + 1) / (a + b + 2):
        above, below = _tails(1 - x, b, a, log_beta)
        return below, above
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta) / a
    c = 1.0
    d = 1 / _apart_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _apart_from_zero(1 + term * d)
            c = _apart_from_zero(1 + term / c)
            fraction *= d * c
        if abs(d * c - 1) < _ACCURACY:
            break
    below = front * fraction
    return below, 1 - below


def _apart_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
