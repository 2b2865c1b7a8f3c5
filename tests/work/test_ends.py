"""How workers end: killed, asked to, or at a limit; and what becomes of their tasks."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from colabctl.sharedfs.locks import locked
from tests.processes import Project, end, end_together, linux, until

GRID = "method: grid\nprogram: train.py:train\nparameters: {{x: {{values: {values}}}}}\n{more}\n"
QUICK = "def train(params, task):\n    return {'y': params['x']}\n"
ENDLESS = """
import os, time
def train(params, task):
    open(f"started-{task.name}", "w").close()
    time.sleep(600)
"""


def grid(tasks: int, more: str = "") -> str:
    return GRID.format(values=list(range(tasks)), more=more)


WAITS_FOR_GO = """
import pathlib, time
def train(params, task):
    open(f"started-{task.name}", "w").close()
    deadline = time.monotonic() + 120
    while not pathlib.Path("go").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
"""


def started(project: Project) -> list[Path]:
    return list(project.root.glob("started-*"))


@linux
def test_a_killed_worker_loses_its_attempt_and_nothing_else(project: Project) -> None:
    """Three workers; one is killed in the middle of a task, with no chance to say anything."""
    program = """
import os, subprocess, time
def train(params, task):
    if params["x"] == 0 and task.attempt == 1:
        child = subprocess.Popen(["sleep", "600"])
        with open("victim.part", "w") as file:
            file.write(f"{os.getppid()} {os.getpid()} {child.pid}")
        os.rename("victim.part", "victim")
        time.sleep(600)
    time.sleep(0.01)
    return {"y": params["x"], "attempt": task.attempt}
"""
    project.declare("kill", grid(120), program)
    workers = [
        project.start("work", "kill", member=member, COLABCTL_LEASE="5s")
        for member in ("ana", "ben", "ana")
    ]
    until((project.root / "victim").exists)
    killed, child, grandchild = map(int, (project.root / "victim").read_text().split())
    os.kill(killed, signal.SIGKILL)
    until(lambda: not {child, grandchild} & set(project.processes()), "the end of its children")
    end_together([worker for worker in workers if worker.pid != killed])

    rows = project.results("kill")
    status = project.status("kill")
    counts = {key: status[key] for key in ("total", "done", "failed", "duplicates")}
    print(counts, "attempts:", dict(Counter(row["attempt"] for row in rows)))
    assert counts == {"total": 120, "done": 120, "failed": 0, "duplicates": 0}
    assert [(row["index"], row["metrics"]["y"]) for row in rows] == [(x, x) for x in range(120)]
    assert rows[0]["attempt"] == rows[0]["metrics"]["attempt"] == 2
    assert Counter(each["state"] for each in status["workers"]) == {"ended": 2, "lost": 1}
    until(lambda: not project.processes())


@linux
def test_programs_die_with_the_worker_that_runs_them(project: Project) -> None:
    text = grid(1).replace("train.py:train", "train.sh")
    project.declare("kill", text, "touch started-1\nsleep 600 &\nsleep 600\n")
    worker = project.start("work", "kill")
    until(lambda: started(project))
    worker.kill()
    until(lambda: not project.processes())


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_that_is_asked_to_end_gives_its_tasks_back_and_leaves_nothing(
    project: Project, number: int
) -> None:
    project.declare("asked", grid(10), ENDLESS)
    worker = project.start("work", "asked", "--jobs", "2")
    until(lambda: len(started(project)) == 2)
    worker.send_signal(number)
    ended = end(worker)
    assert "claimed tasks are released" in ended.err
    assert "Traceback" not in ended.err
    status = project.status("asked")
    assert (status["pending"], status["running"], status["claimed"]) == (10, 0, 0)
    assert [each["state"] for each in status["workers"]] == ["ended"]
    assert project.events("asked", "failed") == []
    assert project.processes() == []


@linux
@pytest.mark.slow  # as it measures: the machine should have nothing else to do
@pytest.mark.parametrize("when", ["run", "import"])
def test_a_worker_that_is_asked_to_end_does_so_within_five_seconds_whatever_its_tasks_do(
    project: Project, when: str
) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    if when == "import":
        stubborn += "open('started-import', 'w').close()\ntime.sleep(600)\n"
    project.declare("stubborn", grid(10), stubborn + ENDLESS)
    worker = project.start("work", "stubborn", "--jobs", "3")
    until(lambda: len(started(project)) >= (1 if when == "import" else 3))
    asked = time.monotonic()
    worker.terminate()
    end(worker)
    assert time.monotonic() - asked < 5
    assert project.status("stubborn")["pending"] == 10
    assert project.processes() == []


@linux
def test_a_worker_that_is_asked_to_end_during_the_import_blames_no_task(project: Project) -> None:
    program = "import time\nopen('started-import', 'w').close()\ntime.sleep(600)\n" + QUICK
    project.declare("import", grid(10), program)
    worker = project.start("work", "import")
    until(lambda: started(project))
    worker.send_signal(signal.SIGINT)
    ended = end(worker)
    assert (ended.code, "Traceback" in ended.err) == (130, False)
    assert "claimed tasks are released" in ended.err.splitlines()[-1]
    assert project.status("import")["pending"] == 10
    assert project.processes() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_a_worker_ignores_from_its_start_does_not_end_it(
    project: Project, number: int
) -> None:
    program = (
        "import time\nfrom pathlib import Path\n"
        "def train(params, task):\n"
        "    Path('started-1').touch()\n"
        "    while not Path('over').exists():\n        time.sleep(0.01)\n"
        "    return {'y': 1}\n"
    )
    background = (
        "import runpy, signal\n"
        f"signal.signal({int(number)}, signal.SIG_IGN)\n"
        "runpy.run_module('colabctl', run_name='__main__', alter_sys=True)\n"
    )
    project.declare("background", grid(1), program)
    worker = project.start_python("-c", background, "work", "background")
    until(lambda: started(project))
    worker.send_signal(number)
    worker.send_signal(number)
    project.write("over", "")
    ended = end(worker)
    assert (ended.code, "Traceback" in ended.err) == (0, False)
    assert ended.err.endswith(
        "ran 1 task: 1 done, 0 failed; the sweep is finished; next: colabctl results background\n"
    )


def test_a_program_that_saves_its_state_and_exits_well_when_asked_to_end_is_not_done(
    project: Project,
) -> None:
    program = """
