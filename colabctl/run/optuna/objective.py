"""Runs an Optuna objective, a function of a trial, as a task.

Only the process that runs objectives imports this: Optuna is heavy.
"""

import copy
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from colabctl.run.failure import Pruned, TaskError
from colabctl.search.learn.optuna_bridge import frozen, quiet
from colabctl.search.learn.trials import Trial
from colabctl.task import Task, plain_metrics

try:
    import optuna
    from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
    from optuna.pruners import BasePruner
    from optuna.storages import InMemoryStorage
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState, create_trial

    from colabctl.run.optuna.samplers import Settled, sampler, settle
except ImportError as missing:
    raise TaskError(f"method: optuna needs Optuna ({missing}); run: pip install optuna") from None

_GARBAGE = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_LONGEST = 200  # characters of the text that stands for a choice


def runner(objective: Callable[[Any], Any]) -> Callable[[dict[str, Any], Task], dict[str, Any]]:
    """Return what runs `objective` once for a task, as (params, task) -> metrics.

    The objective gets the trial of the task's number, in a study of all trials that the task
    knows of. `params` are settled: a parameter of that name has that value. What the objective
    returns or raises means what it means to Study.optimize: a number is the value, TrialPruned
    comes out as Pruned, all else is a failure.
    """

    def run(params: dict[str, Any], task: Task) -> dict[str, Any]:
        given = task.assignment.study
        assert given is not None
        with quiet():
            storage = _Storage(task, given["metric"], params)
            trial = _begin(storage, given)
        try:
            answer = objective(trial)
        except optuna.TrialPruned as pruned:
            last = storage.last_report()
            if last is not None:
                task.done(**{given["metric"]: last})
            raise Pruned(str(pruned)) from None
        finally:
            task.attributes(storage.attributes)
        return {given["metric"]: _value(answer)}

    return run


@contextmanager
def until_optimize() -> Iterator[None]:
    """Let a script be imported as far as its first Study.optimize, for which the sweep stands.

    A script that does not guard that call by `if __name__ == "__main__":` would otherwise run a
    study of its own in every worker.
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
    """Not an Exception, which a script might handle."""


def _value(answer: Any) -> float:
    """Return the value that Study.tell reads from what an objective returned."""
    if isinstance(answer, list | tuple):
        if len(answer) != 1:
            raise TaskError(
                f"the objective returned {len(answer)} values, but a sweep optimises one: return "
                "that one, and keep the others with trial.set_user_attr(name, value)"
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


class _Past(FrozenTrial):
    """A trial that nobody changes any more: its copies share what it holds, which is faster."""

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        return copy.copy(self)


def _past(trial: FrozenTrial) -> FrozenTrial:
    trial.__class__ = _Past
    return trial


class _Study(Study):
    def stop(self) -> None:
        print(
            "trial.study.stop() does not end a sweep; `target:` in its `metric:` does",
            file=sys.stderr,
        )


def _begin(storage: "_Storage", given: Mapping[str, Any]) -> "_Trial":
    """Return the trial to run, in a study with all that is known."""
    name, own = storage.task.sweep, given["number"]
    storage.create_new_study([StudyDirection[given["goal"].upper()]], name)
    known = _known(given["trials"])
    others = sampler(given["sampler"], given["seed"], own, list(known))
    study = _Study(name, storage, Settled(storage.settled, others), _Pruner(storage))
    # What keeps the place of an unknown trial is a failed one: samplers pass it over.
    nothing = _past(frozen(0, Trial("failed", {})))
    for number in range(max([own, *known]) + 1):
        if number == own:
            study.add_trial(create_trial(state=TrialState.RUNNING))
            continue
        try:
            study.add_trial(known.get(number, nothing))
        except _GARBAGE:  # it has values that it cannot have been given
            study.add_trial(nothing)
    study_id = storage.get_study_id_from_name(name)
    storage.own = storage.get_trial_id_from_study_id_trial_number(study_id, own)
    return _Trial(study, storage.own)


def _known(told: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[int, FrozenTrial]:
    """Return those trials of an assignment, by number, that can be read.

    A parameter without a distribution was settled, and never asked for.
    """
    distributions = _Distributions()
    known: dict[int, FrozenTrial] = {}
    for number, parts in told:
        try:
            of = {
                name: distributions.read(name, written)
                for name, written in (parts["distributions"] or {}).items()
            }
            params = {name: parts["params"][name] for name in of}
            reports = tuple((step, float(value)) for step, value in parts["reports"])
            trial = Trial(parts["state"], params, parts["value"], reports)
            known[number] = _past(frozen(number, trial, params, of))
        except _GARBAGE:
            continue
    return known


class _Distributions:
    """Reads distributions from JSON; from trial to trial a parameter's is mostly the same."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Any, BaseDistribution]] = {}

    def read(self, name: str, written: Any) -> BaseDistribution:
        last = self._last.get(name)
        if last is None or last[0] != written:
            last = self._last[name] = (written, json_to_distribution(json.dumps(written)))
        return last[1]


