"""Tasks that fail: recorded, tried again, and never the end of a sweep; and when a worker gives up."""

import re

import pytest

from tests.processes import Project, linux, until

GRID = "method: grid\nprogram: train.py:train\nparameters: {{x: {{values: {values}}}}}\n{more}\n"


def grid(tasks: int, more: str = "") -> str:
    return GRID.format(values=list(range(tasks)), more=more)


@pytest.mark.parametrize(
    ("retries", "attempts"), [("", 2), ("max_retries: 0", 1), ("max_retries: 3", 4)]
)
def test_a_failed_task_is_retried_as_often_as_the_sweep_allows(
    project: Project, retries: str, attempts: int
) -> None:
    program = """
def train(params, task):
    if params["x"] == 7:
        raise ValueError(f"attempt {task.attempt}")
    return {"y": 1}
"""
    project.declare("stubborn", grid(12, retries), program)
    worked = project.run("work", "stubborn")
    assert worked.code == 1
    rows = project.results("stubborn")
    assert [row["status"] for row in rows] == ["done"] * 7 + ["failed"] + ["done"] * 4
    assert (rows[7]["attempt"], rows[7]["error"]) == (attempts, f"ValueError: attempt {attempts}")
    failures = project.events("stubborn", "failed")
    assert [failure["attempt"] for failure in failures] == list(range(1, attempts + 1))
    assert worked.err.count("t000007 failed") == attempts


def test_a_task_that_works_the_second_time_is_done(project: Project) -> None:
    program = """
def train(params, task):
    if task.attempt == 1:
        raise ConnectionError("try again")
    return {"attempt": task.attempt}
"""
    project.declare("flaky", grid(3), program)
    assert project.run("work", "flaky").code == 0
    assert [
        (row["status"], row["attempt"], row["metrics"]) for row in project.results("flaky")
    ] == [("done", 2, {"attempt": 2})] * 3


def test_a_worker_whose_first_five_tasks_fail_stops_and_says_why(project: Project) -> None:
    program = "def train(params, task):\n    print('looking')\n    open('data/raw/missing.csv')\n"
    project.declare("hopeless", grid(50), program)
    worked = project.run("work", "hopeless")
    assert worked.code == 1
    # A task that failed may be tried again before five others have failed.
    first = r"the first 5 (tasks of this worker|attempts of this worker, at [34] tasks,) all failed"
    rest = (
        ", the last one with: "
        "FileNotFoundError: [Errno 2] No such file or directory: 'data/raw/missing.csv'; "
        "if the problem is on this machine, fix it and restart the worker; if it is in the "
        "program, fix that and declare it again: colabctl sweep FILE --replace"
    )
    assert re.fullmatch(f"colabctl: {first}{re.escape(rest)}", worked.err.splitlines()[-1])
    assert "looking" in worked.err
    assert "Traceback" in worked.err  # the task's, to fix it by
    assert 5 <= len(project.events("hopeless", "failed")) <= 7  # one may be on its way already
    status = project.status("hopeless")
    assert status["pending"] + status["failed"] == 50
    assert [worker["state"] for worker in status["workers"]] == ["ended"]


def test_many_failures_do_not_stop_a_worker_that_had_a_success(project: Project) -> None:
    program = """
def train(params, task):
    open("only the first one succeeds", "x").close()
"""
    project.declare("mostly", grid(12, "max_retries: 0"), program)
    assert project.run("work", "mostly").code == 1
    counts = project.status("mostly")
    assert (counts["state"], counts["done"], counts["failed"]) == ("finished", 1, 11)


