"""Notebooks that need google.colab or W&B, loop, or cannot run at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.failures.failure import TaskError
from colabctl.run.notebook.runner import Runner, run_loop
from colabctl.run.settings import Settings
from tests.notebook.notebooks import content
from tests.run.colab import colab_here
from tests.run.notebook.lab import DONE, PARAMETERS, Lab, lab_at, value


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


def test_a_loop_runs_once_and_its_failure_is_reported(tmp_path: Path) -> None:
    loop = tmp_path / "LOOP.ipynb"
    settings = Settings(
        "LOOP.ipynb",
        "loop",
        prunes=False,
        command=None,
        code=str(tmp_path),
        root=str(tmp_path),
        cwd=str(tmp_path),
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


def test_without_ipykernel_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['ipykernel'] = None\n"
        "from colabctl.run.failures.failure import TaskError\n"
        "try: import colabctl.run.notebook.client\n"
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
        first, second = (one.run(*cells, params={"x": x}, whole=True) for x in (6, 12))
    assert first.metrics == {"loss": 2.0}
    assert second.metrics == {"loss": 4.0}
    assert second.reports == [(0, {"loss": 12.0}), (1, {"loss": 6.0}), (2, {"loss": 4.0})]
