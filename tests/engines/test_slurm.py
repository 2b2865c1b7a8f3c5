"""`work --on slurm` on a real cluster of this machine."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.cluster import Cluster, cluster
from tests.processes import Finished, Project, end, new_project, until

pytestmark = pytest.mark.slow  # it starts real servers or engines


TRAIN = """
import pathlib, time

def train(params, task):
    pathlib.Path("started").touch()
    while pathlib.Path("wait").exists():
        time.sleep(0.02)
    return {"y": params["x"]}
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    with cluster(cpus=2) as running:
        yield running


@pytest.fixture
def first(project: Project, slurm: Cluster) -> Iterator[Project]:
    """Yield a project with a sweep of 8 tasks, which wait while the file `wait` is there."""
    values = list(range(8))
    project.declare(
        "first",
        f"method: grid\nprogram: train.py:train\nparameters: {{x: {{values: {values}}}}}\n",
        TRAIN,
    )
    yield project
    slurm.run("scancel", "--user", str(os.getuid()))
    until(lambda: not slurm.jobs(), "the end of all jobs")


def say(project: Project, slurm: Cluster, *arguments: str, **environ: str) -> Finished:
    return end(
        project.start(
            *arguments,
            SLURM_CONF=slurm.environ["SLURM_CONF"],
            PATH=slurm.environ["PATH"],
            **environ,
        )
    )


def submit(project: Project, slurm: Cluster, *options: str, number: int = 1) -> list[str]:
    """Submit pilots, and return their jobs."""
    said = say(project, slurm, "work", "first", "--on", "slurm", "-n", str(number), *options)
    assert said.code == 0, said.err
    return said.out.split()


def hold(project: Project) -> Path:
    """Let tasks wait until the file that is returned is removed."""
    return project.write("wait", "")


def test_pilots_run_the_whole_sweep(first: Project, slurm: Cluster) -> None:
    jobs = submit(first, slurm, number=3)
    until(lambda: first.status("first")["done"] == 8)
    assert len(jobs) == 1
    until(lambda: not slurm.jobs(), "the end of the pilots")
    assert len(first.events("first", "done")) == 8


def test_the_script_and_the_jobs_are_kept_and_hold_no_secret(
    first: Project, slurm: Cluster
) -> None:
    config = first.root / "colabctl.yaml"
    config.write_text(config.read_text() + "\nsecrets: [WANDB_API_KEY]\n")
    said = say(
        first, slurm, "work", "first", "--on", "slurm", "--slurm-setup", "export LEVEL=3",
        WANDB_API_KEY="hunter2-of-ana",
    )  # fmt: skip
    assert said.code == 0, said.err
    pilots = first.root / "sweeps" / "first" / "pilots"
    (record,) = pilots.glob("*.json")
    script = record.with_suffix(".txt").read_text()
    assert json.loads(record.read_text())["jobs"] == said.out.split()
    assert "export LEVEL=3\n" in script
    assert "--trust-digest" in script
    assert "hunter2" not in script + record.read_text()
    assert not os.access(record.with_suffix(".txt"), os.X_OK) or os.geteuid() == 0
    until(lambda: first.status("first")["done"] == 8)


def test_a_dry_run_shows_the_script_and_starts_nothing(first: Project, slurm: Cluster) -> None:
    said = say(first, slurm, "work", "first", "--on", "slurm", "-n", "4", "--dry-run",
               "--slurm", "time=30", "--max-tasks", "3")  # fmt: skip
    assert said.code == 0
    assert said.out.startswith("#!/bin/bash\n")
    assert "--array=0-3" in said.out
    assert "--time=30" in said.out
    assert "--max-tasks 3" in said.out
    assert "nothing was started" in said.err
    assert slurm.jobs() == []
    assert not (first.root / "sweeps" / "first" / "pilots").exists()


