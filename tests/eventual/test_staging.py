"""Staging from a Drive: once for each machine, and through an outage."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive import Drive
from tests.eventual.group import Group, eventually
from tests.processes import PATIENCE

FILES = 60
_READS = """
import os
from pathlib import Path

def run(params, task):
    folder = Path("data/raw/images")
    assert folder.samefile(task.staged["images"])
    return {{"loss": sum(len(file.read_bytes()) for file in folder.iterdir())}}
"""


def with_images(group: Group) -> Path:
    """Write raw data and protect it, and declare a sweep that stages it; return its folder."""
    root = group.root(0)
    folder = root / "data/raw/images"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    assert group.command(0, "protect", "--root", str(root)).returncode == 0
    sweep = root / "staged.yaml"
    sweep.write_text((root / "nap.yaml").read_text() + "stage: data/raw/images\n")
    declared = group.command(0, "sweep", str(sweep), "--name", "staged", "--root", str(root))
    assert declared.returncode == 0, declared.stderr
    group.drive.deliver()
    return folder


def test_workers_of_a_machine_copy_each_file_once_and_tasks_read_none_from_the_drive(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=1, median=0.1, worst=0.5), tasks=10, program=_READS.format())
    with_images(group)
    machine = group.drive.machine(0)
    disk = {"COLABCTL_STAGE": str(machine.home / "disk")}
    before = machine.counts()
    workers = [group.work(0, sweep="staged", **disk) for _ in range(2)]
    for worker in workers:
        assert worker.wait(PATIENCE) == 0, worker.said()  # type: ignore[attr-defined]
    opens = (machine.counts() - before).opens
    answer = group.command(0, "results", "staged", "--format", "json", "--root", str(group.root(0)))
    rows = json.loads(answer.stdout)
    assert [row["metrics"]["loss"] for row in rows] == [FILES * 1000] * 10
    # Ten tasks would open 600 files; journals and code are some more than the 60 of the copy.
    assert FILES <= opens < 5 * FILES, opens


@pytest.mark.slow  # a copy from a slow mount, twice
def test_staging_goes_on_once_the_drive_answers_again(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=1, median=0.1, worst=0.5, cost=(0.02, 0.05))
    group = Group(drive, tasks=1)
    folder = with_images(group)
    machine = drive.machine(0)
    disk = machine.home / "disk"
    process = subprocess.Popen(
        [sys.executable, "-m", "colabctl", "stage", "data/raw/images", "--root", str(group.root(0))],
        env=group.environ(0, COLABCTL_STAGE=str(disk)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    eventually(lambda: any(disk.glob("*/*/files/*")))
    machine.fail(errno.EIO, seconds=3)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    copied = {file.name: file.read_bytes() for file in Path(out.strip()).iterdir()}
    assert copied == {file.name: file.read_bytes() for file in folder.iterdir()}
    assert "Traceback" not in err


def test_staging_on_the_drive_itself_is_refused(drives: Callable[..., Drive]) -> None:
    group = Group(drives(machines=1, median=0.1, worst=0.5), tasks=1)
    with_images(group)
    there = group.drive.machine(0).path / "stage"
    said = subprocess.run(
        [sys.executable, "-m", "colabctl", "stage", "data/raw/images", "--root", str(group.root(0))],
        env={**os.environ, **group.environ(0, COLABCTL_STAGE=str(there))},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert said.returncode == 1
    assert "not on this machine's disk" in said.stderr
    assert not there.exists()
