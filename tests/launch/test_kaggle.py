"""`workers --kaggle`: with Kaggle's own command line, a server that checks, and kernels that run."""

import json
import re
import shlex
from pathlib import Path

import pytest

from colabctl.project.notebooks.wheel import wheel
from tests.launch.conftest import KEYS, SWEEP, TRAIN, Kaggle, declare, sync
from tests.processes import Project
from tests.worker_notebooks.machine import Machine

_FOLDER = "notebooks/workers/kaggle/churn-first-ana-1"

_TOGETHER = """\
import os, pathlib, time

def train(params, task):
    place = pathlib.Path({place!r})
    (place / f"here-{{params['x']}}").touch()
    while len(list(place.glob("here-*"))) < 2:  # until both tasks run
        time.sleep(0.01)
    return {{"gpu": os.environ["CUDA_VISIBLE_DEVICES"]}}
"""


@pytest.fixture
def kernel(stored: Project) -> Path:
    """Return the notebook of a kernel."""
    made = stored.run("workers", "first", "--kaggle", KAGGLE_USERNAME="ana", **KEYS)
    assert (made.code, made.out) == (0, f"{_FOLDER}\n"), made.err
    return stored.root / _FOLDER / "churn-first-ana-1.ipynb"


def test_a_kernel_works_on_the_sweep_and_uploads_the_results(
    stored: Project, kernel: Path, machine: Machine
) -> None:
    done = machine.run(kernel)
    assert not done.failed, (done.error, done.text)
    assert "2 done, 0 failed; the sweep is finished" in done.text
    sync(stored)
    assert [each["metrics"]["y"] for each in stored.results("first")] == [1, 2]


def test_to_run_each_cell_twice_is_harmless(
    stored: Project, kernel: Path, machine: Machine
) -> None:
    done = machine.run(kernel, times=2)
    assert not done.failed, (done.error, done.text)
    assert "ran 0 tasks" in done.text
    sync(stored)
    assert [each["attempt"] for each in stored.results("first")] == [1, 1]


def test_each_gpu_gets_a_slot_of_its_own(stored: Project, machine: Machine, tmp_path: Path) -> None:
    declare(stored, "gpus", SWEEP, _TOGETHER.format(place=str(tmp_path)))
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(
        "#!/bin/sh\necho 'GPU 0: Tesla T4 (UUID: a)'\necho 'GPU 1: Tesla T4 (UUID: b)'\n"
    )
    smi.chmod(0o755)
    made = stored.run("workers", "gpus", "--kaggle", KAGGLE_USERNAME="ana", **KEYS)
    assert made.code == 0, made.err
    folder = stored.root / made.out.strip()
    machine.environ["PATH"] = f"{smi.parent}:/usr/bin:/bin"
    done = machine.run(folder / f"{folder.name}.ipynb")
    assert not done.failed, (done.error, done.text)
    sync(stored)
    assert {str(each["metrics"]["gpu"]) for each in stored.results("gpus")} == {"0", "1"}


def test_a_secret_that_is_not_attached_is_named_before_anything_runs(
    kernel: Path, machine: Machine
) -> None:
    machine.keep_secrets(AWS_ACCESS_KEY_ID="ana")
    done = machine.run(kernel)
    assert done.ended_at == "secrets"
    assert "secrets that are not attached to this notebook: AWS_SECRET_ACCESS_KEY;" in done.error[0]
    assert "No user secrets exist" in done.text


def test_a_notebook_holds_no_secret_and_says_what_it_runs(kernel: Path) -> None:
    text = kernel.read_text()
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in re.findall(r'"[^"]*"', text)
    assert wheel().digest in text
    assert len(text.encode()) < 100_000  # Kaggle takes 1 MB


def test_other_code_than_that_of_the_notebook_does_not_run(
    stored: Project, kernel: Path, machine: Machine
) -> None:
    text = kernel.read_text()
    digest = re.search(r'DIGEST = \\"(\w+)\\"', text)
    assert digest
    kernel.write_text(text.replace(digest[1], "0" * 64))
    done = machine.run(kernel)
    assert done.ended_at == "upload"
    assert "colabctl work ended with exit code 1" in done.error[0]


