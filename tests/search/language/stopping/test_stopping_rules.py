"""Rules for early stopping are read with their defaults, and their problems are reported."""

from typing import Any

import pytest

from colabctl.search.language.stopping.stopping_rules import Median
from tests.search.language.minimal import MINIMAL, declared, problem_of

WORDS = "hyperband, median, percentile, successive_halving, patient, threshold"


@pytest.mark.parametrize(
    ("rule", "at", "words"),
    [
        ("{min_iter: 3}", "{", f"needs type:, one of {WORDS}"),
        ("{type: nop}", "nop", f'must be one of {WORDS}, not "nop"'),
        ("{type: [median]}", "[", f"must be one of {WORDS}"),
        ("{type: medain}", "medain", "did you mean median?"),
        ("{type: MedianPruner}", "Med", "did you mean median?"),
        ("{type: asha}", "asha", "did you mean successive_halving?"),
        ("{type: SHA}", "SHA", "did you mean successive_halving?"),
        ("{type: Hyper-Band}", "Hyper", "did you mean hyperband?"),
        ("{type: hyperband}", "{", "needs min_iter:"),
        ("{type: hyperband, max_iter: 27}", "27", "needs s:"),
        ("{type: hyperband, max_iter: 2, s: 2}", "{", "never stops a task"),
        ("{type: hyperband, min_iter: 3, eta: 1}", "1}", "above 1"),
        ("{type: hyperband, min_iter: 3, strict: 1}", "1}", "true or false"),
        ("{type: hyperband, min_itr: 3, min_iter: 3}", "min_itr", "mean min_iter?"),
        ("{type: hyperband, min_iter: 3, max_resource: 9}", "max_r", "mean max_iter?"),
        ("{type: median, warmup_steps: 3}", "warmup", "mean n_warmup_steps?"),
        ("{type: median, min_iter: 3}", "min_iter", "mean n_warmup_steps?"),
        ("{type: median, n_startup_trials: -1}", "-1", "at least 0"),
        ("{type: median, interval_steps: 0}", "0", "at least 1"),
        ("{type: median, n_min_trials: 1.5}", "1.5", "whole number"),
        ("{type: percentile}", "{", "needs percentile:"),
        ("{type: percentile, percentile: 101}", "101", "from 0 to 100"),
        ("{type: percentile, percentile: '25'}", "'25'", "without quotes"),
        ("{type: successive_halving, eta: 3}", "eta", "mean reduction_factor?"),
        ("{type: successive_halving, reduction_factor: 1}", "1}", "at least 2"),
        ("{type: successive_halving, min_resource: 0}", "0}", "auto or a whole number"),
        ("{type: successive_halving, min_resource: all}", "all", "auto or a whole number"),
        ("{type: successive_halving, bootstrap_count: 2}", "2}", "needs a number as min_resource:"),
        ("{type: successive_halving, min_early_stopping_rate: 99}", "99", "at most 60"),
        ("{type: patient}", "{", "needs patience:"),
        ("{type: patient, patience: -1}", "-1", "at least 0"),
        ("{type: patient, patience: 2, min_delta: -0.1}", "-0.1", "at least 0"),
        ("{type: patient, patience: 2, wrapped_pruner: median}", "median", "{type: median}"),
        ("{type: patient, patience: 2, wrapped_pruner: {type: hyperband}}", "hyper", "_halving?"),
        ("{type: patient, patience: 2, wrapped_pruner: {type: sha}}", "sha", "successive_halving?"),
        ("{type: threshold}", "{", "needs lower: or upper:"),
        ("{type: threshold, lower: 2, upper: 1}", "2,", "above upper:"),
        ("{type: threshold, upper: 2, min: 1}", "min", "mean lower?"),
    ],
)
def test_a_problem_of_a_stopping_rule_is_reported_with_its_place_and_a_fix(
    rule: str, at: str, words: str
) -> None:
    problem = problem_of(f"{MINIMAL}early_terminate: {rule}")
    assert problem.startswith(f"sweep.yaml:3:{18 + rule.index(at)}: early_terminate")
    assert words in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{min_iter: 3}", {"min_iter": 3, "eta": 3, "strict": True}),
        ("{min_iter: 3, eta: 2, strict: false}", {"min_iter": 3, "eta": 2, "strict": False}),
        ("{max_iter: 27, s: 2}", {"max_iter": 27, "s": 2, "eta": 3, "strict": True}),
        ("{max_iter: 9, s: 2, min_iter: 1}", {"max_iter": 9, "s": 2, "eta": 3, "strict": True}),
        ("{min_iter: 3, s: 2}", {"min_iter": 3, "eta": 3, "strict": True}),
    ],
)
def test_hyperband_has_the_reference_engines_defaults(rule: str, expected: dict[str, Any]) -> None:
    more = f"metric: {{name: loss}}\nearly_terminate: {{type: hyperband, {rule[1:]}"
    rule_read = declared(more).early_terminate
    assert rule_read is not None
    assert rule_read.to_json() == {"type": "hyperband"} | expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "{type: median}",
            {"n_startup_trials": 5, "n_warmup_steps": 0, "interval_steps": 1, "n_min_trials": 1},
        ),
        (
            "{type: percentile, percentile: 25.0, n_warmup_steps: 10}",
            {
                "percentile": 25.0,
                "n_startup_trials": 5,
                "n_warmup_steps": 10,
                "interval_steps": 1,
                "n_min_trials": 1,
            },
        ),
        (
            "{type: successive_halving, min_resource: 3, bootstrap_count: 2}",
            {
                "min_resource": 3,
                "reduction_factor": 4,
                "min_early_stopping_rate": 0,
                "bootstrap_count": 2,
            },
        ),
        ("{type: patient, patience: 4}", {"wrapped_pruner": None, "patience": 4, "min_delta": 0.0}),
        (
            "{type: patient, patience: 4, wrapped_pruner: {type: threshold, upper: 9}}",
            {
                "wrapped_pruner": {
                    "type": "threshold",
                    "lower": None,
                    "upper": 9,
                    "n_warmup_steps": 0,
                    "interval_steps": 1,
                },
                "patience": 4,
                "min_delta": 0.0,
            },
        ),
    ],
)
def test_a_pruner_has_optunas_arguments_with_their_defaults(
    rule: str, expected: dict[str, Any]
) -> None:
    early_terminate = declared(f"metric: {{name: loss}}\nearly_terminate: {rule}").early_terminate
    assert early_terminate is not None
    assert early_terminate.to_json() == {"type": early_terminate.type} | expected


