"""Functions as programs: a process imports the code once and serves one task after the other."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.processes import Project, clean

GRID = """
method: grid
program: train.py:train
parameters: {{x: {{values: {values}}}}}
{more}
"""


def grid(tasks: int, more: str = "") -> str:
    return GRID.format(values=list(range(tasks)), more=more)


def test_parameters_come_in_and_the_returned_metrics_are_the_result(project: Project) -> None:
    project.declare(
        "double",
        grid(3),
        "def train(params, task):\n    return {'twice': 2 * params['x'], 'name': task.name}\n",
    )
    worked = project.run("work", "double")
    assert worked.code == 0
    assert [(row["params"], row["metrics"]) for row in project.results("double")] == [
        ({"x": x}, {"twice": 2 * x, "name": f"t{x:06d}"}) for x in range(3)
    ]


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
    assert worked.code == 0
    rows = project.results("mortal")
    assert {row["index"]: row["error"] for row in rows if row["status"] == "failed"} == {
        10: "its process ended with exit code 3",
        20: "its process ended with exit code 0",
        30: "its process was killed by SIGKILL (often the machine ran out of memory)",
        35: "its process was killed by SIGABRT",
    }
    assert len({row["metrics"]["pid"] for row in rows if row["status"] == "done"}) <= 5
    outputs = {event["task"]: event["output"] for event in project.events("mortal", "failed")}
    assert outputs == {index: f"last words of {index}" for index in (10, 20, 30, 35)}


def test_a_process_that_dies_is_noticed_though_its_own_children_live(project: Project) -> None:
    program = """
        import os, time

        def train(params, task):
            if params["x"] == 0 and os.fork() == 0:
                time.sleep(600)  # holds all that was open in its parent
            if params["x"] == 0:
                os._exit(1)
    """
    project.declare("orphans", grid(3, "max_retries: 0"), unindented(program))
    assert project.run("work", "orphans").code == 0
    assert {row["index"]: row["status"] for row in project.results("orphans")} == {
        0: "failed",
        1: "done",
        2: "done",
    }


def test_no_process_serves_two_tasks_at_a_time(project: Project) -> None:
    program = """
        import os, threading
        busy = threading.Lock()

        def train(params, task):
            assert busy.acquire(blocking=False), "somebody else is here"
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
    # Each task ends only once three have begun, and tells how many it saw at most.
    program = """
        import os, pathlib, time

        def train(params, task):
            begun = pathlib.Path("begun")
            begun.mkdir(exist_ok=True)
            (begun / task.name).touch()
            deadline = time.monotonic() + 30
            while len(list(begun.iterdir())) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            return {"pid": os.getpid(), "begun": len(list(begun.iterdir()))}
    """
    project.declare("abreast", grid(3), unindented(program))
    assert project.run("work", "abreast", "--jobs", "3").code == 0
    rows = project.results("abreast")
    assert [row["metrics"]["begun"] for row in rows] == [3, 3, 3]
    assert len({row["metrics"]["pid"] for row in rows}) == 3


