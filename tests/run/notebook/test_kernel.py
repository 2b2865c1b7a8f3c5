"""Notebooks run by real kernels: what a task's outcome is, what the next task finds."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import IPython
import pytest

from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.failure import TaskError
from colabctl.run.notebook import runner as notebooks
from colabctl.run.notebook.runner import Runner, run_loop
from colabctl.run.settings import Settings
from tests.notebook.made import content
from tests.processes import Project, check_interrupted_leaves_nothing, linux, until
from tests.run.colab import colab_here
from tests.run.notebook.lab import DONE, PARAMETERS, Lab, lab_at, plain, value

pytest.importorskip("ipykernel")

# On Python 3.12 the IPython of Colab does not know `y = !command`.
assigns = pytest.mark.skipif(IPython.version_info < (8,), reason="needs IPython 8")
REPORT = "import colabctl, time\nt = colabctl.task()\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a lab whose one warm kernel serves all tests that leave it sound."""
    with lab_at(tmp_path_factory.mktemp("lab"), keep="all", most_output=100_000) as made:
        yield made


# -- what the outcome is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("raise ValueError('bad\\nthing')", "cell 2: ValueError: bad thing"),
        ("raise KeyError", "cell 2: KeyError"),
        ("x = \ny = 2", "cell 2: SyntaxError: invalid syntax (line 1)"),
        ("import sys; sys.exit(3)", "cell 2: sys.exit(3)"),
        ("import sys; sys.exit('no data')", "cell 2: sys.exit(no data)"),
        ("quit(4)", "cell 2: sys.exit(4)"),
        ("!exit 3\nprint(1)", "cell 2: CalledProcessError: Command 'exit 3' returned non-zero exit status 3."),
        ("if x:\n    !false", "cell 2: CalledProcessError: Command 'false' returned non-zero exit status 1."),
        pytest.param("y = !exit 3", "cell 2: CalledProcessError: Command 'exit 3' returned non-zero exit status 3.", marks=assigns),
        ("y = %sx exit 3", "cell 2: CalledProcessError: Command 'exit 3' returned non-zero exit status 3."),
        ("!!false", "cell 2: CalledProcessError: Command 'false' returned non-zero exit status 1."),
        ("%sx false", "cell 2: CalledProcessError: Command 'false' returned non-zero exit status 1."),
        ("%%system\nfalse", "cell 2: CalledProcessError: Command 'false ' returned non-zero exit status 1."),
        ("def f(code):\n    !exit {code}\nf(3)", "cell 2: CalledProcessError: Command 'exit 3' returned non-zero exit status 3."),
        ("%%time\n1/0", "cell 2: ZeroDivisionError: division by zero"),
        ("%%capture\n1/0", "cell 2: ZeroDivisionError: division by zero"),
        ("%nomagic", "cell 2: UsageError: Line magic function `%nomagic` not found."),
        ("input()", "cell 2: StdinNotImplementedError: input() and getpass() do not work in a task; use a parameter instead"),
        ("import asyncio\nawait asyncio.sleep(0)\n1/0", "cell 2: ZeroDivisionError: division by zero"),
        ("open('bad.py', 'w').write('1/0')\n%run bad.py", "cell 2: ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_task_fails_by_what_its_cells_raise(lab: Lab, cell: str, error: str) -> None:
    ran = lab.run(cell, DONE)
    assert (ran.outcome, ran.error) == ("failed", error)


def test_a_failing_bash_cell_fails_the_task(lab: Lab) -> None:
    ran = lab.run("%%bash\nfalse", DONE)
    assert ran.error.startswith("cell 2: CalledProcessError")


@pytest.mark.parametrize(
    "cells",
    [
        (DONE,),
        ("", "# nothing", DONE),
        (DONE, "import sys; sys.exit()", "1/0"),
        (DONE, "import sys; sys.exit(0)", "1/0"),
        (DONE, "%%time\nimport sys\nsys.exit()", "1/0"),
        (DONE, "exit", "1/0"),
        (DONE, "exit()", "1/0"),
        (("1/0", "raises-exception"), DONE),
        (("1/0", "skip-execution"), DONE),
        ("!true", DONE),
        (
            "def f(word):\n    return get_ipython().getoutput('echo {word}; echo aside >&2')",
            "assert f('a') == ['a', 'aside']",
            DONE,
        ),
        ("try:\n    !exit 3\nexcept Exception: assert _exit_code == 3", DONE),
        ("y = %sx true", "assert y == []", "!!true", DONE),
        ("import asyncio\nawait asyncio.sleep(0.01)", DONE),
        ("%%time\ny = x", "x = y", DONE),
        ("try:\n    1/0\nexcept ZeroDivisionError: pass", DONE),
        ("import os\npid = os.fork()\nif not pid: os._exit(1)\nos.waitpid(pid, 0)", DONE),
        ("import os\npid = os.fork()", "os.waitpid(pid, 0)", DONE),
        ("import sys; sys.stdout.close()", "print(1)", DONE),
        ("import sys; sys.stdout = None", "print(1)", DONE),
        ("print('é ✓ 🎲')", DONE),
        ("%%html\n<b>bold</b>", DONE),
    ],
)
def test_a_task_is_done_if_nothing_goes_wrong_or_it_says_so(
    lab: Lab, cells: tuple[str | tuple[str, str], ...]
) -> None:
    ran = lab.run(*cells)
    assert (ran.outcome, ran.metrics, ran.error) == ("done", {"x": 1}, "")


def test_sys_exit_counts_even_where_an_exception_is_expected(lab: Lab) -> None:
    ran = lab.run(("import sys; sys.exit(2)", "raises-exception"), DONE)
    assert ran.error == "cell 2: sys.exit(2)"


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("import os; os._exit(0)", "cell 3: the kernel ended with exit code 0"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "cell 3: the kernel was killed by SIGKILL (often the machine ran out of memory)",
        ),
    ],
)
def test_a_kernel_that_dies_is_a_failure_and_the_next_task_has_a_new_one(
    lab: Lab, cell: str, error: str
) -> None:
    ran = lab.run(DONE, cell)
    assert (ran.outcome, ran.error) == ("failed", error)
    assert error in ran.executed.cells[0].source
    assert lab.run(DONE).outcome == "done"


