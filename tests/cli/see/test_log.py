"""What `log` shows of finished, running, lost and unknown tasks."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, done
from tests.processes import Project, end, until

GRID = """\
method: grid
program: train.py:train
max_retries: {retries}
parameters: {{x: {{values: [0, 1, 2]}}}}
"""
TALKS = """\
def train(params, task):
    for number in range(params["x"]):
        print("attempt", task.attempt, "line", number)
    if params["x"] == 2:
        raise ValueError("no")
    return {"y": 1}
"""
WAITS = """\
import pathlib, time

def train(params, task):
    print("first")
    pathlib.Path("started").touch()
    while not pathlib.Path("go on").exists():
        time.sleep(0.01)
    print("second")
    pathlib.Path("printed").touch()
    while not pathlib.Path("end").exists():
        time.sleep(0.01)
    print("last")
    return {"y": 1}
"""
LATE = {"COLABCTL_CONSISTENCY": "eventual", "COLABCTL_HEARTBEAT": "1"}


def touch(project: Project, name: str) -> None:
    (project.root / name).touch()


def read_until(process: "subprocess.Popen[str]", line: str) -> list[str]:
    """Return the lines that a process prints, up to this one."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != line:
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended with {lines}"
    return lines


@pytest.mark.parametrize("environ", [{}, LATE])
def test_the_output_of_every_task_is_kept(
    project: Project, say: Say, environ: dict[str, str]
) -> None:
    project.declare("s", GRID.format(retries=1), TALKS, **environ)
    assert project.run("work", "s", **environ).code == 1  # t000002 fails for good
    one = say("log", "s", "t000001")
    assert one.out == "attempt 1 line 0\n"
    assert one.err.startswith("t000001, attempt 1, by ana-")
    assert one.err.endswith(": done\n")
    nothing = say("log", "s", "0")
    assert (nothing.code, nothing.out) == (0, "")
    assert "it printed nothing" in nothing.err
    failed = say("log", "s", "2")
    assert failed.out.startswith("attempt 2 line 0\nattempt 2 line 1\nTraceback (most recent call")
    assert failed.out.endswith("ValueError: no\n")
    assert ": failed: ValueError: no\n" in failed.err
    assert say("log", "s", "2", "--attempt", "1").out.startswith("attempt 1 line 0\n")
    answer = say("log", "s", "2", "--json").json
    assert answer == {**answer, "task": "t000002", "attempt": 2, "status": "failed",
                      "error": "ValueError: no", "output": failed.out.rstrip("\n")}  # fmt: skip
    outputs = [*(project.root / "sweeps/s/runs").rglob("*.jsonl")]
    assert len(outputs) == 1


def test_tasks_that_print_nothing_make_no_file(project: Project) -> None:
    project.declare("s", GRID.format(retries=0), "def train(params, task):\n    return {'y': 1}\n")
    assert project.run("work", "s").code == 0
    assert [*(project.root / "sweeps/s/runs").iterdir()] == []


@pytest.mark.parametrize("environ", [{}, LATE])
def test_two_people_follow_a_task_that_runs(project: Project, environ: dict[str, str]) -> None:
    project.declare("s", GRID.format(retries=0).replace("0, 1, 2", "0"), WAITS, **environ)
    early = project.start("log", "s", "0", "--follow", member="ben", **environ)
    worker = project.start("work", "s", **environ)
    read_until(early, "first\n")
    late = project.start("log", "s", "0", "-f", **environ)
    read_until(late, "first\n")
    touch(project, "go on")
    for each in (early, late):
        assert read_until(each, "second\n") == ["second\n"]
    touch(project, "end")
    for each in (early, late):
        said = end(each)
        assert (said.code, said.out) == (0, "last\n")
        assert said.err.splitlines()[-1].endswith(": done")
    assert end(worker).code == 0


def test_a_running_task_is_shown_without_following(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0).replace("0, 1, 2", "0"), WAITS)
    worker = project.start("work", "s")
    until((project.root / "started").exists)
    shown = say("log", "s", "0")
    assert shown.out == "first\n"
    assert shown.err.endswith(": is running\n")
    touch(project, "go on")
    until((project.root / "printed").exists)
    assert say("log", "s", "0", "--json").json["output"].startswith("first\nsecond\n")
    touch(project, "end")
    assert end(worker).code == 0
    assert say("log", "s", "0").out == "first\nsecond\nlast\n"


