"""The files through which what runs as a task in a process of its own gets it and answers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from colabctl.run.failure import TaskError
from colabctl.task import Task, plain_metrics, plain_step

VARIABLES = (
    "COLABCTL_TASK",
    "COLABCTL_RESULT",
    "COLABCTL_REPORTS",
    "COLABCTL_STOP",
    "COLABCTL_FOLDER",
)


class Exchange:
    """A task's files in a folder of their own on this machine.

    environ  variables that tell where they are
    asked    whether the task reports through `colabctl.task()`, and so sees that it should stop
    """

    def __init__(self, place: Path, task: Task) -> None:
        self._task = task
        self._result = place / "result.json"
        self._reports = place / "reports.jsonl"
        self._stop = place / "stop"
        self._seen = 0  # bytes of the reports
        self.asked = False
        assignment = replace(
            task.assignment,
            result=str(self._result),
            reports=str(self._reports),
            stop=str(self._stop),
        )
        file = place / "task.json"
        file.write_text(json.dumps(vars(assignment)), encoding="utf-8")
        values = (
            str(file),
            *map(str, (self._result, self._reports, self._stop)),
            task.assignment.folder,
        )
        self.environ = dict(zip(VARIABLES, values, strict=True))

    def tell_to_stop(self) -> None:
        """Leave word that the task should end now."""
        self._stop.touch()

    def pass_on(self) -> None:
        """Report the intermediate values that are new and whole.

        Raises TaskError for a line that is no report.
        """
        try:
            with self._reports.open("rb") as file:
                file.seek(self._seen)
                data = file.read()
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        self._seen += whole
        for line in data[:whole].splitlines():
            try:
                entry = json.loads(line)
                step = entry["step"]
                self._task.record(None if step is None else plain_step(step), entry["values"])
                self.asked = self.asked or entry.get("asks") is True
            except (ValueError, KeyError, TypeError, AttributeError) as wrong:
                raise TaskError(
                    f"COLABCTL_REPORTS: {line[:80]!r} is not a report ({wrong})"
                ) from None

    def metrics(self) -> dict[str, Any]:
        """Return the metrics that the task has left; raise TaskError if they are none."""
        try:
            metrics = json.loads(self._result.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as wrong:
            raise TaskError(f"COLABCTL_RESULT holds no JSON ({wrong})") from None
        if not isinstance(metrics, dict):
            raise TaskError('COLABCTL_RESULT must hold an object, such as {"accuracy": 0.91}')
        return plain_metrics(metrics)
