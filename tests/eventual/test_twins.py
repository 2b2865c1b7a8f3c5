"""Two machines declare one sweep at the same time, so a Drive has two folders with its name."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.drive import Drive
from tests.eventual.group import Group

NAMES = ("ana", "ben")
TWIN = (
    "program: nap.py:run\nmethod: grid\nmetric: {{name: loss, goal: minimize}}\n"
    "parameters: {{x: {{values: {values}}}}}\n"
)


class Pair:
    """Two machines that declare the sweep `twin`, before they see what the other does."""

    def __init__(self, drive: Drive, values: tuple[list[int], list[int]]) -> None:
        self.group = Group(drive, tasks=1)
        self.drive = drive
        assert self.say(0, "member", "add", "ben").returncode == 0
        drive.deliver()
        for machine, own in enumerate(values):
            root = self.root(machine)
            file = root.parent.parent / f"twin-{machine}.yaml"
            file.write_text(TWIN.format(values=own))
            said = self.say(
                machine, "sweep", str(file), "--name", "twin", "--member", NAMES[machine]
            )
            assert said.returncode == 0, said.stderr

    def root(self, machine: int) -> Path:
        return self.group.root(machine)

    def say(self, machine: int, *words: str) -> Any:
        return self.group.command(machine, *words, "--root", str(self.root(machine)))

    def work(self, machine: int, *options: str) -> str:
        member = NAMES[machine]
        return self.group.work_apart(machine, *options, sweep="twin", COLABCTL_MEMBER=member)

    def status(self, machine: int, name: str = "twin") -> dict[str, Any]:
        answer = self.say(machine, "status", name, "--json")
        assert answer.returncode == 0, answer.stderr
        status: dict[str, Any] = json.loads(answer.stdout)
        return status

    def rows(self, machine: int, name: str = "twin") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(
            self.say(machine, "results", name, "--format", "json").stdout
        )
        return rows


def test_twins_are_one_sweep_and_all_results_count(drives: Callable[..., Drive]) -> None:
    pair = Pair(drives(machines=3, manual=True), ([1, 2, 3, 4], [1, 2, 3, 4]))
    for machine in (0, 1):
        assert "2 done" in pair.work(machine, "--max-tasks", "2", "--no-wait")
    pair.drive.deliver()
    folders = [{path.name for path in (pair.root(m) / "sweeps").iterdir()} for m in range(3)]
    assert folders == [{"nap", "twin", "twin (1)"}] * 3
    before = [pair.rows(machine) for machine in range(3)]
    assert before[0] == before[1] == before[2]
    assert {row["member"] for row in before[0]} <= {"ana", "ben"}
    for machine in range(3):
        status = pair.status(machine)
        assert len(status["workers"]) == 2
        assert status["done"] == len(before[0])
        checked = pair.say(machine, "doctor")
        assert checked.returncode == 0, checked.stdout
        assert "delete" not in checked.stdout
    pair.work(1)
    pair.drive.deliver()
    after = [pair.rows(machine) for machine in range(3)]
    assert after[0] == after[1] == after[2]
    assert [row["index"] for row in after[0]] == [0, 1, 2, 3]
    for row in before[0]:  # what was done stays as it was
        assert row in after[0]


def test_different_sweeps_under_one_name_get_names_that_all_machines_agree_on(
    drives: Callable[..., Drive],
) -> None:
    pair = Pair(drives(machines=3, manual=True), ([1, 2], [7, 8, 9]))
    for machine in (0, 1):
        pair.work(machine)
    pair.drive.deliver()
    notes = set()
    for machine in range(3):
        said = pair.say(machine, "status", "twin")
        note = next(line for line in said.stderr.splitlines() if "different sweeps" in line)
        notes.add(note)
    assert len(notes) == 1, notes
    match = re.search(
        r"ana's, declared at .*, is twin; ben's, declared at .*, is (twin-\w{6});", note
    )
    assert match, note
    other = match[1]
    for machine in range(3):
        assert [row["params"]["x"] for row in pair.rows(machine)] == [1, 2]
        assert [row["params"]["x"] for row in pair.rows(machine, other)] == [7, 8, 9]
        assert pair.status(machine, other)["done"] == 3
        assert note in pair.say(machine, "results", other).stderr
    assert pair.say(0, "pause", other).returncode == 0
    assert pair.status(0)["state"] == "finished"
    said = pair.say(
        1,
        "sweep",
        str(pair.root(1).parent.parent / "twin-1.yaml"),
        "--name",
        "twin",
        "--member",
        "ben",
    )
    assert said.returncode == 0, said.stderr
    assert f"{other}: 3 tasks, already declared" in said.stdout
    assert note in said.stderr
    checked = pair.say(2, "doctor")
    assert "delete" not in checked.stdout
    assert other in checked.stdout


def test_a_second_copy_is_safe_when_both_machines_follow_the_advice(
    drives: Callable[..., Drive],
) -> None:
    drive = drives(machines=2, manual=True)
    group = Group(drive, tasks=1)
    for machine in (0, 1):
        (group.root(machine) / "results" / "notes.txt").write_text(f"of machine {machine}")
    drive.deliver()
    for machine in (0, 1):
        said = group.command(machine, "doctor", "--root", str(group.root(machine)))
        assert said.returncode == 3
        assert "rename notes (1).txt to a name of its own" in said.stdout
        folder = group.root(machine) / "results"
        (folder / "notes (1).txt").rename(folder / "renamed.txt")
    drive.deliver()
    for machine in (0, 1):
        files = (group.root(machine) / "results").glob("*.txt")
        assert {file.read_text() for file in files} == {"of machine 0", "of machine 1"}