def test_a_notebook_that_shuts_its_kernel_down_harms_no_other_task(lab: Lab) -> None:
    assert lab.run(DONE, "get_ipython().kernel.do_shutdown(False)").outcome == "done"
    assert lab.run(DONE).outcome == "done"


def test_after_a_failure_of_memory_or_of_the_gpu_the_kernel_is_replaced(lab: Lab) -> None:
    lab.run(DONE)
    kernel = lab.kernel
    lab.run("1/0")
    assert lab.kernel == kernel
    lab.run("raise RuntimeError('CUDA error: device-side assert triggered')")
    assert lab.kernel is None


def test_metrics_and_reports_reach_the_worker(lab: Lab) -> None:
    ran = lab.run(
        REPORT + "for step in range(3): t.report(step=step, loss=x / 2)",
        "t.done(name=t.name, root=t.params)",
        params={"x": 4},
    )
    assert ran.reports == [(step, {"loss": 2.0}) for step in range(3)]
    assert ran.metrics == {"name": ran.executed.metadata["colabctl"]["task"], "root": {"x": 4}}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("COLABCTL_RESULT", "COLABCTL_RESULT is not valid JSON"),
        ("COLABCTL_REPORTS", "COLABCTL_REPORTS: b'[' is not a report"),
    ],
)
def test_garbage_for_an_answer_fails_the_task(lab: Lab, name: str, error: str) -> None:
    ran = lab.run(f"import os\nopen(os.environ[{name!r}], 'w').write('[\\n');")
    assert ran.outcome == "failed"
    assert ran.error.startswith(error)


