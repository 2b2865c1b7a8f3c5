"""The files through which a program or notebook gets its task and returns values."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from colabctl.metrics import plain_metrics, plain_step
from colabctl.run.failures.failure import TaskError
from colabctl.task import Task

VARIABLES = (
    "COLABCTL_TASK",
    "COLABCTL_RESULT",
    "COLABCTL_REPORTS",
    "COLABCTL_STOP",
    "COLABCTL_FOLDER",
)


@contextmanager
def task_folder(scratch: Path | None) -> Iterator[Path]:
    """Provide a temporary folder on this machine, in `scratch`, for one run of a task."""
    with tempfile.TemporaryDirectory(
        prefix="colabctl-task-", dir=scratch, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


class Exchange:
    """A task's files, in a folder of its own on this machine.

    Attributes:
        environ: variables with the paths of the files.
        assignment: the task's assignment, with the paths of the files.
        asked: whether the task reports through `colabctl.task()`, where it learns when to stop.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self._task = task
        self._folder = folder
        self._result = folder / "result.json"
        self._reports = folder / "reports.jsonl"
        self._stop = folder / "stop"
        self._offset = 0  # bytes of the reports read so far
        self.asked = False
        self._rank_of: dict[str, int] = {}  # the first rank to report a value is the only one
        self.assignment = replace(
            task.assignment,
            result=str(self._result),
            reports=str(self._reports),
            stop=str(self._stop),
        )
        file = folder / "task.json"
        file.write_text(json.dumps(vars(self.assignment)), encoding="utf-8")
        paths = (file, self._result, self._reports, self._stop, task.assignment.folder)
        self.environ = dict(zip(VARIABLES, map(str, paths), strict=True))

    def request_stop(self) -> None:
        """Create the file that asks the task to stop."""
        self._stop.touch()

    def pass_on(self) -> None:
        """Pass on the intermediate values in new, complete lines.

        Raises TaskError for a line that is not a report.
        """
        try:
            with self._reports.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        for line in data[:complete].splitlines():
            try:
                entry = json.loads(line)
                step = entry["step"]
                values = self._of_one_rank(entry["values"], entry.get("rank"))
                if values or not entry["values"]:
                    self._task.record(None if step is None else plain_step(step), values)
                self.asked = self.asked or entry.get("asks") is True
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise TaskError(
                    f"COLABCTL_REPORTS: {line[:80]!r} is not a report ({error})"
                ) from None

    def _of_one_rank(self, values: Mapping[str, Any], rank: int | None) -> Mapping[str, Any]:
        """Return the values without those that another rank of a distributed program reports."""
        if rank is None:
            return values
        return {k: v for k, v in values.items() if self._rank_of.setdefault(k, rank) == rank}

    def metrics(self) -> dict[str, Any]:
        """Return the metrics that the task wrote; raise TaskError if they are not valid.

        The metrics of rank 0 replace those of the other ranks.
        """
        by_rank = self._folder.glob(self._result.with_stem(f"{self._result.stem}-*").name)
        files = sorted(by_rank, key=lambda file: (len(file.name), file.name), reverse=True)
        metrics: dict[str, Any] = {}
        for file in (*files, self._result):
            metrics |= _read(file)
        return plain_metrics(metrics)


def _read(file: Path) -> dict[str, Any]:
    try:
        metrics = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise TaskError(f"COLABCTL_RESULT is not valid JSON ({error})") from None
    if not isinstance(metrics, dict):
        raise TaskError('COLABCTL_RESULT must hold an object, such as {"accuracy": 0.91}')
    return metrics
