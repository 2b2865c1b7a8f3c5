"""The messages between a worker and the process that runs its tasks: a JSON object per line.

Between them is a slot, with messages of its own for the worker.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, get_args

from colabctl.task import Assignment

# -- from the process to the worker ---------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The code is loaded."""


@dataclass(frozen=True)
class Broken:
    """The code cannot be loaded; no task is to blame."""

    error: str
    output: str


@dataclass(frozen=True)
class Report:
    """A task reported intermediate values."""

    index: int
    step: float | None
    values: dict[str, Any]


@dataclass(frozen=True)
class Suggestion:
    """An Optuna objective asked for a parameter and got a value."""

    index: int
    name: str
    value: Any
    distribution: Mapping[str, Any]


@dataclass(frozen=True)
class _WithMetrics:
    index: int
    seconds: float
    metrics: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    output: str = ""


class Done(_WithMetrics):
    """A task finished; `seconds` is how long it ran, `output` what it printed, shortened."""


class Pruned(_WithMetrics):
    """A task was stopped early, with the metrics it had by then."""


@dataclass(frozen=True)
class Failed:
    """A task failed; `output` is what it printed, shortened, and the traceback."""

    index: int
    seconds: float
    error: str
    output: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaving:
    """The process ends with its current task; another process must run the others."""


@dataclass(frozen=True)
class Withdrawn:
    """The process will not run these tasks, which it had not started."""

    indices: list[int]


# -- from a slot to its worker --------------------------------------------------------------------


@dataclass(frozen=True)
class Returned:
    """The task was stopped through no fault of its own; any worker may run it.

    `why` is for the user, "" if the worker itself stopped the task. `lost` means that the machine
    on which an engine ran it is gone, and perhaps through this task.
    """

    why: str = ""
    lost: bool = False


@dataclass(frozen=True)
class Printed:
    """What a running task has printed since the last time; someone follows it."""

    text: str


@dataclass(frozen=True)
class Gone:
    """What runs the tasks elsewhere does not answer any more; `error` says what to do."""

    error: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, in a sentence."""

    text: str


End = Done | Pruned | Failed | Returned


class TaskMessage(NamedTuple):
    """What happened to a task: its end, or something that it sent while running."""

    assignment: Assignment
    message: Report | Suggestion | Printed | End


Inbox = deque[TaskMessage | Broken | Gone | Notice]
"""What slots report to their worker, oldest first."""

Record = Callable[[Callable[[], None]], None]
"""Records what the inbox says of ends: (proceed) -> None. It calls `proceed` once that is safe."""


class Stop(NamedTuple):
    """Why a running task is stopped, which decides its outcome."""

    kind: Literal["returned", "failed", "pruned"]
    error: str = ""

    def end_of(self, failure: Failed) -> End:
        """Return the end of a task that failed because it was stopped."""
        if self.kind == "returned":
            return Returned()
        if self.kind == "pruned":
            return Pruned(failure.index, failure.seconds, {}, failure.attributes, failure.output)
        return replace(failure, error=self.error)


# -- from the worker to the process ---------------------------------------------------------------


@dataclass(frozen=True)
class Next:
    """The end of the last task is recorded; start the next one."""


@dataclass(frozen=True)
class Assign:
    """Run these tasks, one after the other; without tasks, end."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True)
class Answer:
    """Whether a task should stop: the answer to a report, or sent without one."""

    index: int
    stop: bool


@dataclass(frozen=True)
class Withdraw:
    """Run none of the tasks that have not started and come after this one."""

    after: int


Message = (
    Ready
    | Broken
    | Report
    | Suggestion
    | Done
    | Pruned
    | Failed
    | Leaving
    | Withdrawn
    | Next
    | Assign
    | Answer
    | Withdraw
)
_TYPES: Mapping[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


_encoded = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes one for each call


def encode(message: Message) -> bytes:
    """Return a message as a line."""
    parts = vars(message)
    if isinstance(message, Assign):
        parts = {"assignments": [vars(assignment) for assignment in message.assignments]}
    line = _encoded({"type": type(message).__name__, **parts})
    return line.encode() + b"\n"


NEXT = encode(Next())
"""The most frequent line to the process."""


def decode(line: bytes) -> Message:
    """Return the message in a line; raise ValueError if it is not a message."""
    try:
        parts = json.loads(line)
        kind = parts.pop("type")
        if kind == Assign.__name__:
            return Assign(tuple(map(_assignment, parts["assignments"])))
        return _TYPES[kind](**parts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{line[:80]!r} is not a message") from None


def _assignment(parts: Mapping[str, Any]) -> Assignment:
    return Assignment(**{**parts, "earlier": tuple(parts["earlier"])})
