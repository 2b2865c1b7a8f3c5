"""The results of a sweep: one for each finished task."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from colabctl.ledger import (
    Machine,
    Plan,
    SweepState,
    TaskFiles,
    params_of,
    proposal_of,
    task_name,
)
from colabctl.views.extensions import version_of

FIXED = (
    "sweep", "task", "index", "status", "attempt", "member", "worker", "seconds", "finished_at",
    "error", "folder", "python", "accelerator", "driver", "packages", "sampler",
    "version",
)  # fmt: skip
"""What every result has; these are columns of every table."""

FolderOf = Callable[[int, int, str], str | None]
"""Returns the folder of an attempt, by task, attempt and worker; None if it has none."""


@dataclass(frozen=True)
class Result:
    """One finished task.

    Attributes:
        status: done, pruned or failed.
        seconds: how long the attempt ran.
        finished_at: in UTC (ISO 8601).
        folder: the attempt's files, as a POSIX path from the project's folder; None without files.
        python, accelerator, driver, packages: what the worker ran on, None if it did not say.
        sampler: what chose the parameters in a Bayesian search: tpe, gp, random, ...; else None.
        version: of the sweep's program, from 1; None if it has only one.

    """

    task: str
    index: int
    params: dict[str, Any]
    metrics: dict[str, Any]
    status: str
    attempt: int
    member: str
    worker: str
    seconds: float
    finished_at: str
    error: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    folder: str | None = None
    sweep: str = ""
    python: str | None = None
    accelerator: str | None = None
    driver: str | None = None
    packages: str | None = None
    sampler: str | None = None
    version: int | None = None

    @property
    def inputs(self) -> dict[str, Any]:
        """The parameters, and the attributes of other names.

        With a scheduler, they are what its function suggested, and what else it returned.
        """
        return {**self.attributes, **self.params}


class Results(Collection[Result]):
    """The results of some finished tasks, made from the ledger each time they are looped over.

    So the results of a million tasks need no memory.

    Args:
        plan: the plan of the sweep.
        state: its state.
        tasks: its task files.
        indices: the tasks, in the order of the results; all finished tasks if None.
        folder_of: finds the folders of the results; without it, they have none.

    """

    def __init__(
        self,
        plan: Plan,
        state: SweepState,
        tasks: TaskFiles,
        indices: Sequence[int] | None = None,
        folder_of: FolderOf = lambda *_: None,
    ) -> None:
        self._plan = plan
        self._state = state
        self._tasks = tasks
        self._folder_of = folder_of
        self._version = version_of(plan, state)
        self._machines: dict[str, tuple[str | None, ...]] = {}  # what each worker ran on
        self.indices = array("i", state.columns.finished()) if indices is None else indices

    def at(self, indices: Sequence[int]) -> "Results":
        """Return the results of other finished tasks of the sweep."""
        return Results(self._plan, self._state, self._tasks, indices, self._folder_of)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Result]:
        return map(self._result, self.indices)

    def __contains__(self, row: object) -> bool:
        return any(row == each for each in self)

    def _result(self, index: int) -> Result:
        state = self._state
        task = state.tasks[index]
        event, outcome = task.event, task.outcome
        params = params_of(state, self._tasks, index)
        name = task_name(index)
        if event is None:  # its workers were lost
            return Result(
                name, index, params, outcome.metrics, task.status, outcome.attempt, "", "",
                outcome.seconds, "", outcome.error, sweep=self._plan.sweep,
            )  # fmt: skip
        worker = event.writer
        python, accelerator, driver, packages = self._machine(worker)
        return Result(
            name,
            index,
            params,
            outcome.metrics,
            task.status,
            outcome.attempt,
            state.called(state.writers[worker].member),
            worker,
            outcome.seconds,
            _iso_time(event.t),
            outcome.error or None,
            outcome.attributes,
            self._folder_of(index, outcome.attempt, worker),
            self._plan.sweep,
            python,
            accelerator,
            driver,
            packages,
            sampler_of(self._plan, state, index),
            self._version(worker),
        )

    def _machine(self, worker: str) -> tuple[str | None, ...]:
        """Return the last fields of a worker's results."""
        machine = self._machines.get(worker)
        if machine is None:
            machine = self._machines[worker] = _in_words(self._state.writers[worker].machine)
        return machine


def sampler_of(plan: Plan, state: SweepState, index: int) -> str | None:
    """Return the name of the sampler that chose a task's parameters in a Bayesian search."""
    proposal = proposal_of(state, index) if plan.method == "bayes" else None
    return proposal.sampler if proposal else None


def _in_words(machine: Machine) -> tuple[str | None, ...]:
    counts = Counter(accelerator.name for accelerator in machine.accelerators)
    accelerators = ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages)
    return tuple(text or None for text in (machine.python, accelerators, machine.driver, packages))


def _iso_time(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


def as_json(value: Any) -> Any:
    """Return a value as strict JSON allows it: NaN and infinities become None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return value