def test_all_output_goes_to_the_log(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.run(
        "import os, sys\nprint('printed')\nprint('aside', file=sys.stderr)\n"
        "!echo from the shell\nos.system('echo from below');\n{'an': 'answer'}",
        "raise ValueError('bad')",
    )
    log = capsys.readouterr().out
    for text in ("printed", "aside", "from the shell", "from below", "{'an': 'answer'}"):
        assert f"{text}\n" in log.replace("\r\n", "\n")
    assert "bad" in log.rstrip().splitlines()[-1]


# -- what the next task finds ---------------------------------------------------------------------


def test_cells_above_the_parameters_run_once_and_the_others_for_each_task(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.drop()
    cells = (
        "print('above'); data = [1, 2]",
        PARAMETERS,
        "print('below', x)",
        value("sum(data) + x"),
    )
    ran = [lab.run(*cells, params={"x": x}, whole=True) for x in (1, 2, 3)]
    assert [each.metrics for each in ran] == [{"v": 4}, {"v": 5}, {"v": 6}]
    assert capsys.readouterr().out.split("\n") == ["above", "below 1", "below 2", "below 3", ""]
    for each in ran:  # each document shows all of what led to its result
        outputs = [cell.outputs[0].text for cell in each.executed.cells if cell.outputs]
        assert outputs[0] == "above\n"
        counts = [cell.execution_count for cell in each.executed.cells]
        assert counts == [1, 2, 3, 4, 5]
    lab.drop()


def test_a_task_comes_to_what_the_cells_above_have_left(lab: Lab) -> None:
    lab.drop()
    look = (
        "import os, sys, colabctl\n"
        "colabctl.task().done(names=sorted(n for n in globals() if n.startswith(('my', '_1', '_i9'))),"
        " a=my_a, env=os.environ.get('MY'), here=os.getcwd() == my_home,"
        " path='/nowhere' in sys.path, inputs=len(In), outputs=len(Out), shared=my_list)"
    )
    change = (
        "my_a = 2; my_b = 3; del my_c\nimport os, sys\nos.environ['MY'] = 'new'; os.chdir('/');"
        " sys.path.append('/nowhere'); my_list.append(1)\n5"
    )
    above = "import os\nmy_home = os.getcwd(); my_a = 1; my_c = 1; my_list = []; os.environ['MY'] = 'old'"
    first, second = (lab.run(above, PARAMETERS, look, change, whole=True) for _ in range(2))
    assert first.metrics == {
        "names": ["my_a", "my_c", "my_home", "my_list"],
        "a": 1,
        "env": "old",
        "here": True,
        "path": False,
        "inputs": 5,
        "outputs": 0,
        "shared": [],
    }
    # What is changed in place stays changed, and is all that does.
    assert second.metrics == {**first.metrics, "shared": [1]}
    lab.drop()


def test_nothing_of_a_failed_task_is_kept_in_memory(lab: Lab) -> None:
    hold = (
        "import weakref, builtins\nclass Big: pass\nbig = Big()\n"
        "builtins.seen = weakref.ref(big)\nbig"
    )
    gone = value("__import__('builtins').seen() is None")
    lab.drop()  # in a kernel's first task it takes more to let go than later
    lab.run(hold)
    assert lab.run(gone).metrics == {"v": True}
    lab.run(hold, "def f(inner):\n    raise ValueError(inner)\nf(big)")
    assert lab.run(gone).metrics == {"v": True}


def test_modules_beside_the_notebook_are_found_and_those_in_the_project_are_not(lab: Lab) -> None:
    (lab.code / "beside.py").write_text("here = 1\n")
    (lab.root / "planted.py").write_text("here = 1\n")
    assert lab.run("import beside", value("beside.here")).metrics == {"v": 1}
    assert "ModuleNotFoundError" in lab.run("import planted").error


def test_what_cells_start_imports_from_beside_the_notebook_and_not_from_the_project(
    lab: Lab,
) -> None:
    (lab.code / "beside.py").write_text("here = 1\n")
    (lab.root / "planted.py").write_text("here = 1\n")
    (lab.root / "pip.py").write_text("open('piped', 'w').close()\n")
    run = "import subprocess, sys\nran = [subprocess.run([sys.executable, *words]).returncode for words in "
    words = (
        "(('-c', 'import beside'), ('-m', 'beside'), ('-m', 'planted'), ('-c', 'import planted'))]"
    )
    assert lab.run(run + words, value("ran")).metrics == {"v": [0, 0, 1, 1]}
    lab.run("%pip --version")
    assert not (lab.root / "piped").exists()


def test_the_current_folder_is_the_project(lab: Lab) -> None:
    assert lab.run(value("__import__('os').getcwd()")).metrics == {"v": str(lab.root)}


def test_figures_show_in_the_notebook_and_children_draw_into_files(lab: Lab) -> None:
    pytest.importorskip("matplotlib")
    ran = lab.run(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        value("(plt.get_fignums(), __import__('os').environ['MPLBACKEND'])"),
    )
    assert ran.metrics == {"v": [[], "Agg"]}
    assert "image/png" in ran.executed.cells[2].outputs[0].data


def test_a_fresh_kernel_runs_every_cell_for_every_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = ("print('above')", PARAMETERS, value("__import__('os').getpid()"))
    with lab_at(tmp_path, fresh=True) as fresh:
        ran = [fresh.run(*cells, whole=True) for _ in range(3)]
        pids = {each.metrics["v"] for each in ran if each.metrics}
        assert len(pids) == 3
        assert capsys.readouterr().out == "above\n" * 3
        above = fresh.run(value("3"), PARAMETERS, whole=True)  # the task is known there as well
        assert above.metrics == {"v": 3}


def test_libraries_may_tidy_up_at_the_end_of_a_fresh_kernel(tmp_path: Path) -> None:
    with lab_at(tmp_path, fresh=True) as fresh:
        fresh.run("import atexit, pathlib\natexit.register(pathlib.Path('tidied').touch)", DONE)
        assert (fresh.root / "tidied").exists()


def test_a_kernel_is_replaced_after_the_number_of_tasks_asked_for(tmp_path: Path) -> None:
    with lab_at(tmp_path, kernel_tasks=2) as two:
        pids = [two.run(value("__import__('os').getpid()")).metrics for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_failing_shell_lines_may_be_ignored(tmp_path: Path) -> None:
    with lab_at(tmp_path, shell_errors="ignore", keep="none") as lax:
        ran = lax.run("!false\nok = _exit_code", "y = %sx false", "!!false", value("ok"))
        assert ran.metrics == {"v": 1}
        assert lax.run("%%bash\nfalse").outcome == "failed"
        assert not list(tmp_path.rglob("executed.ipynb"))


# -- what is kept ---------------------------------------------------------------------------------


def test_the_executed_notebook_shows_where_a_task_failed(lab: Lab) -> None:
    node = lab.run("print('before')", "1/0", "print('never')").executed
    top, *_, banner, failed, never = node.cells
    assert "cell 3: ZeroDivisionError: division by zero" in top.source
    assert 'href="#colabctl-failed"' in top.source
    assert 'id="colabctl-failed"' in banner.source
    assert failed.metadata.tags == ["colabctl-failed"]
    assert failed.outputs[0].output_type == "error"
    assert never.outputs == []


def test_of_much_output_the_beginning_and_the_end_are_kept(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = lab.run("for n in range(100_000): print(n)\nprint('y' * 1_000_000)", DONE)
    (beginning, note, end) = ran.executed.cells[2].outputs
    assert beginning.text.startswith("0\n1\n2\n")
    assert "characters of output are left out" in note.text
    assert end.text.endswith("yyy\n")
    assert (ran.folder / "executed.ipynb").stat().st_size < 130_000
    assert len(capsys.readouterr().out) > 1_500_000  # the log has it all


def test_only_failed_tasks_leave_a_notebook_unless_all_should(tmp_path: Path) -> None:
    with lab_at(tmp_path) as one:
        assert not one.run(DONE).folder.exists()
        assert one.run("1/0").folder.exists()


def test_a_notebook_that_cannot_be_kept_changes_no_outcome(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notebooks, "write_once", full)
    assert lab.run(DONE).outcome == "done"
    assert "cannot write executed.ipynb: [Errno 28] No space left" in capsys.readouterr().err


# -- being stopped --------------------------------------------------------------------------------


def test_a_notebook_that_asks_may_end_itself_and_keeps_its_kernel(lab: Lab) -> None:
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
    deaf = (
        "while True:\n    try:\n        t.report(step=9, v=1); time.sleep(60)\n"
        "    except KeyboardInterrupt: pass"
    )
    assert lab.run(REPORT + deaf, stop_at=3).outcome == "pruned"


def test_a_worker_that_must_end_interrupts_the_cell_and_the_notebook_shows_where(lab: Lab) -> None:
    started = lab.root / "started"
    cell = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)"

    def end() -> None:
        until(started.exists)
        os.kill(os.getpid(), signal.SIGTERM)

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
from tests.run.notebook.lab import Told

code, root = Path(sys.argv[1]), Path(sys.argv[2])
run = Runner(code / "MAIN.ipynb", root, KernelOptions(fresh=True, keep="none"))
task = Task(Assignment("s", "t", 0, 1, {"x": 1}, str(root / "runs")), Told())
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
    assert living() == 3  # the holder, the kernel at work, and the one for the next task
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
    deaf = (
        "import pathlib, time\n"
        "while True:\n"
        "    pathlib.Path('begun').touch()\n"
        "    try: time.sleep(600)\n"
        "    except KeyboardInterrupt: pass"
    )
    sweep = "method: grid\nprogram: MAIN.ipynb\nparameters: {x: {values: [1]}}\n"
    cells = (deaf, PARAMETERS) if above else (PARAMETERS, deaf)
    project.declare("deaf", sweep, content(*cells).decode())
    check_interrupted_leaves_nothing(project, "deaf", tmp_path / "tmp")


def _has(environ: Path, mark: bytes) -> bool:
    try:
        return mark in environ.read_bytes().split(b"\0")
    except OSError:  # it is gone, or somebody else's
        return False


# -- google.colab, and what cannot be run at all ------------------------------------------------------


def test_google_colab_answers_without_a_browser_in_the_kernel_and_in_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc")
    ask = "from google.colab import userdata; print(userdata.get('MY_TOKEN'))"
    with colab_here(), lab_at(tmp_path) as colab:
        ran = colab.run(
            "from google.colab import drive, userdata\ndrive.mount('/')",
            f"import subprocess, sys\nchild = [sys.executable, '-c', {ask!r}]",
            value("[userdata.get('MY_TOKEN'), subprocess.check_output(child, text=True)]"),
        )
        assert ran.metrics == {"v": ["abc", "abc\n"]}
        failed = colab.run("from google.colab import userdata\nuserdata.get('NONE')")
        assert failed.error.startswith("cell 2: SecretNotFoundError: secret NONE is not in the env")


def test_a_loop_runs_once_and_its_failure_is_told(tmp_path: Path) -> None:
    loop = tmp_path / "LOOP.ipynb"
    settings = Settings(
        "LOOP.ipynb",
        "loop",
        prunes=False,
        command=None,
        code=str(tmp_path),
        root=str(tmp_path),
        log="",
        kill_after=30.0,
    )
    source = (
        "class S:\n    def tasks(self): yield from (1, 2)\nfor task in S().tasks(): print(task)"
    )
    loop.write_bytes(content("import pathlib", source, "pathlib.Path('ran').touch()"))
    run_loop(settings, tmp_path)
    assert (tmp_path / "ran").exists()
    loop.write_bytes(content(source, "1/0"))
    with pytest.raises(TaskError, match="cell 2: ZeroDivisionError"):
        run_loop(settings, tmp_path)
    assert (tmp_path / "executed.ipynb").exists()


def test_without_ipykernel_it_is_said_what_to_install() -> None:
    program = (
        "import sys; sys.modules['ipykernel'] = None\n"
        "from colabctl.run.failure import TaskError\n"
        "try: import colabctl.run.notebook.runner\n"
        "except TaskError as wrong: print(wrong)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("a notebook needs ipykernel (")
    assert ran.stdout.endswith("run: pip install ipykernel\n")


def test_a_notebook_that_cannot_be_used_is_refused_before_a_kernel_starts(tmp_path: Path) -> None:
    for damage, said in (
        (b"{", "is not a notebook"),
        (content("for t in s.tasks(): 0"), "is of kind loop, and was declared as parameters"),
    ):
        (tmp_path / "MAIN.ipynb").write_bytes(damage)
        with pytest.raises(TaskError, match=said):
            Runner(tmp_path / "MAIN.ipynb", tmp_path, KernelOptions())


def test_a_parameter_that_cannot_be_written_fails_its_task_only(lab: Lab) -> None:
    assert lab.run(DONE, params={"x": {1}}).error.startswith("parameter x holds a set")


def test_what_a_notebook_logs_by_wandb_counts_as_in_a_script(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    cells = (
        "import wandb",
        PARAMETERS,
        "run = wandb.init(project='churn')",
        "for step in range(3): run.log({'loss': x / (step + 1)})",
    )
    (tmp_path / "lab").mkdir()
    with lab_at(tmp_path / "lab") as one:
        one.runner._wandb = one.runner._kernels._wandb = True  # as its notebook would have it
        first, second = (one.run(*cells, params={"x": x}, whole=True) for x in (6, 12))
    assert first.metrics == {"loss": 2.0}
    assert second.metrics == {"loss": 4.0}
    assert second.reports == [(0, {"loss": 12.0}), (1, {"loss": 6.0}), (2, {"loss": 4.0})]


def test_a_secret_that_is_shown_is_neither_kept_nor_echoed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = 'ab"c\\d'
    monkeypatch.setenv("MY_TOKEN", token)
    shown = (
        "from IPython.display import display\n"
        "display({'application/json': {token: [token]}, 'text/plain': token}, raw=True)"
    )
    with lab_at(tmp_path, keep="all", most_output=800, secrets=("MY_TOKEN",)) as one:
        ran = one.run("import os\ntoken = os.environ['MY_TOKEN']\nprint(token)", shown, DONE)
        cut = one.run("import os\nprint('x' * 397 + os.environ['MY_TOKEN'] + 'y' * 2000)")
        failed = one.run("import os\nraise ValueError('x' * 397 + os.environ['MY_TOKEN'])")
    assert ran.executed.cells[2].outputs[0].text == "[MY_TOKEN]\n"
    [display] = ran.executed.cells[3].outputs
    assert display.data == {
        "application/json": {"[MY_TOKEN]": ["[MY_TOKEN]"]},
        "text/plain": "[MY_TOKEN]",
    }
    assert cut.executed.cells[2].outputs[0].text == "x" * 397 + "[MY"
    assert failed.error.endswith("x[MY")
    out = capsys.readouterr().out
    assert token not in out
    assert "[MY_TOKEN]" in out
