"""Workers on a mount that fails, is full, or is gone."""

import errno
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.notebook.runner import Runner
from colabctl.run.workspace.workspace import Workspace, create
from colabctl.task import Assignment, FileRecorder, Task
from tests.drive import Drive
from tests.eventual.group import Group, eventually
from tests.notebook.notebooks import content
from tests.processes import PATIENCE

LATE = {"median": 0.1, "worst": 0.5}

# A program that reads data while it is loaded. It waits until the test has made the mount fail.
_READS_DATA = """
import pathlib, time
begun, failing = pathlib.Path({begun!r}), pathlib.Path({failing!r})
begun.touch()
while not failing.exists():
    time.sleep(0.02)
pathlib.Path("data.txt").read_text()

def run(params, task):
    return {{"loss": params["x"]}}
"""


@pytest.mark.parametrize("error", [errno.EIO, pytest.param(errno.ENOTCONN, marks=pytest.mark.slow)])
def test_a_worker_survives_a_mount_that_does_not_answer_for_a_while(
    drives: Callable[..., Drive], error: int
) -> None:
    group = Group(drives(machines=1, **LATE), tasks=16, seconds=0.5)
    worker = group.work(0)
    eventually(lambda: group.status(0)["done"] >= 1)
    group.drive.machine(0).fail(error, seconds=5)
    assert worker.wait(PATIENCE) == 0
    said = worker.said()  # type: ignore[attr-defined]
    assert "trying again until it answers" in said
    assert "the folder answers again" in said
    assert sorted(row["index"] for row in group.results(0)) == list(range(16))


@pytest.mark.slow  # it waits for a minute and more
def test_on_a_full_drive_a_worker_stops_and_its_results_can_be_recovered_later(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=1, **LATE), tasks=30, seconds=0.5)
    machine = group.drive.machine(0)
    worker = group.work(0, COLABCTL_MIN_FREE="0")  # it does not see it coming
    eventually(lambda: group.status(0)["done"] >= 1)
    machine.fill()
    assert worker.wait(PATIENCE) == 1
    said = worker.said()  # type: ignore[attr-defined]
    assert "the last results of this worker are kept on this machine in" in said
    assert "Traceback" not in said
    before = group.status(0)["done"]
    doctor = group.command(0, "doctor", "--root", str(group.root(0)))
    assert doctor.returncode == 3
    assert "colabctl work --recover" in doctor.stdout
    machine.repair()
    recovered = group.command(0, "work", "--recover", "--root", str(group.root(0)))
    assert recovered.returncode == 0, recovered.stderr
    assert "recovered the results of t0" in recovered.stderr
    assert group.status(0)["done"] > before
    again = group.command(0, "work", "--recover", "--root", str(group.root(0)))
    assert "nothing to recover" in again.stderr
    assert group.work(0).wait(PATIENCE) == 0
    assert sorted(row["index"] for row in group.results(0)) == list(range(30))
    assert group.status(0)["duplicates"] == 0


def test_a_worker_stops_before_the_drive_is_full_and_the_others_see_how_much_room_it_had(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=2, **LATE), tasks=30, seconds=0.5)
    machine = group.drive.machine(0)
    worker = group.work(0)
    eventually(lambda: group.status(0)["done"] >= 1)
    machine.fill(room=50_000_000)  # min_free is 1 GB, so workers stop below 100 MB
    assert worker.wait(PATIENCE) == 1
    said = worker.said()  # type: ignore[attr-defined]
    assert "the folder is almost full" in said
    assert "are kept on this machine" not in said
    before = group.status(0)
    assert (before["running"], before["claimed"]) == (0, 0)
    assert 1 <= before["done"] < 30
    group.drive.deliver()
    root = str(group.root(1))
    (account,) = json.loads(group.command(1, "space", "--json", "--root", root).stdout)["accounts"]
    assert account["member"] == "ana"
    assert 0 < account["free"] < 100_000_000
    doctor = group.command(1, "doctor", "--root", root).stdout
    assert "the account of ana had only" in doctor
    machine.repair()
    assert group.work(0).wait(PATIENCE) == 0
    assert sorted(row["index"] for row in group.results(0)) == list(range(30))


def test_nothing_is_written_below_a_path_that_is_no_longer_a_mount(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=1, **LATE), tasks=30, seconds=0.3)
    machine = group.drive.machine(0)
    worker = group.work(0)
    eventually(lambda: group.status(0)["done"] >= 1)
    machine.unmount()
    eventually(lambda: "trying again until it answers" in worker.said())  # type: ignore[attr-defined]
    assert list(machine.path.iterdir()) == []
    machine.mount()
    assert worker.wait(PATIENCE) == 0
    assert len({row["index"] for row in group.results(0)}) == 30


