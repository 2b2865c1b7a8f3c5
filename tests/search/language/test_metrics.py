"""Several metrics in a sweep file, as W&B's newest form has them, and what is refused."""

import pytest

from colabctl.search import Metric, read
from tests.search.language.minimal import MINIMAL, declared, problem_of

BOTH = "metrics: [{name: acc, goal: maximize}, {name: ms, goal: min}]\n"


def test_several_metrics_are_read_with_their_goals() -> None:
    declaration = declared(BOTH)
    assert declaration.metrics == (Metric("acc", "maximize"), Metric("ms", "minimize"))
    assert declaration.metric is None
    impute = declared(BOTH.replace("goal: maximize", "goal: maximize, impute: worst"))
    assert any("impute: has no effect here" in note for note in impute.notes)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (BOTH.replace(", goal: min", ""), "metrics[1]: ms has no goal; add goal: minimize or"),
        (BOTH.replace("min", "up"), "metrics[1].goal: must be minimize or maximize"),
        (BOTH.replace("name: ms, ", ""), "metrics[1]: needs name:"),
        (BOTH.replace("ms", "acc"), "metrics[1].name: acc is listed twice"),
        (
            BOTH.replace("goal: min", "goal: min, target: 3"),
            "a target ends a sweep with one metric",
        ),
        ("metrics: [{name: acc, goal: maximize}]", "write one as metric:"),
        ("metrics: {name: acc, goal: maximize}", "must be a list of maps"),
        ("metrics: [acc, ms]", "must be a list of maps"),
        ("metrics: [{a: max}, {b: min}]", "needs name: and goal:, as in {name: a, goal: max}"),
        ("metric: {loss: minimize}", "needs name: and goal:, as in {name: loss, goal: minimize}"),
        ("metric: [{name: a}, {name: b}]", "list several under metrics:"),
        (BOTH + "metric: {name: acc}", "cannot be combined with metric:"),
        (BOTH + "early_terminate: {type: hyperband, min_iter: 2}", "compares one metric"),
    ],
)
def test_metrics_that_cannot_be_are_refused(more: str, message: str) -> None:
    assert message in problem_of(MINIMAL + more)


def test_samplers_for_one_metric_are_refused_and_others_are_not() -> None:
    text = MINIMAL.replace("random", "bayes") + BOTH
    for name in ("gp", "cmaes"):
        assert f"{name} searches for one metric" in problem_of(f"{text}sampler: {name}")
    for name in ("tpe", "nsga2", "qmc"):
        assert read(f"{text}sampler: {name}", "sweep.yaml").sampler == name
