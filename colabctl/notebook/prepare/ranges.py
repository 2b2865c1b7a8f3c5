"""Knows hyper-parameters by their usual names, and the range in which each is usually searched."""

import math
import re
from collections.abc import Callable
from typing import Any

Range = Callable[[Any], str]

_OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
_CHOICES = (
    _OPTIMIZERS,
    ("relu", "gelu", "selu", "tanh", "swish", "elu"),
    ("rbf", "linear", "poly", "sigmoid"),
    ("l1", "l2"),
)
_MOST_DIGITS = 3


def number(value: float) -> str:
    """Return a number as YAML reads it, without noise such as 0.30000000000000004."""
    rounded = float(f"{value:.{_MOST_DIGITS}g}")
    if rounded == int(rounded) and abs(rounded) < 1e15 and not isinstance(value, float):
        return str(int(rounded))
    return f"{rounded:f}".rstrip("0").rstrip(".") if 1e-7 < abs(rounded) < 1e7 else repr(rounded)


def literal(value: Any) -> str:
    """Return a value as YAML in one line."""
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case int():
            return str(value)
        case float():
            text = repr(value)
            return text if "e" not in text or "." in text else text.replace("e", ".0e")
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def choices(values: Any) -> str:
    """Return the range that consists of these values."""
    return f"{{values: {literal(list(values))}}}"


def fixed(value: Any) -> str:
    """Return the range that is one value."""
    return f"{{value: {literal(value)}}}"


def between(low: float, high: float) -> str:
    """Return an even range; it holds integers if both ends are integers."""
    return f"{{min: {_end(low)}, max: {_end(high)}}}"


def _end(value: float) -> str:
    text = number(value)
    return text if isinstance(value, int) or "." in text or "e" in text else f"{text}.0"


def _log(value: Any) -> str:
    if not _is_number(value) or value <= 0:
        return fixed(value)
    low, high = _end(float(value) / 10), _end(float(value) * 10)
    return f"{{distribution: log_uniform_values, min: {low}, max: {high}}}"


def _penalty(value: Any) -> str:
    """Return a range for a penalty, which is often switched off."""
    return _log(value if _is_number(value) and value > 0 else 1e-4)


def _powers(value: Any) -> str:
    if not _is_integer(value) or value < 2:
        return fixed(value)
    return choices([value // 2, value, value * 2])


def _about(value: Any) -> str:
    if not _is_integer(value) or value < 1:
        return fixed(value)
    return between(max(1, value // 2), max(value * 2, 2))


def _layers(value: Any) -> str:
    if not _is_integer(value) or value < 1:
        return fixed(value)
    return between(max(1, value - 1), value + 2)


def _share(value: Any) -> str:
    return (
        between(0.0, max(0.5, float(value))) if _is_number(value) and value <= 1 else fixed(value)
    )


def _decay(value: Any) -> str:
    if not _is_number(value) or not 0 <= value < 1:
        return fixed(value)
    return between(min(0.5, float(value)), 0.99)


def _half_to_double(value: Any) -> str:
    if not _is_number(value) or value <= 0:
        return fixed(value)
    return between(float(value) / 2, float(value) * 2)


def _one_of(value: Any) -> str:
    for values in _CHOICES:
        if isinstance(value, str) and value.lower() in values:
            same = [value if each == value.lower() else each for each in values]
            return choices(each.title() if value.istitle() else each for each in same)
    return fixed(value)


_N = r"(?:n|num|nb|number|number_of|n_of|num_of)_?"
_SIZE = r"_?(?:size|dims?|dimensions?|units|nodes|channels|features|width|layer_size)"
_ROLES: tuple[tuple[Range, tuple[str, ...]], ...] = (
    (_log, (r"(.*_)?(lr|learning_?rate|step_size)(_\w+)?", "eta|eta0")),
    (
        _penalty,
        (r"(.*_)?(weight_decay|wd|l1|l2|l2_reg)", r"(.*_)?reg(ularization)?(_\w+)?|lambda_?"),
    ),
    (_powers, ("(.*_)?(batch_?size|bs|batch_sz|mini_?batch)",)),
    (fixed, (rf"(.*_)?({_N})?(epochs?|iterations|iters?|steps|rounds|max_iter)",)),
    (_share, (r"(.*_)?(drop_?out(_\w+)?|drop_rate|drop_prob|p_drop)",)),
    (_decay, (r"(.*_)?(momentum|beta_?[12]|gamma|discount|ema|decay(_rate)?|rho)",)),
    (
        _powers,
        (
            rf"({_N})?(.*_)?(hidden|neurons|filters|channels|width|dense|fc|nodes)({_SIZE})?(_?\d)?",
            rf"({_N})?(.*_)?units(_?\d)?|d_model|d_ff|dff|codings_size",
            rf"(.*_)?(emb(ed(ding)?s?)?|latent|model|ff|projection|head|z){_SIZE}",
            rf"(.*_)?(rnn|lstm|gru|intermediate){_SIZE}",
        ),
    ),
    (_layers, (rf"(.*_)?{_N}(layers|heads|blocks|stages|\w+_layers)|depth|num_hidden",)),
    (
        _about,
        (
            rf"(.*_)?{_N}(estimators|trees|leaves|neighbors|components|clusters)|max_leaf_nodes",
            "max_depth|min_samples_(leaf|split)|min_child_weight|(.*_)?patience",
        ),
    ),
    (
        _one_of,
        (
            "(.*_)?(optimizer|optim|activation(_fn)?|nonlinearity)(_name|_type)?",
            "(.*_)?(penalty|kernel)(_name|_type)?",
        ),
    ),
    (
        _half_to_double,
        (
            r"C|temperature|label_smoothing|margin|(max_)?(grad_)?clip(_\w+)?|max_grad_norm",
            "(warmup|mixup|cutmix|entropy|loss)_(ratio|alpha|coef|weight|factor|eps(ilon)?)",
            "subsample|colsample_bytree|alpha|epsilon|eps_clip|tau|noise(_std|_level)?",
        ),
    ),
)
_PATTERNS = tuple((re.compile("|".join(names), re.IGNORECASE), of) for of, names in _ROLES)
# These name a hyper-parameter also where they are an argument of some call.
ARGUMENTS = re.compile(
    r"lr|learning_rate(_init)?|((num_)?train_|max_|n_|num_)?epochs|(per_device_train_)?batch_size|"
    r"dropout|weight_decay|momentum|n_estimators|max_depth|n_neighbors|C|min_samples_(leaf|split)|"
    r"num_leaves|warmup_ratio|label_smoothing|max_iter|subsample"
)
_SINGLE_LETTERS = frozenset({"C"})


def range_of(name: str, value: Any) -> str | None:
    """Return the usual range of a hyper-parameter around its value, as YAML; None if not known."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).strip("_")
    if len(plain) == 1 and plain not in _SINGLE_LETTERS:
        return None
    if not isinstance(value, bool | int | float | str):
        return None
    for pattern, of in _PATTERNS:
        if pattern.fullmatch(plain):
            is_text = of is _one_of
            return of(value) if isinstance(value, str) == is_text else None
    return None


def around(value: Any) -> str:
    """Return a range around the value of a hyper-parameter of which only the value is known."""
    match value:
        case bool():
            return choices([False, True])
        case int() if value > 1:
            return choices([max(1, value // 2), value, value * 2])
        case float() if value > 0 and math.isfinite(value):
            return _half_to_double(value)
    return fixed(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
