"""Cells that work in Colab by hand work in a task, on a machine with or without Colab."""

import sys
from pathlib import Path

import pytest

from tests.notebook.notebooks import content
from tests.run.colab import colab_here
from tests.run.notebook.lab import DONE, PARAMETERS, Lab, lab_at, value

CWD = "__import__('os').getcwd()"


@pytest.mark.parametrize(
    "cells",
    [
        ("%%shell\necho hello\ntest 1 = 1", DONE),
        ("%%shell\nfor i in 1 2; do [[ $i < 3 ]] || exit 1; done", DONE),
        ("%%shell --ignore-errors\nfalse", DONE),
        ("%shell true", DONE),
        ("word = 'x'", "%shell test {word} = x", DONE),
        ("get_ipython().system('true')", DONE),
        ("%tensorflow_version 2.x", DONE),
        (
            "%load_ext autoreload\n%autoreload 2",
            "%reload_ext autoreload",
            "%unload_ext autoreload",
            DONE,
        ),
        ("%env COLOUR=red\nimport os\nassert os.environ['COLOUR'] == 'red'", DONE),
        ("%matplotlib inline\n%config InlineBackend.figure_format = 'retina'", DONE),
        ("%config InlineBackend.figure_format = 'retina'", DONE),
        ("#@title Training { display-mode: 'form' }\nepochs = 3 #@param {type: 'integer'}", DONE),
        (
            "from IPython.display import HTML, Javascript, clear_output, display",
            "display(HTML('x'), Javascript('1'))\nclear_output(wait=True)\nprint(1)",
            "%%javascript\n1",
            "%%html\n<b>x</b>",
            DONE,
        ),
        ("%%bash\nset -e\necho $0", "%%sh\ntrue", "%%script bash\ntrue", DONE),
        ("%%capture out\nprint(1)", "assert out.stdout == '1\\n'", DONE),
        ("%%time\n%%capture\ny = 1", "assert y == 1", DONE),
        ("%pwd\n%ls\n%mkdir -p made\n%rm -r made", DONE),
        ("cd /tmp", "ls", DONE),
    ],
)
def test_cells_of_colab_work(lab: Lab, cells: tuple[str, ...]) -> None:
    ran = lab.run(*cells)
    assert (ran.outcome, ran.error) == ("done", "")


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("%%shell\necho why\nexit 3", "Command 'echo why exit 3' returned non-zero exit status 3."),
        ("%shell exit 3", "Command 'exit 3' returned non-zero exit status 3."),
        ("%tensorflow_version 1.x", "UsageError: TensorFlow 1 is not available; use TensorFlow 2"),
        ("%run missing.ipynb", "File `'missing.ipynb"),
        ("%%writefile no/such/folder.py\nx = 1", "No such file or directory: 'no/such/folder.py'"),
    ],
)
def test_what_fails_by_hand_fails_the_task(lab: Lab, cell: str, error: str) -> None:
    ran = lab.run(cell, DONE)
    assert ran.outcome == "failed"
    assert error in ran.error


def test_what_a_shell_cell_prints_is_kept(lab: Lab) -> None:
    ran = lab.run("%%shell\necho why", "1 / 0")
    assert ran.executed.cells[3].outputs[0].text == "why\n"  # below banner, parameters and values


def test_a_task_starts_in_the_folder_of_the_project_wherever_the_last_one_went(lab: Lab) -> None:
    (lab.root / "sub").mkdir()
    lab.run("%cd sub", value(CWD))
    assert lab.run(value(CWD)).metrics == {"v": str(lab.root)}
    assert lab.run("%cd sub\n%cd -", value(CWD)).metrics == {"v": str(lab.root)}
    assert lab.run(value("len(_dh)")).metrics == {"v": 1}


# -- files that cells write and run ---------------------------------------------------------------


def test_a_module_that_a_cell_writes_can_be_imported_below(lab: Lab) -> None:
    write = "%%writefile helper.py\ndef double(x): return 2 * x\n"
    assert lab.run(write, "import helper", value("helper.double(x)")).metrics == {"v": 2}
    assert (lab.root / "helper.py").read_text() == "def double(x): return 2 * x\n"


def test_each_task_imports_what_its_own_cells_wrote(lab: Lab) -> None:
    for number in (1, 2):
        write = f"%%writefile own.py\nnumber = {number}\n"
        assert lab.run(write, "import own", value("own.number")).metrics == {"v": number}


