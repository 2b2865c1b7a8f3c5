"""What the processes of a task record arrives once, whole, and never in a file of the user's."""

import multiprocessing
from pathlib import Path

import pytest

from tests.processes import Project, linux
from tests.run.functions import grid, unindented

pytestmark = linux

FIT = """
        import concurrent.futures, multiprocessing, os, pickle, sys, threading, time

        def fit(params, task, part=0):
            for step in range(3):
                task.report(step=step, part=part, pad="x" * params.get("pad", 0))
            task.done(**{f"part{part}": os.getpid() != params["parent"]})

        def train(params, task):
            params = {**params, "parent": os.getpid()}
"""


def work(project: Project, body: str, tasks: int = 1, more: str = "max_retries: 0") -> None:
    program = unindented(FIT) + "".join(f"    {line}\n" for line in body.strip().splitlines())
    project.declare("parts", grid(tasks, more), program)
    worked = project.run("work", "parts")
    assert worked.code == project.status("parts")["failed"], worked.err


def reported(project: Project) -> list[tuple[int, float | None, object]]:
    reports = [(r["task"], r["step"], r["values"]["part"]) for r in project.reports("parts")]
    return sorted(reports)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_other_processes_record_reports_and_metrics(project: Project, method: str) -> None:
    body = f"""
context = multiprocessing.get_context({method!r})
processes = [context.Process(target=fit, args=(params, task, part)) for part in range(3)]
for process in processes: process.start()
for process in processes: process.join()
return {{"codes": [process.exitcode for process in processes]}}
"""
    work(project, body, tasks=2)
    rows = project.results("parts")
    expected = {"codes": [0, 0, 0], "part0": True, "part1": True, "part2": True}
    assert [row["metrics"] for row in rows] == [expected] * 2
    assert reported(project) == [(t, s, p) for t in range(2) for s in range(3) for p in range(3)]


def test_a_pool_records_and_so_does_the_function_itself(project: Project) -> None:
    body = """
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    list(pool.map(fit, [params] * 2, [task] * 2, range(2)))
fit(params, task, 2)
"""
    work(project, body)
    [row] = project.results("parts")
    assert row["metrics"] == {"part0": True, "part1": True, "part2": False}
    assert reported(project) == [(0, step, part) for step in range(3) for part in range(3)]


def test_long_reports_of_several_processes_are_not_mixed(project: Project) -> None:
    body = """
params["pad"] = 100_000
context = multiprocessing.get_context("fork")
processes = [context.Process(target=fit, args=(params, task, part)) for part in range(4)]
for process in processes: process.start()
for process in processes: process.join()
"""
    work(project, body)
    assert {len(r["values"]["pad"]) for r in project.reports("parts")} == {100_000}
    assert reported(project) == [(0, step, part) for step in range(3) for part in range(4)]


def test_no_byte_of_a_forked_process_goes_into_a_file_of_its_own(project: Project) -> None:
    body = """
child = os.fork()
if child == 0:
    files = [open(f"own{number}", "w") for number in range(30)]
    for file in files: file.write("mine")
    task.report(step=0, part=0)
    for file in files: file.close()
    sys.exit(0)
os.waitpid(child, 0)
"""
    work(project, body)
    assert {(project.root / f"own{number}").read_text() for number in range(30)} == {"mine"}
    assert reported(project) == [(0, 0, 0)]


def test_a_forked_process_that_returns_ends_and_runs_no_other_task(project: Project) -> None:
    body = """
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
return {"part": int(child > 0)}
"""
    work(project, body, tasks=5)
    assert [row["metrics"] for row in project.results("parts")] == [{"part": 1}] * 5


def test_a_task_that_closes_every_file_fails_and_writes_into_none(project: Project) -> None:
    body = """
if task.index == 0:
    os.closerange(3, 200)
    files = [open(f"own{number}", "w") for number in range(30)]
return {"part": 1}
"""
    work(project, body, tasks=3)
    assert {(project.root / f"own{number}").read_text() for number in range(30)} == {""}
    rows = project.results("parts")
    assert [row["status"] for row in rows] == ["failed", "done", "done"]


def test_a_process_that_outlives_its_task_is_told_so(project: Project) -> None:
    body = """
go, told = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.read(go[0], 1)
    try:
        task.report(step=0, part=0)
    except BaseException as error:
        with open("late.txt", "w") as file: file.write(str(error))
    os.write(told[1], b"x")
    os._exit(0)
def later():
    while not hasattr(train, "other"): time.sleep(0.01)
    os.write(go[1], b"x")
if not hasattr(train, "told"):  # the first task, whichever it is
    train.told = told[0]
    threading.Thread(target=later, daemon=True).start()
else:
    os.write(go[1], b"x")
    train.other = True
    os.read(train.told, 1)
"""
    work(project, body, tasks=2)
    assert " has ended, so" in (project.root / "late.txt").read_text() or reported(project)


def test_other_processes_learn_that_the_task_should_stop(project: Project) -> None:
    body = """
context = multiprocessing.get_context("fork")
process = context.Process(target=until_stopped, args=(task,))
process.start()
process.join(60)
return {"loss": 1.0, "stopped": task.should_stop(), "code": process.exitcode}

def until_stopped(task):
    step, bad = 0, os.path.exists("good")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        step += 1
        if task.report(step=step, loss=1.0 if bad else 0.1):
            return
        if not bad and step > 5:
            open("good", "w").close()
            return
        time.sleep(0.01)
    os._exit(7)
"""
    program = unindented(FIT) + "".join(
        f"    {line}\n" for line in body.strip().partition("\n\n")[0].splitlines()
    )
    program += "\n" + body.strip().partition("\n\n")[2] + "\n"
    more = "metric: {name: loss}\nearly_terminate: {type: median, n_startup_trials: 1}"
    project.declare("parts", grid(2, more), program)
    worked = project.run("work", "parts")
    assert worked.code == 0, worked.err
    assert sorted(row["status"] for row in project.results("parts")) == ["done", "pruned"]


def test_nothing_is_left_in_the_temporary_folder(project: Project, tmp_path: Path) -> None:
    body = """
process = multiprocessing.get_context("fork").Process(target=fit, args=(params, task))
process.start(); process.join()
return {"left": [name for name in os.listdir(os.path.dirname(__file__) + "/..") if "task-" in name]}
"""
    work(project, body, tasks=3)
    rows = project.results("parts")
    assert all(len(row["metrics"]["left"]) <= 1 for row in rows)
