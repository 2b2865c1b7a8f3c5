"""Reads the keys of a parameter into a distribution, by W&B's rules."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from colabctl.errors import nearest
from colabctl.search.language.fields import not_a_number
from colabctl.search.language.problems import Problems, did_you_mean, listed
from colabctl.search.space import continuous, discrete
from colabctl.search.space.discrete import Constant, Distribution
from colabctl.yamlfile.lookalikes import list_meant, number_meant
from colabctl.yamlfile.problems import Path, dotted, shown

UNREADABLE = Constant(None)
"""Replaces a distribution that has a problem; compare with `is`."""

_KEYS = (
    *("value", "values", "min", "max", "distribution", "parameters", "choices"),
    *("probabilities", "q", "mu", "sigma", "a", "b"),
)

_TYPICAL = {"q": "q_uniform", "mu": "normal", "sigma": "normal", "a": "beta", "b": "beta"}

_NO_KEY = (
    "has no key such as value:, values: or min:; put nested parameters under parameters:, "
    "or a map that is itself the value under value:"
)
_NONE = "contains the text 'None', which is true in Python; for None, write null"
_PIECE = "is a piece of a list; write the list in brackets, as in values: [0.1, 0.2]"
_MIXED = "read as uniform, since one bound is not whole; add distribution: for another one"
_OTHER_NAMES = {
    "loguniform": "log_uniform_values",  # W&B's log_uniform takes exponents
    "log-uniform": "log_uniform_values",
    "randint": "int_uniform",
    "choice": "categorical",
}
"""Names of distributions in other tools."""
_EXPONENTS = "log_uniform takes exponents of e; did you mean log_uniform_values?"


def read_distribution(
    raw: dict[str, Any], path: Path, problems: Problems, *, grid: bool
) -> Distribution:
    """Return the distribution that the map `raw` at `path` describes.

    Records its problems. In a `grid`, values that cannot be listed are one.
    """
    kind = _kind(raw, path, problems)
    if kind is None or not _keys_fit(kind, raw, path, problems):
        return UNREADABLE
    keys = {key: value for key, value in raw.items() if key != "distribution"}
    if not _values_fit(kind, keys, path, problems):
        return UNREADABLE
    try:
        distribution = make(kind, keys)
    except ValueError as error:
        problems.add(path, str(error))
        return UNREADABLE
    if grid and distribution.grid() is None:
        problems.add(path, _no_grid(kind))
    _note_surprises(kind, raw, path, problems)
    return distribution


def note_none(value: Any, path: Path, problems: Problems) -> None:
    """Note a value that is, or contains, the text "None"."""
    match value:
        case "None":
            problems.note_at(path, _NONE)
        case list():
            for i, item in enumerate(value):
                note_none(item, (*path, i), problems)
        case dict():
            for key, item in value.items():
                note_none(item, (*path, key), problems)


def _kind(raw: dict[str, Any], path: Path, problems: Problems) -> str | None:
    """Return the name of the distribution, written or inferred; record problems."""
    unknown = [key for key in raw if key not in _KEYS]
    if raw and len(unknown) == len(raw) and not any(nearest(key, _KEYS) for key in raw):
        problems.add(path, _NO_KEY)
        return None
    for key in unknown:
        message = _PIECE if _is_piece(key, raw) else None
        message = message or f"is not a key of a parameter{did_you_mean(key, _KEYS)}"
        problems.add((*path, key), message, key=True)
    if unknown:
        return None
    if "distribution" not in raw:
        kind = inferred(raw)
        if kind is None:
            problems.add(path, _unclear(raw))
        return kind
    kind = raw["distribution"]
    if kind in KINDS:
        return str(kind)
    word = _OTHER_NAMES.get(kind.lower(), kind) if isinstance(kind, str) else None
    hint = did_you_mean(word, KINDS) if word is not None else ""
    problems.add((*path, "distribution"), f"{shown(kind)} is not a distribution{hint}")
    return None


def _is_piece(key: str, raw: Mapping[str, Any]) -> bool:
    """Return whether a key is a piece of a list, as in {values: 0.1, 0.2}."""
    in_list = raw[key] is None and "values" in raw
    return in_list and (number_meant(key) is not None or key.endswith((")", "]")))


def _unclear(raw: dict[str, Any]) -> str:
    """Return why the distribution of a parameter cannot be inferred from its keys."""
    keys = set(raw)
    if "value" in keys and len(keys) > 1:
        others = listed(sorted(keys - {"value"}))
        return f"has value: for one value and also {others}; remove one of them"
    if "values" in keys:
        others = listed(sorted(keys - {"values"}))
        return f"has values: to choose from and also {others}; remove one of them"
    for key, kind in _TYPICAL.items():
        if key in keys:
            return f"needs a distribution for {key}:, such as distribution: {kind}"
    missing = {"min", "max"} - keys
    if len(missing) == 1:
        return f"needs {missing.pop()}: too"
    return "is empty; write value:, values:, or min: and max:"


def _keys_fit(kind: str, raw: dict[str, Any], path: Path, problems: Problems) -> bool:
    """Return whether `raw` has exactly the keys that its distribution takes; record problems."""
    keys = keys_of(kind)
    lacking = [key for key, needed in keys.items() if needed and key not in raw]
    if lacking:
        problems.add(path, f"{kind} needs {' and '.join(f'{key}:' for key in lacking)} too")
    extra = [key for key in raw if key not in keys and key != "distribution"]
    for key in extra:
        better = nearest(f"q_{kind}", KINDS, cutoff=1) if key == "q" else None
        if kind == "categorical" and key == "probabilities":
            better = "categorical_w_probabilities"
        hint = (
            f"; did you mean distribution: {better}?" if better else f", which takes {listed(keys)}"
        )
        problems.add((*path, key), f"is not a key of {kind}{hint}", key=True)
    return not lacking and not extra


def _values_fit(kind: str, keys: dict[str, Any], path: Path, problems: Problems) -> bool:
    """Return whether each key has a value that its distribution can take; record problems."""
    fit = True
    for key, value in keys.items():
        message = _unfit(kind, key, value)
        if message:
            fit = False
            problems.add((*path, key), message)
        elif key == "probabilities":
            for i, share in enumerate(value):
                if not_a_number(share) or share < 0:
                    fit = False
                    message = f"must be a number of at least 0, not {shown(share)}"
                    problems.add((*path, key, i), message)
    return fit


def _unfit(kind: str, key: str, value: Any) -> str | None:
    if key == "value":
        return None
    if key in ("values", "probabilities"):
        return None if isinstance(value, list) else _not_a_list(value)
    message = not_a_number(value)
    if message is None and kind == "int_uniform" and not isinstance(value, int):
        return f"must be a whole number for int_uniform, not {value}"
    return message


def _not_a_list(value: Any) -> str:
    meant = list_meant(value) if isinstance(value, str) else None
    if isinstance(value, str | int | float):
        meant = meant or f"[{shown(value)}]"
    return f"must be a list, not {shown(value)}{f'; write {meant}' if meant else ''}"


def _no_grid(kind: str) -> str:
    if kind == "categorical_w_probabilities":
        return "has probabilities, which a grid cannot use; remove them, or use method: random"
    return f"is {kind}, which a grid cannot list; give values: [...], or use method: random"


def _note_surprises(kind: str, raw: dict[str, Any], path: Path, problems: Problems) -> None:
    """Note values that may not mean what the author thinks."""
    name = dotted(path[1:])
    if "distribution" not in raw and kind == "uniform" and type(raw["min"]) is not type(raw["max"]):
        problems.note(name, _MIXED)
    if kind == "log_uniform" and raw["min"] > 0:
        problems.note(name, _EXPONENTS)
    for key in ("value", "values"):
        note_none(raw.get(key), (*path, key), problems)
    _note_odd_text(raw.get("values"), (*path, "values"), problems)


def _note_odd_text(values: Any, path: Path, problems: Problems) -> None:
    """Note a number in quotes among numbers, and a truth value in quotes among such values."""
    if not isinstance(values, list):
        return
    types = {type(value) for value in values}
    for i, value in enumerate(values):
        if not isinstance(value, str):
            continue
        if types & {int, float} and _is_number(value):
            problems.note_at((*path, i), f"{shown(value)} is text among numbers; remove its quotes")
        elif bool in types and value.lower() in ("true", "false"):
            text = f"{shown(value)} is text, which is true in Python; remove its quotes"
            problems.note_at((*path, i), text)


def _is_number(text: str) -> bool:
    try:
        return text.isascii() and math.isfinite(float(text))
    except ValueError:
        return False


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
_ROUNDED: dict[str, type[continuous.Continuous]] = {
    f"q_{kind.word}": kind
    for kind in (
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
    """Return the keys that a distribution takes, and whether each is required."""
    rounded = _ROUNDED.get(kind)
    type_: Any = rounded or _PLAIN[kind]
    keys = {field.name: field.default is MISSING for field in fields(type_)}
    return keys | {"q": False} if rounded else keys


def make(kind: str, keys: Mapping[str, Any]) -> Distribution:
    """Return the distribution of that name; raise ValueError if `keys` make no sense."""
    if kind in _PLAIN:
        return _PLAIN[kind](**keys)
    q = {"q": keys["q"]} if "q" in keys else {}
    return continuous.Quantized(_ROUNDED[kind](**{k: v for k, v in keys.items() if k != "q"}), **q)


def inferred(keys: Mapping[str, Any]) -> str | None:
    """Return the distribution of a parameter without `distribution:`, or None.

    As W&B's engine does: two whole bounds make int_uniform, a float bound makes uniform; nothing
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
