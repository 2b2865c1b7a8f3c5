"""Processes that are killed at any moment while they save leave nothing that loads wrong."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
from colabctl.checkpoints.saves import resume
from colabctl.errors import UserError
from tests.checkpoints.killed import value_of
from tests.drive import Drive
from tests.drive.fixtures import drives

__all__ = ["drives"]

PROGRAM = [sys.executable, "-m", "tests.checkpoints.killed"]


def kill_at_random(folder: Path, what: str, first: int, rng: random.Random) -> tuple[int, int]:
    """Start the program, kill it at a random moment; return the last save begun and finished."""
    command = [*PROGRAM, str(folder), what, str(first)]
    begun = done = first - 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(rng.randint(1, 8)):  # an event, then a moment within the save
            assert process.stdout.readline()
            begun += 1
            if rng.random() < 0.4:
                break
            assert process.stdout.readline()
            done += 1
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        for line in process.stdout:
            word, number = line.split()
            begun = int(number) if word == "begins" else begun
            done = int(number) if word == "saved" else done
    return begun, done


def loaded(folder: Path, what: str) -> int | None:
    """Return the number of what is loaded, after checking that it is whole; None if there is none."""
    owner = Owner(folder, folder.parent.parent, "ana")
    try:
        if what == "folder":
            texts = {file.read_text() for file in checkpoint(owner, "x/").iterdir()}
            assert len(texts) == 1
            number = int(texts.pop().split()[0])
        elif what == "checkpoint":
            value = checkpoint(owner, "x.npz")
            number = value["n"]
        else:
            attempts = sorted(folder.iterdir(), key=lambda at: -at.stat().st_mtime_ns)
            found = resume(attempts, lambda _: None)
            if found is None:
                return None
            value, number = found.state, found.state["n"]
            assert found.step == number
    except UserError as error:
        if "there is no" in str(error) or "its file is not" in str(error):
            return None
        raise
    if what != "folder":
        for name, part in value_of(number).items():
            np.testing.assert_array_equal(value[name], part)
    return number


def check(folder: Path, what: str, kills: int, seed: int) -> None:
    folder.mkdir(parents=True)
    rng, last = random.Random(seed), 0
    for _ in range(kills):
        begun, done = kill_at_random(folder, what, last + 1, rng)
        number = loaded(folder, what)
        # What was saved before the kill is there: one more at most, never an older one.
        assert (number or 0) in range(max(done, last), begun + 1), (number, done, begun)
        last = number or 0


@pytest.mark.parametrize("what", ["task", "checkpoint", "folder"])
@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.slow)])
def test_a_save_that_is_killed_at_any_moment_leaves_the_last_whole_one(
    tmp_path: Path, what: str, kills: int
) -> None:
    check(tmp_path / "project/checkpoints/ana", what, kills, seed=kills)


@pytest.mark.parametrize("what", ["task", "checkpoint", "folder"])
def test_another_machine_never_loads_half_of_what_arrives_from_a_killed_one(
    drives: Callable[..., Drive], what: str
) -> None:
    drive = drives(machines=2, median=0.05, worst=0.3)
    here, there = (drive.machine(n).path / "project/checkpoints/ana" for n in (0, 1))
    here.mkdir(parents=True)
    rng, last = random.Random(7), 0
    for _ in range(4):
        begun, _ = kill_at_random(here, what, last + 1, rng)
        for _ in range(20):  # while it arrives, in any order
            if there.is_dir():
                try:
                    number = loaded(there, what) or 0
                except UserError as error:
                    assert "still arriving" in str(error)  # noqa: PT017 - or it is whole
                else:
                    assert number <= begun
        drive.deliver()
        last = loaded(here, what) or 0
        assert (loaded(there, what) or 0) == last