def test_a_wheel_that_was_changed_in_the_store_is_not_installed(
    kernel: Path, machine: Machine
) -> None:
    kernel.write_text(kernel.read_text().replace(wheel().digest, "0" * 64))
    done = machine.run(kernel)
    assert done.ended_at == "install"
    assert "was changed: generate this notebook again" in done.error[0]


@pytest.mark.slow  # needs the command line
def test_push_shows_what_it_will_do_and_what_kaggle_says(stored: Project, kaggle: Kaggle) -> None:
    environ = {**KEYS, **kaggle.environ}
    pushed = stored.run("workers", "first", "--kaggle", "-n", "2", "--push", "--yes", **environ)
    assert pushed.code == 0, pushed.err
    assert pushed.out.count("Kernel version 1 successfully pushed.") == 2
    assert (
        "2 kernels for ana on Kaggle: private, internet on, GPU T4 x2, at most 12 h" in pushed.err
    )
    assert "--accelerator NvidiaTeslaT4 -t 43200" in pushed.err
    assert "27.50h" in pushed.err
    assert "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; a push cannot attach them" in pushed.err
    kept = json.loads((kaggle.kept / "ana.churn-first-ana-1.json").read_text())
    assert kept["machineShape"] == "NvidiaTeslaT4"
    assert kept["sessionTimeoutSeconds"] == 43200
    assert kept["isPrivate"] is True
    assert len(list(kaggle.kept.iterdir())) == 2


@pytest.mark.slow  # needs the command line
def test_a_kernel_that_kaggle_refuses_is_told_in_its_words(stored: Project, kaggle: Kaggle) -> None:
    environ = {**KEYS, **kaggle.environ}
    pushed = stored.run("workers", "first", "--kaggle", "-n", "3", "--push", "--yes", **environ)
    assert pushed.code == 1
    assert "Kernel push error: Maximum batch GPU session count of 2 reached." in pushed.out
    assert "note: Kaggle runs 2 of these at a time, and refuses more" in pushed.err
    assert "Kaggle did not take ana/churn-first-ana-3; its words are above" in pushed.err


@pytest.mark.slow  # needs the command line
def test_without_a_terminal_and_without_yes_nothing_is_pushed(
    stored: Project, kaggle: Kaggle
) -> None:
    environ = {**KEYS, **kaggle.environ}
    asked = stored.run("workers", "first", "--kaggle", "--push", **environ)
    assert asked.code == 1
    assert "nothing was pushed; on a terminal, answer y, or add --yes" in asked.err
    assert not list(kaggle.kept.iterdir())


@pytest.mark.slow  # needs the command line
def test_the_printed_command_is_the_one_that_kaggle_takes(stored: Project, kaggle: Kaggle) -> None:
    environ = {**KEYS, **kaggle.environ}
    made = stored.run(
        "workers",
        "first",
        "--kaggle",
        "--accelerator",
        "cpu",
        "--hours",
        "1.5",
        "--json",
        **environ,
    )
    [entry] = json.loads(made.out)
    assert entry["id"] == "ana/churn-first-ana-1"
    words = shlex.split(entry["command"])
    assert words[:3] == ["kaggle", "kernels", "push"]
    assert words[-2:] == ["-t", "5400"]
    assert "--accelerator" not in words


@pytest.mark.slow  # needs the command line
def test_the_account_is_the_one_that_kaggles_command_line_knows(
    stored: Project, kaggle: Kaggle, tmp_path: Path
) -> None:
    environ = {**KEYS, **kaggle.environ, "KAGGLE_USERNAME": ""}
    config = Path(kaggle.environ["KAGGLE_CONFIG_DIR"])
    config.mkdir(exist_ok=True)
    nobody = {**environ, "KAGGLE_KEY": "", "HOME": str(tmp_path)}
    made = stored.run("workers", "first", "--kaggle", **nobody)
    assert made.code == 1
    assert "your username on Kaggle is not known; run kaggle auth login" in made.err
    del environ["KAGGLE_USERNAME"], environ["KAGGLE_KEY"]
    (config / "kaggle.json").write_text('{"username": "lopez", "key": "k"}')
    (config / "kaggle.json").chmod(0o600)
    made = stored.run("workers", "first", "--kaggle", "--json", **environ)
    assert made.code == 0, made.err
    assert json.loads(made.out)[0]["id"] == "lopez/churn-first-ana-1"


