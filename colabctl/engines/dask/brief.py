"""What the worker here and the workers of a cluster tell each other, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from colabctl.ledger import Plan
from colabctl.needs import ANYTHING, Capacity
from colabctl.run.messages import End
from colabctl.task import Assignment

Files = dict[str, int]
"""The files in a task's folder: POSIX path from it -> size in bytes."""


@dataclass(frozen=True)
class Brief:
    """How the tasks of a sweep run; each Dask worker gets it once, in a message.

    Attributes:
        token: A name for this visit of one worker to the cluster; its events have it as topic.
        code_digest: The digest of the frozen code, which travels once to each worker.
        root: The project's folder where the tasks are claimed.
        marks: Digests of files of the project, by path: who sees the same files sees the project.
        environ: Variables for the tasks, among them the secrets. Never write them into a file.
        secrets: Names of the variables whose values must not be stored.
        kill_after: Seconds between SIGTERM and SIGKILL.

    """

    token: str
    plan: Plan
    code_digest: str
    root: str
    marks: Mapping[str, str]
    environ: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str]
    kill_after: float


@dataclass(frozen=True)
class Host:
    """A Dask worker that is ready for tasks.

    Attributes:
        id: Dask's own name for this worker's process, never used again.
        slots: How many tasks it runs at a time.
        gpus: Whether each of them needs one of Dask's resource GPU.
        sees_project: Whether it sees the project's folder, at the same path.
        has: What each of its tasks has, as far as the sweep's needs ask for it.

    """

    id: str
    slots: int
    gpus: bool
    sees_project: bool
    has: Capacity = ANYTHING


@dataclass(frozen=True)
class Handout:
    """Tasks for one slot, which travel in one message and run one after the other."""

    key: str
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True)
class TaskEnd:
    """How a task ended, and what it left in its folder, if that has to travel.

    `small` holds the files themselves if they are small, else they are still to be fetched.
    """

    index: int
    end: End
    files: Files = field(default_factory=dict)
    small: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Ran:
    """The ends of the tasks of a handout that are not reported yet, and the seconds for each."""

    ends: tuple[TaskEnd, ...]
    seconds: float
