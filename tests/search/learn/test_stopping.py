"""Hyperband stops the trials that W&B's own engine stops, as recorded in figures.json."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.search.language.metric import Goal
from colabctl.search.learn.stopping import stopper
from colabctl.search.learn.trials import State, Trial, Trials

STOPPED = json.loads(
    Path(__file__).parents[1].joinpath("reference", "figures.json").read_text(encoding="utf-8")
)["stopped"]

STATES: dict[str, State] = {
    "running": "running",
    "finished": "done",
    "killed": "pruned",
    "failed": "failed",
    "crashed": "failed",
    "preempted": "failed",
    "pending": "failed",
}
"""The engine's states, and ours for them; the engine only asks whether a run is running."""

GOALS = st.sampled_from(["minimize", "maximize"])
RULES = st.one_of(
    st.fixed_dictionaries(
        {
            "min_iter": st.integers(1, 5),
            "eta": st.sampled_from([3, 2, 1.5]),
            "strict": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "max_iter": st.integers(3, 30),
            "s": st.integers(1, 4),
            "eta": st.sampled_from([3, 2]),
            "strict": st.booleans(),
        }
    ),
).map(lambda rule: {"type": "hyperband"} | rule)
VALUES = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))
HISTORIES = st.lists(VALUES, max_size=12)
TRIALS = st.dictionaries(
    st.integers(0, 20),
    st.builds(
        lambda state, history: trial(*history, state=state),
        st.sampled_from(["running", "done", "pruned", "failed"]),
        HISTORIES,
    ),
    max_size=8,
)


def trial(*history: float, state: State = "running") -> Trial:
    return Trial(state, {}, reports=tuple((None, value) for value in history))


def stopped(rule: dict[str, Any], goal: Goal, trials: Trials) -> list[int]:
    judge = stopper(rule, goal)
    return [number for number in trials if judge.stops(number, trials)]


@pytest.mark.parametrize("rule", {json.dumps(case["rule"]): None for case in STOPPED})
def test_hyperband_stops_the_trials_that_the_engine_stops(rule: str) -> None:
    for number, case in enumerate(STOPPED):
        if json.dumps(case["rule"]) != rule:
            continue
        histories = zip(case["states"], case["histories"], strict=True)
        trials = {run: engine_run(state, history) for run, (state, history) in enumerate(histories)}
        assert stopped(case["rule"], case["goal"], trials) == case["stopped"], f"case {number}"


def engine_run(state: str, history: list[Any]) -> Trial:
    """Return a run of the engine's; values that are not numbers are not reports."""
    return trial(*(v for v in history if type(v) in (int, float)), state=STATES[state])


def test_the_figures_have_both_goals_both_conditions_and_every_kind_of_value() -> None:
    cases = [case for case in STOPPED if case["stopped"]]
    assert {case["goal"] for case in cases} == {"minimize", "maximize"}
    assert {case["rule"].get("strict", True) for case in cases} == {True, False}
    assert {"max_iter", "min_iter"} <= {key for case in cases for key in case["rule"]}
    assert set(STATES) == {state for case in cases for state in case["states"]}
    values = [value for case in cases for history in case["histories"] for value in history]
    assert {type(value) for value in values} == {int, float, str, bool, type(None)}
    assert any(math.isinf(value) for value in values if type(value) is float)
    assert any(math.isnan(value) for value in values if type(value) is float)


@given(RULES, GOALS, HISTORIES)
def test_a_lone_trial_is_never_stopped_by_hyperband(
    rule: dict[str, Any], goal: Goal, history: list[float]
) -> None:
    assert stopped(rule, goal, {7: trial(*history)}) == []


@given(RULES, GOALS, HISTORIES, st.integers(2, 9))
def test_ties_survive_hyperband(
    rule: dict[str, Any], goal: Goal, history: list[float], many: int
) -> None:
    assert stopped(rule, goal, dict.fromkeys(range(many), trial(*history))) == []


