"""A slot: one process, replaced when it dies, and its tasks."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from colabctl.run.messages import Broken, Done, Failed, Inbox, Returned, Stop, TaskMessage
from colabctl.run.slots.slot import Slot
from colabctl.run.slots.waiting import Waiting
from colabctl.run.termination import signal_group
from colabctl.task import Assignment
from tests.processes import clean, linux, until
from tests.run.function_settings import function_settings

Slots = Callable[[str], tuple[Slot, Inbox]]


@pytest.fixture
def slot_for(tmp_path: Path) -> Iterator[Slots]:
    """Give what makes a slot that runs a program's text, with its inbox."""
    slots: list[Slot] = []

    def make(program: str) -> tuple[Slot, Inbox]:
        (tmp_path / "train.py").write_text(program)
        inbox = Inbox()
        settings = function_settings(tmp_path)
        environ = clean(os.environ)
        slots.append(
            Slot(settings, environ, inbox, lambda: None, lambda go: go(), waiting=Waiting())
        )
        return slots[-1], inbox

    yield make
    for slot in slots:
        slot.close()


def task(index: int) -> Assignment:
    return Assignment("sweep", f"t{index:06d}", index, 1, {}, "")


def run(slot: Slot, inbox: Inbox, index: int) -> dict[str, Any]:
    """Run a task and return its metrics."""
    slot._waiting.add([task(index)])
    until(lambda: inbox, f"an outcome of task {index}")
    match inbox.popleft():
        case TaskMessage(_, Done(metrics=metrics)):
            return metrics
        case other:
            pytest.fail(f"task {index}: {other}")


def ends(inbox: Inbox) -> list[tuple[int, type]]:
    """Return which tasks ended, and how."""
    return [
        (each.assignment.index, type(each.message))
        for each in inbox
        if isinstance(each, TaskMessage)
    ]


def dead(pid: int) -> bool:
    """Whether a process has ended with all its threads, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True


@linux
def test_a_process_that_died_between_two_tasks_is_replaced_and_neither_is_blamed(
    slot_for: Slots,
) -> None:
    slot, inbox = slot_for("import os\ndef train(params, task):\n    return {'pid': os.getpid()}\n")
    first = run(slot, inbox, 0)
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: dead(first["pid"]))
    assert run(slot, inbox, 1) != first


def test_a_task_that_was_stopped_is_returned_and_the_next_one_runs(slot_for: Slots) -> None:
    slot, inbox = slot_for(
        "import time\ndef train(params, task):\n    time.sleep(600 if task.index == 0 else 0)\n"
    )
    slot._waiting.add([task(0), task(1)])
    until(slot.running)
    slot.stop(0, Stop("returned"))
    until(lambda: len(inbox) == 2)
    assert ends(inbox) == [(0, Returned), (1, Done)]


def test_a_task_that_ignores_the_signal_is_killed(slot_for: Slots) -> None:
    slot, inbox = slot_for(
        "import pathlib, signal, time\n"
        "def train(params, task):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    pathlib.Path('ready').touch()\n"
        "    time.sleep(600)\n"
    )
    slot._waiting.add([task(0)])
    until(lambda: Path(slot._settings.root, "ready").exists())
    slot.stop(0, Stop("failed", "took too long"), kill_after=0.1)
    until(lambda: inbox)
    [outcome] = inbox
    assert isinstance(outcome, TaskMessage)
    assert isinstance(outcome.message, Failed)
    assert outcome.message.error == "took too long"


def test_a_late_kill_does_not_hit_the_task_that_runs_by_then(slot_for: Slots) -> None:
    # The first task ends well on the signal, in a process that lives on.
    slot, inbox = slot_for(
        "import pathlib, signal, time\n"
        "def train(params, task):\n"
        "    stopped = []\n"
        "    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))\n"
        "    pathlib.Path(str(task.index)).touch()\n"
        "    while task.index == 0 and not stopped:\n"
        "        time.sleep(0.01)\n"
        "    if task.index == 1:\n"
        "        time.sleep(3)\n"
    )
    slot._waiting.add([task(0), task(1)])
    until(lambda: Path(slot._settings.root, "0").exists())
    slot.stop(0, Stop("returned"), kill_after=2.0)
    until(lambda: len(inbox) == 2)
    assert ends(inbox) == [(0, Done), (1, Done)]


def test_a_late_signal_does_not_fail_the_task_that_runs_by_then(
    slot_for: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot, inbox = slot_for(
        "import pathlib, time\n"
        "def train(params, task):\n"
        "    until = time.monotonic() + (600 if task.index == 1 else 0)\n"
        "    pathlib.Path(str(task.index)).touch()\n"
        "    while time.monotonic() < until or not pathlib.Path('go').exists():\n"
        "        time.sleep(0.01)\n"
    )
    go = Path(slot._settings.root, "go")

    def late(process: "subprocess.Popen[bytes]", number: int) -> None:
        go.touch()
        until(lambda: inbox and go.with_name("1").exists())
        signal_group(process, number)

    monkeypatch.setattr("colabctl.run.slots.slot.signal_group", late)
    slot._waiting.add([task(0), task(1)])
    until(go.with_name("0").exists)
    slot.stop(0, Stop("returned"))
    until(lambda: len(inbox) == 2)
    assert ends(inbox) == [(0, Done), (1, Returned)]


def test_a_slot_that_is_closed_in_the_middle_of_a_task_loads_the_code_no_more(
    slot_for: Slots,
) -> None:
    slot, inbox = slot_for(
        "import time\nopen('loaded', 'a').write('x')\n"
        "def train(params, task):\n    time.sleep(600)\n"
    )
    slot._waiting.add([task(0)])
    until(slot.running)
    slot.stop(0, Stop("returned"))
    slot.close()
    assert ends(inbox) == [(0, Returned)]
    assert Path(slot._settings.root, "loaded").read_text() == "x"


def test_a_slot_that_is_closed_while_the_code_is_loaded_asks_it_to_end(slot_for: Slots) -> None:
    slot, inbox = slot_for(
        "import pathlib, signal, time\n"
        "def end(*_):\n    pathlib.Path('asked').touch()\n    raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path('loading').touch()\n"
        "time.sleep(600)\n"
    )
    until(lambda: Path(slot._settings.root, "loading").exists())
    slot.close()
    assert Path(slot._settings.root, "asked").exists()
    assert not inbox


def test_code_that_cannot_be_loaded_is_no_tasks_fault(slot_for: Slots) -> None:
    for program, error in (
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "import os\nos._exit(3)",
            "the process ended with exit code 3 while loading it; its last line: so far",
        ),
    ):
        _, inbox = slot_for(f"print('so far', flush=True)\n{program}\n")
        until(inbox.__len__)
        [broken] = inbox
        assert isinstance(broken, Broken)
        assert broken.error == error
        assert broken.output.startswith("so far")


@linux
def test_what_tasks_left_running_ends_with_the_slot(slot_for: Slots) -> None:
    slot, inbox = slot_for(
        "import subprocess\n"
        "def train(params, task):\n"
        "    return {'pid': subprocess.Popen(['sleep', '600']).pid}\n"
    )
    left = run(slot, inbox, 0)["pid"]
    assert not dead(left)
    slot.close()
    until(lambda: dead(left))
