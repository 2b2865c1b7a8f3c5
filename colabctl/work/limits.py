"""How far a worker may go, what it did, and why it ended."""

from dataclasses import dataclass
from typing import Literal

from colabctl.run.termination import KILL_AFTER

EndReason = Literal[
    "finished",  # the sweep is
    "nothing to do",  # others run what is left
    "max-tasks",
    "max-time",
    "target",  # a task has reached it
    "stopped",  # the sweep was
    "interrupted",
    "left",  # by the notebook's own loop, before its end
    "failing",
    "full",  # the folder takes no more
    "unwritable",
]


@dataclass(frozen=True)
class Limits:
    """How long a worker goes on.

    max_tasks     tasks to run at most
    until         monotonic time at which everything must have ended
    task_timeout  seconds that a task may take
    kill_after    seconds that a task which should end has for itself
    wait          stay while others run tasks that may come back
    """

    max_tasks: int | None = None
    until: float | None = None
    task_timeout: float | None = None
    kill_after: float = KILL_AFTER
    wait: bool = True


@dataclass
class Tally:
    """What a worker did, and why it ended; `unsent` if the folder did not take all events."""

    done: int = 0
    pruned: int = 0
    failed: int = 0
    ending: EndReason = "finished"
    reason: str = ""
    unsent: bool = False

    @property
    def ran(self) -> int:
        """Number of tasks that came to an end here."""
        return self.done + self.pruned + self.failed