def test_a_mount_that_does_not_answer_while_the_code_is_loaded_is_waited_out(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    begun, failing = tmp_path / "begun", tmp_path / "failing"
    group = Group(
        drives(machines=1, **LATE), tasks=3,
        program=_READS_DATA.format(begun=str(begun), failing=str(failing)),
    )  # fmt: skip
    (group.root(0) / "data.txt").write_text("data")
    machine = group.drive.machine(0)
    worker = group.work(0)
    eventually(begun.exists)
    machine.fail(errno.EIO)
    failing.touch()
    eventually(lambda: "the code cannot be loaded while" in worker.said())  # type: ignore[attr-defined]
    machine.repair()
    assert worker.wait(PATIENCE) == 0, worker.said()  # type: ignore[attr-defined]
    assert "Traceback" not in worker.said()  # type: ignore[attr-defined]
    assert [row["status"] for row in group.results(0)] == ["done"] * 3


def test_a_worker_that_waits_for_its_code_hears_a_signal(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    begun, failing = tmp_path / "begun", tmp_path / "failing"
    group = Group(
        drives(machines=1, **LATE), tasks=3,
        program=_READS_DATA.format(begun=str(begun), failing=str(failing)),
    )  # fmt: skip
    worker = group.work(0)
    eventually(begun.exists)
    group.drive.machine(0).fail(errno.EIO)
    failing.touch()
    eventually(lambda: "the code cannot be loaded while" in worker.said())  # type: ignore[attr-defined]
    worker.terminate()
    worker.wait(PATIENCE)
    said = worker.said()  # type: ignore[attr-defined]
    assert "interrupted; claimed tasks are released" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_without_waiting_a_worker_gives_up_on_a_mount_that_stays_silent(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=1, **LATE), tasks=30, seconds=0.3)
    worker = group.work(0, "--no-wait")
    eventually(lambda: group.status(0)["done"] >= 1)
    group.drive.machine(0).fail(errno.EIO)
    assert worker.wait(PATIENCE) == 1
    said = worker.said()  # type: ignore[attr-defined]
    assert "restart the worker once the folder answers" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_machine_that_was_offline_for_a_while_loses_nothing(
    drives: Callable[..., Drive],
) -> None:
    group = Group(drives(machines=2, **LATE), tasks=16, seconds=0.3)
    workers = [group.work(0), group.work(1)]
    eventually(lambda: group.status(0)["done"] >= 2)
    group.drive.machine(1).cut()
    time.sleep(2)
    group.drive.machine(1).rejoin()
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0]
    group.drive.settle()
    assert sorted(row["index"] for row in group.results(0)) == list(range(16))
    assert group.results(1) == group.results(0)


def test_a_mount_that_does_not_answer_while_a_workspace_is_prepared_is_waited_out(
    drives: Callable[..., Drive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = drives(machines=1, **LATE).machine(0)
    project, frozen, workspace = machine.path / "p", tmp_path / "frozen", tmp_path / "0" / "p"
    project.mkdir()
    frozen.mkdir()
    create(frozen, project, [workspace], ".")
    (project / "data.txt").write_text("data")
    run = Workspace(workspace, project, frozen).around(
        lambda *_: {"data": (workspace / "data.txt").read_text()}
    )
    machine.fail(errno.EIO, seconds=3)
    assignment = Assignment("s", "t000000", 0, 1, {}, folder=str(tmp_path / "attempt"))
    assert run({}, Task(assignment, FileRecorder(assignment))) == {"data": "data"}
    assert capsys.readouterr().err.count("trying again until it answers") == 1


def test_a_mount_that_does_not_answer_while_a_kernel_starts_is_waited_out(
    drives: Callable[..., Drive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = drives(machines=1, **LATE).machine(0)
    project, notebook = machine.path / "p", tmp_path / "MAIN.ipynb"
    project.mkdir()
    notebook.write_bytes(
        content("# parameters\nx = 0", "import colabctl; colabctl.task().done(x=x)")
    )
    with closing(Runner(notebook, project, KernelOptions(), kind="parameters")) as runner:
        machine.fail(errno.EIO, seconds=6)
        runner.set_up()
    assert "trying again until it answers" in capsys.readouterr().err
