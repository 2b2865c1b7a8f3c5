"""Stopping rules have Optuna's arguments, survive the plan, and refuse arguments that make no sense."""

import inspect
import json
import math
from collections.abc import Mapping
from typing import Any

import optuna
import pytest

from colabctl.search import read
from colabctl.search.language.stopping_rules import (
    Hyperband,
    Median,
    Patient,
    Percentile,
    Rule,
    RuleError,
    SuccessiveHalving,
    Threshold,
    from_json,
)

RULES = [
    Hyperband(min_iter=3, eta=2, strict=False),
    Hyperband(max_iter=27, s=2),
    Median(n_startup_trials=2, n_warmup_steps=2, interval_steps=3, n_min_trials=2),
    Percentile(percentile=30.0),
    SuccessiveHalving(),
    SuccessiveHalving(min_resource=2, min_early_stopping_rate=1, bootstrap_count=2),
    Patient(patience=2, min_delta=0.5),
    Patient(patience=1, wrapped_pruner=Median(n_startup_trials=1)),
    Patient(patience=1, wrapped_pruner=Patient(patience=2)),
    Threshold(lower=-1.5, upper=2),
]
PRUNERS: Mapping[str, Any] = {
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "threshold": optuna.pruners.ThresholdPruner,
    "patient": optuna.pruners.PatientPruner,
    "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
}
NEEDED: Mapping[str, dict[str, Any]] = {
    "percentile": {"percentile": 25.0},
    "patient": {"patience": 3},
    "threshold": {"upper": 1.0},
}


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_rule_survives_the_plan_and_the_sweep_file(rule: Rule) -> None:
    assert from_json(json.loads(json.dumps(rule.to_json()))) == rule
    declaration = read(
        {
            "method": "random",
            "parameters": {"lr": {"values": [1, 2]}},
            "metric": {"name": "loss"},
            "early_terminate": rule.to_json(),
        },
        "sweep",
    )
    assert declaration.early_terminate == rule
    assert declaration.notes == ()


def test_hyperband_has_only_the_arguments_that_it_uses() -> None:
    assert Hyperband(min_iter=3).to_json() == {
        "type": "hyperband",
        "min_iter": 3,
        "eta": 3,
        "strict": True,
    }


def test_a_rule_cannot_be_created_with_arguments_that_make_no_sense() -> None:
    with pytest.raises(RuleError, match="interval_steps: must be a whole number of at least 1"):
        Median(interval_steps=0)
    with pytest.raises(RuleError, match="percentile: inf is not a finite number"):
        Percentile(percentile=math.inf)
    with pytest.raises(RuleError, match="lower: must not be above upper:, 1"):
        Threshold(lower=2, upper=1)


@pytest.mark.parametrize("kind", PRUNERS)
def test_a_rule_has_optunas_arguments_and_defaults(kind: str) -> None:
    needed = NEEDED.get(kind, {})
    parameters = inspect.signature(PRUNERS[kind]).parameters.values()
    defaults = {
        parameter.name: None if parameter.default is parameter.empty else parameter.default
        for parameter in parameters
    }
    assert from_json({"type": kind, **needed}).to_json() == {"type": kind, **defaults, **needed}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "needs type:"),
        ({"type": "nop"}, "must be one of"),
        ({"type": None}, "needs type:"),
        ({"type": ["median"]}, "must be one of"),
        ({"type": "hyperband"}, "needs min_iter:"),
        ({"type": "hyperband", "min_iter": "3"}, "early_terminate.min_iter: must be a whole"),
        ({"type": "hyperband", "min_iter": 3, "eta": math.nan}, "nan is not a finite number"),
        ({"type": "hyperband", "min_iter": 3, "eta": 10**400}, "too large"),
        ({"type": "median", "n_min_trials": 0, "interval_steps": 0}, "; "),
        (
            {"type": "patient", "patience": 1, "wrapped_pruner": {"type": "?"}},
            "wrapped_pruner.type",
        ),
        ({"type": "patient", "patience": 1, "wrapped_pruner": 5}, "must be a map"),
        ({"type": "threshold", "lower": object()}, "must be a number"),
        ({5: "median"}, "needs type:"),
    ],
)
def test_a_damaged_rule_is_refused(rule: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"^early_terminate") as refused:
        from_json(rule)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("rule", [None, 5, "median", [1]])
def test_a_value_that_is_not_a_rule_is_refused(rule: Any) -> None:
    with pytest.raises(ValueError, match="early_terminate: "):
        from_json(rule)
