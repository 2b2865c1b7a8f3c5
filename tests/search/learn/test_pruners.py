"""A stopper decides as Optuna does when all trials run in one process."""

import logging
import math
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.search.language.metric import Goal
from colabctl.search.learn.stopping import stopper
from colabctl.search.learn.trials import Report, State, Trial

RULES: Mapping[str, dict[str, Any]] = {
    "median": {"type": "median", "n_startup_trials": 1},
    "median, slow": {
        "type": "median",
        "n_startup_trials": 2,
        "n_warmup_steps": 2,
        "interval_steps": 3,
        "n_min_trials": 2,
    },
    "percentile": {"type": "percentile", "percentile": 30.0, "n_startup_trials": 0},
    "threshold": {"type": "threshold", "lower": -1.5, "upper": 2},
    "threshold, slow": {"type": "threshold", "upper": 1, "n_warmup_steps": 2, "interval_steps": 4},
    "patient": {"type": "patient", "patience": 2, "min_delta": 0.5},
    "patient median": {
        "type": "patient",
        "patience": 1,
        "wrapped_pruner": {"type": "median", "n_startup_trials": 1},
    },
    "halving": {"type": "successive_halving", "min_resource": 1, "reduction_factor": 2},
    "halving, auto": {"type": "successive_halving"},
    "halving, late": {
        "type": "successive_halving",
        "min_resource": 2,
        "reduction_factor": 2,
        "min_early_stopping_rate": 1,
        "bootstrap_count": 2,
    },
    "patient halving": {
        "type": "patient",
        "patience": 1,
        "wrapped_pruner": {
            "type": "successive_halving",
            "min_resource": 1,
            "reduction_factor": 2,
        },
    },
}
PRUNERS: Mapping[str, Any] = {
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "threshold": optuna.pruners.ThresholdPruner,
    "patient": optuna.pruners.PatientPruner,
    "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
}
HISTORIES = 2
EXAMPLES = 10
COMPARING = [name for name in RULES if "halving" not in name]
RUNGS = {"halving": {1, 2, 4, 8, 16, 32}, "halving, late": {4, 8, 16, 32}}
"""The steps of the first rungs."""

GOALS = st.sampled_from(["minimize", "maximize"])
VALUES = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-3, 3),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)


@dataclass(frozen=True)
class Event:
    """The trial of a worker reports `gap` steps after its highest step (at first -1)."""

    worker: int
    gap: int
    value: float
    end: str


def events(source: random.Random, *, most_gap: int = 9) -> Iterator[Event]:
    """Yield the events of four workers that run many trials, some better than others."""
    levels = [0.0] * 4
    for _ in range(200):
        worker = source.randrange(4)
        if source.random() < 0.1:
            levels[worker] = source.randint(-2, 2)
        value = levels[worker] + source.choice([0, 0, source.uniform(-1, 1)])
        if source.random() < 0.05:
            value = source.choice([math.nan, math.inf, -math.inf])
        gap = source.choice([1, 1, 1, source.randint(-2, most_gap)]) if most_gap > 1 else 1
        end = source.choice(["done", "done", "without value", "failed"])
        yield Event(worker, gap, value, end if source.random() < 0.1 else "")


def pruner_of(rule: Mapping[str, Any]) -> Any:
    arguments = {name: value for name, value in rule.items() if name != "type"}
    if rule["type"] == "patient":
        wrapped = arguments.get("wrapped_pruner")
        arguments["wrapped_pruner"] = pruner_of(wrapped) if wrapped else None
    return PRUNERS[rule["type"]](**arguments)