DEVICES = """
import os, pathlib, time

def train(params, task):
    begun = pathlib.Path("begun")
    begun.mkdir(exist_ok=True)
    (begun / task.name).touch()
    deadline = time.monotonic() + 30
    while len(list(begun.iterdir())) < params["together"] and time.monotonic() < deadline:
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


def test_each_job_sees_a_gpu_of_its_own(project: Project) -> None:
    assert devices(project, 2, 2, CUDA_VISIBLE_DEVICES="4,GPU-7") == ["4", "GPU-7"]


def test_more_jobs_than_gpus_share_them_evenly(project: Project) -> None:
    assert devices(project, 4, 4, CUDA_VISIBLE_DEVICES="0,1") == ["0", "0", "1", "1"]


def test_one_job_sees_all_gpus(project: Project) -> None:
    assert devices(project, 1, 1, CUDA_VISIBLE_DEVICES="0,1") == ["0,1"]


def test_gpus_are_counted_by_the_drivers_own_tool(project: Project) -> None:
    tool = project.write("bin/nvidia-smi", "#!/bin/sh\necho 'GPU 0: A (x)'\necho 'GPU 1: A (y)'\n")
    tool.chmod(0o755)
    assert devices(project, 2, 2, PATH=f"{tool.parent}:/usr/bin:/bin") == ["0", "1"]


def outcomes(project: Project, bodies: Iterable[str]) -> list[object]:
    """Return what became of a task with each of these bodies: its error, or else its metrics."""
    cases = list(enumerate(bodies))
    program = "".join(f"def case{x}(params, task):\n    {body}\n" for x, body in cases)
    program += (
        "def train(params, task):\n    return globals()[f'case{params[\"x\"]}'](params, task)\n"
    )
    project.declare("cases", grid(len(cases), "max_retries: 0"), program)
    for _ in cases:  # a worker whose first five tasks fail gives up, and the next one goes on
        if project.status("cases")["state"] != "finished":
            project.run("work", "cases")
    return [row["error"] or row["metrics"] for row in project.results("cases")]


def test_a_task_that_goes_wrong_is_recorded_with_what_is_wrong(project: Project) -> None:
    wrong = {
        "raise ValueError('no such thing')": "ValueError: no such thing",
        "raise SystemExit('enough')": "sys.exit('enough')",
        "raise KeyboardInterrupt": "KeyboardInterrupt",
        "assert params is None": "AssertionError",
        "raise ValueError('two\\nlines')": "ValueError: two lines",
        "return 0.5": "the function returned a float; "
        'return a dict of metrics, such as {"accuracy": 0.91}',
        "return {'model': object()}": "TypeError: metric 'model' is of type object; "
        "use a number or text",
        "task.report(step=1, loss=[object()])": "TypeError: metric 'loss' is of type object; "
        "use a number or text",
    }
    assert outcomes(project, wrong) == list(wrong.values())


def test_what_a_function_gives_back_is_its_metrics(project: Project) -> None:
    right: dict[str, dict[str, object]] = {
        "pass": {},
        "import sys; sys.exit(0)": {},
        "task.done(a=1); task.done(b=2)": {"a": 1, "b": 2},
        "task.done(a=1, b=1); return {'b': 2}": {"a": 1, "b": 2},
        "return {'nan': float('nan'), 'inf': float('-inf')}": {"nan": None, "inf": None},
        "return {'flag': True, 'none': None, 'list': (1, [2]), 'map': {'a': 1}}": {
            "flag": True,
            "none": None,
            "list": [1, [2]],
            "map": {"a": 1},
        },
        "return {'ä': 'naïve 漢'}": {"ä": "naïve 漢"},
        "return {'half a character': chr(0xD800)}": {"half a character": "\ud800"},
        "return {'text': 'x' * 1_000_000}": {"text": "x" * 1_000_000},
    }
    assert outcomes(project, right) == list(right.values())


def test_numbers_of_numpy_are_numbers(project: Project) -> None:
    pytest.importorskip("numpy")
    body = "import numpy as np; return {'f': np.float32(0.5), 'i': np.int64(7), 'a': np.ones(1)}"
    assert outcomes(project, [body]) == [{"f": 0.5, "i": 7, "a": 1.0}]


def test_a_failure_keeps_the_last_forty_lines_of_its_output(project: Project) -> None:
    program = """
        import os, subprocess, sys

        def train(params, task):
            for number in range(60):
                print("line", number)
            sys.stderr.write("a warning\\n")
            subprocess.run(["echo", "from a child"])
            os.write(1, b"straight to the descriptor\\n")
            print("without an end", end="")
            raise RuntimeError("here")
    """
    project.declare("output", grid(1, "max_retries: 0"), unindented(program))
    assert project.run("work", "output").code == 0
    [failure] = project.events("output", "failed")
    lines = failure["output"].splitlines()
    assert len(lines) == 40
    assert {"line 59", "a warning", "from a child", "straight to the descriptor"} <= set(lines)
    assert any("without an end" in line for line in lines)
    assert lines[-1] == "RuntimeError: here"
    assert "line 10" not in lines


def test_the_output_of_a_failure_is_its_own_and_not_that_of_the_task_before(
    project: Project,
) -> None:
    program = """
        def train(params, task):
            print("this is", task.name, end=params["end"])
            raise RuntimeError
    """
    text = grid(2, "max_retries: 0").replace("parameters: {", "parameters: {end: {value: '!'}, ")
    project.declare("own", text, unindented(program))
    assert project.run("work", "own").code == 0
    for failure in project.events("own", "failed"):
        named = [name for name in ("t000000", "t000001") if name in failure["output"]]
        assert named == [f"t{failure['task']:06d}"]


def test_intermediate_values_stand_in_the_journal(project: Project) -> None:
    program = """
        def train(params, task):
            for step in range(3):
                stop = task.report(step=step, loss=1 / (step + 1))
                assert stop is False
    """
    project.declare("steps", grid(2), unindented(program))
    assert project.run("work", "steps").code == 0
    reports = project.reports("steps")
    assert [(r["step"], r["values"]) for r in reports if r["task"] == 1] == [
        (0, {"loss": 1.0}),
        (1, {"loss": 0.5}),
        (2, {"loss": 1 / 3}),
    ]


def test_what_a_finished_task_still_reports_is_not_taken_for_the_next_ones(
    project: Project,
) -> None:
    program = """
        import threading, time

        def late(task):
            for _ in range(40):
                time.sleep(0.005)
                task.report(step=0, of=task.index)

        def train(params, task):
            threading.Thread(target=late, args=(task,)).start()
            time.sleep(0.05)
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


