"""The limits of a worker, and what it did within them."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from colabctl.ledger import Plan, SweepState, same_limits
from colabctl.run.termination import KILL_AFTER

EndReason = Literal[
    "finished",  # every task of the sweep has ended
    "extended",  # the sweep has got more tasks, for which the next worker of this process knows
    "nothing to do",  # other workers run the remaining tasks
    "max-tasks",
    "max-time",
    "target",  # a task has reached the target
    "budget",  # the budget of the sweep is used up
    "patience",  # no search of the sweep gets better any more
    "stopped",  # by an order for the sweep
    "dismissed",  # by an order for this worker
    "interrupted",
    "left",  # the notebook left its loop before the sweep was finished
    "failing",  # the code cannot be loaded, or the first tasks all failed
    "gone",  # what runs the tasks elsewhere does not answer any more
    "full",  # the folder has no space left
    "short",  # the folder has almost no space left
    "missing",  # a part of the sweep's folder was deleted
    "silent",  # the folder did not answer for longer than the worker may wait
    "unwritable",
    "unfit",  # this machine has too little for each task that is left
    "unstaged",  # the data that the tasks need is damaged, or does not fit on this machine
]


def why_stopped(
    state: SweepState, worker: str, own: Plan | None = None, new: Plan | None = None
) -> EndReason | None:
    """Return which order ends this worker, None if none does.

    A limit in its `own` plan does not, if an extension gave the sweep a `new` plan with another.
    """
    writer = state.writers.get(worker)
    if writer is not None and writer.dismissed_at is not None:
        return "dismissed"
    if state.order != "stop":
        return None
    is_lifted = own is not None and new is not None and not same_limits(own, new)
    return None if is_lifted and state.ended in ("budget", "patience") else state.ended or "stopped"


def is_current(own: Plan, new: Plan | None) -> bool:
    """Whether a sweep still has the program, budget and patience of a worker's `own` plan."""
    return new is None or (new.code_digest == own.code_digest and same_limits(new, own))


@dataclass(frozen=True)
class Limits:
    """When a worker ends.

    Attributes:
        max_tasks: How many tasks it may run; a task that it tries again counts once.
        until: Monotonic time at which it must have ended.
        task_timeout: Seconds that a task may take.
        kill_after: Seconds between asking a task to stop and killing it.
        wait: Whether to stay while others run tasks, in case they release some.
        patience: Seconds to wait for a folder that does not answer.
    """

    max_tasks: int | None = None
    until: float | None = None
    task_timeout: float | None = None
    kill_after: float = KILL_AFTER
    wait: bool = True
    patience: float = math.inf


@dataclass
class Tally:
    """What a worker did, and why it ended.

    Attributes:
        ends: How the last attempt here at each task ended: done, pruned or failed.
        attempts: Number of attempts that ended here.
        refused: How many of them did not run, because the parameters are damaged.
        for_good: The tasks that failed here for good: they will not be tried again.
        cancelled: The tasks that failed here and were cancelled since.
        unsent: Whether not all events reached the folder.

    """

    ends: dict[int, str] = field(default_factory=dict)
    attempts: int = 0
    refused: int = 0
    for_good: frozenset[int] = frozenset()
    cancelled: frozenset[int] = frozenset()
    ending: EndReason = "finished"
    reason: str = ""
    unsent: bool = False

    def count(self, task: int, end: str) -> None:
        """Count an attempt that is done, pruned or failed."""
        self.ends[task] = end
        self.attempts += 1

    def number(self, end: str) -> int:
        """Return how many tasks ended so here at last."""
        return sum(each == end for each in self.ends.values())

    def merged(self, later: "Tally") -> "Tally":
        """Return what two workers of one sweep did, the second one after the first."""
        return replace(
            later,
            ends=self.ends | later.ends,
            attempts=self.attempts + later.attempts,
            refused=self.refused + later.refused,
            for_good=self.for_good | later.for_good,
            cancelled=self.cancelled | later.cancelled,
            unsent=self.unsent or later.unsent,
        )
