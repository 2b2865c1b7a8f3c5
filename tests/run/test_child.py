"""The process that runs tasks: it imports the code once and runs one task after the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.run.messages import Ready, decode
from tests.processes import Project, clean, until
from tests.run.function_settings import function_settings
from tests.run.functions import grid, unindented


def test_the_code_is_imported_once_and_serves_many_tasks(project: Project) -> None:
    program = """
        import os, pathlib
        with open("imports.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")

        def train(params, task):
            return {"pid": os.getpid()}
    """
    project.declare("once", grid(200), unindented(program))
    assert project.run("work", "once").code == 0
    imports = (project.root / "imports.txt").read_text().split()
    assert {str(row["metrics"]["pid"]) for row in project.results("once")} == set(imports)
    assert len(imports) == 1


def test_a_process_that_dies_fails_its_task_and_is_replaced(project: Project) -> None:
    program = """
        import os, signal

        def train(params, task):
            print("last words of", params["x"], flush=True)
            if params["x"] == 10:
                os._exit(3)
            if params["x"] == 20:
                os._exit(0)
            if params["x"] == 30:
                os.kill(os.getpid(), signal.SIGKILL)
            if params["x"] == 35:
                os.abort()
            return {"pid": os.getpid()}
    """
    project.declare("mortal", grid(40, "max_retries: 0"), unindented(program))
    worked = project.run("work", "mortal")
    assert worked.code == 1
    rows = project.results("mortal")
    assert {row["index"]: row["error"] for row in rows if row["status"] == "failed"} == {
        10: "its process ended with exit code 3; its last line: last words of 10",
        20: "its process ended with exit code 0; its last line: last words of 20",
        30: "its process was killed by SIGKILL; its last line: last words of 30",
        35: "its process was killed by SIGABRT: Fatal Python error: Aborted",
    }
    assert len({row["metrics"]["pid"] for row in rows if row["status"] == "done"}) <= 5
    outputs = {event["task"]: event["output"] for event in project.events("mortal", "failed")}
    crashed = outputs.pop(35)
    assert outputs == {index: f"last words of {index}" for index in (10, 20, 30)}
    assert crashed.splitlines() == [
        "last words of 35",
        "Fatal Python error: Aborted",
        "",
        "Stack (most recent call first):",
        '  File "train.py", line 12 in train',
    ]


def test_the_death_of_a_process_is_noticed_even_if_its_children_live(project: Project) -> None:
    program = """
        import os, time

        def train(params, task):
            if params["x"] == 0 and os.fork() == 0:
                time.sleep(600)  # holds all that was open in its parent
            if params["x"] == 0:
                os._exit(1)
    """
    project.declare("orphans", grid(3, "max_retries: 0"), unindented(program))
    assert project.run("work", "orphans").code == 1
    assert {row["index"]: row["status"] for row in project.results("orphans")} == {
        0: "failed",
        1: "done",
        2: "done",
    }


def test_a_process_whose_worker_dies_in_the_middle_of_a_message_ends(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("def train(params, task):\n    pass\n")
    settings = function_settings(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "colabctl.run.child", settings.encode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert decode(process.stdout.readline()) == Ready()
        process.stdin.write(b'{"type":"Assign","assign')
        process.stdin.close()
        try:
            until(lambda: process.poll() is not None)
        finally:
            process.kill()
            process.wait()


def test_no_process_serves_two_tasks_at_a_time(project: Project) -> None:
    program = """
        import os, threading
        busy = threading.Lock()

        def train(params, task):
            assert busy.acquire(blocking=False), "another task is here"
            sum(range(20000))
            busy.release()
            return {"pid": os.getpid()}
    """
    project.declare("alone", grid(100), unindented(program))
    assert project.run("work", "alone", "--jobs", "3").code == 0
    rows = project.results("alone")
    assert [row["status"] for row in rows] == ["done"] * 100
    assert len({row["metrics"]["pid"] for row in rows}) <= 3


def test_jobs_run_side_by_side_as_many_as_asked_for(project: Project) -> None:
    # Each task ends only once three have started, and returns how many it saw.
    program = """
        import os, pathlib, time

        def train(params, task):
            started = pathlib.Path("started")
            started.mkdir(exist_ok=True)
            (started / task.name).touch()
            deadline = time.monotonic() + 120
            while len(list(started.iterdir())) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            return {"pid": os.getpid(), "started": len(list(started.iterdir()))}
    """
    project.declare("abreast", grid(3), unindented(program))
    assert project.run("work", "abreast", "--jobs", "3").code == 0
    rows = project.results("abreast")
    assert [row["metrics"]["started"] for row in rows] == [3, 3, 3]
    assert len({row["metrics"]["pid"] for row in rows}) == 3


DEVICES = """
import os, pathlib, time

def train(params, task):
    started = pathlib.Path("started")
    started.mkdir(exist_ok=True)
    (started / task.name).touch()
    deadline = time.monotonic() + 120
    while len(list(started.iterdir())) < params["together"] and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"device": os.environ.get("CUDA_VISIBLE_DEVICES")}