def test_a_module_that_others_changed_since_is_not_imported(lab: Lab) -> None:
    write = "%%writefile mine.py\nhere = 1\n"
    meanwhile = "open('mine.py', 'w').write('here = 2')"
    assert lab.run(write, meanwhile, "import mine", value("mine.here")).metrics == {"v": 1}


def test_packages_and_further_lines_can_be_written(lab: Lab) -> None:
    ran = lab.run(
        "!mkdir -p nets",
        "%%writefile nets/small.py\nsize = 1\n",
        "%%writefile -a nets/small.py\nlarge = size + 1\n",
        "from nets.small import large",
        "!{__import__('sys').executable} nets/small.py",
        value("large"),
    )
    assert ran.metrics == {"v": 2}


def test_run_finds_frozen_notebooks_and_scripts_and_those_that_cells_wrote(lab: Lab) -> None:
    (lab.code / "tools.ipynb").write_bytes(content("%time\ndef double(x): return 2 * x", "two = 2"))
    (lab.code / "script.py").write_text("import sys\nargument = sys.argv[1]\n")
    (lab.root / "script.py").write_text("argument = 'planted'\n")
    ran = lab.run("%run tools.ipynb", "%run script.py three", value("[double(x), two, argument]"))
    assert ran.metrics == {"v": [2, 2, "three"]}
    write = "%%writefile script.py\nargument = 'written'\n"
    assert lab.run(write, "%run script.py", value("argument")).metrics == {"v": "written"}
    (lab.root / "sub").mkdir(exist_ok=True)
    (lab.root / "sub" / "script.py").write_text("argument = 'sub'\n")
    assert lab.run("%cd sub\n%run script", value("argument")).metrics == {"v": "sub"}


def test_an_error_in_a_notebook_that_is_run_fails_the_task(lab: Lab) -> None:
    (lab.code / "bad.ipynb").write_bytes(content("1 / 0", "y = 1"))
    assert "ZeroDivisionError" in lab.run("%run bad.ipynb", DONE).error


# -- google.colab ---------------------------------------------------------------------------------


def test_on_a_laptop_google_colab_is_stood_in_for(tmp_path: Path) -> None:
    cells = (
        "from google.colab import drive, files, userdata\ndrive.mount('/content/drive')",
        PARAMETERS,
        "%%writefile out.txt\ntext",
        "files.download('out.txt')",
        DONE,
    )
    with lab_at(tmp_path, notebook=content(*cells)) as lab:
        ran = lab.run(*cells, whole=True)
        assert (ran.outcome, ran.error) == ("done", "")
        assert (ran.folder / "out.txt").read_text() == "text\n"
        failed = lab.run(*cells[:2], "files.upload()", whole=True)
        assert failed.error.endswith("put the file into the project, and read it from there")


def test_a_notebook_that_checks_for_colab_takes_its_other_way(tmp_path: Path) -> None:
    cells = (
        "try:\n    import google.colab\n    there = True\nexcept ImportError:\n    there = False",
        PARAMETERS,
        value("there"),
    )
    with lab_at(tmp_path, notebook=content(*cells)) as lab:
        assert lab.run(*cells, whole=True).metrics == {"v": False}


def test_in_colab_the_kernel_looks_like_colab_s(tmp_path: Path) -> None:
    look = "['google.colab' in str(get_ipython()), 'google.colab' in __import__('sys').modules]"
    cells = (PARAMETERS, "%%time\ny = 1", value(look))
    with colab_here(), lab_at(tmp_path, notebook=content(*cells)) as lab:
        assert lab.run(*cells, whole=True).metrics == {"v": [True, True]}
        assert lab.run(*cells, whole=True).metrics == {"v": [True, True]}


def test_elsewhere_it_does_not(lab: Lab) -> None:
    look = "['google.colab' in str(get_ipython()), 'google.colab' in __import__('sys').modules]"
    assert lab.run(value(look)).metrics == {"v": [False, False]}


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of folders")
def test_tasks_install_packages_one_at_a_time(tmp_path: Path) -> None:
    # A second lock of the environment's folder fails while `pip install` of the first holds one.
    look = (
        "import fcntl, os, sys; folder = os.open(sys.prefix, os.O_RDONLY); "
        "fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    script = tmp_path / "look.py"
    script.write_text(look)
    with lab_at(tmp_path) as lab:
        assert lab.run(f"!{sys.executable} {script}", DONE).outcome == "done"
        for command in ("!", "%shell "):
            ran = lab.run(f"{command}{sys.executable} {script} # pip install x", DONE)
            assert ran.outcome == "failed"
