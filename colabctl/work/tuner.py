"""Decides from the trials of a sweep which parameters to try next, and which tasks to stop."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError
from colabctl.ledger import (
    Plan,
    Proposal,
    SweepState,
    proposal_of,
    reports_of,
    stretches,
    task_name,
)

if TYPE_CHECKING:  # a worker that does not search starts much sooner without these
    from colabctl.run.optuna.trial_texts import TrialTexts
    from colabctl.search.learn.axes import Level
    from colabctl.search.learn.repeated import Configurations
    from colabctl.search.learn.samplers import Sampler
    from colabctl.search.learn.stopping import Stopper
    from colabctl.search.learn.trials import Report, State, Trial, Trials
    from colabctl.search.space.cells import Cell

_DEFAULT_SAMPLER = "tpe"


class Tuner:
    """The trials of a sweep as one worker knows them: from the ledger and its own tasks' reports.

    Args:
        plan: the sweep's plan.
        state: its state, which the ledger updates.
        declared: returns a task's declared parameters; None if they are chosen when it is claimed.
        cells: returns the cells with their spaces; called when there are parameters to propose.
        earlier: returns the trials of the sweeps that this one learns from; called with `cells`.

    """

    def __init__(
        self,
        plan: Plan,
        state: SweepState,
        declared: Callable[[int], dict[str, Any] | None],
        cells: "Callable[[], Sequence[Cell]]",
        earlier: "Callable[[], Sequence[Trial]]",
    ) -> None:
        self._plan, self._state, self._declared, self._cells = plan, state, declared, cells
        self._places = stretches(plan)
        self._trials: dict[int, dict[int, Trial]] = {}  # by cell, then by number in the cell
        self._sources: dict[int, object] = {}  # by task: what its trial was built from
        self._revisions: dict[int, int] = {}  # by cell: the state that its trials were built from
        self._texts: dict[int, TrialTexts] = {}  # by cell
        self._reports: dict[int, list[Report]] = {}  # by task that runs here
        self._latest: dict[int, dict[str, Any]] = {}  # by task that runs here: its latest values
        self._earlier = earlier
        self._told: dict[int, dict[int, Trial]] = {}  # by cell: those trials of `earlier` that fit
        self._levels: dict[int, Level] = {}
        self._samplers: dict[int, Sampler] = {}
        self._configurations: dict[int, Configurations] = {}
        self._stoppers: dict[tuple[int, int], Stopper] = {}  # by cell and repeat

    @property
    def proposes(self) -> bool:
        """Whether the parameters of a task depend on earlier trials."""
        return self._plan.method in ("bayes", "optuna")

    @property
    def stops_early(self) -> bool:
        """Whether tasks may be stopped early."""
        return self._plan.early_terminate is not None

    def prepare(self) -> None:
        """Load the libraries that the next claim needs now, so that claims do not wait for them.

        Raises UserError if a library is missing or the plan is damaged.
        """
        if self._plan.method == "bayes":
            self._sampler(0)
            for cell, sampler in self._samplers.items():
                sampler.prepare(self._known(cell))
        elif self._plan.method == "optuna":
            from colabctl.search.learn.samplers import check_libraries  # noqa: PLC0415 - as above

            check_libraries(self._plan.sampler or _DEFAULT_SAMPLER, objective=True)
        if self.stops_early:
            self._stopper(0, 0)

    # -- parameters ---------------------------------------------------------------------------

    def propose(self, indices: Sequence[int]) -> dict[int, Proposal]:
        """Return parameters for the deferred ones of these tasks, to be claimed with them."""
        proposed: dict[int, Proposal] = {}
        if self._plan.method != "bayes":
            return proposed
        from colabctl.search.learn.trials import Trial  # noqa: PLC0415 - as above

        for index in indices:
            if self._declared(index) is not None:
                continue
            cell, number = self._place(index)
            earlier = proposal_of(self._state, index)
            # A task that runs again keeps its parameters, if they are what the sweep can propose.
            if earlier is not None and self._holds(index, earlier.params):
                proposed[index] = earlier
                continue
            proposed[index] = self._proposed(index, proposed)
            # The next proposal sees it.
            self._trials_of(cell)[number] = Trial("running", proposed[index].params)
        return proposed

    def _proposed(self, index: int, proposed: Mapping[int, Proposal]) -> Proposal:
        """Return new parameters for a task; the tasks of a configuration share them."""
        repeat, (cell, number) = self._plan.repeats, self._place(index)
        first = index - index % repeat.count
        for each in range(first, first + repeat.count):
            other = proposed.get(each) or proposal_of(self._state, each)
            own = repeat.configuration(other.params) if other else {}
            if other and self._level(cell).holds(own):
                return Proposal(own | repeat.params(number), sampler=other.sampler)
        sampler = self._sampler(cell)
        own = sampler.propose(number // repeat.count, self._known(cell))
        return Proposal(own | repeat.params(number), sampler=sampler.proposed_by)

    def _holds(self, index: int, params: Mapping[str, Any]) -> bool:
        """Whether a task may have these parameters."""
        repeat, (cell, number) = self._plan.repeats, self._place(index)
        own = repeat.params(number)
        if any(name not in params or params[name] != value for name, value in own.items()):
            return False
        return self._level(cell).holds(repeat.configuration(params))

    def params(self, index: int) -> dict[str, Any]:
        """Return the parameters of a claimed task.

        For an Optuna objective, these are its cell's, those of its point in `start_with`, and those
        that an earlier attempt suggested.
        """
        declared = self._declared(index)
        if declared is not None:
            return declared
        proposal = proposal_of(self._state, index)
        if self._plan.method == "optuna":
            cell, number = self._place(index)
            suggested = proposal.params if proposal else {}
            return {**self._start(cell, number), **suggested, **self._cell_values(cell)}
        if proposal is None:
            raise UserError(
                f"task {index} of sweep {self._plan.sweep} was claimed without parameters; your "
                "machines run different versions of colabctl: install the same one on all"
            )
        return proposal.params

    def fault(self, index: int) -> str | None:
        """Return why the parameters of a claimed task must not run, None if they may.

        Anyone who can write to the folder can propose parameters in a journal. An objective checks
        them itself when it asks for each.
        """
        if self._plan.method != "bayes" or self._declared(index) is not None:
            return None
        proposal = proposal_of(self._state, index)
        if proposal is None or self._holds(index, proposal.params):
            return None
        return (
            f"the parameters that a journal has for {task_name(index)} are not among those that "
            f"sweep {self._plan.sweep} declares, so it does not run; ask the other members who "
            "wrote them, and declare the sweep again under another name"
        )

    def history(self, index: int) -> dict[str, Any] | None:
        """Return, as JSON values, what an Optuna objective needs to suggest parameters.

        None for sweeps with another method.
        """
        if self._plan.method != "optuna":
            return None
        from colabctl.run.optuna.trial_texts import TrialTexts  # noqa: PLC0415 - as above

        cell, number = self._place(index)
        values = self._cell_values(cell)
        trials = sorted(
            self._trials_of(cell).items(),
            key=lambda item: (item[1].ended or math.inf, item[0]),
        )
        key = json.dumps([self._plan.seed, sorted(values.items()), number], default=str)
        return {
            "number": number,
            "goals": self._plan.goals,
            "sampler": self._plan.sampler or _DEFAULT_SAMPLER,
            "seed": int.from_bytes(blake2b(key.encode(), digest_size=4).digest()),
            **self._texts.setdefault(cell, TrialTexts()).write(trials),
        }

    # -- stopping early -----------------------------------------------------------------------

    def report(self, index: int, step: float | None, values: Mapping[str, Any]) -> None:
        """Add intermediate values of a task that runs here."""
        reports = self._reports.setdefault(index, [])
        self._latest.setdefault(index, {}).update(values)
        value = self._plan.number_of(values)
        if value is not None:
            reports.append((step, value))

    def stops(self, index: int) -> bool:
        """Whether a task that runs here should stop now."""
        reports = self._reports.get(index)
        if not self.stops_early or not reports:
            return False
        from colabctl.search.learn.trials import Trial  # noqa: PLC0415 - as above

        cell, number = self._place(index)
        trials = self._trials_of(cell)
        trial = trials.get(number)
        trials[number] = Trial("running", trial.params if trial else {}, reports=tuple(reports))
        repeat = self._plan.repeats
        if repeat.count == 1:
            return self._stopper(cell, 0).stops(number, trials)
        from colabctl.search.learn.repeated import alike  # noqa: PLC0415 - as above

        stopper = self._stopper(cell, number % repeat.count)
        return stopper.stops(number, alike(trials, number, repeat))

    def forget(self, index: int) -> dict[str, Any]:
        """Remove the reports of a task that ran here; return its latest values."""
        self._reports.pop(index, None)
        self._sources.pop(index, None)  # from now on its trial comes from the ledger
        return self._latest.pop(index, {})

    # -- trials -------------------------------------------------------------------------------

    def _place(self, index: int) -> tuple[int, int]:
        """Return the cell of a task and its number in the cell."""
        return self._places.place(index)

    def _start(self, cell: int, number: int) -> Mapping[str, Any]:
        """Return the values of a task's point in `start_with`; {} for other tasks."""
        cells = self._plan.cells
        if not cells or number >= cells[cell].get("starts", 0):
            return {}
        return self._cells()[cell].starts[number]

    def _cell_values(self, cell: int) -> dict[str, Any]:
        return self._plan.cells[cell]["values"] if self._plan.cells else {}

    def _trials_of(self, cell: int) -> "dict[int, Trial]":
        """Return the trials of a cell, up to date."""
        trials = self._trials.setdefault(cell, {})
        if self._revisions.get(cell) == self._state.revision:
            return trials
        state = self._state
        for number, index in enumerate(self._places.tasks(cell)):
            task = state.tasks[index]
            if task.status == "cancelled":
                trials.pop(number, None)
                self._sources.pop(index, None)
                continue
            if not task.attempts and not task.finished:
                continue
            source = (task, len(state.progress.get(index, ())))
            if index not in self._reports and self._sources.get(index) != source:
                self._sources[index] = source
                trial = self._trial(index)
                if trial is not None:
                    trials[number] = trial
        self._revisions[cell] = state.revision
        return trials

    def _trial(self, index: int) -> "Trial | None":
        from colabctl.search.learn.trials import Trial  # noqa: PLC0415 - as above

        plan, task = self._plan, self._state.tasks[index]
        proposal = proposal_of(self._state, index) if self.proposes else None
        if proposal is None and plan.method == "bayes":
            declared = self._declared(index)
            if declared is None:
                return None  # its outcome has arrived before its parameters
            proposal = Proposal(declared)  # a point of start_with
        status: State = "running"
        if task.status in ("done", "pruned", "failed"):
            status = task.status
        values: tuple[float, ...] | None = None
        if plan.metrics and status == "done":
            values = plan.values_of(task.outcome.metrics)
        elif plan.metrics and status == "pruned":
            status = "failed"  # Optuna cannot compare it
        return Trial(
            status,
            proposal.params if proposal else {},
            plan.value_of(task.outcome.metrics) if status in ("done", "pruned") else None,
            tuple(
                (step, value)
                for step, values in reports_of(self._state, index)
                if (value := plan.number_of(values)) is not None
            ),
            proposal.distributions if proposal else None,
            task.event.t if task.event else None,
            values,
            None if status == "running" else task.outcome.seconds,
        )

    def _known(self, cell: int) -> "Trials":
        """Return the trials of a cell's configurations, and of the sweeps that it learns from."""
        repeat = self._plan.repeats
        trials: Trials = self._trials_of(cell)
        if repeat.count > 1 or repeat.name is not None:
            from colabctl.search.learn.repeated import Configurations  # noqa: PLC0415 - as above

            trials = self._configurations.setdefault(cell, Configurations(repeat)).of(trials)
        if self._plan.learn_from is None:
            return trials
        if cell not in self._told:
            level = self._level(cell)
            fit = [each for each in self._earlier() if level.coordinates(each.params) is not None]
            self._told[cell] = {-1 - number: trial for number, trial in enumerate(fit)}
        return {**self._told[cell], **trials}

    def _level(self, cell: int) -> "Level":
        from colabctl.search.learn.axes import level_of  # noqa: PLC0415 - as above

        if cell not in self._levels:
            self._levels[cell] = level_of(self._cells()[cell].space)
        return self._levels[cell]

    def _sampler(self, cell: int) -> "Sampler":
        from colabctl.search.learn.samplers import sampler  # noqa: PLC0415 - as above

        if cell not in self._samplers:
            plan = self._plan
            name, values = plan.sampler or _DEFAULT_SAMPLER, plan.cells[cell]["values"]
            try:
                space = self._cells()[cell].space
                goals = list(plan.goals.values()) or plan.goal
                self._samplers[cell] = sampler(name, space, goals, plan.seed, values)
            except ValueError as error:
                raise self._damaged(error) from None
        return self._samplers[cell]

    def _stopper(self, cell: int, repeat: int) -> "Stopper":
        from colabctl.search.learn.stopping import stopper  # noqa: PLC0415 - as above

        if (cell, repeat) not in self._stoppers:
            rule = self._plan.early_terminate
            assert rule is not None
            try:
                self._stoppers[cell, repeat] = stopper(rule, self._plan.goal)
            except ValueError as error:
                raise self._damaged(error) from None
        return self._stoppers[cell, repeat]

    def _damaged(self, error: ValueError) -> UserError:
        return UserError(
            f"sweep {self._plan.sweep}: plan.json is damaged ({error}); restore it from the "
            "folder's version history"
        )