@given(RULES, GOALS, TRIALS)
def test_only_running_trials_are_stopped(rule: dict[str, Any], goal: Goal, trials: Trials) -> None:
    assert all(trials[number].state == "running" for number in stopped(rule, goal, trials))


@given(RULES, GOALS, TRIALS)
def test_an_unknown_trial_is_not_stopped(rule: dict[str, Any], goal: Goal, trials: Trials) -> None:
    assert not stopper(rule, goal).stops(99, trials)


@given(RULES, TRIALS)
def test_to_maximize_is_to_minimize_the_negative(rule: dict[str, Any], trials: Trials) -> None:
    negative = {
        number: trial(*(-value for _, value in positive.reports), state=positive.state)
        for number, positive in trials.items()
    }
    assert stopped(rule, "maximize", trials) == stopped(rule, "minimize", negative)


def test_hyperband_follows_trials_that_change() -> None:
    judge = stopper({"type": "hyperband", "min_iter": 1}, "minimize")
    assert judge.stops(0, {0: trial(2.0), 1: trial(1.0)})
    assert not judge.stops(0, {0: trial(2.0), 1: trial(3.0)})
    assert not judge.stops(0, {0: trial(1.0), 1: trial(3.0)})
    assert judge.stops(0, {0: trial(4.0), 1: trial(3.0)})
    assert not judge.stops(0, {0: trial(4.0)})


@given(RULES, GOALS, TRIALS, TRIALS, st.randoms())
def test_hyperband_decides_by_the_current_trials_only(
    rule: dict[str, Any], goal: Goal, before: Trials, trials: Trials, source: Any
) -> None:
    judge = stopper(rule, goal)
    for known in (before, trials):
        items = list(known.items())
        source.shuffle(items)
        answers = {number: judge.stops(number, dict(items)) for number, _ in items}
    assert [number for number in trials if answers[number]] == stopped(rule, goal, trials)


def test_hyperband_counts_values_and_not_steps() -> None:
    peers = {number: trial(1.0, 1.0) for number in range(3)}
    rule = {"type": "hyperband", "min_iter": 2, "eta": 3, "strict": True}
    late = Trial("running", {}, reports=((100, 2.0),))
    later = Trial("running", {}, reports=((100, 2.0), (-5, math.nan), (100, 2.0)))
    assert not stopper(rule, "minimize").stops(9, {**peers, 9: late})
    assert stopper(rule, "minimize").stops(9, {**peers, 9: later})


@pytest.mark.parametrize(
    "rule",
    [
        {"min_iter": 1, "eta": 1e200},  # the engine fails: its bands become infinite
        {"min_iter": 1, "eta": 1 + 2**-52},
        {"min_iter": 10**299, "eta": 1.5},
        {"max_iter": 10**299, "s": 10**299, "eta": 1 + 2**-52},  # the engine never answers
    ],
)
def test_extreme_rules_do_no_harm(rule: dict[str, Any]) -> None:
    judge = stopper({"type": "hyperband", "strict": True, **rule}, "minimize")
    assert not judge.stops(0, {number: trial(float(number)) for number in range(60)})


def test_a_trial_with_very_many_reports_is_judged() -> None:
    rule = {"type": "hyperband", "min_iter": 3, "eta": 3, "strict": True}
    trials = {0: trial(*[1.0] * 100_000), 1: trial(*[2.0] * 100_000)}
    assert stopped(rule, "minimize", trials) == [1]


def test_hyperband_needs_no_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert stopper({"type": "hyperband", "min_iter": 1}, "minimize")


@pytest.mark.parametrize("goal", ["min", None, ["minimize"]])
def test_an_unknown_goal_is_refused(goal: Any) -> None:
    with pytest.raises(ValueError, match="goal: must be minimize or maximize"):
        stopper({"type": "hyperband", "min_iter": 1}, goal)


def test_a_damaged_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^early_terminate: needs min_iter:"):
        stopper({"type": "hyperband"}, "minimize")
