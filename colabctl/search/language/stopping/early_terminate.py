"""The key `early_terminate` of a sweep file."""

from collections.abc import Mapping
from dataclasses import fields as arguments_of
from typing import Any

from colabctl.search.language.fields import Fields
from colabctl.search.language.metric import Metric
from colabctl.search.language.stopping.stopping_rules import RULES, Rule, RuleError, from_json

_SYNONYMS: Mapping[str, Mapping[str, str]] = {
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
"""By type: words from W&B, Optuna or Ray Tune that difflib cannot match to the right word."""


def read_early_terminate(top: Fields, metric: Metric | None) -> Rule | None:
    """Return the rule that stops tasks early; None if there is none or its problems are recorded.

    It is W&B's `hyperband`, or a pruner of Optuna's with its arguments and their defaults.
    """
    content = top.content.get("early_terminate")
    if content is None:
        return None
    if isinstance(content, dict):
        content = _checked_keys(Fields(content, (*top.path, "early_terminate"), top.problems))
    try:
        rule = from_json(content)
    except RuleError as error:
        for path, message in error.faults:
            top.problems.add((*top.path, "early_terminate", *path), message)
        return None
    if top.has("metrics"):
        top.problem(
            "early_terminate",
            "compares one metric, and this sweep has several; remove it, or name the main one "
            "under metric:, and report the others too",
        )
        return None
    if metric is None:
        if not top.has("metric"):
            top.note("early_terminate", "ignored, since there is no metric: to compare")
        return None
    return rule


def _checked_keys(fields: Fields) -> dict[str, Any]:
    """Return the keys that have an effect; report the others, those of a wrapped pruner too."""
    content = dict(fields.content)
    kind = content.get("type")
    if not isinstance(kind, str) or kind not in RULES:
        return content
    keys = ("type", *(argument.name for argument in arguments_of(RULES[kind])))
    fields.look_for_unknown(keys, synonyms=_SYNONYMS.get(kind))
    if kind == "hyperband" and fields.has("max_iter") and content.pop("min_iter", None) is not None:
        fields.note("min_iter", "ignored, since max_iter overrides it")
    elif kind == "hyperband" and not fields.has("max_iter") and content.pop("s", None) is not None:
        fields.note("s", "ignored without max_iter")
    wrapped = content.get("wrapped_pruner")
    if kind == "patient" and isinstance(wrapped, dict):
        path = (*fields.path, "wrapped_pruner")
        content["wrapped_pruner"] = _checked_keys(Fields(wrapped, path, fields.problems))
    return content
