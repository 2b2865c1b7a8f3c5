"""`work --on` without a cluster: what it finds, and what it says of what it cannot use."""

import json
import sys

import pytest

from tests.processes import Project, end

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params):\n    return {'y': 1}\n"


@pytest.fixture
def first(project: Project) -> Project:
    project.declare("first", SWEEP, TRAIN)
    return project


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--on", "slrum"], ["there is no such engine", "did you mean slurm?"]),
        (["--on", "slurm://login1"], ["SLURM has no address"]),
        (["--on", "slurm", "--slurm", "array=0-3"], ["--slurm array", "-n"]),
        (["--on", "slurm", "--slurm", "time=1", "--slurm", "time=2"], ["given twice"]),
        (["--on", "slurm"], ["sbatch is not installed here", "login node"]),
        (["-n", "4"], ["-n is for an engine", "-j"]),
        (["--slurm", "time=1"], ["--slurm is for an engine"]),
        (["--dry-run"], ["--dry-run is for an engine"]),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    first: Project, options: list[str], parts: list[str]
) -> None:
    said = first.run("work", "first", *options, PATH="/nowhere")
    assert (said.code, said.out) == (1, "")
    last = said.err.splitlines()[-1]
    assert last.startswith("colabctl: ")
    for part in parts:
        assert part in last
    assert first.events("first") == []


def test_a_sweep_needs_a_name_and_an_approval_before_pilots_start(first: Project) -> None:
    said = first.run("work", "--on", "slurm", "--dry-run")
    assert "name it: colabctl work SWEEP --on slurm" in said.err
    said = first.run("work", "first", "--on", "slurm", "--dry-run", COLABCTL_APPROVALS="/nowhere")
    assert said.code == 1
    assert "colabctl trust first" in said.err


def test_a_stopped_sweep_gets_no_pilots_and_a_finished_one_needs_none(first: Project) -> None:
    assert first.run("stop", "first").code == 0
    said = first.run("work", "first", "--on", "slurm", "--dry-run")
    assert (said.code, "colabctl resume first" in said.err) == (1, True)
    assert first.run("resume", "first").code == 0
    assert first.run("work", "first").code == 0
    said = first.run("work", "first", "--on", "slurm", "--dry-run")
    assert (said.code, said.out) == (0, "")
    assert "is finished, so no pilot is started" in said.err


def test_a_loop_that_no_worker_can_run_is_refused_plainly(project: Project) -> None:
    project.declare("loop", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    said = project.run("work", "loop", "--on", "slurm", "--dry-run")
    assert (said.code, said.out) == (1, "")
    assert "sweep loop has no `program:`; the notebook or script that declares it" in said.err


def test_a_missing_secret_is_named_before_anything_is_submitted(first: Project) -> None:
    config = first.root / "colabctl.yaml"
    config.write_text(config.read_text() + "\nsecrets: [CHURN_TOKEN]\n")
    said = first.run("work", "first", "--on", "slurm", "--dry-run")
    assert said.code == 1
    assert "CHURN_TOKEN" in said.err


def test_a_package_that_cannot_be_loaded_is_named(first: Project) -> None:
    first.write("mine/broken-1.dist-info/entry_points.txt", "[colabctl.engines]\nbroken = nope:e\n")
    first.write("mine/broken-1.dist-info/METADATA", "Name: broken-engine\nVersion: 1\n")
    said = first.run("work", "first", "--on", "broken", PYTHONPATH=str(first.root / "mine"))
    assert said.code == 1
    assert "the package broken-engine cannot be loaded: No module named 'nope'" in said.err


def test_working_here_and_help_import_no_engine(first: Project) -> None:
    script = (
        "import sys\nfrom colabctl.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    own = [name for name in sys.modules if name.startswith('colabctl.engines.')]\n"
        "    shared = {'colabctl.engines.contract', 'colabctl.engines.settings'}\n"
        "    print(sorted({*own} - shared))\n"
    )
    for arguments in (["--help"], ["work", "first"]):
        said = end(first.start_python("-c", script, *arguments))
        assert said.out.splitlines()[-1] == "[]", (arguments, sys.version)


def test_a_machine_without_slurm_shows_the_status_of_a_sweep_with_pilots(first: Project) -> None:
    record = {"format": 1, "engine": "slurm", "address": "", "member": "ana", "jobs": ["1"]}
    first.write("sweeps/first/pilots/slurm-ana-vm-20260101t000000-abcdef.json", json.dumps(record))
    said = first.run("status", "first", PATH="/nowhere")
    assert said.code == 0
    assert "pilots" not in said.out