class _Storage(InMemoryStorage):
    """Keeps the study, and tells the task what becomes of its trial.

    A copy of it, in another process or not, tells nothing.

    settled     parameters that are not for the sampler to choose
    attributes  the trial's user attributes, as far as JSON can hold them
    """

    def __init__(self, task: Task, metric: str, settled: Mapping[str, Any]) -> None:
        super().__init__()
        self.task = task
        self.settled = settled
        self.own = -1
        self.attributes: dict[str, Any] = {}
        self._metric = metric

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "own": -1, "task": None}

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        if trial_id != self.own:
            return
        if param_name in self.settled:  # a range of one value has not asked for it
            settle(param_name, self.settled[param_name], distribution)
        self.task.suggested(
            param_name,
            distribution.to_external_repr(param_value_internal),
            json.loads(distribution_to_json(distribution)),
        )

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        if trial_id == self.own:
            self.task.report(step, **{self._metric: intermediate_value})

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        super().set_trial_user_attr(trial_id, key, value)
        if trial_id != self.own:
            return
        try:
            self.attributes.update(plain_metrics({key: value}))
        except TypeError:
            kind = type(value).__name__
            print(f"user attribute {key!r} is a {kind} and is not recorded", file=sys.stderr)

    def should_stop(self) -> bool:
        """Whether the trial falls behind; the task was told when it reported."""
        return self.own != -1 and self.task.should_stop()

    def last_report(self) -> float | None:
        """Return the value of a trial that was pruned, as Study.tell has it: its last report."""
        trial = self.get_trial(self.own)
        last = None if trial.last_step is None else trial.intermediate_values[trial.last_step]
        return None if last is None or math.isnan(last) else last


# -- what the trial is given ------------------------------------------------------------------


class _Pruner(BasePruner):
    """Leaves it to the worker, which knows the other trials."""

    def __init__(self, storage: _Storage) -> None:
        self._storage = storage

    def prune(self, study: Study, trial: FrozenTrial) -> bool:  # noqa: ARG002 - Optuna's signature
        return self._storage.should_stop()


class _Trial(optuna.trial.Trial):
    """The trial that an objective gets.

    A choice may be anything in Python, but what is recorded, and what other trials learn from, is
    JSON: lists stand for tuples, a text for what JSON does not have.
    """

    def __init__(self, study: Study, trial_id: int) -> None:
        super().__init__(study, trial_id)
        self._meant: dict[str, Any] = {}

    @property
    def params(self) -> dict[str, Any]:
        return {**super().params, **self._meant}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        choices = list(choices)
        written = _written(choices)
        if all(one is other for one, other in zip(choices, written, strict=True)):
            return super().suggest_categorical(name, choices)
        chosen = choices[written.index(super().suggest_categorical(name, written))]
        self._meant[name] = chosen
        return chosen

    def set_constraint(self, key: str, value: float) -> None:  # noqa: ARG002 - Optuna's signature
        raise TaskError(
            "trial.set_constraint() does not work in a sweep, where other trials do not learn "
            "of it; return a worse value instead"
        )


def _written(choices: Sequence[Any]) -> list[Any]:
    """Return choices as JSON has them, the same in every process."""
    written: list[Any] = []
    for number, choice in enumerate(choices):
        try:
            (plain,) = plain_metrics({"choice": choice}).values()
            json.dumps(plain, allow_nan=False)
        except (TypeError, ValueError):
            plain = _ADDRESS.sub("", repr(choice))[:_LONGEST]
            if plain in written:
                plain += f" #{number}"
        written.append(plain)
    return written
