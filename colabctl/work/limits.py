"""The limits of a worker, and what it did within them."""

import math
from dataclasses import dataclass
from typing import Literal

from colabctl.run.termination import KILL_AFTER

EndReason = Literal[
    "finished",  # every task of the sweep has ended
    "nothing to do",  # other workers run the remaining tasks
    "max-tasks",
    "max-time",
    "target",  # a task has reached the target
    "stopped",  # by an order for the sweep
    "interrupted",
    "left",  # the notebook left its loop before the sweep was finished
    "failing",  # the code cannot be loaded, or the first tasks all failed
    "full",  # the folder has no space left
    "missing",  # a part of the sweep's folder was deleted
    "silent",  # the folder did not answer for longer than the worker may wait
    "unwritable",
]


@dataclass(frozen=True)
class Limits:
    """When a worker ends.

    Attributes:
        max_tasks: How many tasks it may run.
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
    """What a worker did, and why it ended; `unsent` if not all events reached the folder.

    Of the `failed` tasks, `refused` did not run, because their parameters are damaged.
    """

    done: int = 0
    pruned: int = 0
    failed: int = 0
    refused: int = 0
    ending: EndReason = "finished"
    reason: str = ""
    unsent: bool = False

    def count(self, end: str) -> None:
        """Count a task that is done, pruned or failed."""
        setattr(self, end, getattr(self, end) + 1)

    @property
    def ran(self) -> int:
        """Number of tasks that ended here."""
        return self.done + self.pruned + self.failed
