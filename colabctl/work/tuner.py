"""What the trials of a sweep teach a worker: what to try next, and which task to stop early."""

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import Plan, SweepState
from colabctl.search.learn.samplers import Sampler, check_libraries, sampler
from colabctl.search.learn.stopping import Stopper, stopper
from colabctl.search.learn.trials import Report, State, Trial
from colabctl.search.space.space import Space

Declared = Callable[[int], dict[str, Any] | None]
"""Task index to its parameters as declared; None for a slot."""

_DEFAULT_SAMPLER = "tpe"


class Tuner:
    """The trials of a sweep as one worker knows them: its ledger's, and what its own tasks told.

    spaces  gives what is left to search in each cell; asked for when there is something to propose
    """

    def __init__(
        self,
        plan: Plan,
        state: SweepState,
        declared: Declared,
        spaces: Callable[[], Sequence[Space]],
    ) -> None:
        self._plan, self._state, self._declared, self._spaces = plan, state, declared, spaces
        sizes = [cell["tasks"] for cell in plan.cells] or [plan.total]
        self._starts = [0, *accumulate(sizes)]
        self._trials: dict[int, dict[int, Trial]] = {}  # by cell, then by number in the cell
        self._marks: dict[int, object] = {}  # by task: what its trial was made from
        self._read: dict[int, int] = {}  # by cell: the state's edition that it was made from
        self._told: dict[int, list[Report]] = {}  # by task that runs here: its own reports
        self._latest: dict[int, dict[str, Any]] = {}  # and the latest of its values
        self._samplers: dict[int, Sampler] = {}
        self._stoppers: dict[int, Stopper] = {}

    @property
    def proposes(self) -> bool:
        """Whether tasks get their parameters from here, one after the other."""
        return self._plan.method in ("bayes", "optuna")

    @property
    def stops_early(self) -> bool:
        """Whether tasks may be stopped early."""
        return self._plan.early_terminate is not None

    def prepare(self) -> None:
        """Load what is needed, so that no claim waits for it.

        Raises UserError for a library that is missing, and for a plan that nobody understands.
        """
        if self._plan.method == "bayes":
            self._sampler(0)
        elif self._plan.method == "optuna":
            check_libraries(self._plan.sampler or _DEFAULT_SAMPLER)
        if self.stops_early:
            self._stopper(0)

    # -- what to try --------------------------------------------------------------------------

    def propose(self, indices: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return the parameters of those of the tasks that are slots, to be claimed with them."""
        proposed: dict[int, dict[str, Any]] = {}
        if self._plan.method != "bayes":
            return proposed
        for index in indices:
            if self._declared(index) is not None:
                continue
            known = self._state.proposal(index)
            if known is not None:  # who runs a task again runs the same parameters
                proposed[index] = known.params
                continue
            cell, number = self._place(index)
            trials = self._of(cell)
            proposed[index] = self._sampler(cell).propose(number, trials)
            trials[number] = Trial("running", proposed[index])  # for the next one
        return proposed

    def params(self, index: int) -> dict[str, Any]:
        """Return the parameters of a claimed task; of an objective those that are settled."""
        declared = self._declared(index)
        if declared is not None:
            return declared
        known = self._state.proposal(index)
        if self._plan.method == "optuna":
            cell, _ = self._place(index)
            values = self._plan.cells[cell]["values"] if self._plan.cells else {}
            return {**(known.params if known else {}), **values}
        if known is None:
            raise UserError(
                f"task {index} of sweep {self._plan.sweep} was claimed without parameters; "
                "colabctl is of different versions on your machines: use one"
            )
        return known.params

    def history(self, index: int) -> dict[str, Any] | None:
        """Return, as JSON values, what an Optuna objective needs to suggest; None for others."""
        if self._plan.method != "optuna":
            return None
        cell, number = self._place(index)
        values = self._plan.cells[cell]["values"] if self._plan.cells else {}
        trials = sorted(
            self._of(cell).items(), key=lambda each: (each[1].ended or math.inf, each[0])
        )
        key = json.dumps([self._plan.seed, sorted(values.items()), number], default=str)
        return {
            "number": number,
            "metric": self._plan.metric,
            "goal": self._plan.goal,
            "sampler": self._plan.sampler or _DEFAULT_SAMPLER,
            "seed": int.from_bytes(blake2b(key.encode(), digest_size=4).digest()),
            "trials": [[other, vars(trial)] for other, trial in trials],
        }

    # -- which task to stop -------------------------------------------------------------------

    def report(self, index: int, step: float | None, values: Mapping[str, Any]) -> None:
        """Take in intermediate values of a task that runs here."""
        reports = self._told.setdefault(index, [])
        self._latest.setdefault(index, {}).update(values)
        value = self._plan.number_of(values)
        if value is not None:
            reports.append((step, value))

    def stops(self, index: int) -> bool:
        """Whether a task that runs here should stop now."""
        told = self._told.get(index)
        if not self.stops_early or not told:
            return False
        cell, number = self._place(index)
        trials = self._of(cell)
        known = trials.get(number)
        trials[number] = Trial("running", known.params if known else {}, reports=tuple(told))
        return self._stopper(cell).stops(number, trials)

    def forget(self, index: int) -> dict[str, Any]:
        """Drop what a task that ran here has told; return the latest of its values."""
        self._told.pop(index, None)
        self._marks.pop(index, None)  # from here on its trial is what the ledger says
        return self._latest.pop(index, {})

    # -- trials -------------------------------------------------------------------------------

    def _place(self, index: int) -> tuple[int, int]:
        """Return the cell of a task and its number in the cell."""
        cell = bisect_right(self._starts, index) - 1
        return cell, index - self._starts[cell]

    def _of(self, cell: int) -> dict[int, Trial]:
        """Return the trials of a cell, those replaced of which there is news."""
        trials = self._trials.setdefault(cell, {})
        if self._read.get(cell) == self._state.edition:
            return trials
        state, start = self._state, self._starts[cell]
        for index in range(start, self._starts[cell + 1]):
            task = state.tasks[index]
            if not task.attempts and not task.finished:
                continue
            mark = (task, len(state.told.get(index, ())))
            if index not in self._told and self._marks.get(index) != mark:
                self._marks[index] = mark
                trial = self._trial(index)
                if trial is not None:
                    trials[index - start] = trial
        self._read[cell] = state.edition
        return trials

    def _trial(self, index: int) -> Trial | None:
        plan, task = self._plan, self._state.tasks[index]
        known = self._state.proposal(index) if self.proposes else None
        if known is None and plan.method == "bayes":
            return None  # a slot of which only the end has arrived
        status: State = "running"
        if task.status in ("done", "pruned", "failed"):
            status = task.status
        metrics = task.outcome.body.get("metrics", {}) if task.outcome else {}
        return Trial(
            status,
            known.params if known else {},
            plan.value_of(metrics) if status in ("done", "pruned") else None,
            tuple(
                (step, value)
                for step, values in self._state.reports_of(index)
                if (value := plan.number_of(values)) is not None
            ),
            known.distributions if known else None,
            task.outcome.t if task.outcome and status != "running" else None,
        )

    def _sampler(self, cell: int) -> Sampler:
        found = self._samplers.get(cell)
        if found is None:
            plan = self._plan
            name, values = plan.sampler or _DEFAULT_SAMPLER, plan.cells[cell]["values"]
            try:
                found = sampler(name, self._spaces()[cell], plan.goal, plan.seed, values)
            except ValueError as wrong:
                raise self._damaged(wrong) from None
            self._samplers[cell] = found
        return found

    def _stopper(self, cell: int) -> Stopper:
        found = self._stoppers.get(cell)
        if found is None:
            rule = self._plan.early_terminate
            assert rule is not None
            try:
                found = self._stoppers[cell] = stopper(rule, self._plan.goal)
            except ValueError as wrong:
                raise self._damaged(wrong) from None
        return found

    def _damaged(self, wrong: ValueError) -> UserError:
        return UserError(
            f"sweep {self._plan.sweep}: plan.json is damaged ({wrong}); restore it from the "
            "folder's version history"
        )