def test_all_problems_of_a_rule_are_reported_together() -> None:
    problem = problem_of(
        MINIMAL
        + "early_terminate: {type: patient, patience: soon, min_delta: -1,"
        + " wrapped_pruner: {type: threshold, max: 1, interval_steps: 0}}"
    )
    assert [line.split(": ")[1] for line in problem.splitlines()] == [
        "early_terminate.patience",
        "early_terminate.min_delta",
        "early_terminate.wrapped_pruner",
        "early_terminate.wrapped_pruner.max",
        "early_terminate.wrapped_pruner.interval_steps",
    ]


def test_an_unknown_key_of_a_rule_is_ignored_with_a_note() -> None:
    more = "metric: {name: loss}\nearly_terminate: {type: median, why: slow, n_min_trials: 2}"
    declaration = declared(more)
    assert declaration.early_terminate == Median(n_min_trials=2)
    assert "early_terminate.why: unknown key" in declaration.notes[0]


@pytest.mark.parametrize("rule", ["{type: hyperband, min_iter: 3}", "{type: median}"])
def test_early_termination_without_a_metric_is_ignored_with_a_note(rule: str) -> None:
    declaration = declared(f"early_terminate: {rule}")
    assert declaration.early_terminate is None
    assert "no metric:" in declaration.notes[0]
