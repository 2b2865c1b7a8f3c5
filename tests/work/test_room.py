"""Workers record the free room of their folder, warn below a floor, and stop before it is full."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.sharedfs.room import Room
from colabctl.work.records import room as room_module
from colabctl.work.records.room import RoomWatch
from tests.processes import PATIENCE, Project

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"
LOOP = """
import colabctl
project = colabctl.open()
sweep = project.sweep("loop", {"x": [1, 2]})
for task in sweep.tasks():
    with task:
        task.done(y=task.params["x"])
"""
# A file system of 24 MB of its own. Each task keeps 3 MB, and min_free is 100 MB, so a worker stops
# below 10 MB. They take so long that each is claimed alone.
SMALL_DISK = """
mount -t tmpfs -o size=24m tmpfs "$PLACE"
cd "$PLACE"
colabctl() { "$PYTHON" -m colabctl "$@"; }
colabctl init . --name small --member ana 2>/dev/null
head -c 9000000 /dev/zero > data/interim/big.bin
printf 'import pathlib, time\\ndef train(params, task):\\n    pathlib.Path(task.folder, "m").write_bytes(bytes(3_000_000))\\n    time.sleep(1.2)\\n    return {"y": params["x"]}\\n' > train.py
printf 'method: grid\\nprogram: train.py:train\\nparameters: {x: {values: [1, 2, 3, 4]}}\\n' > s.yaml
colabctl sweep s.yaml 2>/dev/null
export COLABCTL_MIN_FREE=100MB
colabctl work s 2>first.txt && code=0 || code=$?
echo "$code" >&2; cat first.txt >&2
colabctl status s --json > "$OUT/first.json"
rm data/interim/big.bin
export COLABCTL_MIN_FREE=10MB
colabctl work s 2>"$OUT/second.txt"
colabctl status s --json > "$OUT/second.json"
"""


def own_mount_works() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    test = [unshare, "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


def test_a_worker_records_the_free_room_at_its_start_and_end(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    assert project.run("work", "first").code == 0
    (start,), (end,) = project.events("first", "start"), project.events("first", "end")
    free = shutil.disk_usage(project.root).free
    for event in (start, end):
        assert event["free"] == pytest.approx(free, rel=0.5)


def test_a_worker_warns_once_below_the_floor_and_works(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    free = shutil.disk_usage(project.root).free
    ended = project.run("work", "first", COLABCTL_MIN_FREE=str(2 * free))
    assert ended.code == 0
    assert ended.err.count("workers here stop below") == 1
    assert "see what can be deleted: colabctl space" in ended.err
    assert project.status("first")["done"] == 2


def test_below_a_tenth_of_the_floor_no_task_starts_and_the_exit_code_is_1(
    project: Project,
) -> None:
    project.declare("first", SWEEP, TRAIN)
    free = shutil.disk_usage(project.root).free
    ended = project.run("work", "first", COLABCTL_MIN_FREE=str(20 * free))
    assert ended.code == 1
    assert "ran 0 tasks: 0 done, 0 failed; the folder is almost full" in ended.err
    assert ended.err.splitlines()[-1].startswith("colabctl: only ")
    assert "colabctl space --tidy; then restart the worker" in ended.err
    assert "a tenth of min_free in colabctl.yaml (or COLABCTL_MIN_FREE)" in ended.err
    again = project.run("work", "first")
    assert (again.code, project.status("first")["done"]) == (0, 2)


def test_a_finished_sweep_is_finished_however_little_room_there_is(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    assert project.run("work", "first").code == 0
    free = shutil.disk_usage(project.root).free
    assert project.run("work", "first", COLABCTL_MIN_FREE=str(20 * free)).code == 0


def test_zero_switches_the_limit_off(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    ended = project.run("work", "first", COLABCTL_MIN_FREE="0")
    assert ended.code == 0
    assert "free in" not in ended.err


def test_a_loop_ends_too_and_says_why(project: Project) -> None:
    free = shutil.disk_usage(project.root).free
    ended = project.python(LOOP, COLABCTL_MIN_FREE=str(20 * free))
    assert ended.code == 0
    assert "so no more tasks start here" in ended.err
    assert "the loop ends" in ended.err
    assert project.status("loop")["done"] == 0
    assert project.python(LOOP).code == 0
    assert project.status("loop")["done"] == 2


@pytest.mark.skipif(not own_mount_works(), reason="this user cannot mount a small file system")
def test_on_a_small_disk_a_worker_stops_in_time_keeps_results_and_goes_on_later(
    tmp_path: Path,
) -> None:
    place, out = tmp_path / "place", tmp_path / "out"
    place.mkdir()
    out.mkdir()
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-euc", SMALL_DISK],
        env={"PLACE": str(place), "OUT": str(out), "PYTHON": sys.executable, "HOME": str(tmp_path),
             "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("1\n"), ran.stderr
    assert "the folder is almost full" in ran.stderr
    first = json.loads((out / "first.json").read_text())
    assert 0 < first["done"] < 4
    assert (first["running"], first["claimed"], first["failed"]) == (0, 0, 0)
    assert json.loads((out / "second.json").read_text())["done"] == 4


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def watch(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int | None], RoomWatch]:
    """Return a function that sets the free room, and returns the watch after a look at it."""
    free: list[int | None] = [None]
    looks: list[Path] = []
    now = [0.0]

    def room_of(folder: Path) -> object:
        looks.append(folder)
        return None if free[0] is None else Room(free[0], 10_000)

    monkeypatch.setattr(room_module, "room_of", room_of)
    watched = RoomWatch(tmp_path, 1000, 10.0, told.append, monotonic=lambda: now[0])

    def see(value: int | None) -> RoomWatch:
        free[0] = value
        now[0] += 10.0
        for _ in range(3):  # looked at once in ten seconds, however often it is asked
            watched.look()
        assert len(looks) == now[0] / 10.0
        return watched

    return see


def test_it_warns_again_only_after_there_was_enough_room(
    watch: Callable[[int | None], RoomWatch], told: list[str]
) -> None:
    counts = []
    for free in (5000, 900, 800, 1000, 900, None, 900):
        watch(free)
        counts.append(len(told))
    assert counts == [0, 1, 1, 1, 2, 2, 3]


def test_only_a_change_of_a_tenth_is_news(watch: Callable[[int | None], RoomWatch]) -> None:
    assert not watch(5000).has_changed  # the first event says it anyway
    assert watch(5000).part() == {"free": 5000}
    assert not watch(4600).has_changed
    assert watch(4400).has_changed
    assert watch(4400).part() == {"free": 4400}
    assert not watch(4400).has_changed
    assert not watch(None).has_changed


def test_what_is_not_known_is_neither_short_nor_recorded(
    watch: Callable[[int | None], RoomWatch], told: list[str]
) -> None:
    unknown = watch(None)
    assert (unknown.is_short, unknown.part(), told) == (False, {}, [])
    assert watch(99).is_short
    assert not watch(100).is_short
