"""What one parameter of a sweep file is drawn from, read from its keys by W&B's rules."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from colabctl.errors import nearest
from colabctl.search.language.fields import not_a_number
from colabctl.search.language.problems import Findings, did_you_mean, listed
from colabctl.search.space import continuous, discrete
from colabctl.search.space.discrete import Constant, Distribution
from colabctl.yamlfile.problems import Path, shown, spelled

UNREADABLE = Constant(None)
"""Stands for a distribution that has a problem; compare with `is`."""

_KEYS = (
    *("value", "values", "min", "max", "distribution", "parameters", "choices"),
    *("probabilities", "q", "mu", "sigma", "a", "b"),
)

_TELLING = {"q": "q_uniform", "mu": "normal", "sigma": "normal", "a": "beta", "b": "beta"}

_NO_KEY = (
    "has no key such as value:, values: or min:; put nested parameters under parameters:, "
    "and a map that is itself the value under value:"
)
_NONE = "holds the text 'None', which Python takes as true; write null for Python's None"
_MIXED = "read as uniform, since one bound is not whole; name a distribution to say otherwise"
_EXPONENTS = "log_uniform takes exponents of e; did you mean log_uniform_values?"


def read_leaf(raw: dict[str, Any], path: Path, findings: Findings, *, grid: bool) -> Distribution:
    """Return the distribution that the map `raw` at `path` describes.

    What is wrong is recorded in `findings`, for a `grid` also that there is no list of points.
    """
    kind = _kind(raw, path, findings)
    if kind is None or not _keys_fit(kind, raw, path, findings):
        return UNREADABLE
    keys = {key: value for key, value in raw.items() if key != "distribution"}
    if not _values_fit(kind, keys, path, findings):
        return UNREADABLE
    try:
        distribution = make(kind, keys)
    except ValueError as error:
        findings.problem(path, str(error))
        return UNREADABLE
    if grid and distribution.grid() is None:
        findings.problem(path, _no_grid(kind))
    _note_surprises(kind, raw, path, findings)
    return distribution


def note_none(value: Any, path: Path, findings: Findings) -> None:
    """Note it if a value is, or holds, the text that Python prints for None."""
    match value:
        case "None":
            findings.note(spelled(path[1:]), _NONE)
        case list():
            for item in value:
                note_none(item, path, findings)
        case dict():
            for item in value.values():
                note_none(item, path, findings)


def _kind(raw: dict[str, Any], path: Path, findings: Findings) -> str | None:
    """Return the name of the distribution that `raw` names or means."""
    unknown = [key for key in raw if key not in _KEYS]
    if raw and len(unknown) == len(raw) and not any(nearest(key, _KEYS) for key in raw):
        findings.problem(path, _NO_KEY)
        return None
    for key in unknown:
        hint = did_you_mean(key, _KEYS)
        findings.problem((*path, key), f"is not a key of a parameter{hint}", key=True)
    if unknown:
        return None
    if "distribution" not in raw:
        kind = meant(raw)
        if kind is None:
            findings.problem(path, _unclear(raw))
        return kind
    kind = raw["distribution"]
    if kind in KINDS:
        return str(kind)
    hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
    findings.problem((*path, "distribution"), f"{shown(kind)} is not a distribution{hint}")
    return None


def _unclear(raw: dict[str, Any]) -> str:
    """Return what a parameter lacks whose distribution cannot be told from its keys."""
    keys = set(raw)
    if "value" in keys and len(keys) > 1:
        return f"has value: for one value, and beside it {listed(sorted(keys - {'value'}))}"
    if "values" in keys:
        return f"has values: to choose from, and beside it {listed(sorted(keys - {'values'}))}"
    for telling, kind in _TELLING.items():
        if telling in keys:
            return f"needs a distribution beside {telling}:, such as distribution: {kind}"
    missing = {"min", "max"} - keys
    if len(missing) == 1:
        return f"needs {missing.pop()}: too"
    return "is empty; write value:, values:, or min: and max:"


def _keys_fit(kind: str, raw: dict[str, Any], path: Path, findings: Findings) -> bool:
    """Return whether `raw` has the keys that its distribution needs, and no others."""
    known = keys_of(kind)
    lacking = [key for key, needed in known.items() if needed and key not in raw]
    if lacking:
        findings.problem(path, f"{kind} needs {' and '.join(f'{key}:' for key in lacking)} too")
    extra = [key for key in raw if key not in known and key != "distribution"]
    for key in extra:
        better = nearest(f"q_{kind}", KINDS, cutoff=1) if key == "q" else None
        if kind == "categorical" and key == "probabilities":
            better = "categorical_w_probabilities"
        hint = (
            f"; did you mean distribution: {better}?"
            if better
            else f", which takes {listed(known)}"
        )
        findings.problem((*path, key), f"is not a key of {kind}{hint}", key=True)
    return not lacking and not extra


def _values_fit(kind: str, keys: dict[str, Any], path: Path, findings: Findings) -> bool:
    """Return whether each key holds what its distribution can take."""
    wrong = {key: _unfit(kind, key, value) for key, value in keys.items()}
    for key, message in wrong.items():
        if message:
            findings.problem((*path, key), message)
    if "probabilities" in keys and not wrong["probabilities"]:
        for i, share in enumerate(keys["probabilities"]):
            if not _is_number(share) or share < 0:
                wrong["probabilities"] = "wrong"
                at = (*path, "probabilities", i)
                findings.problem(at, f"must be a number of at least 0, not {shown(share)}")
    return not any(wrong.values())


def _unfit(kind: str, key: str, value: Any) -> str | None:
    if key == "value":
        return None
    if key in ("values", "probabilities"):
        return None if isinstance(value, list) else f"must be a list, not {shown(value)}"
    if not _is_number(value):
        return not_a_number(value)
    if kind == "int_uniform" and not isinstance(value, int):
        return f"must be a whole number for int_uniform, not {value}"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _no_grid(kind: str) -> str:
    if kind == "categorical_w_probabilities":
        return "has probabilities, and a grid has none: leave them out, or use method: random"
    return f"is {kind}, so a grid cannot list it: give values: [...], or use method: random"


def _note_surprises(kind: str, raw: dict[str, Any], path: Path, findings: Findings) -> None:
    """Note what is taken otherwise than its writer may think."""
    name = spelled(path[1:])
    if "distribution" not in raw and kind == "uniform" and type(raw["min"]) is not type(raw["max"]):
        findings.note(name, _MIXED)
    if kind == "log_uniform" and raw["min"] > 0:
        findings.note(name, _EXPONENTS)
    for key in ("value", "values"):
        note_none(raw.get(key), path, findings)


# -- the names of distributions ------------------------------------------------------------

_PLAIN: dict[str, type[Distribution]] = {
    kind.word: kind
    for kind in (
        discrete.Constant,
        discrete.Categorical,
        discrete.WeightedCategorical,
        discrete.IntUniform,
        continuous.Uniform,
        continuous.LogUniform,
        continuous.LogUniformValues,
        continuous.InvLogUniform,
        continuous.InvLogUniformValues,
        continuous.Normal,
        continuous.LogNormal,
        continuous.Beta,
    )
}
_ROUNDED: dict[str, type[continuous.Law]] = {
    f"q_{law.word}": law
    for law in (
        continuous.Uniform,
        continuous.LogUniform,
        continuous.LogUniformValues,
        continuous.Normal,
        continuous.LogNormal,
        continuous.Beta,
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
    return continuous.Quantized(_ROUNDED[kind](**{k: v for k, v in keys.items() if k != "q"}), **q)


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
