"""A user's search space and study choose a task's parameters, as W&B's scheduler lets them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import optuna
import pytest

from colabctl.run.failures.failure import Pruned, TaskError
from colabctl.run.function import Run
from colabctl.run.optuna.scheduler import _distribution, scheduled
from colabctl.run.optuna.trial_texts import TrialTexts
from colabctl.search.learn.trials import Trial
from colabctl.task import Assignment, Task
from tests.run.optuna.objectives import Recorder

METRIC = {"metric": {"name": "loss", "goal": "minimize"}}


@dataclass
class Ran:
    """What a task was run with, and how it ended."""

    params: dict[str, Any]
    suggested: dict[str, Any]
    trial: Trial
    attributes: dict[str, Any]


def loss(params: dict[str, Any], task: Task) -> dict[str, Any]:
    assert task.params == params
    return {"loss": sum(value for value in params.values() if isinstance(value, int | float))}


def run(
    number: int = 0,
    trials: Mapping[int, Trial] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    program: Run = loss,
    parameters: Mapping[str, Any] | None = None,
    fixed: tuple[str, ...] = (),
    **functions: Any,
) -> Ran:
    module = ModuleType("space")
    vars(module).update(functions)
    names = {key: key if key in functions else None for key in ("optimizer", "search_space")}
    scheduler = {"source": "space.py", "parameters": parameters, "config": METRIC, **names}
    study = {
        "number": number, "goals": {"loss": "minimize"}, "sampler": "tpe", "seed": number,
        **TrialTexts().write((trials or {}).items()),
    }  # fmt: skip
    recorder = Recorder()
    settled = dict(params or {})
    assignment = Assignment("s", "t", number, 1, settled, "", study=json.loads(json.dumps(study)))
    task = Task(assignment, recorder)
    seen: dict[str, Any] = {}

    def start(values: dict[str, Any], own: Task) -> dict[str, Any]:
        seen.update(values)
        return program(values, own)

    state: Any = "done"
    try:
        metrics = scheduled(start, module, scheduler, fixed)(settled, task)
    except Pruned:
        state, metrics = "pruned", {}
    suggested = {name: value for name, value, _ in recorder.suggested_}
    distributions = {name: distribution for name, _, distribution in recorder.suggested_}
    reports = tuple((step, values["loss"]) for step, values in recorder.reports)
    trial = Trial(state, suggested, metrics.get("loss"), reports, distributions, float(number))
    return Ran(seen, suggested, trial, task.user_attributes)


def run_all(count: int, **options: Any) -> list[Ran]:
    trials: dict[int, Trial] = {}
    tasks = []
    for number in range(count):
        tasks.append(run(number, trials, **options))
        trials[number] = tasks[-1].trial
    return tasks


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    values = {"lr": 10 ** trial.suggest_float("exponent", -4, -1)}
    if trial.suggest_categorical("model", ["mlp", "svm"]) == "mlp":
        values["depth"] = trial.suggest_int("depth", 1, 9)
    trial.set_user_attr("note", "from the space")
    return values


def test_the_program_gets_what_the_search_space_returns() -> None:
    for task in run_all(12, search_space=suggest):
        assert task.params["lr"] == 10 ** task.suggested["exponent"]
        assert ("depth" in task.params) == (task.suggested["model"] == "mlp")
        assert "model" not in task.params
        assert task.attributes == {"lr": task.params["lr"], "note": "from the space"}


def test_the_search_learns_from_the_trials_before() -> None:
    def space(trial: optuna.Trial) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0, 10)}

    values = [task.params["x"] for task in run_all(40, search_space=space)]
    assert min(values) < 0.5
    assert sum(values[20:]) < sum(values[:20])


def test_a_fixed_value_is_a_parameter_too_and_an_earlier_attempt_is_repeated() -> None:
    settled = {"data": "iris", "exponent": -2.0, "model": "mlp", "depth": 4}
    task = run(3, params=settled, fixed=("data",), search_space=suggest)
    assert task.params == {"data": "iris", "lr": 0.01, "depth": 4}


def test_the_sampler_of_the_users_study_is_asked_with_other_numbers_for_each_task() -> None:
    def optimizer(sweep: Any) -> optuna.Study:
        assert sweep.config == METRIC
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))

    values = [task.params["lr"] for task in run_all(8, search_space=suggest, optimizer=optimizer)]
    assert len(set(values)) == 8
    again = [task.params["lr"] for task in run_all(8, search_space=suggest, optimizer=optimizer)]
    assert values == again


def test_a_grid_sampler_visits_each_point_once() -> None:
    grid: dict[str, list[Any]] = {"a": [1, 2, 3], "b": ["x", "y"]}
    parameters = {name: {"distribution": "categorical", "values": grid[name]} for name in grid}

    def optimizer(_: Any) -> tuple[optuna.Study, None]:
        return optuna.create_study(sampler=optuna.samplers.GridSampler(grid)), None

    tasks = run_all(6, optimizer=optimizer, parameters=parameters)
    assert len({tuple(task.params.items()) for task in tasks}) == 6


def test_the_first_tasks_are_those_that_the_study_has_enqueued() -> None:
    def optimizer(_: Any) -> optuna.Study:
        study = optuna.create_study()
        study.enqueue_trial({"exponent": -3.0, "model": "svm"})
        study.enqueue_trial({"exponent": -2.0})
        return study

    first, second, _ = run_all(3, search_space=suggest, optimizer=optimizer)
    assert first.params == {"lr": 10**-3.0}
    assert second.params["lr"] == 10**-2.0


def test_the_pruner_of_the_users_study_stops_tasks() -> None:
    def optimizer(_: Any) -> optuna.Study:
        return optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=2.5))

    def program(params: dict[str, Any], task: Task) -> dict[str, Any]:
        for step in range(5):
            if task.report(step, loss=float(step)):
                raise Pruned
        return {"loss": 5.0}

    task = run(search_space=suggest, optimizer=optimizer, program=program)
    assert task.trial.state == "pruned"
    assert task.trial.reports == ((0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0))


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"search_space": lambda _: 3}, "scheduler.search_space (space.py: search_space) returned a int; return a dict"),
        ({"search_space": 3}, "space.py has no function search_space"),
        ({"search_space": suggest, "optimizer": lambda _: 3}, "scheduler.optimizer (space.py: optimizer) returned a int; return an optuna.S"),
        (
            {"search_space": suggest, "optimizer": lambda _: optuna.create_study(direction="maximize")},
            "scheduler.optimizer (space.py: optimizer) has the directions ['maximize'], but the sweep's metric has goal: m",
        ),
    ],
)  # fmt: skip
def test_functions_that_return_something_else_are_named(
    functions: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=re.escape(message)):
        run(**functions)


@pytest.mark.parametrize(
    "keys",
    [
        {"distribution": "constant", "value": 3},
        {"distribution": "categorical", "values": ["a", 1, None]},
        {"distribution": "int_uniform", "min": 1, "max": 9},
        {"distribution": "uniform", "min": 0.5, "max": 2},
        {"distribution": "log_uniform_values", "min": 1, "max": 9},
        {"distribution": "q_uniform", "min": 0, "max": 8, "q": 2},
        {"distribution": "q_uniform", "min": 0.0, "max": 8, "q": 0.5},
        {"distribution": "q_log_uniform_values", "min": 1, "max": 8, "q": 1},
        {"distribution": "q_log_uniform_values", "min": 2, "max": 8, "q": 2},
    ],
)
def test_listed_parameters_become_the_distributions_that_wandb_gives_optuna(
    keys: dict[str, Any],
) -> None:
    theirs = pytest.importorskip("wandb.sdk.sweeps.scheduler.optuna")
    ours = {**keys, "distribution": keys["distribution"].removeprefix("q_")}
    expected = theirs.sweep_parameter_to_distribution(keys)
    assert repr(_distribution(ours)) == repr(expected)
