"""Notebooks that are stopped: by the sweep, by the worker, by the end of its process."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.notebook.notebooks import content
from tests.processes import Project, check_interrupted_leaves_nothing, linux, until
from tests.run.notebook.lab import DONE, PARAMETERS, REPORT, Lab, plain


def test_a_notebook_that_checks_should_stop_ends_itself_and_keeps_its_kernel(lab: Lab) -> None:
    lab.run(DONE)
    kernel = lab.kernel
    loop = (
        REPORT
        + "for i in range(2000):\n    time.sleep(0.01)\n    if t.report(step=i, v=i): break\n"
    )
    ran = lab.run(loop + "t.done(reached=i)", stop_at=3)
    assert ran.outcome == "pruned"
    assert ran.metrics is not None
    assert 3 <= ran.metrics["reached"] < 1999
    assert lab.kernel == kernel


def test_a_notebook_that_does_not_ask_is_interrupted(lab: Lab) -> None:
    line = '{"step": 5, "values": {"v": 1}}\\n'
    ran = lab.run(
        "import os, time\nimport colabctl; colabctl.task().done(sofar=1)\n"
        f"open(os.environ['COLABCTL_REPORTS'], 'a').write('{line}')\ntime.sleep(60)",
        stop_at=3,
    )
    assert (ran.outcome, ran.metrics) == ("pruned", {"sofar": 1})
    assert lab.kernel is None


def test_a_notebook_that_ignores_the_interrupt_is_killed(lab: Lab) -> None:
    stubborn = (
        "while True:\n    try:\n        t.report(step=9, v=1); time.sleep(60)\n"
        "    except KeyboardInterrupt: pass"
    )
    assert lab.run(REPORT + stubborn, stop_at=3).outcome == "pruned"


def test_a_worker_that_must_end_interrupts_the_cell_and_the_notebook_shows_where(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colabctl.run.notebook.runner._INTERRUPT", 30.0)  # the machine may be busy
    started = lab.root / "started"
    cell = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)"

    def end() -> None:
        until(started.exists)
        kernel = lab.kernel
        assert kernel is not None
        for process in (os.getpid(), kernel):  # the whole group gets it
            os.kill(process, signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    ran = lab.run(cell, "print('never')")
    ending.join()
    assert (ran.outcome, ran.error) == ("failed", "stopped by SIGTERM")
    assert "KeyboardInterrupt" in plain(ran.executed)
    assert lab.run(DONE).outcome == "done"


HOLDER = """
import sys
from pathlib import Path
from colabctl.task import Assignment, Task
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.notebook.runner import Runner
from tests.run.colab import colab_here
from tests.run.notebook.lab import Recorder

code, root = Path(sys.argv[1]), Path(sys.argv[2])
run = Runner(code / "MAIN.ipynb", root, KernelOptions(fresh=True, keep="none"))
task = Task(Assignment("s", "t", 0, 1, {"x": 1}, str(root / "runs")), Recorder())
run(task.params, task)
"""


@linux
@pytest.mark.parametrize("whom", ["group", "process"])
def test_no_kernel_outlives_the_process_that_started_it(tmp_path: Path, whom: str) -> None:
    (tmp_path / "MAIN.ipynb").write_bytes(
        content(PARAMETERS, "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)")
    )
    mark = f"TEST_OF_COLABCTL={tmp_path.name}".encode()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(tmp_path)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TEST_OF_COLABCTL": tmp_path.name},
        start_new_session=True,
    )

    def living() -> int:
        return sum(_has(folder / "environ", mark) for folder in Path("/proc").glob("[0-9]*"))

    until((tmp_path / "started").exists)
    # The holder, the kernel at work, and the one for the next task.
    until(lambda: living() == 3)
    if whom == "group":
        os.killpg(holder.pid, signal.SIGKILL)
    else:
        holder.kill()
    holder.wait()
    until(lambda: living() == 0)


@linux
@pytest.mark.parametrize("above", [True, False])
def test_a_kernel_that_must_be_killed_leaves_nothing_on_the_machine(
    project: Project, tmp_path: Path, above: bool
) -> None:
    stubborn = (
        "import pathlib, time\n"
        "while True:\n"
        "    pathlib.Path('started').touch()\n"
        "    try: time.sleep(600)\n"
        "    except KeyboardInterrupt: pass"
    )
    sweep = "method: grid\nprogram: MAIN.ipynb\nparameters: {x: {values: [1]}}\n"
    cells = (stubborn, PARAMETERS) if above else (PARAMETERS, stubborn)
    project.declare("stubborn", sweep, content(*cells).decode())
    check_interrupted_leaves_nothing(project, "stubborn", tmp_path / "tmp")


def _has(environ: Path, mark: bytes) -> bool:
    try:
        return mark in environ.read_bytes().split(b"\0")
    except OSError:  # it is gone, or belongs to another user
        return False
