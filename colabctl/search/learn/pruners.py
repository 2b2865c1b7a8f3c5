"""Stoppers that ask Optuna's pruners about trials that run on many machines."""

import copy
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colabctl.search.language.metric import Goal
from colabctl.search.language.stopping.stopping_rules import Patient, Rule, SuccessiveHalving
from colabctl.search.learn.optuna_bridge import by_step, frozen, import_optuna, quiet
from colabctl.search.learn.trials import Trial, Trials

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial


def pruner_stopper(rule: Rule, goal: Goal) -> "ComparingStopper | HalvingStopper":
    """Return the stopper for a pruner of Optuna's; raise UserError if Optuna is not installed."""
    import_optuna(f"early_terminate: {rule.type}")
    inner: Rule | None = rule
    while isinstance(inner, Patient):
        inner = inner.wrapped_pruner
    kind = HalvingStopper if isinstance(inner, SuccessiveHalving) else ComparingStopper
    return kind(rule, goal)


class ComparingStopper:
    """Asks a pruner that compares a trial with those that are done and have a value."""

    def __init__(self, rule: Rule, goal: Goal) -> None:
        self._rule, self._goal = rule, goal
        self._reset()

    def _reset(self) -> None:
        self._study = _study(self._rule, self._goal)
        self._done: dict[int, Trial] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """See Stopper."""
        trial = trials.get(number)
        if trial is None or trial.state != "running" or not trial.reports:
            return False
        done = {other: trial for other, trial in trials.items() if trial.state == "done"}
        if any(done.get(other) != before for other, before in self._done.items()):
            self._reset()
        for other, finished in done.items():
            if other not in self._done:
                self._done[other] = finished
                self._study.add_trial(frozen(other, finished))
        with warnings.catch_warnings(action="ignore"):  # such as NumPy's about reports of NaN only
            return bool(self._study.pruner.prune(self._study, frozen(number, trial)))


@dataclass
class _Run:
    """A trial in the study of a HalvingStopper.

    Attributes:
        stand_in: the trial of the study that represents it
        reports: its reports so far, by step
        last: the highest step of these
        stop: whether it had to stop at the last rung that it reached
        unmarked: whether its last report may have reached rungs at which it has no mark yet
    """

    trial: Trial
    stand_in: "OptunaTrial"
    reports: dict[int, float] = field(default_factory=dict)
    last: int = -1
    stop: bool = False
    unmarked: bool = False


class HalvingStopper:
    """Asks a pruner that marks each trial at each rung, and compares by these marks.

    It replays the reports of each peer in order, as if all trials had run in one process. The order
    between trials is unknown. It matters where a pruned trial reached several rungs at once: it is
    marked at those that it earns among the trials seen so far. A trial that reported again, or
    ended by itself, was promoted from every rung that it had reached.
    """

    def __init__(self, rule: Rule, goal: Goal) -> None:
        self._rule, self._goal = rule, goal
        self._reset()

    def _reset(self) -> None:
        self._study = _study(self._rule, self._goal)
        self._runs: dict[int, _Run] = {}

    def stops(self, number: int, trials: Trials) -> bool:
        """See Stopper. A decision at a rung is final: later reports of peers do not change it."""
        trial = trials.get(number)
        if trial is None or trial.state != "running":
            return False
        with warnings.catch_warnings(action="ignore"):
            if not self._update(number, trials):
                self._reset()
                self._update(number, trials)
            run = self._runs[number]
            if run.reports and not run.stop:  # peers may have decided min_resource: auto
                self._prune(run)
        return run.stop

    def _update(self, asked: int, trials: Trials) -> bool:
        """Add the trials that are new or changed; return False if an earlier report changed.

        Trials that have ended come first, by number; the trial `asked` about comes last.
        """
        runs = self._runs
        changed = [n for n, trial in trials.items() if n not in runs or runs[n].trial is not trial]
        changed.sort(key=lambda n: (n == asked, trials[n].state == "running", n))
        extended = all(self._extend(number, trials[number]) for number in changed)
        return extended and len(runs) == len(trials)

    def _extend(self, number: int, trial: Trial) -> bool:
        """Add the new reports of a trial; return False if the earlier ones have changed."""
        run = self._runs.get(number)
        reports = by_step(trial.reports)
        if run is None:
            run = self._runs[number] = _Run(Trial("running", trial.params), self._study.ask())
        if not _starts_with(reports, run.reports):
            return False
        if run.trial.state != "running":
            same = run.trial.state == trial.state and len(reports) == len(run.reports)
            run.trial = trial
            return same
        for step in list(reports)[len(run.reports) :]:
            self._promote(run)
            run.reports[step] = reports[step]
            run.last = max(run.last, step)
            self._prune(run)
        run.trial = trial
        if trial.state in ("done", "failed"):
            self._promote(run)
        if trial.state == "done":
            self._complete(run)
        return True

    def _prune(self, run: _Run) -> None:
        """Ask the pruner about a trial, which marks it at the rungs that it earned."""
        before = self._stored(run)
        marks = dict(before.system_attrs)
        shown = copy.copy(before)
        last, patient = run.last, isinstance(self._rule, Patient)
        shown.intermediate_values = run.reports if patient else {last: run.reports[last]}
        stop = bool(self._study.pruner.prune(self._study, shown))
        marked = self._stored(run).system_attrs != marks
        if stop or marked:
            run.stop = stop
        run.unmarked = stop and marked

    def _stored(self, run: _Run) -> "FrozenTrial":
        return self._study.get_trials(deepcopy=False)[run.stand_in.number]

    def _promote(self, run: _Run) -> None:
        """Mark a trial that continued at every rung that its last report reached."""
        while run.unmarked:
            self._prune(run)

    def _complete(self, run: _Run) -> None:
        """Tell Optuna the last step of a done trial, by which `min_resource: auto` is decided."""
        if run.reports:
            run.stand_in.report(run.reports[run.last], run.last)
        # Optuna decides whether a trial with this value, or None, is complete
        self._study.tell(run.stand_in, run.trial.value)


def _starts_with(reports: Mapping[int, float], earlier: Mapping[int, float]) -> bool:
    """Return whether reports begin with the earlier ones; NaN equals NaN."""
    return len(reports) >= len(earlier) and all(
        new == old and (value == before or (math.isnan(value) and math.isnan(before)))
        for (new, value), (old, before) in zip(reports.items(), earlier.items(), strict=False)
    )


def _study(rule: Rule, goal: Goal) -> "Study":
    """Return an empty study in memory with the pruner of a rule."""
    optuna = import_optuna("early_terminate")
    with quiet():
        study: Study = optuna.create_study(
            direction=goal, sampler=optuna.samplers.RandomSampler(), pruner=_pruner(rule)
        )
    return study


def _pruner(rule: Rule) -> "BasePruner":
    arguments = {
        name: _pruner(value) if isinstance(value, Rule) else value
        for name, value in vars(rule).items()
    }
    pruners = import_optuna("early_terminate").pruners
    kind = getattr(pruners, f"{type(rule).__name__}Pruner")  # a rule has the name of its pruner
    pruner: BasePruner = kind(**arguments)
    return pruner
