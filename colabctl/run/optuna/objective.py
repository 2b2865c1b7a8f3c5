"""Runs an Optuna objective, a function of a trial, as a task.

Only the process that runs objectives imports this file, because Optuna is slow to import.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Number
from typing import Any, NoReturn

from colabctl.metrics import plain_metrics
from colabctl.run.failures.failure import Pruned, TaskError
from colabctl.run.function import Run
from colabctl.search.learn.optuna_bridge import frozen, quiet
from colabctl.search.learn.trials import Trial
from colabctl.task import Task

try:
    import optuna
    from optuna.distributions import BaseDistribution, distribution_to_json
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import InMemoryStorage
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState

    from colabctl.run.optuna.past_trials import PastTrial, PastTrials
    from colabctl.run.optuna.samplers import Settled, sampler, settle
except ImportError as missing:
    raise TaskError(f"method: optuna needs Optuna ({missing}); run: pip install optuna") from None

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_LONGEST = 200  # characters of a text that represents a choice


def runner(objective: Callable[[Any], Any]) -> Run:
    """Return the function that runs `objective` for one task.

    The objective gets the trial with the task's number, in a study with all trials that the
    assignment contains. A parameter in `params` has its value from there. Return values and
    exceptions mean the same as in Study.optimize: a number is the value, or a tuple of one for each
    metric; TrialPruned becomes Pruned, and everything else is a failure.
    """
    past = PastTrials()

    def run(params: dict[str, Any], task: Task) -> dict[str, Any]:
        settings = task.assignment.study
        assert settings is not None
        names = list(settings["goals"])
        with quiet():
            trial = begin(task, params, past)
        storage = trial.storage
        assert isinstance(storage, TaskStorage)
        try:
            answer = objective(trial)
        except optuna.TrialPruned as pruned:
            last = storage.last_report()
            if last is not None:
                task.done(**{names[0]: last})
            raise Pruned(str(pruned)) from None
        finally:
            task.attributes(storage.attributes)
        return dict(zip(names, _values(answer, names), strict=True))

    return run


@contextmanager
def until_optimize() -> Iterator[None]:
    """Import a script only up to its first Study.optimize, which the sweep replaces.

    A script without `if __name__ == "__main__":` around that call would otherwise run its own
    study in every worker.
    """
    optimize = Study.optimize

    def stop(*_: Any, **__: Any) -> NoReturn:
        raise _OptimizeReached

    Study.optimize = stop  # type: ignore[method-assign]
    try:
        yield
    except _OptimizeReached:
        return
    finally:
        Study.optimize = optimize  # type: ignore[method-assign]


class _OptimizeReached(BaseException):
    """Not an Exception, because a script might catch those."""


def _values(answer: Any, names: Sequence[str]) -> list[float]:
    """Return the values that Study.tell would read from an objective's return value."""
    if len(names) == 1:
        return [_value(answer)]
    if not isinstance(answer, list | tuple) or len(answer) != len(names):
        number = len(answer) if isinstance(answer, list | tuple) else 1
        raise TaskError(
            f"the objective returned {number} value{'s' * (number != 1)}, but the sweep has "
            f"{len(names)} metrics; return a tuple of {', '.join(names)}"
        )
    return [_value(each) for each in answer]


def _value(answer: Any) -> float:
    """Return the value that Study.tell would read from an objective's return value."""
    if isinstance(answer, list | tuple):
        if len(answer) != 1:
            raise TaskError(
                f"the objective returned {len(answer)} values, but the sweep has one metric: list "
                "all under metrics: in the sweep file, or return that one, and keep the others "
                "with trial.set_user_attr(name, value)"
            )
        (answer,) = answer
    if answer is None:
        raise TaskError("the objective returned None; return the value to optimise, a number")
    try:
        value = None if isinstance(answer, str) else float(answer)
    except (ValueError, TypeError):
        value = None
    if value is None:
        raise TaskError(
            f"the objective returned a {type(answer).__name__} "
            f"({' '.join(str(answer).split())[:80]}); return the value to optimise, a number"
        )
    if math.isnan(value):
        raise TaskError("the objective returned NaN; return a number")
    return value


# -- the study --------------------------------------------------------------------------------


class _Study(Study):
    def stop(self) -> None:
        print(
            "trial.study.stop() does not stop a sweep; write target: under metric:, or patience:",
            file=sys.stderr,
        )


def begin(
    task: Task,
    params: Mapping[str, Any],
    past: PastTrials,
    others: BaseSampler | None = None,
    more: Sequence[FrozenTrial] = (),
) -> "_Trial":
    """Return the trial to run, in a study with all other trials that can be read, and `more`.

    A parameter in `params` has its value from there; `others` chooses the other parameters, by
    default the sweep's sampler. `past` reads the trials.
    """
    settings = task.assignment.study
    assert settings is not None
    storage = TaskStorage(task, next(iter(settings["goals"])), params)
    name, own = task.sweep, settings["number"]
    directions = [StudyDirection[goal.upper()] for goal in settings["goals"].values()]
    storage.create_new_study(directions, name)
    trials, examples = past.read(settings)
    count = max([own, *trials]) + 1
    further = [PastTrial(trial, count + n) for n, trial in enumerate(more)]
    if others is None:
        others = sampler(settings["sampler"], settings["seed"], own, list(trials))
        settled = Settled(storage.settled, others, examples)
    else:
        settled = Settled(storage.settled, others)
    study = _Study(name, storage, settled, _Pruner(storage))
    # A failed trial takes the place of each missing one, because samplers ignore failed trials.
    every = [trials.get(number) or past.missing(number) for number in range(count)]
    storage.fill([*every, *further], own, [*examples, *further])
    return _Trial(study, storage.own)


