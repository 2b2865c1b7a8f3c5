"""Runs scripts written for W&B as the tasks of one sweep, and gives the outcome of each."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Project, new_project
from tests.run.wandb.scripts import SWEEP


@dataclass(frozen=True)
class Outcome:
    """The outcome of one of the scripts."""

    row: dict[str, Any]
    reports: list[tuple[int | None, dict[str, float]]]
    output: str

    @property
    def metrics(self) -> dict[str, Any]:
        assert self.row["status"] == "done", (self.row, self.output)
        metrics: dict[str, Any] = self.row["metrics"]
        return metrics


Outcomes = Callable[[str], Outcome]


@contextmanager
def outcomes_of(names: Sequence[str], scripts: str, folder: Path) -> Iterator[Outcomes]:
    """Give the outcome of each script, all of which have run and asked no server for anything."""
    project = new_project(folder / "churn")
    with socket.create_server(("127.0.0.1", 0)) as network:
        proxy = f"http://127.0.0.1:{network.getsockname()[1]}"
        try:
            project.declare(
                "cases", SWEEP.format(cases=list(names), more="max_retries: 0"), scripts
            )
            for _ in names[::4]:  # a few at a time, because each start of W&B takes its time
                few = ("--jobs", "2", "--max-tasks", "4")
                worked = project.run("work", "cases", *few, HTTP_PROXY=proxy, HTTPS_PROXY=proxy)
                assert "; reached --max-tasks" in worked.err or "is finished" in worked.err, (
                    worked.err
                )
        finally:
            project.end_all()
        network.setblocking(False)
        with pytest.raises(BlockingIOError):
            network.accept()
    yield _reader(project)


def _reader(project: Project) -> Outcomes:
    rows = {row["params"]["case"]: row for row in project.results("cases")}
    reports = project.reports("cases")
    failed = {event["task"]: event["output"] for event in project.events("cases", "failed")}

    def outcome(name: str) -> Outcome:
        row = rows[name]
        mine = [each for each in reports if each["task"] == row["index"]]
        values = [(each["step"], each["values"]) for each in mine]
        return Outcome(row, values, failed.get(row["index"], ""))

    return outcome