@pytest.fixture(autouse=True)
def _optuna_is_quiet_in_these_tests() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def run_in_one_process(
    rule: Mapping[str, Any], goal: Goal, events: Iterable[Event], asked: Callable[..., bool]
) -> set[bool]:
    """Let plain Optuna run trials that report in turns; compare its answers, and return them."""
    study = optuna.create_study(direction=goal, pruner=pruner_of(rule))
    trials: dict[int, Trial] = {}
    running: dict[int, optuna.Trial] = {}
    answers = set()
    for event in events:
        if event.worker not in running:
            running[event.worker] = study.ask()
            trials[running[event.worker].number] = Trial("running", {})
        theirs = running[event.worker]
        ours = trials[theirs.number]
        last = max((int(step) for step, _ in ours.reports if step is not None), default=-1)
        step = max(last + event.gap, 0)
        theirs.report(event.value, step)
        ours = replace(ours, reports=(*ours.reports, (step, event.value)))
        trials[theirs.number] = ours
        stop = bool(theirs.should_prune())  # some pruners return a NumPy bool
        assert asked(theirs.number, trials) == stop
        answers.add(stop)
        if not stop and not event.end:
            continue
        del running[event.worker]
        if stop:
            trials[theirs.number] = replace(ours, state="pruned")
            study.tell(theirs, state=optuna.trial.TrialState.PRUNED)
        elif event.end == "done" and not math.isnan(event.value):
            trials[theirs.number] = replace(ours, state="done", value=event.value)
            study.tell(theirs, event.value)
        else:
            trials[theirs.number] = replace(
                ours, state="failed" if event.end == "failed" else "done"
            )
            study.tell(theirs, state=optuna.trial.TrialState.FAIL)
    return answers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("name", RULES)
def test_a_stopper_decides_as_optuna_does_in_one_process(name: str, goal: Goal) -> None:
    answers = set()
    for seed in range(HISTORIES):
        judge = stopper(RULES[name], goal)
        answers |= run_in_one_process(RULES[name], goal, events(random.Random(seed)), judge.stops)
    assert answers == {True, False}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("name", COMPARING)
def test_a_new_stopper_decides_the_same(name: str, goal: Goal) -> None:
    def asked(number: int, trials: Mapping[int, Trial]) -> bool:
        return stopper(RULES[name], goal).stops(number, trials)

    answers = set()
    for seed in range(HISTORIES):
        answers |= run_in_one_process(RULES[name], goal, events(random.Random(seed)), asked)
    assert answers == {True, False}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("name", RUNGS)
def test_a_new_stopper_decides_the_same_at_each_rung_if_no_report_reaches_two(
    name: str, goal: Goal
) -> None:
    """Optuna decides only at rungs; between them, a new stopper decides by the last one."""

    def asked(number: int, trials: Mapping[int, Trial]) -> bool:
        answer = judge.stops(number, trials)
        if trials[number].reports[-1][0] in RUNGS[name]:
            assert stopper(RULES[name], goal).stops(number, trials) == answer
        return answer

    for seed in range(HISTORIES):
        judge = stopper(RULES[name], goal)
        run_in_one_process(RULES[name], goal, events(random.Random(seed), most_gap=1), asked)


@st.composite
def cells(draw: st.DrawFn) -> dict[int, Trial]:
    """Trials of a cell with steps 0, 1, 2, ..., of which number 0 is running."""

    def some(state: State) -> Trial:
        values = draw(st.lists(VALUES, max_size=20))
        value = draw(st.one_of(st.none(), VALUES)) if state == "done" else None
        return Trial(state, {}, value, tuple(enumerate(values)))

    states: st.SearchStrategy[State] = st.sampled_from(["running", "done", "pruned", "failed"])
    others = draw(st.lists(states, max_size=7))
    return {number: some(state) for number, state in enumerate(["running", *others])}


@pytest.mark.parametrize("name", [*COMPARING, *RUNGS])
@settings(max_examples=EXAMPLES, deadline=None)
@given(goal=GOALS, trials=cells(), source=st.randoms())
def test_the_order_in_which_peers_are_added_does_not_matter(
    name: str, goal: Goal, trials: dict[int, Trial], source: Any
) -> None:
    numbers = list(trials)[1:]
    source.shuffle(numbers)
    judge, known = stopper(RULES[name], goal), {}
    for number in numbers:
        known[number] = trials[number]
        judge.stops(number, known)
    known[0] = trials[0]
    assert judge.stops(0, known) == stopper(RULES[name], goal).stops(0, trials)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(goal=GOALS, trials=cells())
