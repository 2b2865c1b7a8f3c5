"""The study that an Optuna objective sees, and what it is suggested."""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import optuna
import pytest
from scipy.stats import qmc

from colabctl.run.failure import TaskError
from colabctl.run.optuna.objective import runner
from colabctl.search.learn.trials import State, Trial
from colabctl.task import Assignment, Task
from tests.run.optuna.objectives import (
    Goal,
    Objective,
    Told,
    boosting,
    classifier,
    curve,
    network,
    run,
    run_all,
)

# -- the study that the objective sees --------------------------------------------------------


def float_of(low: float, high: float) -> dict[str, Any]:
    attributes = {"low": low, "high": high, "log": False, "step": None}
    return {"name": "FloatDistribution", "attributes": attributes}


def trial_at(x: float, value: float | None = None, state: State = "done") -> Trial:
    return Trial(state, {"x": x}, value, (), {"x": float_of(-10, 10)})


def seen(
    look: Callable[[Any], Any],
    number: int = 0,
    known: Mapping[int, Trial] | None = None,
    **more: Any,
) -> Any:
    """Return what an objective sees when it looks at its trial."""
    found = []

    def objective(trial: Any) -> float:
        found.append(look(trial))
        return 0.0

    ran = run(objective, number, known, **more)
    assert ran.error is None
    return found[0]


KNOWN = {
    1: trial_at(1, 10.0),
    4: trial_at(4, None, "running"),
    6: trial_at(6, 5.0),
    7: Trial("failed", {"x": 7}, None, (), {"x": float_of(-10, 10)}),
    9: Trial("pruned", {"x": 9}, None, ((0, 3.0), (3, 2.0)), {"x": float_of(-10, 10)}),
}


def test_every_trial_has_its_own_number_and_state() -> None:
    trials = seen(lambda trial: trial.study.trials, 5, KNOWN)
    assert [each.number for each in trials] == list(range(10))
    assert [each.state.name for each in trials] == [
        "FAIL", "COMPLETE", "FAIL", "FAIL", "RUNNING", "RUNNING", "COMPLETE", "FAIL", "FAIL", "PRUNED",
    ]  # fmt: skip
    assert trials[9].value == 2.0
    assert trials[9].intermediate_values == {0: 3.0, 3: 2.0}
    assert trials[6].params == {"x": 6}
    assert trials[6].distributions == {"x": optuna.distributions.FloatDistribution(-10, 10)}


@pytest.mark.parametrize("number", [0, 1, 5, 20])
def test_the_trial_has_the_number_of_its_slot(number: int) -> None:
    known = {other: trial for other, trial in KNOWN.items() if other != number}
    assert seen(lambda trial: (trial.number, type(trial).__mro__[1]), number, known) == (
        number,
        optuna.trial.Trial,
    )
    last = seen(lambda trial: trial.study.trials[trial.number], number, known)
    assert (last.number, last.state.name) == (number, "RUNNING")


@pytest.mark.parametrize(("goal", "best"), [("minimize", 6), ("maximize", 1)])
def test_the_study_knows_its_best_by_its_goal(goal: Goal, best: int) -> None:
    found = seen(
        lambda trial: (trial.study.best_trial.number, trial.study.direction.name),
        5,
        KNOWN,
        goal=goal,
    )
    assert found == (best, goal.upper())


def test_an_earlier_attempt_at_the_task_is_not_among_the_others() -> None:
    found = seen(lambda trial: trial.study.trials[6].params, 6, KNOWN)
    assert found == {}


def test_what_objectives_ask_their_trial_is_answered() -> None:
    def look(trial: Any) -> dict[str, Any]:
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr("a", 1)
        with pytest.raises(ValueError, match="completed"):
            trial.study.best_trial  # noqa: B018 - as in a study of Optuna's without results
        trial.study.set_user_attr("of", "the study")
        return {
            "params": sorted(trial.params),
            "distributions": sorted(trial.distributions),
            "user_attrs": trial.user_attrs,
            "study": trial.study.user_attrs,
            "name": trial.study.study_name,
            "started": trial.datetime_start is not None,
            "frame": type(trial.study.get_trials(deepcopy=False)),
        }

    assert seen(look) == {
        "params": ["x"],
        "distributions": ["x"],
        "user_attrs": {"a": 1},
        "study": {"of": "the study"},
        "name": "sweep",
        "started": True,
        "frame": list,
    }


