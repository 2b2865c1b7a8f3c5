"""W&B's names for distributions: the keys that each takes, and which is meant without a name."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from colabctl.search.space.space import discrete as distributions
from colabctl.search.space.space import continuous as laws
from colabctl.search.space.discrete import Distribution

_PLAIN: dict[str, type[Distribution]] = {
    kind.word: kind
    for kind in (
        distributions.Constant,
        distributions.Categorical,
        distributions.WeightedCategorical,
        distributions.IntUniform,
        laws.Uniform,
        laws.LogUniform,
        laws.LogUniformValues,
        laws.InvLogUniform,
        laws.InvLogUniformValues,
        laws.Normal,
        laws.LogNormal,
        laws.Beta,
    )
}
_ROUNDED: dict[str, type[laws.Law]] = {
    f"q_{law.word}": law
    for law in (
        laws.Uniform,
        laws.LogUniform,
        laws.LogUniformValues,
        laws.Normal,
        laws.LogNormal,
        laws.Beta,
    )
}

KINDS = (*_PLAIN, *_ROUNDED)
"""Every name that `distribution:` can have."""


def keys_of(kind: str) -> dict[str, bool]:
    """Return the keys that a distribution takes, and whether it must have them."""
    law = _ROUNDED.get(kind)
    of: Any = law or _PLAIN[kind]
    keys = {field.name: field.default is MISSING for field in fields(of)}
    return keys | {"q": False} if law else keys


def make(kind: str, keys: Mapping[str, Any]) -> Distribution:
    """Return the distribution of that name; raise ValueError if `keys` make none."""
    if kind in _PLAIN:
        return _PLAIN[kind](**keys)
    q = {"q": keys["q"]} if "q" in keys else {}
    return laws.Quantized(_ROUNDED[kind](**{k: v for k, v in keys.items() if k != "q"}), **q)


def meant(keys: Mapping[str, Any]) -> str | None:
    """Return the distribution that a parameter without `distribution:` has, or None.

    The reference engine's rule: two whole bounds make int_uniform, a float bound uniform; nothing
    is inferred from mu and sigma, from a and b, or with q.
    """
    names = set(keys)
    if names == {"value"}:
        return "constant"
    if names == {"values"}:
        return "categorical"
    if names == {"values", "probabilities"}:
        return "categorical_w_probabilities"
    if names == {"min", "max"}:
        whole = all(type(keys[name]) is int for name in names)
        return "int_uniform" if whole else "uniform"
    return None
