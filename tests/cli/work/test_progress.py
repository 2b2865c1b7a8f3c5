"""What `work` shows while it works: a block on a terminal, lines in a log."""

import os
import pty
import re
import subprocess

import pytest

from tests.processes import COMMAND, Project, clean, end
from tests.screen import Screen

SWEEP = """
method: grid
program: train.py:train
metric: {name: loss, goal: minimize}
max_retries: 0
parameters:
  x: {values: [%s]}
  model: {values: [a]}
"""
# The tasks wait until the test says so.
TRAIN = """
import pathlib, time

def train(params, task):
    deadline = time.monotonic() + 120
    while not pathlib.Path("go").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if task.index == 3:
        raise ValueError("x is too large")
    return {"loss": params["x"] / 3}
"""
ESCAPE = "\x1b"
WIDTHS = (40, 80, 120)


def declare(project: Project, values: str = "10, 20, 30, 40", name: str = "first") -> None:
    """Declare a sweep of which ben has done task 0, and failed at task 1."""
    project.declare(name, SWEEP % values, TRAIN)
    attempt = {"attempt": 1, "seconds": 1.0}
    project.journal(
        name,
        {"event": "claim", "tasks": [[0, 1], [1, 1]]},
        {"event": "done", "task": 0, "metrics": {"loss": 10 / 3}, **attempt},
        {"event": "failed", "task": 1, "error": "no", "output": "", **attempt},
        {"event": "end", "reason": "x"},
        writer="ben-vm-1",
    )


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_block_shows_counts_the_best_task_and_each_slot_and_vanishes(
    project: Project, columns: int
) -> None:
    declare(project)
    with Screen(project, "work", "first", "-j", "2", columns=columns) as screen:
        text = screen.until(
            lambda screen: re.search(r"first +2/4[^$]+1 +t00000[23][^$]+2 +t0", screen.text)
        ).text
        assert "1 failed" in text
        assert "best loss 3.333 (t000000: x=10)"[:columns] in text
        assert re.search(r"^1  t00000[23]  [\d.]+ s  x=[34]0$", text, re.MULTILINE)
        assert "model=" not in text  # it does not vary
        (project.root / "go").touch()
        assert screen.end() == 1
    said = "".join(screen.lines).replace(" ", "")
    assert said == (
        "t000003 failed: ValueError: x is too large"
        "ran 2 tasks: 1 done, 1 failed; the sweep is finished; next: colabctl failures first"
    ).replace(" ", "")


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_of_the_block_is_wrapped_whatever_the_values_are(
    project: Project, columns: int
) -> None:
    long = "w" * 300
    hostile = f'"\\e[31mred\\e[2J\\r\\n{long}", "\u65e5\u672c\u8a9e{long}", "\u202e{long}"'
    declare(project, f"1, 2, {hostile}", name="a-sweep-with-a-name-that-is-wider-than-a-phone")
    with Screen(project, "work", "-j", "3", columns=columns) as screen:
        screen.until(
            lambda screen: len(re.findall(r"^\d  t00000[234]", screen.text, re.MULTILINE)) == 3
        )
        block = screen.lines
        starts = ("a-sweep-with", "best loss", "1  t00000", "2  t00000", "3  t00000")
        assert [line.startswith(start) for line, start in zip(block, starts, strict=True)] == (
            [True] * 5
        )
    assert f"{ESCAPE}[31mred" not in screen.written
    assert f"{ESCAPE}[2J" not in screen.written


def test_a_block_is_no_higher_than_the_terminal(project: Project) -> None:
    declare(project, ", ".join(map(str, range(14))))
    with Screen(project, "work", "first", "-j", "12", rows=8) as screen:
        screen.until(
            lambda screen: re.search(
                r"^ 1  t0+\d+ .*^and \d more slots$", screen.text, re.MULTILINE | re.DOTALL
            )
        )
        assert len(screen.lines) <= 8


def test_a_block_follows_the_size_of_the_terminal(project: Project) -> None:
    declare(project)
    with Screen(project, "work", "first", "-j", "2", columns=120) as screen:
        screen.until(lambda screen: "best loss" in screen.text and "2  t" in screen.text)
        screen.resize(20, 10)
        screen.until(lambda screen: "\nbest loss 3.333 (t00\n" in screen.text)
        screen.resize(80, 24)
        screen.until(lambda screen: "best loss 3.333 (t000000: x=10)\n" in screen.text)
        (project.root / "go").touch()
        assert screen.end() == 1
    assert screen.lines[-2].startswith("ran 2 tasks: 1 done, 1 failed")


def test_ctrl_c_removes_the_block_and_ends_with_130(project: Project) -> None:
    declare(project)
    with Screen(project, "work", "first", "-j", "2") as screen:
        screen.until(lambda screen: "2  t" in screen.text)
        screen.type("\x03")
        assert screen.end() == 130
    assert "stopping the running tasks; Ctrl-C again leaves at once" in screen.text
    assert "interrupted; claimed tasks are released; next: colabctl work first" in (
        "".join(screen.lines[-2:])
    )
    assert "best loss" not in screen.text
    assert project.status("first")["running"] == 0
    assert not screen.screen.cursor.hidden