import colabctl, signal, sys, time
task = colabctl.task()
if task.attempt == 1:
    signal.signal(signal.SIGTERM, lambda *_: ((task.folder / "saved").touch(), sys.exit(0)))
    open("started-1", "w").close()
    time.sleep(600)
task.done(resumed=[(folder / "saved").exists() for folder in task.earlier])
"""
    project.declare("saves", grid(1).replace("train.py:train", "train.py"), program)
    worker = project.start("work", "saves")
    until(lambda: started(project))
    worker.terminate()
    end(worker)
    assert project.status("saves")["pending"] == 1
    assert project.run("work", "saves").code == 0
    assert [(row["metrics"], row["attempt"]) for row in project.results("saves")] == [
        ({"resumed": [True]}, 2)
    ]


def test_a_worker_that_waits_ends_as_soon_as_it_is_asked(project: Project) -> None:
    project.declare("waits", grid(1), ENDLESS)
    busy = project.start("work", "waits")
    until(lambda: started(project))
    idle = project.start("work", "waits", member="ben")
    assert idle.stderr
    assert idle.stderr.readline() == "waits: 0/1\n"
    idle.send_signal(signal.SIGINT)
    assert end(idle).code == 130
    busy.terminate()
    end(busy)


@linux
def test_a_worker_that_waits_for_a_lock_ends_as_soon_as_it_is_asked(project: Project) -> None:
    project.declare("locked", grid(1), QUICK)
    with locked(project.root / "sweeps/locked/claims.lock"):
        worker = project.start("work", "locked")
        assert worker.stderr
        message = worker.stderr.readline()
        assert f"claims.lock: process {os.getpid()} (" in message
        assert ") has held this lock for long" in message
        worker.send_signal(signal.SIGTERM)
        assert "interrupted" in end(worker).err
    assert project.run("work", "locked").code == 0


def test_max_tasks_counts_the_tasks_of_all_sweeps(project: Project) -> None:
    project.declare("first", grid(2), QUICK)
    project.declare("second", grid(5), QUICK)
    worked = project.run("work", "first", "second", "--max-tasks", "3")
    assert worked.code == 0
    assert "ran 3 tasks: 3 done" in worked.err
    assert "reached --max-tasks" in worked.err
    assert (project.status("first")["done"], project.status("second")["done"]) == (2, 1)


def test_several_slots_together_run_at_most_max_tasks(project: Project) -> None:
    project.declare("some", grid(20), QUICK)
    assert "ran 5 tasks" in project.run("work", "some", "--jobs", "3", "--max-tasks", "5").err
    assert project.status("some")["pending"] == 15


def test_max_time_stops_the_running_tasks_and_releases_them(project: Project) -> None:
    project.declare("long", grid(3), ENDLESS)
    worked = project.run("work", "long", "--max-time", "1s")
    assert worked.code == 0
    assert "reached --max-time" in worked.err
    assert project.status("long")["pending"] == 3
    assert project.events("long", "failed") == []


def test_a_task_that_would_not_finish_within_max_time_is_not_started(project: Project) -> None:
    project.declare("fits", grid(5), ENDLESS.replace("600", "3"))
    worked = project.run("work", "fits", "--max-time", "5s")
    assert (worked.code, len(started(project))) == (0, 1)
    assert "reached --max-time" in worked.err


def test_no_wait_leaves_the_tasks_of_others_alone(project: Project) -> None:
    project.declare("others", grid(1), ENDLESS)
    busy = project.start("work", "others")
    until(lambda: started(project))
    worked = project.run("work", "others", "--no-wait", member="ben")
    assert worked.code == 0
    assert "ran 0 tasks" in worked.err
    assert {event["writer"][:3] for event in project.events("others")} == {"ana"}
    busy.terminate()
    end(busy)


def test_work_without_a_name_does_all_sweeps_that_are_not_finished(project: Project) -> None:
    for name in ("first", "second"):
        project.declare(name, grid(2), QUICK)
    project.declare("by-hand", "method: grid\nparameters: {x: {values: [1]}}\n")
    assert "ran 4 tasks" in project.run("work").err
    assert "no sweep has tasks to run" in project.run("work").err
    assert project.status("by-hand")["pending"] == 1


def test_a_paused_sweep_starts_no_task_until_it_is_resumed(project: Project) -> None:
    project.declare("steered", grid(10), WAITS_FOR_GO)
    worker = project.start("work", "steered")
    until(lambda: started(project))
    assert project.run("pause", "steered", member="ben").code == 0
    project.write("go", "")
    until(lambda: project.status("steered")["done"] == 1)
    assert project.status("steered")["state"] == "paused"
    other = project.run("work", "steered", "--no-wait", member="ben")
    assert (
        "ran 0 tasks: 0 done, 0 failed; the sweep is paused; next: colabctl resume steered"
        in other.err
    )
    assert (worker.poll(), len(started(project))) == (None, 1)
    assert project.run("resume", "steered").code == 0
    assert end(worker).code == 0
    assert project.status("steered")["done"] == 10


def test_a_stopped_sweep_finishes_its_running_tasks_and_ends_its_workers(project: Project) -> None:
    project.declare("stopped", grid(10), WAITS_FOR_GO)
    worker = project.start("work", "stopped")
    until(lambda: started(project))
    assert project.run("stop", "stopped", member="ben").code == 0
    project.write("go", "")
    ended = end(worker)
    assert ended.code == 0
    assert "the sweep is stopped; next: colabctl resume stopped" in ended.err
    status = project.status("stopped")
    assert (status["state"], status["done"], status["cancelled"], status["pending"]) == (
        "stopped",
        1,
        9,
        0,
    )
    assert "ran 0 tasks" in project.run("work", "stopped").err
    assert project.run("resume", "stopped").code == 0
    assert project.run("work", "stopped").code == 0
    assert project.status("stopped")["state"] == "finished"


def test_a_worker_that_fell_silent_and_wakes_up_repeats_nothing_that_counts(
    project: Project,
) -> None:
    # As when a laptop sleeps: its task goes to another one, and both bring a result.
    program = """
