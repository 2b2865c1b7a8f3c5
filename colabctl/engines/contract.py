"""The contract of an engine: it starts workers elsewhere, or carries the tasks of a worker here.

`colabctl work SWEEP --on NAME` or `--on NAME://ADDRESS` runs a sweep on an engine. The ledger in
the sweep's folder stays the truth; an engine knows nothing of it. There are two kinds of engine:

- A `Starter` starts *pilots*: processes on other machines that see the project's folder, each of
  which runs `colabctl work SWEEP` and claims tasks for itself. SLURM is one. The command leaves at
  once. It needs `script`, `start`, `look` and `end`.
- A `Carrier` carries tasks: the worker here claims them, and the engine runs each where it likes,
  without the project's folder. Dask is one. The command stays until the worker ends. It needs
  `carry` only: slots, into which the worker puts tasks as into its own.

To write one, write a function that takes the text after `NAME://` ("" without one) and the options
of its own that the user gave, and returns the engine. It raises colabctl.errors.UserError, with
what to do next, for an address or an option that it does not know. Name the function in your
package's metadata, in the entry-point group `colabctl.engines`:

    [project.entry-points."colabctl.engines"]
    mine = "my_package:engine"

Then `colabctl work SWEEP --on mine://somewhere -n 4` finds it. The guide's page `engines` has an
example of 40 lines.

All methods may raise UserError: its message is printed as it is, and the command exits with 1.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from colabctl.code.frozen import Code
from colabctl.ledger import Plan
from colabctl.needs import NOTHING, Need
from colabctl.run.messages import Inbox, Record, Stop
from colabctl.run.slots.waiting import Waiting
from colabctl.stage.sources import Source
from colabctl.task import Assignment


@dataclass(frozen=True)
class Pilots:
    """Workers to start: `count` times the same command.

    Attributes:
        sweep: The sweep's name.
        name: A name for these pilots that no others have, of letters, digits, `-`, `_` and `.`; for
            the name of a job, for example.
        command: The words of the command, with absolute paths: colabctl of this Python. An engine
            whose machines have another Python puts that in place of the first word. An engine that
            knows when its machines will end adds `--max-time` and a duration.
        count: How many to start.
        environ: The names of the variables of this process that a pilot needs: the project's
            secrets. Pass their values by environment; write them into no file.
        folder: The project's folder, which a pilot has to see at the same path.
        lease: Seconds after which the tasks of a silent worker are free for others.
        tell: Takes messages for the user.
        needs: What each pilot must have for all the tasks that it runs at a time; for an engine
            that has to ask for it.

    """

    sweep: str
    name: str
    command: Sequence[str]
    count: int
    environ: Sequence[str]
    folder: Path
    lease: float
    tell: Callable[[str], None]
    needs: Need = NOTHING


@dataclass(frozen=True)
class PilotState:
    """Pilots of one job that are in the same state.

    Attributes:
        job: The job, as `start` returned it.
        count: How many pilots these are.
        reason: Why they are pending, in the engine's words; "" if it does not say.
        own: Whether this user may end them.

    """

    job: str
    state: Literal["pending", "running"]
    count: int = 1
    reason: str = ""
    own: bool = True


@runtime_checkable
class Starter(Protocol):
    """Starts workers elsewhere, and leaves."""

    def script(self, pilots: Pilots) -> str:
        """Return what `start` runs or submits, as text.

        `--dry-run` prints it, and it is kept in the sweep, to be read. Nothing executes that copy.
        """
        ...

    def start(self, pilots: Pilots, started: Callable[[str], None]) -> None:
        """Start the pilots, and return without waiting for them.

        It calls `started` with a name for each job (one line of text) once it has been accepted, so
        that jobs are kept even if a later one is refused. Pilots end by themselves when the sweep
        has no tasks left. SIGTERM makes one give back its tasks and end.
        """
        ...

    def look(self, name: str, jobs: Sequence[str]) -> Sequence[PilotState]:
        """Return the pilots of these jobs that are pending or running; () if none is.

        `name` is that of the pilots. Both come from the shared folder, where others can write:
        check them before you use them, and leave out jobs that do not have this name. This is a
        part of `colabctl status`, so it must take a second at most, and return () where the
        engine's commands are not installed or do not answer. Only engines that were started
        without an address are asked: it would come from the shared folder too.
        """
        ...

    def end(self, name: str, jobs: Sequence[str]) -> None:
        """Cancel those of the user's own pilots that are pending; running ones continue.

        `jobs` are some that `look` returned with `own`.
        """
        ...


@dataclass(frozen=True)
class Load:
    """What the tasks of a sweep need where they run.

    Attributes:
        plan: The sweep's plan: its program, its kind, how its tasks run.
        code: The frozen code, whose digest the member has approved. Only this may run.
        root: The project's folder on this machine, into which the files of a task come back.
        scratch: A folder on this machine's disk that is removed at the end.
        environ: Variables for tasks, among them the secrets. Write them into no file.
        secrets: The names of the variables whose values must not be stored.
        sources: The data that the sweep stages, by name; {} unless the engine can do that.
        kill_after: Seconds between SIGTERM and SIGKILL.
        tell: Takes messages for the user, from any thread.
        wait: Waits for some seconds; returns whether the worker should end.

    """

    plan: Plan
    code: Code
    root: Path
    scratch: Path
    environ: Mapping[str, str]
    secrets: Sequence[str]
    sources: Mapping[str, Source]
    kill_after: float
    tell: Callable[[str], None]
    wait: Callable[[float], bool]


class CarrierSlot(Protocol):
    """A place where an engine runs one task at a time; run/slots/slot.py has the local one.

    It takes tasks from the `waiting` that it was given. It adds messages about them to `inbox`, and
    calls `wake` when the worker should look there. At the end of each task it adds Done, Pruned,
    Failed or Returned (for a task that is not to blame) to `inbox`, then calls `record` with a
    function that starts the next task.
    """

    seconds: float | None
    """What recent tasks took, on average; None before the first one has ended."""

    def free_in(self) -> float:
        """Return an estimate of the seconds until the slot has no task."""
        ...

    def running(self) -> tuple[Assignment, float] | None:
        """Return the running task, and for how many seconds it has run."""
        ...

    def follow(self, index: int, *, answer: bool) -> None:
        """Report what this task has printed since the last call, if it runs here."""
        ...

    def take_back_stuck(self) -> None:
        """Put tasks that wait in this slot for a long one back into `waiting`."""
        ...

    def answer(self, index: int, *, stop: bool) -> None:
        """Tell this task whether it should stop, if it runs here."""
        ...

    def stop(self, index: int, why: Stop, kill_after: float | None = None) -> None:
        """Stop this task if it runs here; its end becomes `why.end_of(...)`."""
        ...

    def close(self, within: float = 5.0) -> None:
        """End the slot; after `within` seconds, kill what it runs."""
        ...


MakeSlots = Callable[[Waiting, Inbox, Callable[[], None], Record], list[CarrierSlot]]
"""Starts slots: (waiting, inbox, wake, record) -> slots.

An engine may add slots to the list and remove closed ones as its cluster grows and shrinks.
"""


@runtime_checkable
class Carrier(Protocol):
    """Runs the tasks that a worker here has claimed.

    One that stages the `sources` of a load where its tasks run has an attribute `stages` that is
    True. Others get no sweep with `stage:`; the command says why.

    The worker here claims tasks whatever they need (`load.plan.needs`), because it does not know
    where they will run. So the engine runs them only where there is enough.
    """

    def carry(self, load: Load) -> AbstractContextManager[MakeSlots]:
        """Bring the code to the engine, and return what starts the slots.

        Leaving the context frees what the engine holds for this sweep.
        """
        ...


Engine = Starter | Carrier
MakeEngine = Callable[[str, Mapping[str, str]], Engine]
"""Makes an engine: (address, options) -> engine."""
