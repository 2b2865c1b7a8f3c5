"""A task's outcome in a notebook, run by a real kernel."""

import IPython
import pytest

from tests.run.notebook.lab import DONE, REPORT, Lab

# On Python 3.12 the IPython of Colab does not know `y = !command`.
assigns = pytest.mark.skipif(IPython.version_info < (8,), reason="needs IPython 8")


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
def test_a_task_is_done_if_nothing_fails_or_if_it_calls_done(
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
            "cell 3: the kernel was killed by SIGKILL",
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
