"""Each task of a process begins as the first one did, or in a new process."""

from typing import Any

import pytest

from tests.processes import Project
from tests.run.functions import grid, unindented

LOOK = """
        import atexit, json, os, signal, sys, warnings

        def look():
            umask = os.umask(0)
            os.umask(umask)
            return {
                "folder": os.getcwd(),
                "added": os.environ.get("ADDED"),
                "user": os.environ.get("COLABCTL_MEMBER"),
                "argv": [os.path.basename(word) for word in sys.argv],
                "path": "/planted" in sys.path,
                "recursion": sys.getrecursionlimit(),
                "umask": umask,
                "handlers": [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGUSR1)],
                "alarm": signal.getitimer(signal.ITIMER_REAL)[0],
                "streams": [sys.stdout.fileno(), sys.stderr.fileno(), sys.stdin.read()],
            }
"""


def run(project: Project, body: str, tasks: int = 4, more: str = "") -> list[dict[str, Any]]:
    """Run tasks that look around, then leave a mess; return their rows."""
    program = (
        unindented(LOOK) + "\ndef train(params, task):\n    seen = {'pid': os.getpid(), **look()}\n"
    )
    program += "".join(f"    {line}\n" for line in body.splitlines()) + "    return seen\n"
    project.declare("state", grid(tasks, more), program)
    worked = project.run("work", "state")
    rows = project.results("state")
    assert worked.code == any(row["status"] == "failed" for row in rows), worked.err
    return rows


MESS = """
os.makedirs("deep", exist_ok=True)
os.chdir("deep")
os.environ["ADDED"] = "yes"
del os.environ["COLABCTL_MEMBER"]
sys.argv = ["other", "--words"]
sys.path.insert(0, "/planted")
sys.setrecursionlimit(5000)
os.umask(0o077)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.alarm(100)
sys.stdout = sys.stderr = open(os.devnull, "w")
"""


def test_a_task_finds_the_process_as_the_first_one_did(project: Project) -> None:
    rows = run(project, MESS)
    first, *others = [row["metrics"] for row in rows]
    assert others == [first] * 3
    assert (first["folder"], first["argv"]) == (str(project.root), ["train.py"])


def test_a_task_that_deletes_its_folder_leaves_the_next_one_at_home(project: Project) -> None:
    rows = run(project, "os.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')")
    assert {row["metrics"]["folder"] for row in rows} == {str(project.root)}
    assert len({row["metrics"]["pid"] for row in rows}) == 1


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout.close()",
        "sys.stderr.detach()",
        "os.dup2(os.open('own.txt', os.O_RDWR | os.O_CREAT), 1)",
        "os.close(2)",
        "os.close(0)",
    ],
)
def test_a_process_whose_streams_are_broken_is_replaced(project: Project, body: str) -> None:
    (project.root / "own.txt").write_text("the user's\n")
    rows = run(project, body, tasks=3)
    assert [row["status"] for row in rows] == ["done"] * 3
    assert len({row["metrics"]["pid"] for row in rows}) == 3
    assert [row["metrics"]["streams"] for row in rows] == [[1, 2, ""]] * 3
    assert (project.root / "own.txt").read_text() == "the user's\n"


def test_a_program_may_have_a_standard_output_of_its_own(project: Project) -> None:
    program = """
        import os, sys

        class Tee:
            def __init__(self, stream):
                self.stream = stream
            def write(self, text):
                self.stream.write(text)
            def flush(self):
                self.stream.flush()

        sys.stdout = Tee(sys.stdout)

        def train(params, task):
            print("hello")
            return {"pid": os.getpid(), "own": isinstance(sys.stdout, Tee)}
    """
    project.declare("tee", grid(4), unindented(program))
    assert project.run("work", "tee").code == 0
    metrics = [row["metrics"] for row in project.results("tee")]
    assert metrics == [{"pid": metrics[0]["pid"], "own": True}] * 4


def test_the_reason_of_a_failure_never_goes_into_a_file_of_the_users(project: Project) -> None:
    body = "sys.stderr = sys.stdout = open('own.txt', 'w')\nos.dup2(sys.stdout.fileno(), 2)\n"
    body += "print('mine')\nraise ValueError('why')"
    run(project, body, tasks=1, more="max_retries: 0")
    assert (project.root / "own.txt").read_text() == "mine\n"
    [failure] = project.events("state", "failed")
    assert failure["output"].endswith("ValueError: why")


def test_a_process_is_replaced_after_process_tasks(project: Project) -> None:
    rows = run(project, "", tasks=7, more="process_tasks: 3")
    pids = [row["metrics"]["pid"] for row in rows]
    assert sorted(map(pids.count, set(pids))) == [1, 3, 3]


def test_exit_handlers_run_in_a_process_that_is_replaced(project: Project) -> None:
    run(project, "atexit.register(lambda: open('exits', 'a').write('x'))", 4, "process_tasks: 2")
    assert (project.root / "exits").read_text() == "xxxx"


LOST = """
        import os
        lost = False

        def train(params, task):
            global lost
            with open("ran", "a") as ran:
                print(os.getpid(), file=ran)
            if lost or len(open("ran").readlines()) == 2:
                lost = True
                raise {error}
"""


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError('CUDA error: device-side assert triggered')",
        "ValueError('epoch 3') from RuntimeError('CUDA error: unspecified launch failure')",
    ],
)
def test_a_process_that_lost_its_device_is_replaced(project: Project, error: str) -> None:
    program = unindented(LOST.format(error=error))
    project.declare("lost", grid(10, "max_retries: 0"), program)
    assert project.run("work", "lost").code == 1
    rows = project.results("lost")
    assert sorted(row["status"] for row in rows) == ["done"] * 9 + ["failed"]
    pids = (project.root / "ran").read_text().split()
    assert sorted(map(pids.count, set(pids))) == [2, 8]


def test_an_error_of_the_device_that_arrives_after_the_task_replaces_the_process(
    project: Project,
) -> None:
    torch = """
        class cuda:
            lost = False
            is_initialized = staticmethod(lambda: True)

            @staticmethod
            def synchronize():
                if cuda.lost:
                    raise RuntimeError("CUDA error: device-side assert triggered")
    """
    program = """
        import os, torch
        ran = []

        def train(params, task):
            torch.cuda.synchronize()
            ran.append(task.name)
            torch.cuda.lost = len(ran) == 2
            return {"pid": os.getpid()}
    """
    project.write("torch.py", unindented(torch))
    project.declare("late", grid(4, "max_retries: 0\ncode: [torch.py]"), unindented(program))
    assert project.run("work", "late").code == 0
    rows = project.results("late")
    assert [row["status"] for row in rows] == ["done"] * 4
    pids = [row["metrics"]["pid"] for row in rows]
    assert [pids.count(pid) for pid in pids] == [2] * 4