import os, pathlib, time
def train(params, task):
    if task.attempt == 1:
        pathlib.Path("started-1").write_text(str(os.getppid()))
        deadline = time.monotonic() + 120
        while not pathlib.Path("woken").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    return {"attempt": task.attempt}
"""
    project.declare("sleeps", grid(1), program)
    sleeper = project.start("work", "sleeps", COLABCTL_LEASE="1s")
    until(lambda: started(project))
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert project.run("work", "sleeps", member="ben").code == 0
    project.write("woken", "")
    os.kill(sleeper.pid, signal.SIGCONT)
    assert end(sleeper).code == 0
    assert [(row["member"], row["metrics"]) for row in project.results("sleeps")] == [
        ("ben", {"attempt": 2})
    ]
    assert project.status("sleeps")["done"] == 1


def test_six_processes_claim_no_task_twice(project: Project) -> None:
    project.declare("crowd", grid(600), QUICK)
    end_together([project.start("work", "crowd", member=member) for member in ("ana", "ben") * 3])
    claims = Counter(
        index for event in project.events("crowd", "claim") for index, _ in event["tasks"]
    )
    given_back = Counter(
        index for event in project.events("crowd", "released") for index in event["tasks"]
    )
    assert {index: claims[index] - given_back[index] for index in range(600)} == dict.fromkeys(
        range(600), 1
    )
    done = Counter(event["task"] for event in project.events("crowd", "done"))
    assert done == Counter(range(600))
    assert [row["metrics"]["y"] for row in project.results("crowd")] == list(range(600))