def test_a_second_ctrl_c_leaves_at_once_and_says_what_becomes_of_the_tasks(
    project: Project,
) -> None:
    program = (
        "import signal, time\ndef train(params, task):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\n"
    )
    project.declare("first", SWEEP % "1, 2", program)
    with Screen(project, "work", "first") as screen:
        screen.until(lambda screen: "1  t" in screen.text)
        screen.type("\x03")
        screen.until(lambda screen: "Ctrl-C again leaves at once" in screen.text)
        screen.type("\x03")
        assert screen.end() == 130
    assert "left at once; claimed tasks become free when" in screen.text
    assert "Traceback" not in screen.text


@pytest.mark.parametrize(
    ("name", "value"), [("TERM", "dumb"), ("TERM", ""), ("JPY_PARENT_PID", "1")]
)
def test_where_lines_cannot_be_replaced_they_are_printed_one_by_one(
    project: Project, name: str, value: str
) -> None:
    declare(project)
    (project.root / "go").touch()
    with Screen(project, "work", "first", columns=80, rows=24, **{name: value}) as screen:
        assert screen.end() == 1
    assert ESCAPE not in screen.written
    assert screen.lines[0].startswith("first: 2/4, 1 failed, ")


def test_no_color_is_heeded(project: Project) -> None:
    declare(project)
    with Screen(project, "work", "first", NO_COLOR="1") as screen:
        screen.until(lambda screen: "1  t" in screen.text)
    colors = re.findall(r"\x1b\[([\d;]*)m", screen.written)
    assert {code for each in colors for code in each.split(";")} <= {"0", "1", ""}


def test_a_terminal_without_unicode_shows_escapes_that_fit(project: Project) -> None:
    declare(project, '1, 2, "\u65e5\u672c\u8a9e", "\u00e9"')
    with Screen(
        project, "work", "first", "-j", "2", columns=40, LC_ALL="C", PYTHONUTF8="0",
        PYTHONIOENCODING="ascii", PYTHONCOERCECLOCALE="0",
    ) as screen:  # fmt: skip
        screen.until(lambda screen: "\\xe9" in screen.text and "\\u65e5" in screen.text)
        assert all(line[0] in "fbt12l" for line in screen.lines)


def test_a_log_gets_a_line_at_once_and_no_escape_codes(project: Project) -> None:
    declare(project)
    (project.root / "go").touch()
    worked = project.run("work", "first", TERM="xterm-256color")
    assert worked.out == ""
    first, *others = worked.err.splitlines()
    assert re.fullmatch(r"first: 2/4, 1 failed, .*best loss 3\.333 \(t000000: x=10\)", first)
    assert others == [
        "t000003 failed: ValueError: x is too large",
        "ran 2 tasks: 1 done, 1 failed; the sweep is finished; next: colabctl failures first",
    ]


def test_a_terminal_for_messages_only_has_a_block_and_a_clean_stdout(project: Project) -> None:
    declare(project)
    (project.root / "go").touch()
    terminal, theirs = pty.openpty()
    worked = subprocess.run(
        [*COMMAND, "work", "first"],
        cwd=project.root,
        env={**clean(os.environ), "TERM": "xterm", "COLABCTL_MEMBER": "ana"},
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, check=False,
    )  # fmt: skip
    os.close(theirs)
    os.close(terminal)
    assert (worked.returncode, worked.stdout) == (1, b"")


# -- the reason of waiting ------------------------------------------------------------------------


def test_a_worker_says_who_has_paused_the_sweep_once_and_again_for_another_pause(
    project: Project,
) -> None:
    declare(project, "1, 2, 3, 4")
    project.run("pause", "first", member="ben")
    worker = project.start("work", "first")
    assert worker.stderr is not None
    waiting = "waiting: paused by ben since "
    assert worker.stderr.readline().startswith(waiting)
    assert worker.stderr.readline().startswith("first: 2/4, 1 failed, ")
    project.run("resume", "first", member="ben")
    project.run("pause", "first", member="ana")
    line = worker.stderr.readline()
    assert line.startswith("waiting: paused by ana since ")
    assert line.endswith(" ago); resume it: colabctl resume first\n")
    (project.root / "go").touch()
    project.run("resume", "first", member="ben")
    assert end(worker).code == 1


def test_no_wait_on_a_paused_sweep_says_that_it_is_paused(project: Project) -> None:
    declare(project)
    project.run("pause", "first", member="ben")
    worked = project.run("work", "first", "--no-wait")
    assert worked.code == 0
    assert worked.err.splitlines()[-1] == (
        "ran 0 tasks: 0 done, 0 failed; the sweep is paused; next: colabctl resume first"
    )
    assert "paused by ben since" in worked.err