def test_a_folder_with_other_content_is_replaced_only_by_force(
    stored: Project, kernel: Path
) -> None:
    environ = {**KEYS, "KAGGLE_USERNAME": "ana"}
    again = stored.run("workers", "first", "--kaggle", **environ)
    assert again.err.startswith("0 created, 1 already existed\n")
    kernel.write_text("mine")
    refused = stored.run("workers", "first", "--kaggle", **environ)
    assert refused.code == 1
    assert f"{_FOLDER}/churn-first-ana-1.ipynb exists with other content" in refused.err
    assert kernel.read_text() == "mine"
    assert stored.run("workers", "first", "--kaggle", "--force", **environ).code == 0
    assert json.loads(kernel.read_text())["nbformat"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kaggle", "--accelerator", "gpu-t4"], "did you mean gpu-t4x2?"),
        (["--kaggle", "--hours", "13"], "lasts from 0.25 to 12 hours on Kaggle"),
        (["--kaggle", "--accelerator", "tpu-v5e8", "--hours", "10"], "lasts from 0.25 to 9 hours"),
        (["--kaggle", "--hours", "nan"], "--hours is nan"),
        (["--kaggle", "-n", "0"], "-n is 0; give a number of kernels from 1 to 20"),
        (["--kaggle", "--max-time", "2h"], "not for --kaggle; use --hours"),
        (["--kaggle", "--launch", "2"], "do not go together"),
        (["--push"], "--push needs --kaggle"),
        (["--hours", "2"], "--hours needs --kaggle or --launch"),
        (["--gpu", "T4"], "--gpu needs --launch"),
        (["--yes"], "--yes needs --push or --launch"),
    ],
)
def test_an_impossible_request_is_refused_in_a_line(
    stored: Project, options: list[str], message: str
) -> None:
    refused = stored.run("workers", "first", *options, KAGGLE_USERNAME="ana", **KEYS)
    assert (refused.code, refused.out) == (1, ""), refused
    assert message in refused.err
    assert refused.err.count("\n") == 1
    assert not (stored.root / "notebooks/workers/kaggle").exists()


def test_without_kaggles_command_line_a_push_says_how_to_get_it(
    stored: Project, tmp_path: Path
) -> None:
    environ = {**KEYS, "PATH": str(tmp_path)}
    made = stored.run("workers", "first", "--kaggle", **environ)
    assert "your username on Kaggle is not known; set KAGGLE_USERNAME, or run pip" in made.err
    pushed = stored.run(
        "workers", "first", "--kaggle", "--push", "--yes", KAGGLE_USERNAME="ana", **environ
    )
    assert pushed.code == 1
    assert "Kaggle's command line, kaggle, is not installed; run pip install kaggle" in pushed.err


def test_a_sweep_that_was_declared_before_the_store_is_refused(stored: Project) -> None:
    stored.declare("early", SWEEP, TRAIN)  # as in one folder
    refused = stored.run("workers", "early", "--kaggle", KAGGLE_USERNAME="ana", **KEYS)
    assert refused.code == 1
    assert "sweep early was declared before churn had a store" in refused.err
    assert "colabctl sweep FILE --replace" in refused.err


def test_a_project_without_a_store_is_told_what_to_do(project: Project) -> None:
    project.declare("first", SWEEP, TRAIN)
    for options in (["--kaggle"], ["--launch", "1"]):
        refused = project.run("workers", "first", *options, KAGGLE_USERNAME="ana")
        assert refused.code == 1
        assert "has no store; put it into one first: colabctl remote add URL" in refused.err
        assert refused.err.count("\n") == 1