def _value_of(trial: FrozenTrial) -> float:
    assert trial.value is not None, "it is done"
    return trial.value


class TaskStorage(InMemoryStorage):
    """Holds the study, and passes changes of the task's trial on to the task.

    A copy, in this process or another one, passes nothing on.

    Attributes:
        task: the task.
        settled: parameters that already have a value, which the sampler does not choose.
        own: id of the task's trial.
        attributes: the trial's user attributes, as far as JSON allows them.
    """

    def __init__(self, task: Task, metric: str, settled: Mapping[str, Any]) -> None:
        super().__init__()
        self.task = task
        self.settled = settled
        self.own = -1
        self.attributes: dict[str, Any] = {}
        self._metric = metric

    def fill(self, trials: list[FrozenTrial], own: int, examples: Iterable[FrozenTrial]) -> None:
        """Add all trials, each at its number, and a running one at the number `own`.

        `examples` have all distributions of the trials.

        With Study.add_trial, this takes longer than Optuna takes to suggest.
        """
        trials[own] = PastTrial(frozen(own, Trial("running", {})))
        (study_id,) = self._studies
        study = self._studies[study_id]
        study.trials = trials
        self._max_trial_id = len(trials) - 1
        self._trial_id_to_study_id_and_number = {n: (study_id, n) for n in range(len(trials))}
        for example in examples:
            study.param_distribution.update(example.distributions)
        self.own = own

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best of the other trials, which few objectives ask for."""
        study = self._studies[study_id]
        done = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
        if done and len(study.directions) == 1:
            choose = max if study.directions[0] == StudyDirection.MAXIMIZE else min
            study.best_trial_id = choose(done, key=_value_of).number
        return super().get_best_trial(study_id)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "own": -1, "task": None}

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter, and pass it on."""
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        if trial_id != self.own:
            return
        if param_name in self.settled:  # Optuna asks no sampler for a range of one value
            settle(param_name, self.settled[param_name], distribution)
        self.task.suggested(
            param_name,
            distribution.to_external_repr(param_value_internal),
            json.loads(distribution_to_json(distribution)),
        )

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set an intermediate value, and pass it on."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        if trial_id == self.own:
            self.task.report(step, **{self._metric: intermediate_value})

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a user attribute, and keep it for the task."""
        super().set_trial_user_attr(trial_id, key, value)
        if trial_id != self.own:
            return
        try:
            self.attributes.update(plain_metrics({key: value}))
        except TypeError:
            kind = type(value).__name__
            print(f"user attribute {key!r} cannot be recorded: its type is {kind}", file=sys.stderr)

    def should_stop(self) -> bool:
        """Whether to prune the trial; the last report brought the answer."""
        return self.own != -1 and self.task.should_stop()

    def last_report(self) -> float | None:
        """Return a pruned trial's value: its last report, as in Study.tell."""
        trial = self.get_trial(self.own)
        last = None if trial.last_step is None else trial.intermediate_values[trial.last_step]
        return None if last is None or math.isnan(last) else last


# -- the trial ---------------------------------------------------------------------------------


class _Pruner(BasePruner):
    """Leaves the decision to the worker, which knows the other trials."""

    def __init__(self, storage: TaskStorage) -> None:
        self._storage = storage

    def prune(self, study: Study, trial: FrozenTrial) -> bool:  # noqa: ARG002 - Optuna's signature
        return self._storage.should_stop()


class _Trial(optuna.trial.Trial):
    """The trial that an objective gets.

    A choice may be any Python object, but the journal and the other trials get JSON: a list for a
    tuple, and a text for an object that JSON cannot hold.
    """

    def __init__(self, study: Study, trial_id: int) -> None:
        super().__init__(study, trial_id)
        self._choices: dict[str, Any] = {}

    @property
    def params(self) -> dict[str, Any]:
        return {**super().params, **self._choices}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        choices = list(choices)
        plain = _plain(choices)
        if all(choice is value for choice, value in zip(choices, plain, strict=True)):
            return super().suggest_categorical(name, choices)
        choice = choices[plain.index(super().suggest_categorical(name, plain))]
        self._choices[name] = choice
        return choice

    def set_constraint(self, key: str, value: float) -> None:  # noqa: ARG002 - Optuna's signature
        raise TaskError(
            "trial.set_constraint() does not work in a sweep, because other trials cannot see the "
            "constraint; return a worse value instead"
        )


def _plain(choices: Sequence[Any]) -> list[Any]:
    """Return choices as JSON values, the same in every process."""
    values: list[Any] = []
    for number, choice in enumerate(choices):
        # float() also converts objects that are more than a number.
        is_object = hasattr(choice, "__float__") and not isinstance(choice, Number)
        try:
            (value,) = plain_metrics({"choice": choice}).values()
            json.dumps(value, allow_nan=False)
            if is_object and not hasattr(choice, "item"):
                raise TypeError(type(choice).__name__)
        except (TypeError, ValueError):
            value = _ADDRESS.sub("", repr(choice))[:_LONGEST]
            if value in values:
                value += f" #{number}"
        values.append(value)
    return values
