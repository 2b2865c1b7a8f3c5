"""What `status` looks like on real terminals of 40, 80 and 120 columns, and in a pipe."""

import json
import re
import time
from typing import Any

import pytest

from colabctl.cli.see.status import Seen
from colabctl.work.open_sweep import OpenSweep
from tests.cli.conftest import Say
from tests.processes import Project
from tests.screen import Screen, shown

SWEEP = """
method: grid
metric: {name: accuracy, goal: maximize}
foreach: [model, dataset]
max_retries: 0
parameters:
  model: {values: [random_forest, svm]}
  dataset: {values: [iris, wine, breast_cancer]}
  x: {values: [1, 2, 3, 4]}
  epochs: {value: 30}
"""
TESLA = [{"name": "Tesla T4", "memory": 15360 << 20}]
WIDTHS = [40, 80, 120]


def write(
    project: Project,
    worker: str,
    *events: tuple[float, dict[str, Any]],
    lease: float = 900.0,
    **start: Any,
) -> None:
    """Write a worker's journal; each event with the seconds ago at which it happened."""
    now = time.time()
    first = {"event": "start", "member": worker.partition("-")[0], "host": "vm", "lease": lease}
    body = ((events[0][0] + 1, {**first, **start}), *events)
    lines = [json.dumps({"n": n, "t": now - ago, **event}) for n, (ago, event) in enumerate(body)]
    project.write(f"sweeps/first/journal/{worker}/events.jsonl", "\n".join(lines) + "\n")


def claim(*tasks: int) -> dict[str, Any]:
    return {"event": "claim", "tasks": [[task, 1] for task in tasks]}


def done(task: int, accuracy: float) -> dict[str, Any]:
    metrics = {"accuracy": accuracy}
    return {"event": "done", "task": task, "attempt": 1, "seconds": 60.0, "metrics": metrics}


def failed(task: int) -> dict[str, Any]:
    error = {"error": f"ValueError: x={task} is too large for this model", "output": ""}
    return {"event": "failed", "task": task, "attempt": 1, "seconds": 60.0, **error}


END = {"event": "end", "reason": "max-tasks"}


@pytest.fixture
def half_done(project: Project) -> Project:
    """Return a project whose sweep has a running, a lost and two ended workers, and failures."""
    project.declare("first", SWEEP)
    long_ago = 2.5 * 86400
    write(project, "ana-a-1", (long_ago + 9, claim(0, 4)), (long_ago + 5, done(0, 0.9)),
          (long_ago + 4, done(4, 0.8)), (long_ago + 3, END))  # fmt: skip
    write(project, "ana-a-2", (long_ago + 2, claim(8)), (long_ago + 1, failed(8)), (long_ago, END))
    write(
        project, "ben-b-1",
        (200, claim(9)), (140, failed(9)), (130, claim(1)), (100, done(1, 0.95)), (65, claim(20)),
        accelerators=TESLA * 2, host="3f2a9c81be01",
    )  # fmt: skip
    write(project, "chloe-c-1", (long_ago, claim(12)), (long_ago - 9, done(12, 0.5)),
          (long_ago - 10, claim(13)))  # fmt: skip
    return project


def text_of(lines: list[str]) -> str:
    """Return the lines of a screen as one text, as if they were not broken."""
    return re.sub(r" +", " ", " ".join(line.strip() for line in lines))


@pytest.mark.parametrize("columns", WIDTHS)
def test_one_sweep_is_readable_at_every_width(half_done: Project, columns: int) -> None:
    lines = shown(half_done, "status", "first", columns=columns)
    text = text_of(lines)
    assert text.startswith("first running 6/24 finished, 1 running, 2 failed")
    assert "best accuracy 0.95 in t000001: model=random_forest, dataset=iris, x=2" in text
    assert "epochs" not in text  # it does not vary
    assert "2 workers of ana have ended: 2 done, 1 failed attempt, the last 2 d ago" in text
    assert "2 tasks failed: ValueError: x=9 is too large for this model" in text
    assert "colabctl retry first" in text
    for label in ("iris", "wine"):
        assert sum(f"svm, {label}" in line for line in lines) == 1
    bars = [line for line in lines if re.search(r"[█▚▒░]{10}", line)]
    assert len(bars) == 6
    assert [("▚" in bar, "▒" in bar, "█" in bar) for bar in bars] == [
        (False, False, True),
        (False, False, True),
        (True, False, False),
        (False, False, True),
        (False, False, False),
        (False, True, False),
    ]


