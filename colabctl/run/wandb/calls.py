"""Reads what a task's processes log with W&B, from the file that its patches write.

Each line is one call, in the order of the calls, whatever process or run they belong to:

    {"run": [pid, n], "step": 3, "flush": null, "values": {"loss": 0.5}}
    {"summary": [["best", {"best.epoch": 2}]], "removed": ["gone"]}
    {"folder": "/tmp/.../offline-run-..."}       a run has started, and has its log there
    {"tensorboard": true}                        W&B also logs what TensorBoard's files contain
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Report = tuple[int | None, dict[str, float]]
"""A step of a run, and the numbers that were logged at it."""


class WandbCalls:
    """The calls of one task so far.

    Attributes:
        metrics: the last value under each name.
        names: all names that were logged or are in a summary.
        folders: the folders of the runs.
        tensorboard: whether W&B also logs what TensorBoard's files contain.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0  # bytes read so far
        self._runs: dict[tuple[int, ...], _Steps] = {}
        self.metrics: dict[str, Any] = {}
        self.names: set[str] = set()
        self.folders: list[Path] = []
        self.tensorboard = False

    def read(self, *, final: bool = False) -> Iterator[Report]:
        """Yield the reports in new lines; `final` means that no more will come."""
        for line in self._lines():
            try:
                call = json.loads(line)
            except ValueError:  # a process was killed while it wrote
                continue
            if "values" in call:
                yield from self._log(call)
            elif "summary" in call:
                self._summarise(call)
            elif "folder" in call:
                self.folders.append(Path(call["folder"]))
            self.tensorboard = self.tensorboard or "tensorboard" in call
        if final:
            for run in self._runs.values():
                yield from run.end()

    def _lines(self) -> list[bytes]:
        try:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        return data[:complete].splitlines()

    def _log(self, call: dict[str, Any]) -> Iterator[Report]:
        values = call["values"]
        self.metrics |= values
        self.names |= values.keys()
        numbers = {name: value for name, value in values.items() if type(value) in (int, float)}
        run = self._runs.setdefault(tuple(call["run"]), _Steps())
        return run.log(call["step"], call["flush"], numbers)

    def _summarise(self, call: dict[str, Any]) -> None:
        for changed, values in call["summary"]:
            self._forget(changed)
            self.metrics |= values
            self.names |= values.keys()
        for removed in call["removed"]:
            self._forget(removed)

    def _forget(self, key: str) -> None:
        for name in [each for each in self.metrics if each == key or each.startswith(key + ".")]:
            del self.metrics[name]


class _Steps:
    """The steps of one run, counted as W&B counts them."""

    def __init__(self) -> None:
        self._step = 0
        self._waiting: dict[str, float] = {}  # with commit=False; a later call completes the step

    def log(
        self, step: int | None, flush: bool | None, values: dict[str, float]
    ) -> Iterator[Report]:
        if step is not None and step != self._step:
            yield from self.end()
            self._step = step
        self._waiting |= values
        if flush is not False:
            yield from self.end()
        # Further calls may add to a step that was given.
        if flush or (flush is None and step is None):
            self._step += 1

    def end(self) -> Iterator[Report]:
        """Report what is waiting."""
        if self._waiting:
            yield self._step, self._waiting
            self._waiting = {}