def test_a_worker_says_who_holds_the_tasks_that_are_left(project: Project) -> None:
    project.declare("first", SWEEP % "1", TRAIN)
    project.journal("first", {"event": "claim", "tasks": [[0, 1]]}, writer="ben-vm-1")
    journal = project.root / "sweeps/first/journal/ben-vm-1/events.jsonl"
    journal.write_text(journal.read_text().replace('"lease": 30.0', '"lease": 3000.0'))
    worked = project.run("work", "first", "--no-wait")
    [line] = [line for line in worked.err.splitlines() if line.startswith("waiting")]
    assert line.startswith("waiting: others hold the task left: ben-vm-1 (1 task, seen ")
    assert "; a worker that is gone loses its tasks when its lease ends, or at once: " in line
    assert line.endswith("colabctl retry first --worker 1")


def test_a_metric_that_no_task_reports_is_named_at_the_first_task(project: Project) -> None:
    project.declare(
        "first",
        (SWEEP % "1, 2, 3").replace("loss", "accuracy"),
        "def train(params, task):\n    return {'acc': 1, 'time': 2}\n",
    )
    [note] = [line for line in project.run("work").err.splitlines() if "note:" in line]
    assert note.endswith(
        "ended well, but reported no 'accuracy' (it reported: acc, time); did you mean acc?"
    )


# -- the end --------------------------------------------------------------------------------------

FLAKY = """
def train(params, task):
    if params["x"] == 2 and task.attempt == 1:
        raise ValueError("only once")
    return {"loss": params["x"]}
"""


def test_the_last_line_counts_tasks_and_names_the_attempts(project: Project) -> None:
    project.declare("first", (SWEEP % "1, 2, 3").replace("max_retries: 0", ""), FLAKY)
    worked = project.run("work", "first")
    assert worked.code == 0
    failure = "t000001 failed, and will be tried again: ValueError: only once"
    assert worked.err.splitlines().count(failure) == 1
    assert worked.err.splitlines()[-1] == (
        "ran 3 tasks: 3 done, 0 failed (4 attempts); the sweep is finished; "
        "next: colabctl results first"
    )


def test_a_worker_that_ends_early_after_a_failure_says_how_to_continue(project: Project) -> None:
    project.declare("first", SWEEP % "1, 2", "def train(params, task):\n    raise ValueError\n")
    worked = project.run("work", "first", "--max-tasks", "1")
    assert worked.err.splitlines()[-1] == (
        "ran 1 task: 0 done, 1 failed; reached --max-tasks; "
        "next: colabctl failures first; to continue: colabctl work first"
    )


def test_messages_on_a_terminal_are_broken_at_spaces(project: Project) -> None:
    words = " ".join(["incomprehensible"] * 12)
    program = f"def train(params, task):\n    raise ValueError({words!r})\n"
    project.declare("first", SWEEP % "1, 2", program)
    with Screen(project, "work", "first", "--max-tasks", "1", columns=40) as screen:
        assert screen.end() == 1
    broken = [line.split() for line in screen.lines if "incomp" in line]
    assert len(broken) > 4
    assert {word for words in broken for word in words if word.startswith("inc")} == {
        "incomprehensible"
    }
    piped = project.run("work", "first").err
    assert words in piped


def test_a_task_that_is_tried_again_counts_once_for_max_tasks(project: Project) -> None:
    fails_first = FLAKY.replace('params["x"] == 2 and ', "")
    project.declare("first", (SWEEP % "1, 2, 3, 4").replace("max_retries: 0", ""), fails_first)
    worked = project.run("work", "first", "--max-tasks", "2")
    assert worked.err.splitlines()[-1].startswith("ran 2 tasks: ")
    claims = [claim for event in project.events("first", "claim") for claim in event["tasks"]]
    assert len({task for task, _ in claims}) == 2


def test_a_sweep_that_is_finished_with_failed_tasks_gives_1_whoever_ran_them(
    project: Project,
) -> None:
    declare(project)
    (project.root / "go").touch()
    assert project.run("work", "first").code == 1
    again = project.run("work", "first", member="ben")
    assert again.code == 1
    assert again.err == (
        "first: 4/4, 2 failed, best loss 3.333 (t000000: x=10)\n"
        "ran 0 tasks: 0 done, 0 failed; the sweep is finished; next: colabctl failures first\n"
    )


def test_work_without_a_name_goes_on_with_the_next_sweep_when_it_gives_one_up(
    project: Project,
) -> None:
    broken = "def train(params, task):\n    raise OSError('no data')\n"
    project.declare("bad", SWEEP % "1, 2, 3, 4, 5, 6, 7, 8", broken)
    project.declare(
        "good",
        (SWEEP % "1, 2").replace("train.py", "good.py"),
        "def train(params, task):\n    return {'loss': 1}\n",
    )
    worked = project.run("work")
    assert worked.code == 1
    said = worked.err.splitlines()
    bad, good, total = said[-4:-1]
    ran = r"ran [3-8] tasks: 0 done, [0-8] failed.*; giving up; next: colabctl failures bad"
    assert re.fullmatch(f"bad: {ran}", bad)
    assert good == (
        "good: ran 2 tasks: 2 done, 0 failed; the sweep is finished; next: colabctl results good"
    )
    assert total.startswith("2 sweeps: ran ")
    assert re.match(r"colabctl: bad: the first 5 (tasks|attempts) of this worker\b", said[-1])
    assert any(re.match(r"bad: t00000\d failed: ", line) for line in said)
    assert project.status("good")["done"] == 2
