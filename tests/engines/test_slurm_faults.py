"""`work --on slurm` where it takes longer: time limits, nodes that die, all kinds of sweeps."""

import sys

import pytest

from tests.engines.cluster import Cluster, cluster
from tests.engines.slurm import configure, declare, hold, logs, say, submit, until_running
from tests.processes import Project, until

pytestmark = pytest.mark.slow  # each takes from some seconds to more than a minute

_TASK = "def train(params):\n    return {'y': params['x']}\n"
_GRID = "parameters: {x: {values: [1, 2, 3]}}\n"
_RANGE = "parameters: {x: {min: 0.0, max: 6.0}}\n"


@pytest.mark.parametrize("given", [(), ("--max-time", "3h")])
def test_a_pilot_gives_back_its_task_before_its_job_reaches_the_time_limit(
    first: Project, slurm: Cluster, given: tuple[str, ...]
) -> None:
    hold(first)
    submit(first, slurm, "--slurm", "time=1", *given)
    until_running(first)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilot")
    (ended,) = first.events("first", "end")
    assert ended["reason"] in ("interrupted", "time")
    assert first.events("first", "failed") == []
    assert first.status("first")["pending"] == 8
    (log,) = logs(first)
    assert "DUE TO TIME LIMIT" not in log


def test_a_task_that_ignores_sigterm_is_given_back_before_the_time_limit_too(
    project: Project, slurm: Cluster
) -> None:
    project.declare(
        "first", f"method: grid\nprogram: fit.sh\n{_GRID}",
        "trap '' TERM\ntouch started\nwhile true; do sleep 1; done\n",
    )  # fmt: skip
    submit(project, slurm, "--slurm", "time=1")
    until_running(project)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilot")
    assert len(project.events("first", "end")) == 1
    assert project.status("first")["pending"] == 3
    (log,) = logs(project)
    assert "DUE TO TIME LIMIT" not in log


@pytest.mark.parametrize("lease", [4, 40])
def test_the_task_of_a_pilot_that_dies_with_its_node_runs_again(
    project: Project, lease: int
) -> None:
    """With a lease below and above the time after which SLURM gives up the node."""
    timeout = 5
    with cluster(cpus=1, slurmd_timeout=timeout) as lonely:
        configure(project, f"heartbeat: 1s\nlease: {lease}s")
        declare(project, tasks=2)
        wait = hold(project)
        said = say(project, lonely, "work", "first", "--on", "slurm")
        assert ("SlurmdTimeout of 5 s" in said.err) == (lease < timeout)
        until_running(project)
        lonely.kill_node()
        until(lambda: lonely.node().startswith("down"), "that SLURM gives up the node")
        wait.unlink()
        lonely.until_jobs(lambda jobs: any("PENDING" in line for line in jobs), "the queue")
        lonely.start_daemon("slurmd")
        lonely.start_again(said.out.strip())
        lonely.until_jobs(lambda jobs: not jobs, "the end of the pilot, which starts again")
        assert project.status("first")["done"] == 2
        assert project.events("first", "failed") == []
        assert len(project.events("first", "start")) == 2


def test_a_worker_elsewhere_goes_on_with_the_tasks_of_a_dead_node(project: Project) -> None:
    with cluster(cpus=1, slurmd_timeout=5) as lonely:
        configure(project, "heartbeat: 1s\nlease: 4s")
        declare(project, tasks=2)
        wait = hold(project)
        submit(project, lonely)
        until_running(project)
        lonely.kill_node()
        wait.unlink()
        assert project.run("work", "first").code == 0
        assert project.status("first")["done"] == 2
        assert project.events("first", "failed") == []


def test_a_pilot_that_is_killed_alone_loses_its_task_to_the_others(
    project: Project, slurm: Cluster
) -> None:
    configure(project, "heartbeat: 1s\nlease: 4s")
    declare(project)
    wait = hold(project)
    (job,) = submit(project, slurm, number=2)
    until(lambda: len(project.events("first", "start")) == 2)
    slurm.run("scancel", "--signal=KILL", "--full", f"{job}_0")
    wait.unlink()
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilots")
    assert project.status("first")["done"] == 8
    assert project.events("first", "failed") == []


def test_more_pilots_than_an_array_may_have_are_several_arrays(project: Project) -> None:
    with cluster(cpus=1, max_array=3) as small:
        declare(project)
        hold(project)
        jobs = submit(project, small, number=7)
        assert len(jobs) == 3
        assert len(small.jobs()) == 7
        pilots = say(project, small, "status", "first", "--json").json["pilots"]
        assert sum(each["count"] for each in pilots) == 7


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (f"method: grid\nprogram: train.py:train\n{_GRID}", _TASK),
        (
            "method: optuna\nprogram: study.py:objective\ntrials: 3\n",
            "def objective(trial):\n    return trial.suggest_float('x', 0, 6)\n",
        ),
        (
            "method: bayes\nprogram: train.py:train\nrun_cap: 3\nmetric: {name: y}\n" + _RANGE,
            _TASK,
        ),
        (f"method: grid\nprogram: fit.sh\n{_GRID}", 'test -n "$1"\n'),
    ],
    ids=["function", "objective", "bayes", "program"],
)
def test_every_kind_of_sweep_runs(
    project: Project, slurm: Cluster, text: str, program: str
) -> None:
    project.declare("first", text, program)
    submit(project, slurm, number=2)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilots")
    assert project.status("first")["done"] == 3, logs(project)


def test_pilots_can_be_submitted_from_inside_a_job(first: Project, slurm: Cluster) -> None:
    command = "-m colabctl work first --on slurm -n 2"
    script = f"#!/bin/sh\nexport COLABCTL_MEMBER=ana\nexec {sys.executable} {command}\n"
    file = first.write("inside.sh", script)
    slurm.run("sbatch", f"--chdir={first.root}", f"--output={first.root}/inside.log", str(file))
    slurm.until_jobs(lambda jobs: not jobs, "the end of the job and its pilots")
    said = (first.root / "inside.log").read_text()
    assert "started 2 pilots of first" in said
    assert first.status("first")["done"] == 8
    assert not any("started again" in log for log in logs(first))
