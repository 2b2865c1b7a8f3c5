"""The loop of a notebook or script: `for task in project.sweep(...).tasks()`."""

import signal

import pytest

from tests.processes import Project, end, end_together, until

DECLARE = """
import colabctl, os, sys, time
project = colabctl.open()
sweep = project.sweep("sample", space={"x": list(range(%d))}, max_retries=0)
"""

RUN_ALL = """
import colabctl
for task in colabctl.open().sweep("sample").tasks():
    task.done(by="other")
"""


def statuses(project: Project) -> list[str]:
    return [row["status"] for row in project.results("sample")]


def test_a_script_declares_its_sweep_and_runs_it_to_the_end(project: Project) -> None:
    ended = project.python(
        DECLARE % 5
        + """
for task in sweep.tasks():
    with task:
        task.report(step=1, half=task.params["x"] / 2)
        task.done(twice=2 * task.params["x"])
print(sweep.status().state, len(sweep.results()))
"""
    )
    assert (ended.code, ended.out, ended.err) == (0, "finished 5\n", "")
    assert [(row["params"], row["metrics"]) for row in project.results("sample")] == [
        ({"x": x}, {"twice": 2 * x}) for x in range(5)
    ]
    reports = project.reports("sample")
    assert sorted((r["task"], r["values"]["half"]) for r in reports) == [
        (x, x / 2) for x in range(5)
    ]


def test_a_second_run_of_the_script_finds_the_sweep_finished(project: Project) -> None:
    script = DECLARE % 3 + "print(sum(1 for task in sweep.tasks() if not task.done()))\n"
    assert [project.python(script).out for _ in range(2)] == ["3\n", "0\n"]


def test_an_exception_in_the_block_is_recorded_and_the_loop_continues(project: Project) -> None:
    ended = project.python(
        DECLARE % 4
        + """
for task in sweep.tasks():
    with task:
        if task.index == 2:
            raise ValueError("two\\nis odd")
        task.done(ok=1)
"""
    )
    assert (ended.code, ended.err) == (0, "")
    assert statuses(project) == ["done", "done", "failed", "done"]
    [failure] = project.events("sample", "failed")
    assert failure["error"] == "ValueError: two is odd"
    assert 'raise ValueError("two\\nis odd")' in failure["output"]


def test_without_done_the_block_is_enough(project: Project) -> None:
    assert (
        project.python(DECLARE % 2 + "for task in sweep.tasks():\n    with task: pass\n").code == 0
    )
    assert [(row["status"], row["metrics"]) for row in project.results("sample")] == [
        ("done", {}),
        ("done", {}),
    ]


def test_without_a_block_and_done_a_task_fails_and_says_what_is_missing(project: Project) -> None:
    assert project.python(DECLARE % 1 + "for task in sweep.tasks(): pass\n").code == 0
    [row] = project.results("sample")
    assert row["status"] == "failed"
    assert "task.done(...)" in row["error"]


def test_break_keeps_the_results_and_releases_the_other_tasks(project: Project) -> None:
    ended = project.python(
        DECLARE % 5
        + """
for task in sweep.tasks():
    with task:
        task.done(ok=1)
    break
print(sweep.status().done)
"""
    )
    assert (ended.code, ended.out) == (0, "1\n")
    assert (project.status("sample")["pending"], statuses(project)) == (4, ["done"])


def test_break_in_the_middle_of_a_task_gives_it_back(project: Project) -> None:
    ended = project.python(
        DECLARE % 5
        + """
for task in sweep.tasks():
    with task:
        task.done(ok=1)
    if task.index % 2:
        continue
    break
for task in sweep.tasks():
    break
"""
    )
    assert ended.code == 0
    status = project.status("sample")
    assert status["pending"] + status["done"] == 5
    assert [worker["state"] for worker in status["workers"]] == ["ended", "ended"]


def test_an_exception_outside_of_the_block_gives_the_task_back_at_once(project: Project) -> None:
    ended = project.python(DECLARE % 5 + "for task in sweep.tasks():\n    raise KeyError\n")
    assert ended.code == 1
    assert "KeyError" in ended.err
    status = project.status("sample")
    assert (status["pending"], [each["state"] for each in status["workers"]]) == (5, ["ended"])


