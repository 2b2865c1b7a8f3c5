"""Members extend a sweep on a Drive at the same time, before they see what the other does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.drive import Drive
from tests.eventual.group import Group, eventually
from tests.processes import PATIENCE


class Extended:
    """A finished sweep over x = 1, 2 that two machines extend, each for itself."""

    def __init__(self, drive: Drive) -> None:
        self.drive, self.group = drive, Group(drive, tasks=2)
        assert self.say(0, "member", "add", "ben").returncode == 0
        drive.deliver()
        self.work(0)
        drive.deliver()

    def say(self, machine: int, *words: str) -> Any:
        return self.group.command(machine, *words, "--root", str(self.group.root(machine)))

    def extend(self, machine: int, *options: str) -> str:
        said = self.say(machine, "extend", "nap", *options, "--member", "ana")
        assert said.returncode == 0, said.stderr
        return str(said.stdout)

    def work(self, machine: int) -> str:
        return self.group.work_apart(machine, COLABCTL_MEMBER=("ana", "ben")[machine % 2])

    def rows(self, machine: int) -> list[tuple[int, float, float]]:
        """Return the number, the value and the result of each finished task."""
        rows = json.loads(self.say(machine, "results", "nap", "--format", "json").stdout)
        return [(row["index"], row["params"]["x"], row["metrics"]["loss"]) for row in rows]


def test_both_extensions_count_and_each_result_belongs_to_its_task(
    drives: Callable[..., Drive],
) -> None:
    pair = Extended(drives(machines=3, manual=True))
    assert pair.extend(0, "--value", "x=7", "--value", "x=9") == "nap: 2 new tasks, 4 in all\n"
    assert pair.extend(1, "--value", "x=8", "--value", "x=9") == "nap: 2 new tasks, 4 in all\n"
    for machine in (0, 1):  # each runs t000002 and t000003, and means others by them
        assert "2 done" in pair.work(machine)
    pair.drive.deliver()
    seen = [pair.rows(machine) for machine in range(3)]
    assert seen[0] == seen[1] == seen[2]
    assert [index for index, *_ in seen[0]] == [0, 1, 2, 3, 4]
    assert sorted(x for _, x, _ in seen[0]) == [1, 2, 7, 8, 9]
    assert all(x == loss for _, x, loss in seen[0])
    status = json.loads(pair.say(2, "status", "nap", "--json").stdout)
    assert (status["total"], status["done"], status["duplicates"]) == (5, 5, 1)
    assert status["damage"] == []
    assert pair.say(2, "doctor").returncode == 0


WAITS = """
import pathlib, time

def run(params, task):
    while params["x"] == 3 and not pathlib.Path({go!r}).exists():
        time.sleep(0.01)
    return {{"loss": params["x"]}}
"""


def test_a_worker_takes_tasks_whose_extension_arrives_while_it_runs(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    drive, go = drives(machines=2), tmp_path / "go"
    group = Group(drive, tasks=3, program=WAITS.format(go=str(go)))
    worker = group.work(1, COLABCTL_MEMBER="ana")
    eventually(lambda: group.status(0)["workers"])
    said = group.command(0, "extend", "nap", "--value", "x=8", "--root", str(group.root(0)))
    assert said.returncode == 0, said.stderr
    sweep = group.root(1) / "sweeps" / "nap"
    eventually(lambda: list(sweep.glob("extension-*/extension.json")))
    go.touch()
    assert worker.wait(PATIENCE) == 0, worker.said()  # type: ignore[attr-defined]
    assert "was extended" in worker.said()  # type: ignore[attr-defined]
    eventually(lambda: len(group.results(0)) == 4)
    assert sorted(row["params"]["x"] for row in group.results(0)) == [1, 2, 3, 8]


def test_what_is_said_of_tasks_of_an_extension_waits_for_it(drives: Callable[..., Drive]) -> None:
    pair = Extended(drives(machines=2, manual=True))
    pair.extend(0, "--value", "x=7")
    assert "1 done" in pair.work(0)
    pair.drive.deliver(names="ana-*")  # folders of journals
    pair.drive.deliver(names="0*")  # what is in them, but no extension
    status = json.loads(pair.say(1, "status", "nap", "--json").stdout)
    assert (status["total"], status["done"], status["damage"]) == (2, 2, [])
    doctor = pair.say(1, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    pair.extend(1, "--value", "x=8")
    for _ in range(2):  # the second time, from the cache
        assert pair.rows(1) == [(0, 1, 1), (1, 2, 2)]
    assert "1 done" in pair.work(1)
    pair.drive.deliver()
    for machine in (0, 1):
        rows = pair.rows(machine)
        assert len(rows) == 4
        assert all(x == loss for _, x, loss in rows)


def test_a_promoted_task_is_the_same_under_another_number(drives: Callable[..., Drive]) -> None:
    pair = Extended(drives(machines=2, manual=True))
    pair.extend(1, "--value", "x=7", "--value", "x=9")  # whose tasks come before those of x=8
    pair.extend(0, "--value", "x=8", "--value", "x=6")
    for machine in (0, 1):
        assert "2 done" in pair.work(machine)
    ana = ("--member", "ana")
    assert pair.say(0, "promote", "nap", "t000002", "--name", "eight", *ana).returncode == 0
    pair.drive.deliver()
    assert (4, 8, 8) in pair.rows(0)
    checked = pair.say(0, "promote", "--check")
    assert checked.returncode == 0, checked.stderr + checked.stdout
    again = pair.say(0, "promote", "nap", "t000004", "--name", "again", *ana)
    assert again.returncode == 0, again.stderr
    records = pair.group.root(0) / "results" / "final"
    for name in ("eight", "again"):
        assert "params: {x: 8}" in (records / f"{name}.origin.yaml").read_text()
