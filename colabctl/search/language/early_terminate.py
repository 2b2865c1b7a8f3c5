"""The rules by which tasks are given up early, as a sweep file writes them."""

from collections.abc import Callable, Mapping
from typing import Any

from colabctl.errors import nearest
from colabctl.search.language.document import from_python
from colabctl.search.language.fields import Fields
from colabctl.search.language.metric import Metric
from colabctl.search.language.problems import Findings
from colabctl.yamlfile.problems import InvalidFileError, shown, spelled

_HYPERBAND_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")

_OTHER_TYPES = {
    "asha": "successive_halving",
    "sha": "successive_halving",
    "asynchyperband": "successive_halving",
    "bohb": "hyperband",
    "quantile": "percentile",
    "early_stopping": "patient",
}
_OTHER_WORDS: Mapping[str, Mapping[str, str]] = {
    "hyperband": {
        "min_resource": "min_iter",
        "max_resource": "max_iter",
        "grace_period": "min_iter",
        "max_t": "max_iter",
        "reduction_factor": "eta",
    },
    "successive_halving": {
        "min_iter": "min_resource",
        "grace_period": "min_resource",
        "eta": "reduction_factor",
        "s": "min_early_stopping_rate",
    },
    "patient": {"pruner": "wrapped_pruner", "tolerance": "min_delta"},
    "threshold": {"min": "lower", "max": "upper"},
    "median": {"min_iter": "n_warmup_steps", "grace_period": "n_warmup_steps"},
    "percentile": {"min_iter": "n_warmup_steps", "grace_period": "n_warmup_steps"},
}
"""By type, what people who know W&B, Optuna or Ray Tune may write, too unlike the right word for
difflib to see it."""

_HIGHEST_RATE = 60


def read_early_terminate(top: Fields, metric: Metric | None) -> dict[str, Any] | None:
    """Return the rule by which tasks are given up, with its defaults filled in, or None.

    W&B's `hyperband`, or one of Optuna's pruners with Optuna's arguments and their defaults.
    """
    rule = read_rule(top, "early_terminate")
    if rule is not None and metric is None:
        if not top.has("metric"):
            top.findings.note("early_terminate", "ignored, since there is no metric: to compare by")
        return None
    return rule


def read_rule(outer: Fields, key: str) -> dict[str, Any] | None:
    """Return the rule that stands at `key`, or None if there is none or it is wrong."""
    if isinstance(outer.content.get(key), str):
        outer.wrong(key, f"must be a map, as in {{type: median}}, not {shown(outer.content[key])}")
        return None
    fields = outer.map(key)
    if fields is None:
        return None
    before = len(fields.findings.problems)
    kind = _type(fields)
    if kind is None:
        return None
    rule = {"type": kind, **_RULES[kind](fields)}
    known = _HYPERBAND_KEYS if kind == "hyperband" else tuple(rule)
    fields.look_for_unknown(known, other_words=_OTHER_WORDS.get(kind))
    return rule if len(fields.findings.problems) == before else None


