"""Judges what ends a sweep before all its tasks have run: its target, budget and patience."""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from colabctl.budget import NO_BUDGET, Budget, Patience, decode_budget, decode_patience
from colabctl.ledger.extensions.stretches import Stretches, stretches
from colabctl.ledger.journals.events import OUTCOME_KINDS, Event
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.columns import Columns
from colabctl.ledger.state.event_log import EventLog
from colabctl.ledger.state.open_tasks import OpenTasks
from colabctl.ledger.task_state import STATUSES, TaskState

if TYPE_CHECKING:
    from colabctl.ledger.sweep_state import SweepState

End = Literal["target", "budget", "patience"]

ENDED: Mapping[End, str] = {
    "target": "has reached its target",
    "budget": "has used up its budget",
    "patience": "has stopped getting better",
}
"""What can be said of a sweep that has ended before all its tasks have run."""

LONGEST_RUN = 1e9  # seconds, which is 30 years; a column cannot hold every float
_OPEN = STATUSES.index("open")
_COUNTED = (STATUSES.index("done"), STATUSES.index("pruned"))

Trial = tuple[float, str, int, int, float | None]
"""When a configuration had ended, by which event, its first task, and its metric, if it has one."""


@dataclass(frozen=True)
class EndRules:
    """What can end a sweep.

    Attributes:
        reaches: returns whether the metrics of a configuration's tasks reach the target.
        budget: what its tasks may use.
        patience: after how many trials without a better one each search ends.
        improves: returns whether a metric is better than another by more than a margin.
        aggregated: returns the metric of a configuration from those of its tasks.
        stretches: the search that each task belongs to; None for one search.
        limits_by: the extension that gave the present budget or patience; None if none did.

    """

    reaches: Callable[[Sequence[float]], bool] | None = None
    budget: Budget = NO_BUDGET
    patience: Patience | None = None
    improves: Callable[[float, float, float], bool] = lambda new, best, by: new < best - by
    aggregated: Callable[[Sequence[float]], float] = lambda values: values[0]
    stretches: Stretches | None = None
    limits_by: str | None = None


def rules_of(plan: Plan) -> EndRules:
    """Return what can end the sweep of a plan."""
    patience = decode_patience(plan.patience)
    return EndRules(
        None if plan.target is None else plan.reaches_target,
        decode_budget(plan.budget),
        patience,
        EndRules.improves if plan.goal == "minimize" else lambda new, best, by: new > best + by,
        plan.repeats.aggregated,
        stretches(plan) if patience and plan.cells else None,
        next((each.name for each in reversed(plan.extensions) if each.limits), None),
    )


def is_over(state: "SweepState", now: float) -> bool:
    """Whether a sweep is finished at ledger time `now`.

    All its tasks have ended, or something has ended it, and no task runs any more. The first task
    that reaches a target does so at once.
    """
    if state.finished == state.total or state.ended == "target":
        return True
    runs = any(held and state.lives_at(name, now) for name, held in state.held.items())
    return state.ended is not None and not runs