def test_status_shows_pending_pilots_and_why_and_stop_cancels_them(
    first: Project, slurm: Cluster
) -> None:
    wait = hold(first)
    (job,) = submit(first, slurm, number=5)
    until(lambda: sum("RUNNING" in line for line in slurm.jobs()) == 2)
    until(lambda: any("Resources" in line for line in slurm.jobs()), "a reason")
    shown = say(first, slurm, "status", "first")
    assert "pilots on slurm: 3 pending (" in shown.out
    assert "2 running" in shown.out
    pilots = say(first, slurm, "status", "first", "--json").json["pilots"]
    assert {each["job"] for each in pilots} == {job}
    refused = say(first, slurm, "stop", "first", "--cancel-jobs")
    assert (refused.code, len(slurm.jobs())) == (1, 5), "it asks first"
    assert "3 pending pilots" in refused.out
    stopped = say(first, slurm, "stop", "first", "--cancel-jobs", "--yes")
    assert stopped.code == 0, stopped.err
    assert all("PENDING" not in line for line in slurm.jobs())
    wait.unlink()
    until(lambda: not slurm.jobs(), "running pilots end after their tasks")
    assert first.status("first")["done"] == 2


@pytest.mark.parametrize("program", ["a function", "a program that catches SIGTERM"])
def test_scancel_gives_back_the_tasks_and_costs_them_no_attempt(
    project: Project, slurm: Cluster, program: str
) -> None:
    body = "import pathlib, time, signal, sys\n"
    if program == "a function":
        name, text = "train.py:train", TRAIN
    else:
        name = "train.py"
        text = (
            f"{body}signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
            "pathlib.Path('started').touch()\nwhile True: time.sleep(0.02)\n"
        )
    hold(project)
    project.declare(
        "first", f"method: grid\nprogram: {name}\nparameters: {{x: {{values: [1, 2]}}}}\n", text
    )
    (job,) = submit(project, slurm)
    until((project.root / "started").exists)
    slurm.run("scancel", job)
    until(lambda: project.events("first", "end"))
    until(lambda: not slurm.jobs())
    assert project.events("first", "failed") == []
    status = project.status("first")
    assert (status["pending"], status["failed"]) == (2, 0)
    assert project.events("first", "end")[0]["reason"] == "interrupted"


def test_a_requeued_pilot_goes_on_with_the_sweep(first: Project, slurm: Cluster) -> None:
    wait = hold(first)
    (job,) = submit(first, slurm)
    until((first.root / "started").exists)
    slurm.run("scontrol", "requeue", job)
    until(lambda: first.events("first", "end"), "the end of the first worker")
    wait.unlink()
    until(lambda: any("PENDING" in line for line in slurm.jobs()))
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    until(lambda: first.status("first")["done"] == 8)
    assert first.events("first", "failed") == []
    assert len({event["writer"] for event in first.events("first", "done")}) == 1
    assert len(first.events("first", "start")) == 2


def test_a_pre_empted_pilot_gives_back_its_task(first: Project, slurm: Cluster) -> None:
    hold(first)
    (job,) = submit(first, slurm)
    until((first.root / "started").exists)
    slurm.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null",
              "--wrap=sleep 60")  # fmt: skip
    until(lambda: first.events("first", "end"), "the end of the pilot")
    assert first.events("first", "failed") == []
    assert first.status("first")["pending"] == 8
    until(
        lambda: any(line.startswith(job) and "PENDING" in line for line in slurm.jobs()),
        "the pilot is queued again",
    )


def test_a_pilot_ends_before_the_time_limit_of_its_job(first: Project, slurm: Cluster) -> None:
    submit(first, slurm, "--slurm", "time=10", "--max-time", "3h")
    until(lambda: first.status("first")["done"] == 8)
    (log,) = Path(os.environ["XDG_STATE_HOME"]).glob(
        f"colabctl/log/pilots/{_name(first)}/*.log"
    )  # fmt: skip
    until(lambda: "finished" in log.read_text())
    assert "colabctl:" not in log.read_text()