"""


def devices(project: Project, tasks: int, jobs: int, **environ: str) -> list[str | None]:
    text = (
        "method: grid\nprogram: train.py:train\nparameters:\n"
        f"  x: {{values: {list(range(tasks))}}}\n  together: {{value: {jobs}}}\n"
    )
    project.declare("devices", text, DEVICES)
    assert project.run("work", "devices", "--jobs", str(jobs), **environ).code == 0
    return sorted(row["metrics"]["device"] or "" for row in project.results("devices"))


def test_each_slot_sees_its_own_gpu(project: Project) -> None:
    assert devices(project, 2, 2, CUDA_VISIBLE_DEVICES="4,GPU-7") == ["4", "GPU-7"]


def test_more_jobs_than_gpus_share_them_evenly(project: Project) -> None:
    assert devices(project, 4, 4, CUDA_VISIBLE_DEVICES="0,1") == ["0", "0", "1", "1"]


def test_one_job_sees_all_gpus(project: Project) -> None:
    assert devices(project, 1, 1, CUDA_VISIBLE_DEVICES="0,1") == ["0,1"]


def test_gpus_are_counted_by_the_drivers_own_tool(project: Project) -> None:
    tool = project.write("bin/nvidia-smi", "#!/bin/sh\necho 'GPU 0: A (x)'\necho 'GPU 1: A (y)'\n")
    tool.chmod(0o755)
    assert devices(project, 2, 2, PATH=f"{tool.parent}:/usr/bin:/bin") == ["0", "1"]


def test_what_a_finished_task_still_reports_is_not_taken_for_the_next_ones(
    project: Project,
) -> None:
    program = """
        import threading, time

        def late(task, reported):
            for _ in range(40):
                task.report(step=0, of=task.index)
                reported.set()
                time.sleep(0.005)

        def train(params, task):
            reported = threading.Event()
            threading.Thread(target=late, args=(task, reported)).start()
            reported.wait()
    """
    project.declare("late", grid(6), unindented(program))
    worked = project.run("work", "late")
    assert worked.code == 0, worked.err
    assert [row["status"] for row in project.results("late")] == ["done"] * 6
    assert {(r["task"], r["values"]["of"]) for r in project.reports("late")} == {
        (index, index) for index in range(6)
    }


def test_a_task_that_reads_its_input_finds_it_empty(project: Project) -> None:
    program = """
        import subprocess, sys

        def train(params, task):
            own = sys.stdin.read()
            child = subprocess.run(["cat"], capture_output=True, text=True).stdout
            return {"own": own, "child": child}
    """
    project.declare("reads", grid(30), unindented(program))
    assert project.run("work", "reads").code == 0
    assert {tuple(row["metrics"].items()) for row in project.results("reads")} == {
        (("own", ""), ("child", ""))
    }


def test_only_the_frozen_copy_runs_whatever_is_in_the_project_now(project: Project) -> None:
    project.write("notebooks/ana/lib/__init__.py", "VALUE = 'frozen'\n")
    text = grid(1, "code: [notebooks/ana/lib]").replace("train.py", "notebooks/ana/train.py")
    program = """
        import os
        from lib import VALUE

        def train(params, task):
            try:
                import planted
            except ImportError:
                return {"value": VALUE, "folder": os.getcwd()}
            return {"value": "planted"}
    """
    project.declare("frozen", text, unindented(program))
    project.write("notebooks/ana/lib/__init__.py", "VALUE = 'changed'\n")
    project.write("notebooks/ana/train.py", "raise RuntimeError('changed')\n")
    for folder in ("", "notebooks/ana/", "sweeps/frozen/"):
        project.write(f"{folder}planted.py", "")
    worked = project.run("work", "frozen")
    assert worked.code == 0, worked.err
    [row] = project.results("frozen")
    assert row["metrics"] == {"value": "frozen", "folder": str(project.root)}


def test_modules_in_the_project_never_replace_the_commands_own(
    project: Project,
) -> None:
    command = Path(sys.executable).with_name("colabctl")
    if not command.exists():
        pytest.skip("needs the installed command")
    project.declare("safe", grid(2), "def train(params, task):\n    return {'y': 1}\n")
    for name in ("yaml", "typer", "rich", "json", "sitecustomize", "colabctl"):
        project.write(f"{name}.py", "open('planted', 'w')\n")
    environ = {**clean(os.environ), "COLABCTL_MEMBER": "ana"}
    for arguments in (["status"], ["work", "safe"], ["results", "safe"]):
        subprocess.run([command, *arguments], check=True, env=environ, cwd=project.root)
    assert project.status("safe")["done"] == 2
    assert not (project.root / "planted").exists()


def test_frozen_code_that_was_changed_in_the_folder_does_not_run(project: Project) -> None:
    project.declare("frozen", grid(1), "def train(params, task):\n    pass\n")
    project.write("sweeps/frozen/code/train.py", "def train(params, task):\n    evil()\n")
    worked = project.run("work", "frozen")
    assert worked.code == 1
    assert worked.err.count("\n") == 1
    assert "is not the code that was declared" in worked.err
    assert project.events("frozen") == []


def test_a_program_in_another_folder_imports_the_modules_next_to_it(project: Project) -> None:
    project.write("src/model.py", "def score(x):\n    return x + 1\n")
    text = grid(1, "code: [src/model.py]").replace("train.py", "src/train.py")
    project.declare(
        "neighbour",
        text,
        "from model import score\ndef train(params, task):\n    return {'y': score(params['x'])}\n",
    )
    assert project.run("work", "neighbour").code == 0
    assert project.results("neighbour")[0]["metrics"] == {"y": 1}


def test_a_function_may_start_processes(project: Project) -> None:
    program = """
        import multiprocessing

        def square(x):
            return x * x

        def train(params, task):
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                return {"squares": pool.map(square, [1, 2, 3])}
    """
    project.declare("pool", grid(1), unindented(program))
    worked = project.run("work", "pool")
    assert worked.code == 0, worked.err
    assert project.results("pool")[0]["metrics"] == {"squares": [1, 4, 9]}