def test_reports_that_come_one_by_one_count_as_those_that_come_at_once(
    name: str, goal: Goal, trials: dict[int, Trial]
) -> None:
    complete, answer = trials.pop(0), False
    judge = stopper(RULES[name], goal)
    for end in range(len(complete.reports) + 1):
        partial = replace(complete, reports=complete.reports[:end])
        answer = judge.stops(0, {**trials, 0: partial})
    assert answer == stopper(RULES[name], goal).stops(0, {**trials, 0: complete})


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(goal=GOALS, before=cells(), trials=cells())
def test_changes_of_earlier_trials_count(
    name: str, goal: Goal, before: dict[int, Trial], trials: dict[int, Trial]
) -> None:
    revised = trials[0].reports[:1] != before[0].reports[:1]
    judge = stopper(RULES[name], goal)
    judge.stops(0, before)
    answer = judge.stops(0, trials)
    # a pruner's decision at a rung is final until the reports that led there change
    if revised or name in COMPARING:
        assert answer == stopper(RULES[name], goal).stops(0, trials)


@pytest.mark.parametrize("name", ["median", "median, slow", "percentile", "halving, auto"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(goal=GOALS, values=st.lists(VALUES.filter(math.isfinite), max_size=20))
def test_a_lone_trial_has_no_peers(name: str, goal: Goal, values: list[float]) -> None:
    assert not stopper(RULES[name], goal).stops(3, {3: Trial("running", {}, None, reports(values))})


def reports(values: list[float]) -> tuple[Report, ...]:
    return tuple((None, value) for value in values)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(goal=GOALS, data=st.data())
def test_any_reports_are_judged_without_an_error_or_a_warning(
    name: str, goal: Goal, data: st.DataObject
) -> None:
    steps = st.one_of(st.none(), st.integers(-3, 9), st.floats(), st.integers(0, 2**53))
    histories = st.lists(st.tuples(steps, VALUES), max_size=9).map(tuple)
    states: st.SearchStrategy[State] = st.sampled_from(["running", "done", "pruned", "failed"])
    trial = st.builds(Trial, states, st.just({}), st.one_of(st.none(), VALUES), histories)
    judge = stopper(RULES[name], goal)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            trials = data.draw(st.dictionaries(st.integers(0, 5), trial))
            for number, changed in trials.items():
                assert isinstance(judge.stops(number, trials), bool)
                assert changed.state == "running" or not judge.stops(number, trials)
            assert not judge.stops(99, trials)


def test_a_trial_that_ended_without_a_value_has_failed_as_in_optuna() -> None:
    rule = {"type": "median", "n_startup_trials": 1}
    bad = Trial("running", {}, None, reports([9.0]))
    for value, counts in ((0.5, True), (None, False), (math.nan, False)):
        done = Trial("done", {}, value, reports([1.0]))
        assert stopper(rule, "minimize").stops(1, {0: done, 1: bad}) is counts


@pytest.mark.parametrize("name", RULES)
def test_very_many_reports_are_judged(name: str) -> None:
    # at each report, the patient pruner looks at all of them
    count = 1_000 if name == "patient halving" else 20_000
    many = {0: Trial("running", {}, None, reports([2.0] * count))}
    assert stopper(RULES[name], "minimize").stops(0, many) in (True, False)


@pytest.mark.parametrize("name", RULES)
def test_the_users_settings_of_optuna_stay(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    filters = list(warnings.filters)
    try:
        with caplog.at_level(logging.DEBUG):
            trials = {
                0: Trial("running", {}, None, reports([math.nan, math.nan, math.nan])),
                1: Trial("done", {}, None, reports([1.0, math.nan, 1.0])),
                2: Trial("done", {}, 1.0, reports([1.0, 1.0, 1.0])),
            }
            stopper(RULES[name], "minimize").stops(0, trials)
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.disable_propagation()
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    assert warnings.filters == filters


@pytest.mark.parametrize("name", RULES)
def test_without_optuna_the_error_names_what_needs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=f"^early_terminate: {RULES[name]['type']} needs Optuna"):
        stopper(RULES[name], "minimize")