def test_of_many_attempts_with_one_error_a_worker_names_the_first_ten_and_some_later_ones(
    project: Project,
) -> None:
    program = """
def train(params, task):
    try:
        open("only the first one succeeds", "x").close()
    except OSError:
        raise ValueError("diverged") from None
"""
    project.declare("many", grid(70, "max_retries: 0"), program)
    worked = project.run("work", "many")
    said = [line for line in worked.err.splitlines() if "ValueError: diverged" in line]
    counts = [line.partition(" (")[2] for line in said]
    assert counts == [""] * 10 + [f"{n} attempts failed so)" for n in (16, 32, 64)]
    assert project.status("many")["failed"] == 69


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import no_such_module\ndef train(params, task): pass\n", "No module named 'no_such_module'"),
        ("raise RuntimeError('not\\ntoday')\ndef train(params, task): pass\n", "RuntimeError: not today"),
        ("import sys\nsys.exit(3)\ndef train(params, task): pass\n", "SystemExit: 3"),
        ("import os\nos._exit(3)\ndef train(params, task): pass\n", "ended with exit code 3 while loading"),
        ("train = 3\n", "program: train.py has no function train"),
    ],
)  # fmt: skip
def test_code_that_cannot_be_imported_stops_the_worker_and_no_task_is_blamed(
    project: Project, program: str, reason: str
) -> None:
    project.declare("broken", grid(20), program)
    worked = project.run("work", "broken", "--jobs", "2")
    assert worked.code == 1
    last = worked.err.splitlines()[-1]
    assert last.startswith("colabctl: the code cannot be loaded: ")
    assert reason in last
    status = project.status("broken")
    assert (status["pending"], status["failed"], status["done"]) == (20, 0, 0)
    assert project.events("broken", "failed") == []


def test_a_task_that_runs_out_of_time_fails_and_its_process_ends(project: Project) -> None:
    program = """
import os, time
def train(params, task):
    print("pid", os.getpid(), flush=True)
    while params["x"] == 1:
        time.sleep(0.01)
"""
    project.declare("slow", grid(4, "max_retries: 0\ntask_timeout: 2s"), program)
    assert project.run("work", "slow").code == 1
    rows = project.results("slow")
    assert [row["status"] for row in rows] == ["done", "failed", "done", "done"]
    assert rows[1]["error"] == "ran longer than 2 s (task timeout)"
    assert rows[1]["seconds"] > 2
    [failure] = project.events("slow", "failed")
    assert failure["output"].startswith("pid ")


def test_the_option_for_the_task_timeout_wins_over_the_other_settings(project: Project) -> None:
    program = "import time\ndef train(params, task):\n    time.sleep(600)\n"
    project.declare("slow", grid(1, "max_retries: 0\ntask_timeout: 1h"), program)
    worked = project.run("work", "slow", "--task-timeout", "0.3", COLABCTL_TASK_TIMEOUT="2h")
    assert worked.code == 1
    assert project.results("slow")[0]["error"] == "ran longer than 0.3 s (task timeout)"


@linux
def test_what_a_task_has_started_ends_with_it_when_its_time_is_over(project: Project) -> None:
    program = """
import subprocess
def train(params, task):
    subprocess.run(["sleep", "600"])
"""
    project.declare("parents", grid(1, "max_retries: 0\ntask_timeout: 300ms"), program)
    assert project.run("work", "parents").code == 1
    until(lambda: not project.processes())


def test_failed_tasks_run_again_after_a_retry(project: Project) -> None:
    program = "def train(params, task):\n    return {'y': open('fixed').read()}\n"
    project.declare("fixed", grid(4, "max_retries: 0"), program)
    assert project.run("work", "fixed").code == 1
    assert project.status("fixed")["failed"] == 4
    project.write("fixed", "yes")
    assert project.run("retry", "fixed", "--task", "t000002").code == 0
    assert project.run("work", "fixed").code == 1
    assert [row["status"] for row in project.results("fixed")] == ["failed"] * 2 + [
        "done",
        "failed",
    ]
    assert project.run("retry", "fixed", member="ben").code == 0
    assert project.run("work", "fixed").code == 0
    assert [(row["metrics"], row["attempt"]) for row in project.results("fixed")] == [
        ({"y": "yes"}, 2)
    ] * 4


def test_the_tasks_of_a_damaged_file_fail_and_run_after_it_is_restored(project: Project) -> None:
    project.declare("torn", grid(5), "def train(params, task):\n    return {'y': 1}\n")
    file = project.root / "sweeps/torn/tasks/00000.jsonl"
    content = file.read_bytes()
    file.write_bytes(content[:30])
    worked = project.run("work", "torn")
    assert "line 1 of tasks/00000.jsonl of sweep torn is not what was declared" in worked.err
    assert "Traceback" not in worked.err
    assert project.status("torn")["failed"] == 5
    file.write_bytes(content)
    project.run("retry", "torn")
    project.run("work", "torn")
    assert project.status("torn")["done"] == 5