@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_goes_beyond_the_edge(half_done: Project, columns: int) -> None:
    wide = shown(half_done, "status", "first", columns=400)
    narrow = shown(half_done, "status", "first", columns=columns)
    # A line that is broken by the terminal has its last word in the next line, unindented.
    assert all(line.startswith(("first", " ")) or not line for line in narrow)
    assert len(narrow) >= len(wide)


def test_a_wide_terminal_has_a_line_for_each_worker(half_done: Project) -> None:
    lines = shown(half_done, "status", "first", columns=120)
    [ben] = [line for line in lines if line.startswith("  ben ")]
    assert re.split(r"  +", ben.strip()) == [
        "ben", "3f2a9c81be01", "2 x Tesla T4 15 GB", "t000020", "1 min", "1", "1", "1 min ago",
    ]  # fmt: skip
    [chloe] = [line for line in lines if line.startswith("  chloe")]
    assert re.split(r"  +", chloe.strip()) == ["chloe", "vm", "lost", "1", "2 d ago"]


def test_scripts_get_what_the_screen_shows(half_done: Project, say: Say) -> None:
    answer = say("status", "first", "--json").json
    assert answer["divided_by"] == ["model", "dataset"]
    assert [cell["total"] for cell in answer["cells"]] == [4] * 6
    assert answer["cells"][2]["failed"] == 2
    assert answer["cells"][0]["values"] == {"model": "random_forest", "dataset": "iris"}
    assert answer["cells"][0]["best_index"] == 1
    assert answer["seconds_left"] > 0
    ben = next(worker for worker in answer["workers"] if worker["member"] == "ben")
    assert (ben["accelerator"], ben["accelerators"]) == ("Tesla T4", 2)
    assert ben["accelerator_memory"] == 15360 << 20
    assert 60 < ben["task_seconds"] < 600
    assert answer["varying"] == ["dataset", "model", "x"]


def test_a_pipe_gets_every_line_whole(half_done: Project) -> None:
    piped = half_done.run("status", "first", COLUMNS="40").out
    lines = piped.splitlines()
    assert "  2 workers of ana have ended: 2 done, 1 failed attempt, the last" in piped
    assert any("random_forest, breast_cancer" in line and "█" not in line for line in lines)
    assert "\x1b" not in piped
    assert half_done.run("status", "first", COLUMNS="300").out.count("\n") == len(lines)


def test_a_terminal_without_block_characters_gets_others(half_done: Project) -> None:
    lines = shown(half_done, "status", "first", PYTHONIOENCODING="ascii")
    assert sum(bool(re.search(r"[#x>.]{10}", line)) for line in lines) == 6
    assert "# done x failed > running . waiting" in text_of(lines)
    assert not re.search(r"[█▚▒░]", "\n".join(lines))


def test_cancelled_tasks_are_drawn_apart_from_those_that_wait(half_done: Project, say: Say) -> None:
    assert say("cancel", "first", "--yes").code == 0
    text = text_of(shown(half_done, "status", "first"))
    assert "█ done ▚ failed · cancelled" in text
    plain = text_of(shown(half_done, "status", "first", PYTHONIOENCODING="ascii"))
    assert "# done x failed - cancelled" in plain
    half_done.declare("second", SWEEP)
    assert say("cancel", "second", "--yes").code == 0
    [line] = [line for line in shown(half_done, "status") if line.startswith("second")]
    assert "·" * 10 in line
    assert "0/24, 24 cancelled" in line


def test_colours_can_be_turned_off(half_done: Project) -> None:
    coloured, plain = (
        Screen(half_done, "status", "first", rows=200, NO_COLOR=value) for value in ("", "1")
    )
    with coloured, plain:
        coloured.end()
        plain.end()
        assert coloured.lines[:15] == plain.lines[:15]  # below these are times
        assert "\x1b[3" in coloured.written
        assert "\x1b[3" not in plain.written


def test_a_paused_sweep_says_who_paused_it(half_done: Project, say: Say) -> None:
    say("pause", "first")
    lines = shown(half_done, "status", "first", columns=40)
    assert lines[0].startswith("first  paused")
    assert re.search(r"paused by ana [\d.]+ s ago", text_of(lines))
    assert "resume it: colabctl resume first" in text_of(lines)


