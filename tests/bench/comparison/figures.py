"""The figures that compare colabctl with its peers, and how each is measured."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.comparison import peers
from tests.bench.notebooks import NOTEBOOK
from tests.bench.processes import output, together
from tests.bench.tools import COLABCTL, JUG, OPTUNA, colabctl, prepare_project

Pythons = Mapping[str, str]
"""The interpreter that has a tool, for each tool that some interpreter has."""

_FUNCTIONS = {tool.name: tool for tool in (JUG, OPTUNA, COLABCTL)}


@dataclass(frozen=True)
class Figure:
    """One figure: how many times as fast as the best of some peers colabctl is.

    Attributes:
        title: what is done; `{tasks}` stands for how many tasks or trials.
        tasks: how many there are.
        quick: how many there are with `--quick`.
        peers: the tools compared with.
        target: the ratio to reach, if one is set; it holds for `tasks` only.
        seconds: gives the seconds of one run of a tool, from an empty folder, the interpreter that
            has the tool, and the number of tasks.
        rounds: the most often that a run is repeated.
    """

    title: str
    tasks: int
    quick: int
    peers: tuple[str, ...]
    target: float | None
    seconds: Callable[[str, Path, str, int], float]
    rounds: int = 5

    def name(self, tasks: int) -> str:
        """Return the title with the number of tasks."""
        return self.title.format(tasks=f"{tasks:,}")


@dataclass(frozen=True)
class Measured:
    """A figure with what was found: the median seconds of each tool that is installed."""

    figure: Figure
    tasks: int
    rounds: int
    seconds: Mapping[str, float]

    @property
    def best(self) -> str | None:
        """The fastest peer that is installed."""
        there = [peer for peer in self.figure.peers if peer in self.seconds]
        return min(there, key=lambda peer: self.seconds[peer], default=None)

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the fastest peer colabctl is."""
        return None if self.best is None else self.seconds[self.best] / self.seconds["colabctl"]

    @property
    def verdict(self) -> str:
        """Whether the target is reached; a dash where that is not known."""
        target = self.figure.target
        is_whole = self.tasks == self.figure.tasks and set(self.figure.peers) <= set(self.seconds)
        if target is None or self.ratio is None or not is_whole:
            return "-"
        return "ok" if self.ratio >= target else "missed"


def measure(
    figure: Figure, pythons: Pythons, folder: Path, *, quick: bool, rounds: int
) -> Measured:
    """Let the tools of a figure take turns, each in an empty folder of its own below `folder`."""
    tasks = figure.quick if quick else figure.tasks
    rounds = min(rounds, figure.rounds)
    tools = [tool for tool in (*figure.peers, "colabctl") if tool in pythons]
    taken: dict[str, list[float]] = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as place:
                os.sync()  # what an earlier run left to be written is not charged to this one
                taken[tool].append(figure.seconds(tool, Path(place), pythons[tool], tasks))
    return Measured(figure, tasks, rounds, {tool: median(taken[tool]) for tool in tools})


def _functions(workers: int) -> Callable[[str, Path, str, int], float]:
    """Return what runs tasks that do nothing: the workers' whole commands, together."""

    def seconds(name: str, place: Path, python: str, tasks: int) -> float:
        if name == "NePS":
            (place / "noop.py").write_text(peers.NEPS)
            ran = together([[python, str(place / "noop.py"), str(tasks)]])
            peers.count_neps(place, tasks)
            return ran.seconds
        tool = _FUNCTIONS[name]
        tool.prepare(place, tasks)
        ran = together([tool.work(place, tasks)] * workers)
        tool.runs(place, tasks, ran.outputs)  # or an error, if a task is not done
        return ran.seconds

    return seconds


def _notebooks(name: str, place: Path, python: str, tasks: int) -> float:
    """Run a notebook that only has parameters, once for each task: the whole command."""
    source = json.dumps(NOTEBOOK)
    if name == "papermill":
        files = [place / "MAIN.ipynb", place / "out.ipynb"]
        files[0].write_text(source)
        command = [python, "-c", peers.PAPERMILL, *map(str, files), str(tasks)]
        return together([command]).seconds
    command = prepare_project(place, {"x": {"min": 1, "max": tasks}})
    project = place / "project"
    (project / "MAIN.ipynb").write_text(source)
    sweep = project / "noop.yaml"
    sweep.write_text(sweep.read_text().replace("noop.py:run", "MAIN.ipynb"))
    output(command)
    seconds = together([colabctl(place, "work", "noop", "--member", "ana")]).seconds
    status = json.loads(output(colabctl(place, "status", "noop", "--json")))
    if status["done"] != tasks:
        raise RuntimeError(f"colabctl finished {status['done']} of {tasks} notebooks")
    return seconds


def _proposal(name: str, place: Path, python: str, trials: int) -> float:
    """Propose the next of two parameters, with so many finished trials; Python's start not counted."""
    programs = {
        "W&B": peers.WANDB_PROPOSAL,
        "Optuna": peers.OPTUNA_PROPOSAL,
        "colabctl": peers.COLABCTL_PROPOSAL,
    }
    return float(output([python, "-c", programs[name], str(trials)]))


FIGURES: Sequence[Figure] = (
    Figure("{tasks} function tasks that do nothing, 1 worker", 1_000, 1_000,
           ("jug", "Optuna"), 2.5, _functions(1)),
    Figure("{tasks} function tasks that do nothing, 6 workers", 1_000, 1_000,
           ("jug", "Optuna"), 1.3, _functions(6)),
    Figure("{tasks} function tasks that do nothing, 1 worker", 20_000, 3_000,
           ("jug",), 20, _functions(1), rounds=1),
    Figure("{tasks} function tasks that do nothing, 1 worker", 100, 100,
           ("NePS",), None, _functions(1), rounds=3),
    Figure("{tasks} empty notebooks", 40, 40, ("papermill",), 18, _notebooks, rounds=3),
    Figure("{tasks} empty notebooks", 200, 80, ("papermill",), 24, _notebooks, rounds=1),
    Figure("one proposal after {tasks} finished trials", 100, 100,
           ("Optuna", "W&B"), None, _proposal, rounds=3),
)  # fmt: skip
"""All figures, in the order of the table."""


def pythons_of(found: Mapping[str, tuple[str, str]]) -> Pythons:
    """Return the interpreters to use; jug, Optuna and colabctl must be where this runs."""
    here = {"jug", "Optuna", "colabctl"}
    return {
        tool: python for tool, (python, _) in found.items()
        if tool not in here or python == sys.executable
    }  # fmt: skip
