"""Lets functions of the user choose a task's parameters with Optuna, before its program runs.

This is what W&B's scheduler does for `engine: optuna` (`wandb` 0.31,
`sdk/sweeps/scheduler/optuna.py`): `search_space(trial)` returns the parameters of a run, and
`optimizer(sweep)` returns the study whose sampler and pruner are used. Here, each task has a study
of its own with all trials that are known when it starts.
"""

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from optuna import TrialPruned
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.storages import InMemoryStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from colabctl.metrics import is_number, plain_metrics
from colabctl.run.failures.failure import Pruned, TaskError
from colabctl.run.function import Run
from colabctl.run.optuna.objective import TaskStorage, begin
from colabctl.run.optuna.past_trials import PastTrials
from colabctl.run.optuna.samplers import reseed
from colabctl.search.learn.optuna_bridge import quiet
from colabctl.task import Task

SearchSpace = Callable[[Trial], Mapping[str, Any]]


@dataclass(frozen=True)
class Sweep:
    """What `optimizer` gets to know of the sweep, under the names of W&B's SweepInfo."""

    name: str
    config: Mapping[str, Any]
    id: str = ""
    entity: str = ""
    project: str = ""


def scheduled(
    run: Run, module: ModuleType, scheduler: Mapping[str, Any], fixed: Container[str]
) -> Run:
    """Return the function that chooses the parameters of a task, and then runs it with `run`.

    `scheduler` is that of the plan, whose functions are in `module`. The parameters in `fixed` are
    chosen already. Raises TaskError if a function is missing.
    """
    suggest = _search_space(module, scheduler)
    optimizer = scheduler["optimizer"] and _function(module, scheduler["optimizer"])

    reader = PastTrials()

    def run_scheduled(params: dict[str, Any], task: Task) -> dict[str, Any]:
        settings = task.assignment.study
        assert settings is not None
        with quiet():
            goals = settings["goals"]
            study = _study(optimizer, task, scheduler, list(goals.values()))
            sampler, pruner, past, enqueued = None, None, [], []
            if study is not None:
                sampler, pruner = study.sampler, study.pruner
                reseed(sampler, settings["seed"])
                past = [trial for trial in study.trials if trial.state.is_finished()]
                enqueued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if settings["number"] < len(enqueued):
                first = enqueued[settings["number"]].system_attrs.get("fixed_params", {})
                params = {**first, **params}
            trial = begin(task, params, reader, sampler, past)
        try:
            values = suggest(trial)
        except TrialPruned as pruned:
            raise Pruned(str(pruned)) from None
        finally:
            task.attributes(trial.user_attrs)
        if not isinstance(values, Mapping):
            kind = type(values).__name__
            raise TaskError(f"{named(scheduler, 'search_space')} returned a {kind}; return a dict")
        values = {name: value for name, value in params.items() if name in fixed} | dict(values)
        chosen = trial.params
        task.attributes({name: v for name, v in values.items() if chosen.get(name) != v})
        own = Task(
            replace(task.assignment, params=plain_metrics(values), study=None),
            # As in Optuna, a search with several metrics prunes nothing.
            _Pruning(task, trial, pruner if len(goals) == 1 else None, next(iter(goals))),
        )
        try:
            return run(own.params, own)
        finally:
            task.metrics, task.stop_requested = own.metrics, own.stop_requested
            task.attributes(own.user_attributes)

    return run_scheduled


def named(scheduler: Mapping[str, Any], key: str) -> str:
    """Return a function of the user for a message: its key, its file and its name."""
    return f"scheduler.{key} ({scheduler['source']}: {scheduler[key]})"


def _function(module: ModuleType, name: str) -> Callable[[Any], Any]:
    function = getattr(module, name, None)
    if not callable(function):
        raise TaskError(f"scheduler: {module.__name__}.py has no function {name}")
    return function  # type: ignore[no-any-return]


def _search_space(module: ModuleType, scheduler: Mapping[str, Any]) -> SearchSpace:
    """Return the user's function, or one that suggests the parameters of the sweep file."""
    if scheduler["search_space"]:
        return _function(module, scheduler["search_space"])
    distributions = {name: _distribution(keys) for name, keys in scheduler["parameters"].items()}

    def suggest(trial: Trial) -> Mapping[str, Any]:
        return {name: _suggested(trial, name, each) for name, each in distributions.items()}

    return suggest


def _distribution(keys: Mapping[str, Any]) -> BaseDistribution:
    """Return a distribution of the sweep file as Optuna's, as W&B converts it."""
    kind, step = keys["distribution"], keys.get("q")
    if kind == "constant":
        return CategoricalDistribution([keys["value"]])
    if kind == "categorical":
        return CategoricalDistribution(list(keys["values"]))
    low, high = keys["min"], keys["max"]
    if kind == "int_uniform":
        return IntDistribution(low, high)
    is_whole = all(type(each) is int for each in (low, high, step))
    if kind == "log_uniform_values":
        if is_whole and step == 1 and low >= 1:
            return IntDistribution(low, high, log=True)
        return FloatDistribution(low, high, log=True)
    if is_whole:
        return IntDistribution(low, high, step=keys["q"])
    return FloatDistribution(low, high, step=step)


def _suggested(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(name, low, high, step=step, log=log)
    raise TypeError(distribution)


def _study(
    optimizer: Callable[[Any], Any] | None,
    task: Task,
    scheduler: Mapping[str, Any],
    goals: Sequence[str],
) -> Study | None:
    """Return the user's study; raise TaskError if it is none, or optimises another way."""
    if optimizer is None:
        return None
    where = named(scheduler, "optimizer")
    study = optimizer(Sweep(task.sweep, scheduler["config"]))
    if isinstance(study, tuple) and len(study) == 2:
        study, terminator = study
        if terminator is not None:
            print(
                f"the terminator of {where} does not end a sweep here; set run_cap: or target:",
                file=sys.stderr,
            )
    if not isinstance(study, Study):
        kind = type(study).__name__
        raise TaskError(f"{where} returned a {kind}; return an optuna.Study")
    directions = [direction.name.lower() for direction in study.directions]
    if directions != goals:
        one = len(goals) == 1
        have = f"metric has goal: {goals[0]}" if one else f"metrics have the goals {goals}"
        create = f"direction={goals[0]!r}" if one else f"directions={goals}"
        raise TaskError(
            f"the study of {where} has the directions {directions}, but the sweep's "
            f"{have}; create it with {create}"
        )
    return study


class _Pruning:
    """Passes on what a task records, and asks the study's pruner whether it should stop."""

    def __init__(self, task: Task, trial: Trial, pruner: BasePruner | None, metric: str) -> None:
        self._task, self._trial, self._pruner, self._metric = task, trial, pruner, metric
        self._count = 0

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self._task.record(step, values)
        value = values.get(self._metric)
        storage = self._trial.storage
        if value is not None and is_number(value) and isinstance(storage, TaskStorage):
            at = self._count if step is None else int(step)
            self._count += 1
            # The task has recorded it already.
            InMemoryStorage.set_trial_intermediate_value(storage, storage.own, at, float(value))

    def should_stop(self) -> bool:
        if self._task.should_stop():
            return True
        return self._pruner is not None and self._pruner.prune(self._trial.study, self._own())

    def _own(self) -> FrozenTrial:
        return self._trial.storage.get_trial(self._trial._trial_id)  # noqa: SLF001 - Optuna's way

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        self._task.suggested(name, value, distribution)

    def done(self, metrics: dict[str, Any]) -> None:
        self._task.done(**metrics)

    def failed(self, error: BaseException) -> None:
        raise error
