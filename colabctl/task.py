"""A task, as seen by the code that runs it."""

import errno
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from colabctl.errors import UserError
from colabctl.metrics import plain_metrics, plain_step
from colabctl.staged import staged_path, staged_paths

if TYPE_CHECKING:
    from colabctl.checkpoints.saves import Resumed, Saves


@dataclass(frozen=True)
class Assignment:
    """What a worker passes to the process that runs a task, as JSON in the file $COLABCTL_TASK.

    The files are on this machine; they are "" for a process that answers through a pipe.

    Attributes:
        folder: the attempt's own folder; it may not exist.
        earlier: folders of earlier attempts, newest first; they may not exist.
        result: file for the metrics.
        reports: file for intermediate values.
        stop: file that exists once the task should stop.
        study: the trials that an Optuna objective learns from, see work/tuner.py.
        rounds: 1, and one more for each time that the finished task was continued.
        repeat: number of this repeat of its configuration, from 0.

    """

    sweep: str
    task: str
    index: int
    attempt: int
    params: dict[str, Any]
    folder: str
    earlier: tuple[str, ...] = ()
    root: str = ""
    member: str = ""
    result: str = ""
    reports: str = ""
    stop: str = ""
    study: Mapping[str, Any] | None = None
    rounds: int = 1
    repeat: int = 0


class Recorder(Protocol):
    """Takes the values of a task."""

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Record intermediate values."""

    def should_stop(self) -> bool:
        """Whether the task should stop now."""

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Record a parameter that an Optuna objective asked for."""

    def done(self, metrics: dict[str, Any]) -> None:
        """Record the final metrics."""

    def failed(self, error: BaseException) -> None:
        """Record the exception that the task's `with` block raised."""