def checked(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule that `read_early_terminate` gave, read once more.

    Raises ValueError, with all that is wrong on one line, if it was damaged since.
    """
    try:
        document, problems = from_python({"early_terminate": rule}, "rule")
        findings = Findings(document, problems)
        read = read_rule(Fields(document.content, (), findings), "early_terminate")
        findings.refuse_if_wrong()
    except InvalidFileError as error:
        wrong = (f"{spelled(problem.path)}: {problem.message}" for problem in error.problems)
        raise ValueError("; ".join(wrong)) from None
    if read is None:
        raise ValueError("early_terminate: is missing")
    return read


def _type(fields: Fields) -> str | None:
    written, words = fields.content.get("type"), ", ".join(_RULES)
    if isinstance(written, str) and written in _RULES:
        return written
    if written is None:
        _problem(fields, f"needs type:, one of {words}")
        return None
    meant = None
    if isinstance(written, str):
        meant = _OTHER_TYPES.get(written.lower()) or nearest(written, _RULES)
    hint = f"; did you mean {meant}?" if meant else ""
    fields.wrong("type", f"must be one of {words}, not {shown(written)}{hint}")
    return None


def _hyperband(fields: Fields) -> dict[str, Any]:
    """Read W&B's rule: either `min_iter`, or `max_iter` and `s`, which count if all are there.

    `eta` is 3 and `strict` true unless the file says otherwise (the reference engine's default;
    W&B's documentation says false).
    """
    rule: dict[str, Any] = {}
    if fields.has("max_iter"):
        rule = {"max_iter": fields.whole("max_iter", least=1), "s": fields.whole("s", least=1)}
        if not fields.has("s"):
            needed = "needs s: beside it, the number of times to cut; or use min_iter:"
            fields.wrong("max_iter", needed)
        if fields.has("min_iter"):
            _note(fields, "min_iter", "ignored, since max_iter counts first")
    elif fields.has("min_iter"):
        rule["min_iter"] = fields.whole("min_iter", least=1)
        if fields.has("s"):
            _note(fields, "s", "ignored, since it counts only with max_iter")
    else:
        _problem(fields, "needs min_iter:, or max_iter: and s:")
    eta = fields.number("eta") if fields.has("eta") else 3
    if eta is not None and not eta > 1:
        fields.wrong("eta", f"must be above 1, not {eta}")
    elif eta is not None and rule.get("max_iter") is not None and rule["max_iter"] < eta:
        _problem(fields, "never cuts: max_iter is below eta; use min_iter: 1")
    strict = fields.flag("strict")
    return rule | {"eta": eta, "strict": True if strict is None else strict}


def _median(fields: Fields) -> dict[str, Any]:
    return {
        "n_startup_trials": _whole(fields, "n_startup_trials", 5),
        "n_warmup_steps": _whole(fields, "n_warmup_steps", 0),
        "interval_steps": _whole(fields, "interval_steps", 1, least=1),
        "n_min_trials": _whole(fields, "n_min_trials", 1, least=1),
    }


def _percentile(fields: Fields) -> dict[str, Any]:
    share = fields.number("percentile")
    if not fields.has("percentile"):
        _problem(fields, "needs percentile:, from 0 to 100: the share of trials to keep")
    elif share is not None and not 0 <= share <= 100:
        fields.wrong("percentile", f"must be from 0 to 100, not {share}")
    return {"percentile": share, **_median(fields)}


def _successive_halving(fields: Fields) -> dict[str, Any]:
    resource = fields.content.get("min_resource")
    if resource in (None, "auto"):
        resource = "auto"
    elif type(resource) is not int or resource < 1:
        message = f"must be auto or a whole number of at least 1, not {shown(resource)}"
        fields.wrong("min_resource", message)
    rate = _whole(fields, "min_early_stopping_rate", 0)
    if rate > _HIGHEST_RATE:  # reduction_factor to this power, in steps, is never reached
        fields.wrong("min_early_stopping_rate", f"must be at most {_HIGHEST_RATE}, not {rate}")
    bootstrap = _whole(fields, "bootstrap_count", 0)
    if bootstrap and resource == "auto":
        fields.wrong("bootstrap_count", "needs min_resource: as a number; auto is not enough")
    return {
        "min_resource": resource,
        "reduction_factor": _whole(fields, "reduction_factor", 4, least=2),
        "min_early_stopping_rate": rate,
        "bootstrap_count": bootstrap,
    }


def _patient(fields: Fields) -> dict[str, Any]:
    if not fields.has("patience"):
        _problem(fields, "needs patience:, the number of reports without improvement to wait for")
    wrapped = fields.content.get("wrapped_pruner")
    if isinstance(wrapped, dict) and wrapped.get("type") == "hyperband":
        reason = "cannot be hyperband, which is W&B's and no pruner of Optuna's"
        fields.wrong("wrapped_pruner", f"{reason}; use successive_halving")
    else:
        wrapped = read_rule(fields, "wrapped_pruner")
    delta = fields.number("min_delta")
    if delta is not None and delta < 0:
        fields.wrong("min_delta", f"must be at least 0, not {delta}")
    return {
        "wrapped_pruner": wrapped,
        "patience": _whole(fields, "patience", 0),
        "min_delta": delta or 0.0,
    }


def _threshold(fields: Fields) -> dict[str, Any]:
    lower, upper = fields.number("lower"), fields.number("upper")
    if not fields.has("lower") and not fields.has("upper"):
        _problem(fields, "needs lower: or upper:, beyond which a task is given up")
    if lower is not None and upper is not None and lower > upper:
        fields.wrong("lower", f"must not be above upper:, {upper}")
    return {
        "lower": lower,
        "upper": upper,
        "n_warmup_steps": _whole(fields, "n_warmup_steps", 0),
        "interval_steps": _whole(fields, "interval_steps", 1, least=1),
    }


def _whole(fields: Fields, key: str, default: int, *, least: int = 0) -> int:
    value = fields.whole(key, least=least)
    return default if value is None else value


def _problem(fields: Fields, message: str) -> None:
    """Record that a map as a whole is wrong."""
    fields.findings.problem(fields.path, message)


def _note(fields: Fields, key: str, text: str) -> None:
    fields.findings.note(spelled((*fields.path, key)), text)


_RULES: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    "hyperband": _hyperband,
    "median": _median,
    "percentile": _percentile,
    "successive_halving": _successive_halving,
    "patient": _patient,
    "threshold": _threshold,
}