def started(state: "SweepState", worker: str, held: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Yield each task that a worker runs, of those that it holds, and since when.

    A task starts when it is claimed. Of a worker with one slot, which claims short tasks ahead, it
    starts when the one before it has ended.
    """
    writer = state.writers[worker]
    for index in held[: writer.jobs]:
        since = state.tasks[index].held_since
        yield index, max(since, writer.freed) if writer.jobs == 1 else since


def seconds_running(state: "SweepState", now: float) -> float:
    """Return how long the tasks that run at ledger time `now` have run, all together."""
    total = 0.0
    for name, held in state.held.items():
        if held and state.lives_at(name, now):
            ordered = sorted(held, key=lambda index: state.tasks[index].held_since)
            runs = started(state, name, ordered)
            total += math.fsum(max(0.0, now - since) for _, since in runs)
    return total


class Ends:
    """What the finished tasks of a sweep say about its end, in whatever order they arrive.

    Attributes:
        reached: the first tasks of configurations that reach the target.
        spent: milliseconds that all attempts took that ended; whole ones, so that sums are equal.
        restarts: the tasks that are open although they ran before; the budget covers them already.
        parked: the searches whose patience has ended; their tasks are not open any more.
        watches: whether the outcomes of tasks matter.

    """

    def __init__(self, rules: EndRules, repeats: int, columns: Columns, log: EventLog) -> None:
        self.rules = rules
        self.reached: set[int] = set()
        self.spent = 0
        self.restarts: set[int] = set()
        self.parked: set[int] = set()
        self.watches = rules.reaches is not None or rules.patience is not None
        self._repeats, self._columns, self._log = repeats, columns, log
        self._changed: set[int] = set()  # first tasks of configurations
        self._searches: defaultdict[int, Search] = defaultdict(Search)

    def add(self, seconds: float) -> None:
        """Add the time that an attempt took."""
        self.spent += round(1000 * min(max(0.0, seconds), LONGEST_RUN))

    def look_at(self, index: int) -> None:
        """Note that a task has another outcome, or none any more."""
        if not self.watches:
            return
        first = index - index % self._repeats
        self.reached.discard(first)
        if self.rules.reaches and self.rules.reaches(self._values(first)):
            self.reached.add(first)
        if self.rules.patience:
            self._changed.add(first)

    def is_parked(self, index: int) -> bool:
        """Whether a task belongs to a search whose patience has ended."""
        return bool(self.parked) and self.search_of(index) in self.parked

    def park(self, open_tasks: OpenTasks, *, beyond: bool) -> None:
        """Take the tasks of searches that have ended out of the open ones, or put them back."""
        ended = set() if beyond else self._ended()
        changed, self.parked = ended ^ self.parked, ended
        for search in changed:
            move = open_tasks.discard if search in ended else open_tasks.add
            for index in self.tasks_of(search):
                if self._columns.statuses[index] == _OPEN:
                    move(index)

    def is_spent(self, outcomes: int) -> bool:
        """Whether the budget is used up, after this number of tasks that ran."""
        tasks, time = self.rules.budget.tasks, self.rules.budget.time
        return (tasks is not None and outcomes >= tasks) or (
            time is not None and self.spent >= 1000 * time
        )

    def is_nearly_spent(self, state: "SweepState", now: float) -> bool:
        """Whether the time of the budget is used up if the tasks that run now end now."""
        time = self.rules.budget.time
        return time is not None and self.spent + 1000 * seconds_running(state, now) >= 1000 * time

    def room(self, started: int, free: OpenTasks) -> int:
        """Return how many more tasks may start, after this number that run or ran."""
        tasks = self.rules.budget.tasks
        return sys.maxsize if tasks is None else max(0, tasks - started - self.again(free))

    def note(self, index: int, task: TaskState, events: Iterable[Event]) -> None:
        """Note the state of a task, and all its events."""
        ran = task.status == "open" and any(event.kind in OUTCOME_KINDS for event in events)
        (self.restarts.add if ran else self.restarts.discard)(index)

    def again(self, free: OpenTasks) -> int:
        """Return how many of the open tasks ran before."""
        return sum(index in free for index in self.restarts)

    def search_of(self, index: int) -> int:
        """Return the number of the search, or cell, that a task belongs to."""
        return self.rules.stretches.place(index)[0] if self.rules.stretches else 0

    def tasks_of(self, search: int) -> Sequence[int]:
        """Return the tasks of a search."""
        if self.rules.stretches is None:
            return range(len(self._columns.statuses))
        return self.rules.stretches.tasks(search)

    def waited(self) -> dict[int, int]:
        """Return for each search with trials how many in a row were not better, up to the last."""
        return {number: search.waited for number, search in sorted(self._searches.items())}

    def _ended(self) -> set[int]:
        """Return the numbers of the searches whose patience has ended."""
        if self.rules.patience is None:
            return set()
        changed: defaultdict[int, dict[int, Trial | None]] = defaultdict(dict)
        for first in self._changed:
            changed[self.search_of(first)][first] = self._trial(first)
        self._changed.clear()
        for number, trials in changed.items():
            self._searches[number].update(trials, self.rules)
        return {number for number, search in self._searches.items() if search.has_ended}

    def _values(self, first: int) -> Sequence[float]:
        return self._columns.values[first : first + self._repeats]

    def _trial(self, first: int) -> Trial | None:
        """Return a configuration whose tasks are all done or pruned; None for any other."""
        columns, log = self._columns, self._log
        members = slice(first, first + self._repeats)
        if any(status not in _COUNTED for status in columns.statuses[members]):
            return None
        t, name, n = max(
            (log.times[number], log.names[log.writers[number]], log.numbers[number])
            for number in columns.outcomes[members]
        )
        values = self._values(first)
        value = None if any(map(math.isnan, values)) else self.rules.aggregated(values)
        return t, name, n, first, value


@dataclass
class Search:
    """The trials of one search that have ended, in their order.

    Attributes:
        waited: how many of the last ones, in a row, were not better than the best before them.
        has_ended: whether there were ever as many as its patience.

    """

    waited: int = 0
    has_ended: bool = False
    _best: float | None = None
    _trials: list[Trial] = field(default_factory=list)
    _by_first: dict[int, Trial] = field(default_factory=dict)

    def update(self, changed: Mapping[int, Trial | None], rules: EndRules) -> None:
        """Set trials by their first tasks, or take them away, and judge again."""
        earlier, last = len(self._by_first), self._trials[-1:]
        gone = [first for first in changed if self._by_first.pop(first, None) is not None]
        new = sorted(trial for trial in changed.values() if trial is not None)
        self._by_first.update((trial[3], trial) for trial in new)
        if gone or (earlier and new and new[0] < last[0]):
            self.waited, self.has_ended, self._best = 0, False, None
            self._trials = sorted(self._by_first.values())
            self._judge(self._trials, rules)
        else:
            self._trials += new
            self._judge(new, rules)

    def _judge(self, trials: Iterable[Trial], rules: EndRules) -> None:
        assert rules.patience is not None
        for *_, value in trials:
            is_better = value is not None and (
                self._best is None or rules.improves(value, self._best, rules.patience.min_delta)
            )
            self._best = value if is_better else self._best
            self.waited = 0 if is_better else self.waited + 1
            self.has_ended = self.has_ended or self.waited >= rules.patience.trials