def test_a_task_is_not_blamed_for_a_process_that_an_earlier_task_ruined(project: Project) -> None:
    program = """
import os, threading

gone = threading.Event()
count = 0

def train(params, task):
    global count
    count += 1
    if not os.path.exists("ruined") and count == 1:
        threading.Thread(target=lambda: (gone.wait(), os._exit(5)), daemon=True).start()
    elif not os.path.exists("ruined"):
        open("ruined", "w").close()
        gone.set()
        threading.Event().wait()
    return {"y": 1}
"""
    project.declare("ruined", grid(3, "max_retries: 0"), program)
    worked = project.run("work", "ruined")
    assert worked.err.splitlines()[-1] == (
        "ran 3 tasks: 3 done, 0 failed; the sweep is finished; next: colabctl results ruined"
    )
    assert (
        " runs again: its process ended with exit code 5; because it had run another task "
        "before, no one is blamed yet\n"
    ) in worked.err
    assert project.events("ruined", "failed") == []


def test_a_task_that_ends_its_process_twice_is_blamed(project: Project) -> None:
    program = """
import os

def train(params, task):
    if params["x"] == 2:
        os._exit(3)
    return {"y": 1}
"""
    project.declare("deadly", grid(4, "max_retries: 0"), program)
    worked = project.run("work", "deadly")
    assert worked.err.count("t000002 runs again") <= 1
    assert [row["error"] for row in project.results("deadly") if row["error"]] == [
        "its process ended with exit code 3"
    ]


def test_a_task_without_the_metric_of_its_sweep_is_told_at_once_and_only_once(
    project: Project,
) -> None:
    text = grid(4, "metric: {name: val_loss, goal: minimize}")
    project.declare("near", text, "def train(p, task):\n    return {'valloss': 1, 'acc': 2}\n")
    worked = project.run("work", "near")
    [note] = [line for line in worked.err.splitlines() if "ended well" in line]
    assert note.startswith("note: t00000")
    assert note.endswith(
        " ended well, but reported no 'val_loss' (it reported: valloss, acc); did you mean valloss?"
    )
    assert "did you mean valloss?" in project.status("near")["unreported"]


def test_a_program_without_any_metric_is_told_how_to_report_one(project: Project) -> None:
    text = grid(2, "metric: {name: val_loss}").replace("train.py:train", "train.py")
    project.declare("silent", text, "print('val_loss 0.3')\n")
    assert (
        " ended well, but reported no metric at all; "
        "call colabctl.task().done(val_loss=...), log it with W&B, or write "
        '{"val_loss": ...} to the file $COLABCTL_RESULT\n'
    ) in project.run("work", "silent").err


def test_failures_show_while_attempts_are_left(project: Project) -> None:
    program = "import sys\nsys.exit(f'{sys.argv[0]}: error: no such option: {sys.argv[1]}')\n"
    text = grid(6, "max_retries: 3").replace("train.py:train", "train.py")
    project.declare("again", text, program)
    project.run("work", "again")
    [group] = project.status("again")["failures"]
    assert group["tasks"] == group["to_retry"] > 1
    assert "error: no such option: --x=" in group["error"]
    shown = project.run("status", "again").out
    assert f"{group['tasks']} tasks failed and will be tried again: the program ended" in shown
    assert "see why: colabctl failures again" in shown


@linux
def test_a_worker_whose_journal_was_deleted_says_so_and_what_to_do(project: Project) -> None:
    program = """
import pathlib, shutil

def train(params, task):
    if params["x"] == 1:
        for writer in (pathlib.Path(task.folder).parents[4] / "journal").iterdir():
            shutil.rmtree(writer)
    return {"y": 1}
"""
    project.declare("gone", grid(2), program)
    worked = project.run("work", "gone")
    assert worked.code == 1
    assert "is missing; it held the results of this worker, so restore it" in worked.err
    assert "check that you may edit the folder" not in worked.err
    assert "Traceback" not in worked.err