class Task:
    """One task of a sweep: its parameters, and the methods that report how it went.

    In the loop of a notebook or script, use it in `with task:`. The block records the task as
    done, or as failed if it raises an exception; then the loop continues.

    Attributes:
        params: The parameters, by name.
        sweep: Name of the sweep.
        name: Name of the task, such as "t000003".
        index: Number of the task in the sweep, from 0.
        attempt: Number of this attempt, from 1; a later attempt can resume from `earlier`.
        rounds: 1, and one more for each `colabctl retry --continue` of the finished task.
        repeat: Number of this repeat of its parameters, from 0; see `repeat` in a sweep file.

    """

    def __init__(self, assignment: Assignment, recorder: Recorder) -> None:
        self.assignment = assignment
        self._recorder = recorder
        self.params = assignment.params
        self.sweep = assignment.sweep
        self.name = assignment.task
        self.index = assignment.index
        self.attempt = assignment.attempt
        self.rounds = assignment.rounds
        self.repeat = assignment.repeat
        self.metrics: dict[str, Any] | None = None
        self.user_attributes: dict[str, Any] = {}
        self.stop_requested = False
        self._saves: Saves | None = None

    def __repr__(self) -> str:
        return f"<Task {self.name} of {self.sweep}, attempt {self.attempt}: {self.params}>"

    @property
    def folder(self) -> Path:
        """The attempt's own folder in the project, for checkpoints and other files.

        It is created on first use.
        """
        folder = Path(self.assignment.folder)
        from colabctl.sharedfs.rights import make_folder  # noqa: PLC0415 - not every task needs it

        make_folder(folder, parents=True)
        return folder

    @property
    def earlier(self) -> list[Path]:
        """The folders of earlier attempts at this task, newest first, to resume from."""
        return [Path(folder) for folder in self.assignment.earlier if Path(folder).is_dir()]

    def save(self, state: Any, step: float | None = None) -> bool:
        """Save the state of a half-trained model, from which later attempts continue; see `resume`.

        The last two saves of an attempt are kept. Of the processes of a distributed program, only
        the first one saves.

        Args:
            state: A dictionary of torch tensors, NumPy arrays and plain values, such as
                {"model": model.state_dict(), "optimizer": optimizer.state_dict()}; a data frame;
                or the Path of a file, which is copied.
            step: Position of the state, such as the epoch.

        Returns:
            False, after a note on stderr, if the folder does not take it, for example because it
            is full. The earlier saves stay, and training can continue.

        Raises:
            UserError: No format can hold a part of the state; it is named.

        """
        from colabctl.checkpoints.origin import tell  # noqa: PLC0415 - not every task saves
        from colabctl.checkpoints.saves import Saves  # noqa: PLC0415 - as above

        at = None if step is None else plain_step(step)
        if _rank():
            return True
        self._saves = self._saves or Saves(Path(self.assignment.folder))
        return self._saves.save(state, at, tell)

    def resume(self) -> "Resumed | None":
        """Return the newest save of this task that is whole, with `.state` and `.step`, or None.

        It is of this attempt, or of an earlier one by any worker. Tensors are on the CPU. Saves
        that are damaged or half uploaded are passed over.

        Raises:
            UserError: A newer colabctl wrote it, or a library that it needs is not installed.

        """
        from colabctl.checkpoints.origin import tell  # noqa: PLC0415 - not every task saves
        from colabctl.checkpoints.saves import resume  # noqa: PLC0415 - as above

        own, earlier = self.assignment.folder, self.assignment.earlier
        return resume(map(Path, (own, *earlier)), tell)

    @property
    def staged(self) -> dict[str, Path]:
        """The copies on this machine of what the sweep's `stage` names, by name; read-only."""
        return staged_paths()

    def stage(self, what: "str | os.PathLike[str]") -> Path:
        """Return the copy of a name or path in the sweep's `stage`; raise UserError for others."""
        return staged_path(what)

    def report(self, step: float | None = None, **values: Any) -> bool:
        """Record intermediate values, and return whether the task should stop now.

        For example:

            if task.report(step=epoch, loss=loss):
                break

        Args:
            step: Position of the values, such as the epoch; optional.
            **values: Numbers by name. NumPy and torch scalars are accepted.

        Raises:
            TypeError: The step is not a number, or JSON cannot hold a value.

        """
        self.record(None if step is None else plain_step(step), values)
        return self.should_stop()

    def record(self, step: float | None, values: Mapping[str, Any]) -> None:
        """Record intermediate values under any names, without asking whether to stop."""
        self._recorder.report(step, plain_metrics(values))

    def should_stop(self) -> bool:
        """Whether the task should stop now because it is behind the others.

        The sweep's `early_terminate` decides. A task that ends after this has returned True counts
        as pruned, with its metrics so far.
        """
        self.stop_requested = self.stop_requested or self._recorder.should_stop()
        return self.stop_requested

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Record a parameter that an Optuna objective asked for, with Optuna's distribution."""
        self._recorder.suggested(name, value, distribution)

    def attributes(self, values: Mapping[str, Any]) -> None:
        """Record information about the task that is not a metric, by name."""
        self.user_attributes.update(plain_metrics(values))

    def done(self, **metrics: Any) -> None:
        """Record the final metrics, such as accuracy=0.91; further calls add to them.

        Args:
            **metrics: Numbers, texts, lists or maps. NumPy and torch scalars are accepted.

        Raises:
            TypeError: JSON cannot hold a value.

        """
        self.metrics = {**(self.metrics or {}), **plain_metrics(metrics)}
        self._recorder.done(self.metrics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            if self.metrics is None:
                self.done()
            return False
        self._recorder.failed(error)
        # Ctrl-C and "Interrupt execution" stop the loop, not only the task.
        return isinstance(error, Exception)


class FileRecorder:
    """Records through the files of an assignment, from any number of processes at once."""

    def __init__(self, assignment: Assignment) -> None:
        self._name = assignment.task
        self._result = Path(assignment.result)
        self._reports = Path(assignment.reports)
        self._stop = Path(assignment.stop) if assignment.stop else None

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Append a line to the reports file; `asks` means that the program checks should_stop."""
        entry = {"step": step, "values": values, "asks": True}
        rank = _rank()
        if rank is not None:
            entry["rank"] = rank
        line = (json.dumps(entry) + "\n").encode()
        try:
            handle = os.open(self._reports, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except FileNotFoundError:
            raise self._ended() from None
        try:  # in a single write, which the system does not mix with those of other processes
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._reports))
        finally:
            os.close(handle)

    def should_stop(self) -> bool:
        """Whether the worker has created the stop file."""
        return self._stop is not None and self._stop.exists()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Do nothing: a program is never an objective."""

    def done(self, metrics: dict[str, Any]) -> None:
        """Add metrics to the result file, or to a file of its own if this is another rank than 0.

        The file changes in one step, so that the worker never reads a part of it.
        """
        rank = _rank()
        file = self._result
        if rank:
            file = file.with_stem(f"{file.stem}-{rank}")
        part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            with _locked(file.parent):
                part.write_text(json.dumps({**_earlier(file), **metrics}), encoding="utf-8")
                part.replace(file)
        except FileNotFoundError:
            raise self._ended() from None

    def failed(self, error: BaseException) -> None:
        """Let the program end with the exception: its exit code reports the failure."""
        raise error

    def _ended(self) -> UserError:
        return UserError(
            f"task {self._name} has ended, so this process cannot record its values; wait for all "
            "processes before the task ends"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Exclude the task's other processes, on systems that can lock a folder."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _earlier(file: Path) -> dict[str, Any]:
    """Return what processes of this task have written so far."""
    try:
        metrics = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def _rank() -> int | None:
    """Return this process's number in a distributed program; None if it is not one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    for name in ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK"):
        text = os.environ.get(name, "")
        if text.isdecimal():
            return int(text)
    return None


def from_environment() -> Task:
    """Return the task that $COLABCTL_TASK describes.

    Raises UserError if `colabctl work` did not start this program.
    """
    file = os.environ.get("COLABCTL_TASK")
    if not file:
        raise UserError(
            "colabctl.task(): no task, because this program was not started by `colabctl work`; "
            "declare it with `program:` in a sweep file, then run `colabctl work`"
        )
    try:
        parts = json.loads(Path(file).read_text(encoding="utf-8"))
        parts["earlier"] = tuple(parts.get("earlier", ()))
        assignment = Assignment(**parts)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"COLABCTL_TASK: {file} cannot be read ({error}); start the task again with "
            "`colabctl work`"
        ) from None
    return Task(assignment, FileRecorder(assignment))