def test_ctrl_c_gives_the_task_back_at_once(project: Project) -> None:
    process = project.start_python(
        "-c",
        DECLARE % 5
        + """
for task in sweep.tasks():
    with task:
        open("started", "w").close()
        time.sleep(600)
""",
    )
    until((project.root / "started").exists)
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.err.strip().endswith("KeyboardInterrupt")
    status = project.status("sample")
    assert status["done"] + status["pending"] == 5
    assert [each["state"] for each in status["workers"]] == ["ended"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_script_that_is_asked_to_end_gives_the_task_back_at_once(
    project: Project, number: int
) -> None:
    process = project.start_python(
        "-c",
        DECLARE % 5
        + """
for task in sweep.tasks():
    open("started", "w").close()
    time.sleep(600)
""",
    )
    until((project.root / "started").exists)
    process.send_signal(number)
    ended = end(process)
    assert (ended.code, ended.err) == (128 + number, "")
    status = project.status("sample")
    assert (status["done"], status["pending"]) == (0, 5)
    assert [each["state"] for each in status["workers"]] == ["ended"]


def test_a_cell_that_was_interrupted_holds_nothing_back_though_its_loop_is_still_there(
    project: Project,
) -> None:
    ended = project.python(
        DECLARE % 40
        + """
tasks = sweep.tasks()
try:
    for number, task in enumerate(tasks):
        with task:
            if number == 20:
                raise KeyboardInterrupt
except KeyboardInterrupt:
    held = sweep.status()
    print(held.claimed + held.running)
for task in sweep.tasks():
    with task:
        pass
print(sweep.status().done)
"""
    )
    assert (ended.code, ended.out, ended.err) == (0, "0\n40\n", "")


def test_ctrl_c_caught_in_the_loop_lets_it_go_on(project: Project) -> None:
    ended = project.python(
        DECLARE % 3
        + """
interrupted = 0
for task in sweep.tasks():
    try:
        with task:
            if not interrupted:
                interrupted += 1
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        continue
"""
    )
    assert (ended.code, ended.err) == (0, "")
    assert statuses(project) == ["done"] * 3


MEET = """
import pathlib, time
def meet(name):  # no one continues until both kinds of worker are here
    pathlib.Path(name).touch()
    deadline = time.monotonic() + 120
    while not (pathlib.Path("loop").exists() and pathlib.Path("worker").exists()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


def test_loops_and_workers_share_one_sweep_and_no_task_runs_twice(project: Project) -> None:
    project.declare(
        "sample",
        f"method: grid\nprogram: train.py:train\nparameters: {{x: {{values: {list(range(60))}}}}}\n",
        MEET + "def train(params, task):\n    meet('worker')\n    return {'by': 'worker'}\n",
    )
    loop = (
        f"{MEET}import colabctl\n"
        "for task in colabctl.open().sweep('sample').tasks():\n"
        "    with task:\n"
        "        meet('loop')\n"
        "        task.done(by='loop')\n"
    )
    end_together(
        [
            project.start_python("-c", loop),
            project.start("work", "sample", member="ben"),
            project.start_python("-c", loop, member="ben"),
        ]
    )
    rows = project.results("sample")
    assert [row["index"] for row in rows] == list(range(60))
    assert {row["metrics"]["by"] for row in rows} == {"worker", "loop"}
    assert project.status("sample")["duplicates"] == 0


def test_a_loop_waits_for_the_tasks_of_others_and_claims_released_ones(
    project: Project,
) -> None:
    project.python(DECLARE % 1)
    silent = project.start_python(
        "-c",
        "import colabctl, os, signal\n"
        "for task in colabctl.open().sweep('sample').tasks():\n"
        "    open('started', 'w').close()\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n",
        COLABCTL_LEASE="1s",
    )
    until((project.root / "started").exists)
    other = project.start_python("-c", RUN_ALL)
    end_together([other])
    silent.kill()
    [row] = project.results("sample")
    assert (row["metrics"], row["attempt"]) == ({"by": "other"}, 2)


def test_a_long_task_keeps_its_lease_while_the_loop_is_busy(project: Project) -> None:
    project.python(DECLARE % 1)
    first = project.start_python(
        "-c",
        "import colabctl, pathlib, time\n"
        "for task in colabctl.open().sweep('sample').tasks():\n"
        "    with task:\n"
        "        open('started', 'w').close()\n"
        "        beats = lambda: sum(f.read_text().count('heartbeat\"')\n"
        "            for f in pathlib.Path('sweeps/sample/journal').glob('*/*'))\n"
        "        deadline = time.monotonic() + 120\n"
        "        while beats() < 4 and time.monotonic() < deadline:\n"
        "            sum(range(10000))\n"
        "        task.done(by='first')\n",
        COLABCTL_LEASE="3s",
    )
    until((project.root / "started").exists)
    second = project.start_python("-c", RUN_ALL)
    end_together([first, second])
    [row] = project.results("sample")
    assert (row["metrics"], row["attempt"]) == ({"by": "first"}, 1)


def test_late_values_of_a_task_are_not_recorded_for_another_task(project: Project) -> None:
    ended = project.python(
        DECLARE % 3
        + """
earlier = []
for task in sweep.tasks():
    with task:
        for old in earlier:
            old.report(step=1, late=1)
            try:
                old.done(late=1)
            except Exception as refusal:
                print(old.name, refusal)
        earlier.append(task)
"""
    )
    assert ended.code == 0
    assert all(line[:7] == line[8:15] for line in ended.out.splitlines())
    assert "has ended: the loop is at another task" in ended.out
    assert [row["metrics"] for row in project.results("sample")] == [{}, {}, {}]
    assert project.reports("sample") == []


def test_a_secret_that_a_failing_task_prints_is_not_kept(project: Project) -> None:
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text() + "secrets: [HF_TOKEN]\n")
    script = DECLARE % 1 + (
        "for task in sweep.tasks():\n    with task:\n"
        "        task.report(step=0, said=os.environ['HF_TOKEN'])\n"
        "        raise ValueError('token is ' + os.environ['HF_TOKEN'])\n"
    )
    assert project.python(script, HF_TOKEN="hunter2secret").code == 0
    [failure] = project.events("sample", "failed")
    assert failure["error"] == "ValueError: token is [HF_TOKEN]"
    journals = project.root.glob("sweeps/sample/journal/*/*")
    assert not any("hunter2secret" in journal.read_text() for journal in journals)