def test_only_the_frozen_copy_runs_whatever_lies_in_the_project_now(project: Project) -> None:
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


def test_modules_that_lie_in_the_project_are_not_taken_for_the_commands_own(
    project: Project,
) -> None:
    command = Path(sys.executable).with_name("colabctl")
    if not command.exists():
        pytest.skip("needs the installed command")
    project.declare("safe", grid(2), "def train(params, task):\n    return {'y': 1}\n")
    for name in ("yaml", "typer", "rich", "filelock", "json", "sitecustomize", "colabctl"):
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


def test_a_second_attempt_finds_what_the_first_one_left(project: Project) -> None:
    program = """
        def train(params, task):
            if task.attempt == 1:
                (task.folder / "half.txt").write_text("half done")
                raise RuntimeError
            return {"found": [(folder / "half.txt").read_text() for folder in task.earlier]}
    """
    project.declare("again", grid(1), unindented(program))
    assert project.run("work", "again").code == 0
    [row] = project.results("again")
    assert (row["attempt"], row["metrics"]) == (2, {"found": ["half done"]})


def test_a_folder_is_made_only_for_a_task_that_asks_for_it(project: Project) -> None:
    project.declare(
        "tidy",
        grid(3),
        "def train(params, task):\n    if params['x'] == 1:\n        task.folder\n",
    )
    assert project.run("work", "tidy").code == 0
    made = [path for path in (project.root / "sweeps/tidy/runs").rglob("*") if path.is_dir()]
    assert [path.name[:8] for path in made if path.name.startswith("0000")] == ["000001-1"]


def test_a_program_in_another_folder_imports_what_lies_beside_it(project: Project) -> None:
    project.write("src/model.py", "def score(x):\n    return x + 1\n")
    text = grid(1, "code: [src/model.py]").replace("train.py", "src/train.py")
    project.declare(
        "beside",
        text,
        "from model import score\ndef train(params, task):\n    return {'y': score(params['x'])}\n",
    )
    assert project.run("work", "beside").code == 0
    assert project.results("beside")[0]["metrics"] == {"y": 1}


def test_a_function_may_use_processes_of_its_own(project: Project) -> None:
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


def unindented(text: str) -> str:
    lines = text.strip("\n").splitlines()
    return "\n".join(line[8:] for line in lines) + "\n"
