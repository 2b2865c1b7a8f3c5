"""Several machines finish a sweep together although files arrive late."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive import Drive
from tests.eventual.group import Group, eventually
from tests.processes import PATIENCE

LATE = {"median": 0.3, "worst": 1.5}


def test_four_machines_finish_a_sweep_and_agree_on_its_results(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=4, partial=0.2, **LATE), tasks=40, seconds=0.2)
    workers = [group.work(machine) for machine in range(4)]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0, 0, 0]
    group.drive.settle()

    def agreed() -> bool:  # a listing may omit a new file; a later listing has it
        seen = [group.results(machine) for machine in range(4)]
        return len(seen[0]) == 40 and all(rows == seen[0] for rows in seen)

    eventually(agreed)
    assert [row["index"] for row in group.results(3)] == list(range(40))
    assert group.status(2)["done"] == 40


def test_one_name_is_never_written_twice_and_nothing_is_edited(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=3, **LATE), tasks=12, seconds=0.1)
    workers = [group.work(machine) for machine in range(3)]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0, 0]
    group.drive.settle()
    names = [path.name for path in group.root(0).rglob("*")]
    assert not [name for name in names if " (1)" in name]
    journal = group.root(0) / "sweeps" / "nap" / "journal"
    assert all(path.suffix == ".jsonl" for path in journal.rglob("*") if path.is_file())
    doctor = group.command(1, "doctor", "--root", str(group.root(1)))
    assert doctor.returncode == 0, doctor.stdout
    assert "eventual" in doctor.stdout
    assert group.status(0)["consistency"] == "eventual"


def test_a_lost_machine_loses_its_attempt_but_no_result(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=2, **LATE), tasks=10, seconds=0.5)
    lease = {"COLABCTL_LEASE": "4s", "COLABCTL_HEARTBEAT": "1s"}
    doomed = group.work(0, **lease)
    eventually(lambda: group.status(1)["done"] >= 1)
    doomed.send_signal(signal.SIGKILL)
    group.drive.machine(0).kill()
    doomed.wait(PATIENCE)
    survivor = group.work(1, **lease)
    assert survivor.wait(PATIENCE) == 0
    assert sorted(row["index"] for row in group.results(1)) == list(range(10))


def test_sigterm_releases_the_tasks(drives: Callable[..., Drive]) -> None:
    group = Group(drives(machines=2, **LATE), tasks=4, seconds=600)
    worker = group.work(0)
    eventually(lambda: group.status(0)["running"] == 1)
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: group.status(0)["running"] == 0)
    assert worker.wait(PATIENCE) == 143
    assert group.status(0)["pending"] == 4
    group.drive.settle()
    assert group.status(1)["pending"] == 4


@pytest.mark.slow
def test_a_worker_exits_before_its_time_is_up(drives: Callable[..., Drive]) -> None:
    group = Group(drives(machines=1, **LATE), tasks=50, seconds=0.5)
    start = time.monotonic()
    worker = group.work(0, "--max-time", "8s")
    assert worker.wait(PATIENCE) == 0
    assert time.monotonic() - start < 9
    status = group.status(0)
    assert status["done"] >= 3
    assert status["running"] == status["claimed"] == 0
    assert all(machine["state"] == "ended" for machine in status["workers"])


def test_at_the_end_a_worker_waits_until_its_files_are_uploaded(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=2, median=2.0, worst=4.0), tasks=2, seconds=0.1)
    worker = group.work(0)
    assert worker.wait(PATIENCE) == 0
    assert "all results are uploaded" in worker.said()  # type: ignore[attr-defined]
    group.drive.machine(0).kill()  # no files were left on it
    group.drive.deliver()
    assert len(group.results(1)) == 2


# The older of two attempts ends once both have started; the other one goes on until it is stopped.
TWO_ATTEMPTS = """
import time
from pathlib import Path

def run(params, task):
    log = Path({log!r})
    with log.open("a") as file:
        file.write("started\\n")
    started = log.read_text().count("started")
    while started == 2 or log.read_text().count("started") == 1:
        time.sleep(0.01)
    return {{"loss": 1.0}}
"""


def test_of_two_claims_the_older_continues_and_the_other_worker_stops(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    log = tmp_path / "started"
    group = Group(
        drives(machines=2, manual=True), tasks=1, program=TWO_ATTEMPTS.format(log=str(log))
    )
    first = group.work(0)
    eventually(lambda: log.exists() and log.read_text().count("\n") == 1)
    second = group.work(1)
    eventually(lambda: log.read_text().count("\n") == 2)
    group.drive.deliver()
    # The first claim is older: the second worker stops its task and waits, the first finishes.
    while first.poll() is None or second.poll() is None:
        group.drive.deliver()
        time.sleep(0.1)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "ran 1 task" in first.said()  # type: ignore[attr-defined]
    assert "ran 0 tasks" in second.said()  # type: ignore[attr-defined]
    assert group.status(0)["duplicates"] == 0


def test_a_worker_waits_for_the_files_of_a_sweep_that_was_just_declared(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=2, manual=True), tasks=2, seconds=0.1)
    root = group.root(0)
    (root / "nap.yaml").write_text(
        "name: later\nprogram: nap.py:run\nmethod: grid\nparameters: {x: {values: [1, 2]}}\n"
    )
    assert group.command(0, "sweep", str(root / "nap.yaml"), "--root", str(root)).returncode == 0
    sweep = group.root(1) / "sweeps" / "later"
    group.drive.deliver(names="later")
    group.drive.deliver(names="plan.json")
    worker = group.work(1, sweep="later")
    eventually(lambda: "waiting for all files" in worker.said())  # type: ignore[attr-defined]
    assert not (sweep / "tasks" / "00000.jsonl").exists()
    while worker.poll() is None:
        group.drive.deliver()
        time.sleep(0.1)
    assert worker.returncode == 0
    assert "2 done" in worker.said()  # type: ignore[attr-defined]