def test_stopping_the_study_is_no_error_and_stops_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def objective(trial: Any) -> float:
        trial.study.stop()
        return 1.0

    assert run(objective).value == 1.0
    assert "does not stop a sweep" in capsys.readouterr().err


def test_a_constraint_is_refused_because_no_other_trial_would_learn_of_it() -> None:
    def objective(trial: Any) -> float:
        trial.set_constraint("size", 1.0)
        return 1.0

    error = run(objective).error
    assert isinstance(error, TaskError)
    assert "set_constraint" in str(error)


def test_what_an_objective_does_to_other_trials_is_not_taken_for_its_own() -> None:
    def objective(trial: Any) -> float:
        trial.study.enqueue_trial({"x": 1})
        other = trial.study.ask()
        other.suggest_float("z", 0, 1)
        other.set_user_attr("b", 1)
        other.report(1.0, 0)
        return 0.0

    ran = run(objective)
    assert (ran.state, ran.params, ran.reports, ran.attributes) == ("done", {}, (), {})


# -- what is suggested ------------------------------------------------------------------------


def optuna_suggests(objective: Objective, known: Sequence[Trial], make: Callable[[], Any]) -> Any:
    """Return the parameters that a study of Optuna's own gives, which holds the same trials."""
    study = optuna.create_study(sampler=make())
    for trial in known:
        distributions = {
            name: optuna.distributions.json_to_distribution(json.dumps(distribution))
            for name, distribution in (trial.distributions or {}).items()
        }
        running = trial.state == "running"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING
                if running
                else optuna.trial.TrialState.COMPLETE,
                value=trial.value,
                params=dict(trial.params),
                distributions=distributions,
            )
        )
    asked = study.ask()
    objective(asked)
    return asked.params


@pytest.mark.parametrize("objective", [curve, classifier, boosting])
def test_tpe_suggests_what_it_would_in_a_study_of_optunas_own(objective: Objective) -> None:
    known = list(run_all(objective, range(25)).values())
    known[20:] = [Trial("running", t.params, None, (), t.distributions) for t in known[20:]]
    ran = run(objective, 25, dict(enumerate(known)), seed=3)
    assert ran.params == optuna_suggests(
        objective, known, lambda: optuna.samplers.TPESampler(seed=3, constant_liar=True)
    )


def test_gaussian_processes_suggest_what_they_would_in_a_study_of_optunas_own() -> None:
    pytest.importorskip("torch")
    known = list(run_all(curve, range(15)).values())
    ran = run(curve, 15, dict(enumerate(known)), sampler="gp", seed=3)
    expected = optuna_suggests(curve, known, lambda: optuna.samplers.GPSampler(seed=3))
    assert ran.params == expected


def test_gaussian_processes_give_slots_that_begin_together_different_points() -> None:
    pytest.importorskip("torch")
    known = run_all(bowl, range(12), sampler="gp")
    begun = {number: Trial("running", {}) for number in range(12, 16)}
    tried = [run(bowl, number, {**known, **begun}, sampler="gp", seed=1).params for number in begun]
    for number, one in enumerate(tried):
        for other in tried[:number]:
            assert max(abs(one["x"] - other["x"]), abs(math.log(one["y"] / other["y"]))) > 0.05


def test_a_sampler_of_a_later_version_is_an_error_that_says_so() -> None:
    error = run(curve, sampler="hebo").error
    assert isinstance(error, TaskError)
    assert str(error) == "sampler: 'hebo' is unknown; update colabctl on this machine"


def test_a_library_that_a_sampler_needs_and_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "colabctl.search.learn.samplers.find_spec", lambda name: name == "optuna" or None
    )
    error = run(curve, sampler="gp").error
    assert isinstance(error, TaskError)
    assert str(error) == "sampler: gp needs torch; run: pip install torch"


def test_unknown_trials_in_between_change_nothing() -> None:
    known = run_all(curve, range(20))
    spread = {number * 7: trial for number, trial in known.items()}
    assert run(curve, 20, known, seed=1).params == run(curve, 400, spread, seed=1).params