@pytest.mark.parametrize("columns", WIDTHS)
def test_several_sweeps_take_some_lines_each(half_done: Project, columns: int) -> None:
    half_done.declare("second", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    lines = shown(half_done, "status", columns=columns)
    assert len(lines) <= (7 if columns == 40 else 4)
    text = text_of(lines)
    assert re.search(r"first running [█▚▒░]+ 6/24, 2 failed", text)
    assert "best accuracy 0.95 in t000001" in text
    assert re.search(r"second pending ░+ 0/2", text)


def test_many_sweeps_that_cannot_be_read_come_last_and_in_one_line(
    half_done: Project, say: Say
) -> None:
    for number in range(300):
        half_done.write(f"sweeps/broken{number:03d}/plan.json", '{"format": 99}')
    answer = say("status")
    assert answer.out.startswith("first  running")
    assert answer.err == (
        "note: 300 sweeps cannot be read (broken000, broken001, broken002, broken003, broken004 "
        "and 295 more); to see why: colabctl doctor\n"
    )
    assert [sweep["sweep"] for sweep in say("status", "--json").json] == ["first"]


def test_a_few_sweeps_that_cannot_be_read_have_their_reasons(half_done: Project, say: Say) -> None:
    half_done.write("sweeps/newer/plan.json", '{"format": 99}')
    half_done.write("sweeps/torn/plan.json", '{"format"')
    answer = say("status")
    assert answer.out.startswith("first  running")
    assert answer.err.count("note: ") == 2
    assert "newer colabctl (format 99" in answer.err
    assert "torn" in answer.err


def test_hostile_names_cannot_break_the_screen(half_done: Project) -> None:
    trick = "\x1b[2J\x1b]0;t\x07漢\u202e" + "a" * 500
    write(
        half_done, "eve-e-1", (10, claim(2)), (5, claim(3)),
        host=trick, accelerators=[{"name": trick, "memory": 1 << 30}], packages={trick: trick},
    )  # fmt: skip
    for columns in WIDTHS:
        with Screen(half_done, "status", "first", columns=columns, rows=200) as terminal:
            terminal.end()
            lines = terminal.lines
            assert not re.search(r"\x1b\[2J|\x1b\]|\x07|\u202e", terminal.written)
            assert all(line.startswith(("first", " ")) or not line for line in lines)
            assert text_of(lines).startswith("first running 6/24")


def test_an_eventual_folder_says_what_may_not_have_arrived(project: Project, say: Say) -> None:
    project.declare("first", SWEEP, COLABCTL_CONSISTENCY="eventual")
    now = time.time()
    start = {"event": "start", "member": "ben", "host": "vm", "lease": 900.0}
    for n, ago, event in ((0, 400, start), (1, 390, claim(0)), (3, 380, done(1, 0.5))):
        line = json.dumps({"n": n, "t": now - ago, **event})
        place = f"sweeps/first/journal/ben-b-1/00000000/{n:08d}-{n:08d}.jsonl"
        project.write(place, f"{line}\n")
    answer = say("status", "first", "--json").json
    assert len(answer["unseen"]) == 2
    assert "1 event of ben-b-1 did not arrive yet, although later ones did" in answer["unseen"]
    assert "files of other machines can arrive minutes late" in say("status", "first").out


# -- --watch --------------------------------------------------------------------------------


def test_watching_replaces_what_has_changed_and_ends_with_the_sweep(project: Project) -> None:
    project.declare("first", SWEEP)
    write(project, "ben-b-1", (20, claim(*range(24))), (10, done(0, 0.5)))
    with Screen(project, "status", "first", "--watch", columns=80, rows=40) as watched:
        watched.until(lambda screen: "1/24 finished" in screen.lines[0])
        journal = project.root / "sweeps/first/journal/ben-b-1/events.jsonl"
        with journal.open("a") as file:  # as its writer does
            for n, event in enumerate([*(done(task, 0.6) for task in range(1, 24)), END], 3):
                file.write(json.dumps({"n": n, "t": time.time(), **event}) + "\n")
        watched.end()
        lines = watched.lines
        assert watched.process.returncode == 0
        assert lines[0].startswith("first  finished  24/24 finished")
        assert sum("first" in line for line in lines) == 1  # the earlier lines were replaced
        assert "\x1b[2J" not in watched.written  # clearing the screen would flicker


def test_ctrl_c_ends_watching_and_leaves_the_last_look(project: Project) -> None:
    project.declare("first", SWEEP)
    with Screen(project, "status", "first", "--watch", rows=200) as watched:
        watched.until(lambda screen: "0/24 finished" in screen.lines[0])
        watched.press_ctrl_c()
        watched.end()
        lines = watched.lines
        assert watched.process.returncode == 130
        assert lines[0].startswith("first  pending  0/24 finished")
        assert lines[-1] == "stopped watching; the sweep continues"
        assert "Traceback" not in watched.written


def test_a_window_that_changes_its_size_is_drawn_again(project: Project) -> None:
    project.declare("first", SWEEP)
    with Screen(project, "status", "first", "--watch", columns=100, rows=40) as watched:
        watched.until(lambda screen: "0/24 finished" in screen.lines[0])
        watched.resize(44, 40)
        watched.until(
            lambda screen: any(line.endswith(" 0/4") and len(line) == 44 for line in screen.lines)
        )
        watched.press_ctrl_c()
        watched.end()
        assert sum("finished" in line for line in watched.lines) == 1


def test_a_small_window_shows_the_beginning_and_the_end_shows_all(project: Project) -> None:
    project.declare("first", SWEEP)
    with Screen(project, "status", "first", "--watch", columns=80, rows=6) as watched:
        watched.until(lambda screen: "which a taller window shows" in screen.lines[-1])
        assert watched.lines[0].startswith("first  pending")
        watched.press_ctrl_c()
        watched.end()
        assert watched.lines[-1] == "stopped watching; the sweep continues"
        assert "start one: colabctl work first" in watched.written


def test_a_notebook_gets_lines_instead(project: Project) -> None:
    project.declare("first", SWEEP)
    with Screen(project, "status", "first", "--watch", JPY_PARENT_PID="1", rows=200) as watched:
        watched.until(lambda screen: "0/24 finished" in screen.lines[0])
        watched.press_ctrl_c()
        watched.end()
        lines = watched.lines
        assert re.fullmatch(r"\d\d:\d\d:\d\d  first  pending  0/24 finished", lines[0])
        assert "\x1b[" not in re.sub(r"\x1b\[\d+m", "", watched.written)


def test_a_log_gets_lines_instead(project: Project) -> None:
    project.declare("first", SWEEP)
    write(project, "ben-b-1", (20, claim(*range(24))), *((10, done(n, 0.5)) for n in range(24)))
    watched = project.run("status", "first", "--watch")
    assert watched.code == 0
    assert watched.out.startswith("first  finished  24/24 finished")


def test_watching_goes_on_when_a_sweep_cannot_be_read_for_a_while(project: Project) -> None:
    project.declare("first", SWEEP, COLABCTL_CONSISTENCY="eventual")
    with Screen(project, "status", "first", "--watch", rows=200) as watched:
        watched.until(lambda screen: "0/24 finished" in screen.lines[0])
        folder = project.root / "sweeps/first"
        folder.rename(folder.with_name("away"))
        lines = watched.until(lambda screen: "note: " in screen.lines[-1]).lines
        assert "0/24 finished" in lines[0]
        folder.with_name("away").rename(folder)
        watched.until(lambda screen: "note: " not in screen.lines[-1])
        watched.press_ctrl_c()
        watched.end()


def test_watching_reads_only_new_files(project: Project) -> None:
    project.declare("first", SWEEP, COLABCTL_CONSISTENCY="eventual")
    now = time.time()
    events = [{"event": "start", "member": "ben", "host": "vm", "lease": 900.0}, claim(0), claim(1)]

    def arrive(n: int) -> None:
        line = json.dumps({"n": n, "t": now - 60 + n, **events[n]})
        place = f"sweeps/first/journal/ben-b-1/00000000/{n:08d}-{n:08d}.jsonl"
        project.write(place, f"{line}\n")

    arrive(0)
    arrive(1)
    sweep = OpenSweep.named(project.config({}).layout, "first")
    seen = Seen(sweep)
    assert seen.look().pending == 23
    read = sweep.ledger._journals.files_read  # type: ignore[attr-defined]
    seen.look()
    assert sweep.ledger._journals.files_read == read  # type: ignore[attr-defined]
    arrive(2)
    assert seen.look().pending == 22
    assert sweep.ledger._journals.files_read == read + 1  # type: ignore[attr-defined]