def _name(project: Project) -> str:
    (record,) = (project.root / "sweeps" / "first" / "pilots").glob("*.json")
    return record.stem


def test_a_pilot_that_dies_with_its_node_loses_its_lease_and_the_task_runs_again(
    project: Project,
) -> None:
    with cluster(cpus=1, slurmd_timeout=5) as lonely:
        config = project.root / "colabctl.yaml"
        config.write_text(config.read_text() + "\nheartbeat: 1s\nlease: 4s\n")
        project.declare(
            "first",
            "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n",
            TRAIN,
        )
        wait = hold(project)
        said = say(project, lonely, "work", "first", "--on", "slurm")
        assert "shorter than this cluster's SlurmdTimeout of 5 s" in said.err
        until((project.root / "started").exists)
        lonely.kill("slurmd")
        for pid in project.processes():
            os.kill(pid, signal.SIGKILL)
        wait.unlink()
        assert project.run("work", "first").code == 0
        assert project.status("first")["done"] == 2
        assert project.events("first", "failed") == []


def test_more_pilots_than_an_array_may_have_are_several_arrays(project: Project) -> None:
    with cluster(cpus=1, max_array=3) as small:
        project.declare(
            "first",
            "method: grid\nprogram: train.py:train\n"
            f"parameters: {{x: {{values: {list(range(8))}}}}}\n",
            TRAIN,
        )
        hold(project)
        jobs = submit(project, small, number=7)
        assert len(jobs) == 3
        assert len(small.jobs()) == 7
        pilots = say(project, small, "status", "first", "--json").json["pilots"]
        assert sum(each["count"] for each in pilots) == 7


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--slurm", "partition=nope"], ["invalid partition specified: nope", "sinfo"]),
        (["--slurm", "nodelist=nowhere"], ["sbatch: "]),
        (["--slurm", "cpus-per-task=many"], ["sbatch: "]),
    ],
)
def test_what_sbatch_refuses_is_told_in_its_own_words(
    first: Project, slurm: Cluster, options: list[str], parts: list[str]
) -> None:
    said = say(first, slurm, "work", "first", "--on", "slurm", *options)
    assert (said.code, said.out) == (1, "")
    last = said.err.splitlines()[-1]
    assert last.startswith("colabctl: sbatch: ")
    for part in parts:
        assert part in last
    assert list((first.root / "sweeps" / "first" / "pilots").glob("*.json")) == []


def test_there_are_no_more_pilots_than_tasks(first: Project, slurm: Cluster) -> None:
    said = say(first, slurm, "work", "first", "--on", "slurm", "-n", "50", "-j", "3", "--dry-run")
    assert "8 tasks left, for which 3 pilots will do" in said.err
    assert "--array=0-2" in said.out


def test_jobs_that_others_wrote_into_the_record_are_not_taken_for_pilots(
    first: Project, slurm: Cluster
) -> None:
    mine = slurm.run("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true").strip()
    (job,) = submit(first, slurm)
    record = next((first.root / "sweeps" / "first" / "pilots").glob("*.json"))
    forged = {**json.loads(record.read_text()), "jobs": [mine, job, "1;true", "--help"]}
    record.write_text(json.dumps(forged))
    say(first, slurm, "stop", "first", "--cancel-jobs", "--yes")
    assert any(line.startswith(f"{mine}|PENDING") for line in slurm.jobs())


def test_a_new_project_needs_no_slurm_to_show_its_status(tmp_path: Path) -> None:
    project = new_project(tmp_path / "other")
    project.declare(
        "first", "method: grid\nprogram: t.py:train\nparameters: {x: {values: [1]}}\n", TRAIN
    )
    project.write(
        "sweeps/first/pilots/slurm-ana-vm-20260101t000000-abcdef.json",
        json.dumps({"format": 1, "engine": "slurm", "address": "", "member": "ana", "jobs": ["1"]}),
    )
    said = project.run("status", "first", PATH="/nowhere")
    assert said.code == 0
    assert "pilots" not in said.out