def test_what_others_try_at_the_moment_is_avoided() -> None:
    def objective(trial: Any) -> float:
        return float((trial.suggest_float("x", -10, 10) - 3) ** 2)

    known = run_all(objective, range(20))
    best = run(objective, 20, known, seed=5).params["x"]
    busy = {
        n: Trial("running", {"x": best}, None, (), known[0].distributions) for n in range(30, 45)
    }
    far = run(objective, 20, {**known, **busy}, seed=5).params["x"]
    assert abs(far - best) > 0.1


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_two_slots_that_know_the_same_try_different_things(sampler: str) -> None:
    known = run_all(curve, range(20), sampler=sampler)
    tried = [run(curve, number, known, sampler=sampler).params for number in range(20, 26)]
    assert len({tuple(params.values()) for params in tried}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_a_slot_that_is_run_again_from_the_same_history_tries_the_same(sampler: str) -> None:
    known = run_all(curve, range(12), sampler=sampler)
    assert run(curve, 12, known, sampler=sampler) == run(curve, 12, known, sampler=sampler)


def test_points_of_a_sequence_go_by_the_number_of_the_slot() -> None:
    def objective(trial: Any) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return float(x + y)

    first = run_all(objective, [0])
    tried = {n: run(objective, n, first, sampler="qmc").params for n in (4, 7, 1, 6, 3, 5, 2)}
    points = qmc.Sobol(2, scramble=False).random(8).tolist()
    assert {n: [p["x"], p["y"]] for n, p in tried.items()} == {n: points[n] for n in tried}


def bowl(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", 1e-4, 1e2, log=True)
    n = trial.suggest_int("n", 1, 64, log=True)
    return float((x - 1) ** 2 + math.log(y) ** 2 + math.log(n / 8) ** 2)


def left(trials: Mapping[int, Trial]) -> float:
    """Return the mean value of the last twenty, of which 0 is the best, over the first twenty."""
    values = [trial.value or 0.0 for trial in trials.values()]
    return sum(values[-20:]) / sum(values[:20])


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_search_comes_nearer_and_nearer(sampler: str) -> None:
    assert left(run_all(bowl, range(80), sampler=sampler)) < 0.3


def test_cma_es_learns_from_trials_in_the_order_in_which_they_ended() -> None:
    # Numbers do not tell that: slots are claimed at random.
    numbers = random.Random(1).sample(range(80), 80)
    trials = run_all(bowl, numbers, sampler="cmaes")
    assert left(trials) < 0.3
    by_number = dict(sorted(trials.items()))
    assert run(bowl, 80, trials, sampler="cmaes") != run(bowl, 80, by_number, sampler="cmaes")


def test_cma_es_knows_the_goal() -> None:
    trials = run_all(lambda trial: -bowl(trial), range(40), sampler="cmaes", goal="maximize")
    mirrored = run_all(bowl, range(40), sampler="cmaes")
    assert [trial.params for trial in trials.values()] == [
        trial.params for trial in mirrored.values()
    ]


# -- settled parameters -----------------------------------------------------------------------


def of_dataset(trial: Any) -> float:
    dataset = trial.suggest_categorical("dataset", ["mnist", "cifar"])
    x = trial.suggest_float("x", 0, 1)
    return float(x + len(dataset))


@pytest.mark.parametrize("dataset", ["mnist", "cifar"])
@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_a_settled_parameter_has_its_value_in_every_trial(dataset: str, sampler: str) -> None:
    trials = run_all(of_dataset, range(15), params={"dataset": dataset}, sampler=sampler)
    assert {trial.params["dataset"] for trial in trials.values()} == {dataset}
    assert len({trial.params["x"] for trial in trials.values()}) == 15


def test_a_second_attempt_is_given_what_the_first_one_was() -> None:
    first = run(network)
    assert run(network, seed=99, params=first.params).params == first.params
    half = {"lr": first.params["lr"]}
    assert run(network, seed=99, params=half).params["lr"] == first.params["lr"]


def test_a_settled_parameter_has_the_type_that_the_objective_asked_for() -> None:
    def look(trial: Any) -> list[Any]:
        return [
            trial.suggest_int("n", 1, 64),
            trial.suggest_float("x", 0, 8),
            trial.suggest_categorical("c", [1.0, 2]),
        ]

    found = seen(look, params={"n": 16.0, "x": 2, "c": 1})
    assert [(type(value), value) for value in found] == [(int, 16), (float, 2.0), (float, 1.0)]


@pytest.mark.parametrize(
    ("ask", "value", "asked"),
    [
        (lambda t: t.suggest_categorical("p", ["a", "b"]), "c", "from 'a', 'b'"),
        (lambda t: t.suggest_categorical("p", ["a"]), "c", "from 'a'"),
        (lambda t: t.suggest_categorical("p", [16, 32]), "16", "from 16, 32"),
        (lambda t: t.suggest_float("p", 0, 1), 2, "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 0), 2, "from 0.0 to 0.0"),
        (lambda t: t.suggest_float("p", 0, 1), "much", "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 1), [1], "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 1e-3, 1, log=True), 0, "from 0.001 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 1, step=0.25), 0.3, "from 0.0 to 1.0 in steps of 0.25"),
        (lambda t: t.suggest_int("p", 0, 8, step=2), 3, "from 0 to 8 in steps of 2"),
        (lambda t: t.suggest_int("p", 0, 8), 2.5, "from 0 to 8"),
    ],
)
def test_a_settled_value_that_the_objective_excludes_is_an_error_that_names_both(
    ask: Objective, value: Any, asked: str
) -> None:
    error = run(ask, params={"p": value}).error
    assert isinstance(error, TaskError)
    assert str(error) == (
        f"p is {value!r} in this task (from foreach or an earlier attempt), "
        f"but the objective suggests it {asked}"
    )


def test_trials_of_other_settled_values_are_learned_from() -> None:
    # A sweep whose foreach has one value more is another sweep; but nothing breaks.
    known = run_all(of_dataset, range(12), params={"dataset": "mnist"})
    ran = run(of_dataset, 12, known, params={"dataset": "cifar"})
    assert (ran.state, ran.params["dataset"]) == ("done", "cifar")


# -- what lies in the shared folder -----------------------------------------------------------


def test_what_makes_no_sense_is_passed_over() -> None:
    known = run_all(curve, range(15))
    whole = json.loads(json.dumps(asdict(known[3])))
    categorical = {"name": "CategoricalDistribution", "attributes": {"choices": ["a"]}}
    step = {"low": 0, "high": 1e300, "log": False, "step": 1e-300}
    broken: list[Any] = [
        None,
        [],
        {},
        {**whole, "state": "asleep"},
        {**whole, "state": None},
        {**whole, "value": "0.5"},
        {**whole, "value": [1]},
        {**whole, "value": 10**400},
        {**whole, "params": {}},
        {**whole, "params": None},
        {**whole, "params": {**whole["params"], "x": 99}},
        {**whole, "params": {**whole["params"], "x": "low"}},
        {**whole, "params": {**whole["params"], "x": {}}},
        {**whole, "params": {**whole["params"], "n": 10**400}},
        {**whole, "params": {**whole["params"], "n": None}},
        {**whole, "reports": [[1]]},
        {**whole, "reports": 5},
        {**whole, "reports": [[1, "x"]]},
        {**whole, "distributions": []},
        {**whole, "distributions": [1]},
        {**whole, "distributions": "x"},
        {**whole, "distributions": {"x": None}},
        {**whole, "distributions": {"x": "os.system('true')"}},
        {**whole, "distributions": {"x": {"name": "system", "attributes": {}}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution"}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution", "attributes": {"a": 1}}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution", "attributes": step}}},
        {**whole, "distributions": {"x": categorical}},
        {**whole, "distributions": {"x": {"type": "float"}}},
    ]
    found = []

    def objective(trial: Any) -> float:
        found.append([each.state.name for each in trial.study.trials[15 : 15 + len(broken)]])
        return curve(trial)

    study = {"number": 60, "metric": "loss", "goal": "minimize", "sampler": "tpe", "seed": 4}
    trials = [[n, asdict(trial)] for n, trial in known.items()]
    trials += [[15 + n, each] for n, each in enumerate(broken)]
    told = Told()
    task = Task(Assignment("s", "t", 60, 1, {}, "", study={**study, "trials": trials}), told)
    runner(objective)({}, task)
    kept = {n: state for n, state in enumerate(found[0]) if state != "FAIL"}
    assert kept == {18: "COMPLETE"}  # `distributions: []` says that it had no parameters
    nothing = {15 + n: Trial("failed", {}) for n in range(len(broken))}
    sane = {**known, **nothing}
    ran = run(curve, 60, {**sane, 33: Trial("done", {}, whole["value"])}, seed=4)
    assert {name: value for name, value, _ in told.suggested_} == ran.params


def test_a_done_trial_without_a_value_has_failed_to_say_anything() -> None:
    states = seen(
        lambda trial: [each.state.name for each in trial.study.trials],
        2,
        {0: trial_at(1, None), 1: trial_at(1, math.nan)},
    )
    assert states == ["FAIL", "FAIL", "RUNNING"]
