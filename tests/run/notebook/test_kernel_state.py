"""What the next task finds in a kernel that has run others."""

from pathlib import Path

import pytest

from tests.run.notebook.lab import DONE, PARAMETERS, Lab, lab_at, value


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


def test_a_task_starts_in_the_state_that_the_cells_above_left(lab: Lab) -> None:
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


def test_nothing_of_a_failed_task_stays_in_memory(lab: Lab) -> None:
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


def test_modules_next_to_the_notebook_are_found_and_those_in_the_project_are_not(lab: Lab) -> None:
    (lab.code / "neighbour.py").write_text("here = 1\n")
    (lab.root / "planted.py").write_text("here = 1\n")
    assert lab.run("import neighbour", value("neighbour.here")).metrics == {"v": 1}
    assert "ModuleNotFoundError" in lab.run("import planted").error


def test_processes_of_cells_import_from_next_to_the_notebook_and_not_from_the_project(
    lab: Lab,
) -> None:
    (lab.code / "neighbour.py").write_text("here = 1\n")
    (lab.root / "planted.py").write_text("here = 1\n")
    (lab.root / "pip.py").write_text("open('piped', 'w').close()\n")
    run = "import subprocess, sys\nran = [subprocess.run([sys.executable, *words]).returncode for words in "
    words = "(('-c', 'import neighbour'), ('-m', 'neighbour'), ('-m', 'planted'), ('-c', 'import planted'))]"
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
