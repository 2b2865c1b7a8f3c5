"""One task as the code that runs it sees it, however it was started."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from colabctl.errors import UserError

_DEEPEST = 20  # levels of lists and maps in a metric


@dataclass(frozen=True)
class Assignment:
    """What a worker tells the process that runs a task; the JSON in $COLABCTL_TASK.

    earlier  folders of earlier attempts, newest first, to resume from; they need not exist
    result   file that takes the metrics
    reports  file that takes intermediate values
    stop     file that is there once the task should stop; these three lie on this machine and are
             "" where the process answers through a pipe
    study    what an Optuna objective learns from, see work/study.py
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


class Recorder(Protocol):
    """Where a task's values go."""

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Take intermediate values."""

    def should_stop(self) -> bool:
        """Whether the task had better end now."""

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Take a parameter that an Optuna objective asked for."""

    def done(self, metrics: dict[str, Any]) -> None:
        """Take the final metrics."""

    def failed(self, error: BaseException) -> None:
        """Take note that the task's `with` block raised."""


class Task:
    """One task: its parameters, its folder, and the ways to answer.

    In the loop of a notebook, `with task:` records an exception as the task's failure and lets
    the loop go on; elsewhere the worker sees to that.
    """

    def __init__(self, assignment: Assignment, recorder: Recorder) -> None:
        self.assignment = assignment
        self._recorder = recorder
        self.params = assignment.params
        self.sweep = assignment.sweep
        self.name = assignment.task
        self.index = assignment.index
        self.attempt = assignment.attempt
        self.metrics: dict[str, Any] | None = None
        self.user_attributes: dict[str, Any] = {}
        self.stop_requested = False

    def __repr__(self) -> str:
        return f"<Task {self.name} of {self.sweep}, attempt {self.attempt}: {self.params}>"

    @property
    def folder(self) -> Path:
        """A folder of this attempt's own in the shared folder, made when first asked for."""
        folder = Path(self.assignment.folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def earlier(self) -> list[Path]:
        """Folders that earlier attempts left, newest first: where to look for a checkpoint."""
        return [Path(folder) for folder in self.assignment.earlier if Path(folder).is_dir()]

    def report(self, step: float | None = None, **values: Any) -> bool:
        """Record intermediate values, such as loss=0.4 at step 3; return should_stop()."""
        self.record(None if step is None else plain_step(step), values)
        return self.should_stop()

    def record(self, step: float | None, values: Mapping[str, Any]) -> None:
        """Record intermediate values under whatever names, without asking whether to stop."""
        self._recorder.report(step, plain_metrics(values))

    def should_stop(self) -> bool:
        """Whether to end this task now: it falls behind the others, by the sweep's early_terminate.

        A task that ends after it was told so counts as pruned, with the metrics it has by then.
        """
        self.stop_requested = self.stop_requested or self._recorder.should_stop()
        return self.stop_requested

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Record a parameter that an Optuna objective asked for, with Optuna's distribution."""
        self._recorder.suggested(name, value, distribution)

    def attributes(self, values: Mapping[str, Any]) -> None:
        """Record what is worth knowing of this task and is no metric."""
        self.user_attributes.update(plain_metrics(values))

    def done(self, **metrics: Any) -> None:
        """Record the task's final metrics; a second call adds to the first."""
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
        # Ctrl-C and "Interrupt execution" are meant for the loop, not for the task.
        return isinstance(error, Exception)


def plain_step(step: Any) -> float:
    """Return a step as a plain number; raise TypeError if it is none."""
    plain = _plain("step", step)
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"step is a {type(step).__name__}; give a number")
    return plain


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics as plain JSON values: NumPy and torch scalars become Python numbers.

    Raises TypeError, naming the metric, for what JSON cannot hold and for what is nested too deep.
    """
    return {str(name): _plain(str(name), value) for name, value in metrics.items()}


def _plain(name: str, value: Any, left: int = _DEEPEST) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping | list | tuple) and not left:
        raise TypeError(f"metric {name[:40]!r} is nested more than {_DEEPEST} levels deep")
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{name}.{key}", part, left - 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, part, left - 1) for part in value]
    item = getattr(value, "item", None)  # NumPy, torch, jax: a scalar or an array of one
    if callable(item) and math.prod(getattr(value, "shape", ())) == 1:
        return _plain(name, item())
    for kind in (str, float, int):  # subclasses, such as an enumeration's members
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"metric {name!r} is a {type(value).__name__}; give a number or a text")


class FileRecorder:
    """Answers through the files that a program finds in its assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._result = Path(assignment.result)
        self._reports = Path(assignment.reports)
        self._stop = Path(assignment.stop) if assignment.stop else None

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Append a line to the reports file; `asks` says that this program looks at the answer."""
        line = json.dumps({"step": step, "values": values, "asks": True}) + "\n"
        with self._reports.open("a", encoding="utf-8") as file:
            file.write(line)

    def should_stop(self) -> bool:
        """Whether the worker has left word."""
        return self._stop is not None and self._stop.exists()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Pass over: an objective is no program."""

    def done(self, metrics: dict[str, Any]) -> None:
        """Write the result file whole."""
        beside = self._result.with_suffix(".part")
        beside.write_text(json.dumps(metrics), encoding="utf-8")
        beside.replace(self._result)

    def failed(self, error: BaseException) -> None:
        """Let the program end with the exception: its exit code tells the worker."""
        raise error


def from_environment() -> Task:
    """Return the task that $COLABCTL_TASK describes.

    Raises UserError if this program was not started by `colabctl work`.
    """
    file = os.environ.get("COLABCTL_TASK")
    if not file:
        raise UserError(
            "colabctl.task() found no task: this program was not started by `colabctl work`; "
            "declare it with `program:` in a sweep file, then run `colabctl work`"
        )
    try:
        parts = json.loads(Path(file).read_text(encoding="utf-8"))
        parts["earlier"] = tuple(parts.get("earlier", ()))
        assignment = Assignment(**parts)
    except (OSError, ValueError, TypeError, AttributeError) as wrong:
        raise UserError(f"COLABCTL_TASK: {file} cannot be read ({wrong})") from None
    return Task(assignment, FileRecorder(assignment))
