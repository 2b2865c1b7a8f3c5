"""Optuna's pruners, asked about trials that ran on many machines."""

import copy
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colabctl.search.language.metric import Goal
from colabctl.search.learn.optuna_bridge import by_step, frozen, optuna, quiet
from colabctl.search.learn.trials import Trial, Trials

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as StandIn

_NAMES = {
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "patient": "PatientPruner",
    "threshold": "ThresholdPruner",
}


def pruning(rule: Mapping[str, Any], goal: Goal) -> "Comparison | Climb":
    """Return who judges by a checked rule; raise UserError if Optuna is not installed."""
    optuna(f"early_terminate: {rule['type']}")
    inner: Mapping[str, Any] | None = rule
    while inner is not None:
        if inner["type"] == "successive_halving":
            return Climb(rule, goal)
        inner = inner.get("wrapped_pruner")
    return Comparison(rule, goal)


class Comparison:
    """Asks a pruner that looks at the trial in question and at those that are done.

    Optuna counts a trial that is done only if its objective has a value.
    """

    def __init__(self, rule: Mapping[str, Any], goal: Goal) -> None:
        self._rule, self._goal = rule, goal
        self._begin()

    def _begin(self) -> None:
        self._study = _study(self._rule, self._goal)
        self._done: dict[int, Trial] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """Return whether the running trial `number` should stop now."""
        trial = trials.get(number)
        if trial is None or trial.state != "running" or not trial.reports:
            return False
        done = {other: trial for other, trial in trials.items() if trial.state == "done"}
        if any(done.get(other) != known for other, known in self._done.items()):
            self._begin()
        for other, finished in done.items():
            if other not in self._done:
                self._done[other] = finished
                self._study.add_trial(frozen(other, finished))
        with _without_warnings():
            return bool(self._study.pruner.prune(self._study, frozen(number, trial)))


@dataclass
class _Climber:
    """A trial on the ladder: its stand-in in the study, and its reports so far by step.

    last    the highest step of these
    told    whether it was to stop at the last rung that it reached
    open    whether its last report may have reached more rungs than it is marked at
    """

    trial: Trial
    stand_in: "StandIn"
    reports: dict[int, float] = field(default_factory=dict)
    last: int = -1
    told: bool = False
    open: bool = False


class Climb:
    """Asks a pruner that leaves a mark on each trial at each rung of a ladder.

    It compares by these marks, so that the reports of every peer are put to it in their order, as
    if all had run here. Which report of one trial came before which of another is not known, and
    matters where a pruned trial reached several rungs at once: it is marked at those that it earns
    among the trials known so far. A trial that reported again, or ended by itself, was promoted
    from every rung that it had reached.
    """

    def __init__(self, rule: Mapping[str, Any], goal: Goal) -> None:
        self._rule, self._goal = rule, goal
        self._begin()

    def _begin(self) -> None:
        self._study = _study(self._rule, self._goal)
        self._climbers: dict[int, _Climber] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """Return whether the running trial `number` should stop now.

        The pruner decides once for each rung. News of peers does not change what it decided.
        """
        trial = trials.get(number)
        if trial is None or trial.state != "running":
            return False
        with _without_warnings():
            if not self._learn(number, trials):
                self._begin()
                self._learn(number, trials)
            climber = self._climbers[number]
            if climber.reports and not climber.told:  # peers may have settled min_resource: auto
                self._put(climber)
        return climber.told

    def _learn(self, asked: int, trials: Trials) -> bool:
        """Take in all that is new; return whether nothing of what was known has changed.

        First those that have ended, in the order of their numbers, last the one in question.
        """
        known = self._climbers
        changed = [
            n for n, trial in trials.items() if n not in known or known[n].trial is not trial
        ]
        changed.sort(key=lambda n: (n == asked, trials[n].state == "running", n))
        grown = all(self._follow(number, trials[number]) for number in changed)
        return grown and len(known) == len(trials)

    def _follow(self, number: int, trial: Trial) -> bool:
        """Let a trial go on by its new reports; return False if it is another than it was."""
        climber = self._climbers.get(number)
        reports = by_step(trial.reports)
        if climber is None:
            climber = _Climber(Trial("running", trial.params), self._study.ask())
            self._climbers[number] = climber
        if not _starts_with(reports, climber.reports):
            return False
        if climber.trial.state != "running":
            same = climber.trial.state == trial.state and len(reports) == len(climber.reports)
            climber.trial = trial
            return same
        for step in list(reports)[len(climber.reports) :]:
            self._promote(climber)
            climber.reports[step] = reports[step]
            climber.last = max(climber.last, step)
            self._put(climber)
        climber.trial = trial
        if trial.state in ("done", "failed"):
            self._promote(climber)
        if trial.state == "done":
            self._complete(climber)
        return True

    def _put(self, climber: _Climber) -> None:
        """Put a trial as it stands to the pruner, which marks it at the rungs that it earned."""
        before = self._stored(climber)
        marks = dict(before.system_attrs)
        shown = copy.copy(before)
        last, patient = climber.last, self._rule["type"] == "patient"
        shown.intermediate_values = climber.reports if patient else {last: climber.reports[last]}
        stop = bool(self._study.pruner.prune(self._study, shown))
        marked = self._stored(climber).system_attrs != marks
        if stop or marked:
            climber.told = stop
        climber.open = stop and marked

    def _stored(self, climber: _Climber) -> "FrozenTrial":
        return self._study.get_trials(deepcopy=False)[climber.stand_in.number]

    def _promote(self, climber: _Climber) -> None:
        """Mark a trial, which went on, at all that it had reached by its last report."""
        while climber.open:
            self._put(climber)

    def _complete(self, climber: _Climber) -> None:
        """Let Optuna know how far a trial went that is done: `min_resource: auto` looks at it."""
        if climber.reports:
            climber.stand_in.report(climber.reports[climber.last], climber.last)
        # Optuna itself says whether a trial with this value, or None, is complete
        self._study.tell(climber.stand_in, climber.trial.value)


def _starts_with(reports: Mapping[int, float], earlier: Mapping[int, float]) -> bool:
    """Return whether reports are earlier ones and what came after them; NaN is like NaN."""
    return len(reports) >= len(earlier) and all(
        new == old and (value == before or (math.isnan(value) and math.isnan(before)))
        for (new, value), (old, before) in zip(reports.items(), earlier.items(), strict=False)
    )


def _study(rule: Mapping[str, Any], goal: Goal) -> "Study":
    """Return an empty study in memory with the pruner of a rule."""
    module = optuna("early_terminate")
    with quiet():
        study: Study = module.create_study(
            direction=goal, sampler=module.samplers.RandomSampler(), pruner=_pruner(rule)
        )
    return study


def _pruner(rule: Mapping[str, Any]) -> "BasePruner":
    arguments = {name: value for name, value in rule.items() if name != "type"}
    if arguments.get("wrapped_pruner") is not None:
        arguments["wrapped_pruner"] = _pruner(arguments["wrapped_pruner"])
    kind = getattr(optuna("early_terminate").pruners, _NAMES[rule["type"]])
    pruner: BasePruner = kind(**arguments)
    return pruner


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep NumPy and Optuna from warning, for a while, of reports that are all NaN and the like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
