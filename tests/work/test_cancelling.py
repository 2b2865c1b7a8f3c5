"""Tasks that members cancel while they run, and workers that members dismiss: real processes."""

import pytest

from tests.processes import Project, end, until
from tests.work.test_loop_in_scripts import DECLARE
from tests.work.test_notebooks import notebook

SWEEP = "method: grid\nprogram: {}\nmax_retries: 0\nparameters: {{x: {{values: [1, 2]}}}}\n"
WAIT = "import pathlib, time, uuid; pathlib.Path('ROOT', f'started-{uuid.uuid4()}').touch()\n"
PATIENT = f"def train(params, task):\n    {WAIT}    while True: time.sleep(0.01)\n"
STUBBORN = "trap '' TERM INT HUP\ntouch 'ROOT'/started-$$\nwhile true; do sleep 0.1; done\n"
IN_A_CELL = notebook("# parameters\nx = 0", WAIT + "while True: time.sleep(0.01)")


def declare(project: Project, program: str, code: str) -> None:
    project.declare("s", SWEEP.format(program), code.replace("ROOT", str(project.root)))


def until_started(project: Project, number: int) -> None:
    until(lambda: len(list(project.root.glob("started-*"))) == number, "the start of a task")


def running(project: Project, sweep: str) -> int:
    return int(project.status(sweep)["running"])


@pytest.mark.parametrize(
    ("program", "code"),
    [("train.py:train", PATIENT), ("stubborn.sh", STUBBORN), ("cell.ipynb", IN_A_CELL)],
)
def test_a_cancelled_task_is_ended_where_it_runs_and_the_worker_runs_the_next_one(
    project: Project, program: str, code: str
) -> None:
    if program.endswith(".ipynb"):
        pytest.importorskip("ipykernel")
    declare(project, program, code)
    worker = project.start("work", "s", COLABCTL_KILL_AFTER="1s")
    until_started(project, 1)
    [[first, _]] = project.events("s", "claim")[0]["tasks"]
    assert project.run("cancel", "s", "--task", str(first), member="ben").code == 0
    until_started(project, 2)
    assert project.run("cancel", "s", "--yes").code == 0
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert ended.err.count("was cancelled, and has been ended") == 2
    assert (project.status("s")["cancelled"], project.results("s")) == (2, [])
    assert project.events("s", "failed") == []


def test_the_whole_of_a_sweep_is_not_cancelled_without_a_question(project: Project) -> None:
    declare(project, "train.py:train", PATIENT)
    worker = project.start("work", "s")
    until(lambda: running(project, "s"))
    refused = project.run("cancel", "s")
    assert (refused.code, refused.out) == (1, "")
    assert "s: 2 tasks to cancel, 1 of them claimed or running now:" in refused.err
    assert "by ana on" in refused.err
    assert refused.err.splitlines()[-1].endswith("add --yes to do it")
    assert project.events("s", "cancel") == []
    assert project.run("cancel", "s", "--yes").code == 0
    assert end(worker).code == 0


LOOP = (
    DECLARE % 2
    + """
for task in sweep.tasks():
    with task:
        (project.root / f"started-{task.index}").touch()
        BODY
        task.done(ok=1)
print("left", sweep.status().cancelled, len(sweep.results()))
"""
)


@pytest.mark.parametrize(
    "body",
    [
        "while not task.should_stop(): time.sleep(0.01)",
        "while not task.report(loss=1): time.sleep(0.01)",
        "while True: time.sleep(0.01)",
        "time.sleep(1e5)",
    ],
)
def test_the_body_of_a_loop_is_asked_then_interrupted_and_the_loop_continues(
    project: Project, body: str
) -> None:
    script = project.write("notebooks/ana/loop.py", LOOP.replace("BODY", body))
    loop = project.start_python(str(script), COLABCTL_KILL_AFTER="1s", COLABCTL_HEARTBEAT="1s")
    for _ in range(2):
        until(lambda: list(project.root.glob("started-*")))
        [started] = project.root.glob("started-*")
        started.unlink()
        assert project.run("cancel", "sample", "--task", started.name[8:]).code == 0
    ended = end(loop)
    assert (ended.code, ended.out) == (0, "left 2 0\n"), ended.err
    assert ended.err.count("was cancelled, and has been ended") == 2


def test_a_loop_without_a_block_ends_with_the_reason(project: Project) -> None:
    text = (
        DECLARE % 1
        + "for task in sweep.tasks():\n    print('on', flush=True)\n    while True: pass\n"
    )
    script = project.write("notebooks/ana/loop.py", text)
    loop = project.start_python(str(script), COLABCTL_KILL_AFTER="1s", COLABCTL_HEARTBEAT="1s")
    assert loop.stdout is not None
    assert loop.stdout.readline() == "on\n"
    assert project.run("cancel", "sample", "--yes").code == 0
    ended = end(loop)
    assert ended.code == 1
    assert ended.err.splitlines()[-1].endswith("t000000 of sweep sample was cancelled")
    assert project.status("sample")["cancelled"] == 1


def test_a_worker_that_is_dismissed_finishes_what_it_runs_and_exits(project: Project) -> None:
    code = (
        "import pathlib, time\n"
        "def train(params, task):\n"
        "    while not pathlib.Path('{}').exists(): time.sleep(0.01)\n"
        "    return {{'y': 1}}\n"
    ).format(project.root / "go")
    project.declare("s", SWEEP.format("train.py:train"), code)
    worker = project.start("work", "s")
    until(lambda: running(project, "s"))
    [name] = [each["worker"] for each in project.status("s")["workers"]]
    said = project.run("stop", "s", "--worker", name[-6:], member="ben")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith(f"{name} finishes the tasks that it runs, and exits")
    assert project.status("s")["steering"][0].startswith(f"{name} dismissed by ben ")
    (project.root / "go").touch()
    ended = end(worker)
    assert "this worker was stopped (colabctl stop --worker)" in ended.err
    assert (project.status("s")["done"], project.status("s")["pending"]) == (1, 1)
    assert project.status("s")["state"] == "idle"


def test_a_sweep_that_was_stopped_can_still_be_cancelled(project: Project) -> None:
    declare(project, "train.py:train", PATIENT)
    worker = project.start("work", "s", COLABCTL_KILL_AFTER="1s")
    until(lambda: running(project, "s"))
    assert project.run("stop", "s").code == 0
    assert project.run("cancel", "s", "--yes").code == 0
    assert end(worker).code == 0
    assert project.status("s")["cancelled"] == 2