def test_following_continues_with_the_next_worker(project: Project) -> None:
    short = {"COLABCTL_LEASE": "3", "COLABCTL_HEARTBEAT": "1"}
    project.declare("s", GRID.format(retries=0).replace("0, 1, 2", "0"), WAITS, **short)
    first = project.start("work", "s", **short)
    follower = project.start("log", "s", "0", "--follow", **short)
    read_until(follower, "first\n")
    for pid in children(first.pid):
        os.kill(pid, signal.SIGKILL)
    first.kill()
    assert follower.stderr is not None
    while "does not answer; another worker may take the task over" not in (
        line := follower.stderr.readline()
    ):
        assert line
    second = project.start("work", "s", member="ben", **short)
    touch(project, "go on")
    touch(project, "end")
    said = end(follower)
    assert (said.code, said.out) == (0, "first\nsecond\nlast\n")
    assert ", attempt 2, by ben-" in said.err
    assert end(second).code == 0


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_a_pending_task_says_so(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    said = say("log", "s", "1")
    assert (said.code, said.out, said.err) == (0, "", "t000001 waits for a worker\n")
    assert say("log", "s", "1", "--json").json["status"] == "pending"


def test_a_discarded_attempt_is_shown_by_its_number_alone(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    project.run("work", "s")
    assert say("discard", "s", "--task", "1", "--yes").code == 0
    said = say("log", "s", "1")
    assert (said.code, said.out) == (0, "")
    assert said.err == "t000001 waits for a worker; attempt 1 was discarded, --attempt 1 shows it\n"
    said = say("log", "s", "1", "--attempt", "1")
    assert said.out == "attempt 1 line 0\n"
    assert said.err.endswith(": discarded\n")
    follower = project.start("log", "s", "1", "--follow")
    project.run("work", "s")
    said = end(follower)
    assert (said.code, said.out) == (0, "attempt 2 line 0\n")
    assert say("log", "s", "1").out == "attempt 2 line 0\n"


def test_of_duplicates_the_one_that_counts_is_shown(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    project.journal("s", claim(0), done(0, y=1.0))
    project.journal("s", claim(1), claim(0), done(0, y=2.0), writer="ben-vm-1")
    assert ", by ana-vm-1: done" in say("log", "s", "0").err


def test_a_cancelled_task_says_so_and_is_not_waited_for(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0).replace("0, 1, 2", "0"), WAITS)
    worker = project.start("work", "s")
    follower = project.start("log", "s", "0", "--follow")
    read_until(follower, "first\n")
    assert say("cancel", "s", "--task", "0", "--yes").code == 0
    said = end(follower)
    assert said.code == 0
    assert said.err.endswith("t000000 was cancelled by ana\n")
    end(worker)
    for arguments in ([], ["-f"]):
        said = say("log", "s", "0", *arguments)
        assert said.code == 0
        assert said.err.startswith("t000000 was cancelled by ana\n")


def test_a_request_from_the_future_hides_no_other(project: Project) -> None:
    project.declare("s", GRID.format(retries=0).replace("0, 1, 2", "0"), WAITS)
    future = {"event": "follow", "member": "eve", "host": "vm", "task": 0, "t": 4.0e9}
    project.journal("s", future, writer="eve-vm-1")
    worker = project.start("work", "s")
    until((project.root / "started").exists)
    follower = project.start("log", "s", "0", "-f")
    read_until(follower, "first\n")
    touch(project, "go on")
    read_until(follower, "second\n")
    touch(project, "end")
    assert end(follower).code == 0
    assert end(worker).code == 0


def test_a_foreign_file_costs_no_output(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    project.run("work", "s")
    [kept] = (project.root / "sweeps/s/runs").rglob("*.jsonl")
    outside = project.root.parent / "outside.jsonl"
    outside.write_text("{}\n")
    (kept.parent / "0.jsonl").symlink_to("gone")
    (kept.parent / "1.jsonl").symlink_to("1.jsonl")
    (kept.parent / "2.jsonl").mkdir()
    (kept.parent / "3.jsonl").symlink_to(outside)
    with (kept.parent / "4.jsonl").open("wb") as large:
        large.truncate(1 << 28)
    (kept.parent.parent / "99").symlink_to("99")
    said = say("log", "s", "1")
    assert (said.code, said.out) == (0, "attempt 1 line 0\n")
    assert said.err.count("note: ") == 6, said.err


def test_what_does_not_exist_is_named(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    project.run("work", "s")
    refused(say("log", "s", "t3"), "'t3' is not a task of s", "t000000 to t000002, or 0 to 2")
    refused(say("log", "s", "t00000l"), "did you mean t00000", "? its tasks are")
    refused(say("log", "s", "1", "--attempt", "7"), "no attempt 7", "its attempts are 1")
    refused(say("log", "s", "1", "-f", "--json"), "use only one of them")
    refused(say("log", "s", "1", "-f", "--command"), "leave out --follow")


def test_a_secret_is_concealed_in_what_is_kept(project: Project, say: Say) -> None:
    project.write(
        "colabctl.yaml", f"{(project.root / 'colabctl.yaml').read_text()}secrets: [KEY]\n"
    )
    program = "import os\ndef train(params, task):\n    print('with', os.environ['KEY'])\n"
    project.declare("s", GRID.format(retries=0), program)
    project.run("work", "s", KEY="hunter2!")
    assert say("log", "s", "1").out == "with [KEY]\n"
    for file in (project.root / "sweeps/s").rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


def test_hostile_output_cannot_control_the_terminal(project: Project, say: Say) -> None:
    program = """
import os

def train(params, task):
    os.write(1, b"\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 10%\\r20%\\rdone\\n")
    os.write(1, bytes(range(128, 256)) + b"\\x00\\x08 \\xe2\\x80\\xae end")
    if os.fork() == 0:
        os.write(2, b"\\nchild\\n")
        os._exit(0)
    os.wait()
"""
    project.declare("s", GRID.format(retries=0), program)
    project.run("work", "s")
    shown = say("log", "s", "1").out
    assert shown.startswith("done\n\ufffd")
    assert "<U+0000><U+0008> <U+202E> end\nchild\n" in shown
    assert not set("\x1b\r\x00\x08\u202e") & set(shown)


def test_how_a_program_is_started_is_a_line_for_a_shell(project: Project, say: Say) -> None:
    program = """
import os, sys
print(sys.argv[1:], os.path.basename(os.getcwd()), os.environ.get("KEY"))
"""
    text = GRID.format(retries=0).replace(":train", "").replace("0, 1, 2", '"a b", "$HOME", ""')
    command = 'command: ["${interpreter}", "${program}", "--key=${envvar:KEY}", "${args}"]\n'
    project.write(
        "colabctl.yaml", f"{(project.root / 'colabctl.yaml').read_text()}secrets: [KEY]\n"
    )
    project.declare("s", text + command, program)
    for task, value in enumerate(("a b", "$HOME", "")):
        said = say("log", "s", str(task), "--command", KEY="hunter2")
        assert "hunter2" not in said.out + said.err
        ran = subprocess.run(
            ["sh", "-c", said.out], env={**os.environ, "KEY": "hunter2"}, capture_output=True,
            text=True, check=True, cwd="/",
        )  # fmt: skip
        assert ran.stdout == f"{['--key=hunter2', f'--x={value}']} {project.root.name} hunter2\n"


def test_a_program_that_takes_its_task_from_colabctl_is_started_by_try(
    project: Project, say: Say
) -> None:
    program = "import colabctl\ntask = colabctl.task()\ntask.done(y=task.params['x'])\n"
    project.declare("s", GRID.format(retries=0).replace(":train", ""), program)
    said = say("log", "s", "1", "--command")
    assert said.out == f"cd {project.root} && colabctl try s t000001\n"
    assert "train.py uses what a worker gives to it" in said.err


def test_no_line_is_given_for_code_that_must_not_run(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0).replace(":train", ""), "print(1)\n")
    said = say("log", "s", "0", "--command", COLABCTL_APPROVALS=str(project.root.parent / "none"))
    assert (said.code, said.out) == (1, "")
    assert "colabctl trust s" in said.err
    [code] = (project.root / "sweeps/s").rglob("train.py")
    code.chmod(0o600)
    code.write_text("print(2)\n")
    said = say("log", "s", "0", "--command")
    assert (said.code, said.out) == (1, "")


def test_parameters_that_the_sweep_does_not_have_are_not_used(project: Project, say: Say) -> None:
    pytest.importorskip("optuna")
    bayes = (
        "method: bayes\nmetric: {name: y, goal: minimize}\nprogram: train.py\ntrials: 2\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\n"
    )
    project.declare("s", bayes, "print(1)\n")
    project.journal("s", {**claim(0), "params": {"0": {"x": 7.0}}})
    for arguments in (["log", "s", "0", "--command"], ["try", "s", "0"]):
        said = say(*arguments)
        assert (said.code, said.out) == (1, ""), said
        assert "are not among those that sweep s declares" in said.err, said


def test_a_function_is_started_by_try(project: Project, say: Say) -> None:
    project.declare("s", GRID.format(retries=0), TALKS)
    said = say("log", "s", "1", "--command")
    assert said.out == f"cd {project.root} && colabctl try s t000001\n"
    assert "a worker calls train.py:train in a process of its own, with {'x': 1}" in said.err
