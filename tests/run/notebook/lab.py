"""A notebook's runner for tests: one kernel serves many notebooks, so that each costs little."""

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from colabctl.notebook.kernel_options import KernelOptions
from colabctl.notebook.reading import read
from colabctl.run.failures.failure import Pruned, TaskError
from colabctl.run.notebook import kernel_lifecycle
from colabctl.run.notebook.runner import Runner
from colabctl.task import Assignment, Task
from tests.notebook.notebooks import content

PARAMETERS = "# parameters\nx = 0"
DONE = "import colabctl; colabctl.task().done(x=x)"
REPORT = "import colabctl, time\nt = colabctl.task()\n"


@dataclass
class Recorder:
    """A recorder that keeps a task's reports, and stops the task from a step on."""

    stop_at: float | None = None
    reports: list[tuple[float | None, dict[str, Any]]] = field(default_factory=list)

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self.reports.append((step, values))

    def should_stop(self) -> bool:
        step = self.reports[-1][0] if self.reports else None
        return self.stop_at is not None and step is not None and step >= self.stop_at

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        pass

    def done(self, metrics: dict[str, Any]) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        raise error


@dataclass(frozen=True)
class Ran:
    """The outcome of a task: done with metrics, failed with an error, or pruned."""

    outcome: str
    metrics: dict[str, Any] | None
    error: str
    reports: list[tuple[float | None, dict[str, Any]]]
    folder: Path

    @property
    def executed(self) -> nbformat.NotebookNode:
        """The executed notebook, which must be valid."""
        file = self.folder / "executed.ipynb"
        node: nbformat.NotebookNode = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(node)
        return node


class Lab:
    """A runner, and a project's folder for it."""

    def __init__(
        self, place: Path, options: KernelOptions, secrets: Sequence[str], notebook: bytes
    ) -> None:
        self.place = place
        self.root = place / "project"
        self.code = place / "code"
        self.root.mkdir()
        self.code.mkdir()
        (self.code / "MAIN.ipynb").write_bytes(notebook)
        # ipykernel leaves what C code prints alone where it believes to be in a test.
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PYTEST_CURRENT_TEST", raising=False)
            file = self.code / "MAIN.ipynb"
            self.runner = Runner(file, self.root, options, secrets=secrets, kill_after=0.5)
        self._tasks = 0

    def run(
        self,
        *cells: str | tuple[str, str],
        params: Mapping[str, Any] | None = None,
        stop_at: float | None = None,
        whole: bool = False,
    ) -> Ran:
        """Run a task of a notebook with a parameters cell and these; `whole` notebooks bring their own."""
        above = () if whole else (PARAMETERS,)
        self.runner._notebook = read(content(*above, *cells), "MAIN.ipynb")
        self._tasks += 1
        recorder = Recorder(stop_at)
        folder = self.place / "runs" / str(self._tasks)
        name = f"t{self._tasks:06d}"
        values = {"x": 1, **(params or {})}
        task = Task(Assignment("s", name, self._tasks, 1, values, str(folder)), recorder)
        try:
            return Ran("done", self.runner(values, task), "", recorder.reports, folder)
        except TaskError as failed:
            return Ran("failed", task.metrics, str(failed), recorder.reports, folder)
        except Pruned:
            return Ran("pruned", task.metrics, "", recorder.reports, folder)

    @property
    def kernel(self) -> int | None:
        """The process of the kernel that is ready for the next task, if there is one."""
        kernel = self.runner._kernels.kernel
        return kernel.process.pid if kernel else None

    def drop(self) -> None:
        """End the kernel, so that the next task has a new one."""
        self.runner._kernels.drop()


@contextmanager
def lab_at(
    place: Path,
    secrets: Sequence[str] = (),
    most_output: int | None = None,
    notebook: bytes = b"",
    **options: Any,
) -> Iterator[Lab]:
    """Provide a lab, and end its kernels afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    lab = Lab(place, KernelOptions(**options), secrets, notebook or content(PARAMETERS))
    with pytest.MonkeyPatch.context() as patch, closing(lab.runner):
        if most_output is not None:
            patch.setattr(kernel_lifecycle, "_MOST_OUTPUT", most_output)
        yield lab
    assert signal.getsignal(signal.SIGTERM) == before


def value(text: str) -> str:
    """Return a cell that records the value of an expression as the metric `v`."""
    return f"import colabctl; colabctl.task().done(v={text})"


def plain(node: nbformat.NotebookNode) -> str:
    """Return a document as text, to search all of it."""
    return json.dumps(node)
