"""What cannot work in a task is reported when the sweep is declared, with what to write instead."""

import pytest

from colabctl.notebook.cells import code_cell
from colabctl.notebook.obstacles import Obstacle, assumes_colab, obstacles

COLAB = "from google.colab import auth, drive, files, output\n"


def found(*sources: str, body: int = 0) -> list[Obstacle]:
    cells = enumerate(sources)
    code = tuple(code_cell(index, source, frozenset()) for index, source in cells)
    return list(obstacles(code, body))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "name = input('Name? ')",
            "input() cannot work: a task has no one to ask; use a parameter",
        ),
        ("print(int(input()))", "input() cannot work"),
        ("with open('x') as f: y = input()", "input() cannot work"),
        ("from getpass import getpass\nkey = getpass()", "`secrets:` of colabctl.yaml"),
        ("import getpass as g\nkey = g.getpass()", "`secrets:` of colabctl.yaml"),
        (f"{COLAB}up = files.upload()", "put the file into the project, and read it from there"),
        ("import google.colab\ngoogle.colab.files.upload()", "put the file into the project"),
        ("import pdb; pdb.set_trace()", "remove it"),
        ("import condacolab\ncondacolab.install()", "restarts the kernel"),
        ("%tensorflow_version 1.x", "TensorFlow 1 is not available"),
    ],
)
def test_what_always_fails_is_certain(source: str, words: str) -> None:
    (obstacle,) = found(source)
    assert obstacle.certain
    assert words in obstacle.text


@pytest.mark.parametrize(
    "source",
    [
        "if ask: input()",
        "try: input()\nexcept Exception: pass",
        "def f(): return input()",
        "f = lambda: input()",
        "x = known or input()",
        "x = 1 if known else input()",
        "for i in things: input()",
        "from contextlib import suppress\nwith suppress(Exception): input()",
    ],
)
def test_what_may_not_run_is_not_certain(source: str) -> None:
    (obstacle,) = found(source)
    assert not obstacle.certain


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (f"{COLAB}files.download('x')", "copied to the task's folder"),
        (f"{COLAB}auth.authenticate_user()", "call it in the worker's notebook"),
        (f"{COLAB}drive.mount('/content/gdrive')", "mount the Drive at /content/drive"),
        (
            "pd.read_csv('/content/drive/MyDrive/x.csv')",
            "exists only in Colab; write a path relative",
        ),
        ("%cd /content/repo", "'/content/repo' exists only in Colab"),
        (
            "from huggingface_hub import notebook_login\nnotebook_login()",
            "name HF_TOKEN in `secrets:`",
        ),
        (
            "!pip install -q 'torch==2.1' x\n%pip install y",
            "torch==2.1, x, y will be installed on each",
        ),
        ("%%shell\npip install z", "z will be installed on each worker"),
        ("!git clone https://x/y", "write: test -d FOLDER || git clone"),
        ("!mkdir data", "write: mkdir -p"),
        ("!unzip -q data.zip", "write: unzip -o"),
        ("!apt-get install ffmpeg", "add -y"),
        ("!pip uninstall x", "add -y"),
        ("%load x.py", "use %run"),
        ("%load_ext tensorboard\n%tensorboard --logdir x", "no one sees TensorBoard"),
        ("%%R\nx <- 1", "IPython does not know %%R"),
        ("%lprun f()", "IPython does not know %lprun"),
    ],
)
def test_what_differs_in_a_task_is_noted_once(source: str, words: str) -> None:
    (obstacle,) = found(source)
    assert not obstacle.certain
    assert words in obstacle.text


@pytest.mark.parametrize(
    "source",
    [
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "drive.mount('/elsewhere')",
        "%load_ext rpy2.ipython\n%R x",
        "import wandb\n%wandb",
        "%matplotlib inline\n%autoreload 2\n%%time",
        "def input(): pass\ninput()",
        "self.input()",
        "!mkdir -p data\n!mkdir a -p\n!unzip -qo x\n!unzip -n x\n!apt-get -y install x\n!apt install -yq x",
        "!pip uninstall -y x",
        "%%writefile x.py\ninput()",
        "text = '''\n!git clone x\n'''",
        "%reset",
        "print('see /content/x')",
    ],
)
def test_what_works_is_not_mentioned(source: str) -> None:
    assert found(source) == []


def test_below_the_parameters_cell_more_goes_wrong() -> None:
    texts = [obstacle.text for obstacle in found("", "%reset -f", "!pip install x")]
    assert texts == [
        "%reset deletes the task's parameters; remove it",
        "x will be installed for every task; move this above the parameters cell",
    ]


def test_cells_that_do_not_run_or_may_fail_do_not_count() -> None:
    skipped = code_cell(0, "input()", frozenset({"skip-execution"}))
    assert list(obstacles((skipped,))) == []
    tolerated = code_cell(0, "input()", frozenset({"raises-exception"}))
    assert [obstacle.certain for obstacle in obstacles((tolerated,))] == [False]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("from google.colab import drive",), True),
        (("import google.colab",), True),
        (("def f():\n    from google.colab import drive",), True),
        (("%load_ext google.colab.data_table",), True),
        (("import google.protobuf", "x = 1"), False),
        (("try:\n    import google.colab\nexcept ImportError: pass",), False),
        (("try: import google.colab\nexcept ImportError: pass", "from google.colab import drive"), False),
        (("if IN_COLAB:\n    from google.colab import drive",), False),
        (("find_spec('google.colab')", "from google.colab import drive"), False),
    ],
)  # fmt: skip
def test_a_notebook_assumes_colab_if_it_does_not_check_for_it(
    sources: tuple[str, ...], expected: bool
) -> None:
    code = tuple(code_cell(index, source, frozenset()) for index, source in enumerate(sources))
    assert assumes_colab(code) == expected
