"""`work --on slurm` on a real cluster of this machine."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.engines.cluster import Cluster
from tests.engines.slurm import configure, hold, logs, say, submit, until_running
from tests.processes import Project, until


def test_pilots_run_the_whole_sweep(first: Project, slurm: Cluster) -> None:
    jobs = submit(first, slurm, number=3)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilots")
    assert len(jobs) == 1
    assert len(first.events("first", "done")) == 8
    assert len(logs(first)) == 3


def test_the_script_and_the_jobs_are_kept_and_hold_no_secret(
    first: Project, slurm: Cluster
) -> None:
    configure(first, "secrets: [WANDB_API_KEY]")
    said = say(
        first, slurm, "work", "first", "--on", "slurm", "--slurm", "hold", "--slurm-setup",
        "export LEVEL=3", WANDB_API_KEY="hunter2-of-ana",
    )  # fmt: skip
    assert said.code == 0, said.err
    (record,) = _pilots(first).glob("*.json")
    script = record.with_suffix(".txt")
    assert json.loads(record.read_text())["jobs"] == said.out.split()
    assert "export LEVEL=3\n" in script.read_text()
    assert "--trust-digest" in script.read_text()
    assert "hunter2" not in script.read_text() + record.read_text()
    assert not script.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def test_a_pilot_runs_the_lines_of_setup_and_has_the_secrets(
    project: Project, slurm: Cluster
) -> None:
    configure(project, "secrets: [CHURN_TOKEN]")
    project.declare(
        "first",
        "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1]}}\n",
        "import os\ndef train(params):\n"
        "    return {'level': int(os.environ['LEVEL']), 'token': len(os.environ['CHURN_TOKEN'])}\n",
    )
    said = say(
        project, slurm, "work", "first", "--on", "slurm", "--slurm-setup", "export LEVEL=3",
        CHURN_TOKEN="hunter2-of-ana",
    )  # fmt: skip
    assert said.code == 0, said.err
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilot")
    (row,) = project.results("first")
    assert row["metrics"] == {"level": 3, "token": 14}


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
    assert not _pilots(first).exists()


def test_status_shows_pending_pilots_and_why_and_stop_cancels_them(
    first: Project, slurm: Cluster
) -> None:
    wait = hold(first)
    (job,) = submit(first, slurm, number=5)
    slurm.until_jobs(
        lambda jobs: (
            sum("RUNNING" in line for line in jobs) == 2
            and any("Resources" in line for line in jobs)
        ),
        "two pilots that run, and three that wait for resources",
    )
    shown = say(first, slurm, "status", "first")
    assert "pilots on slurm: 3 pending (" in shown.out
    assert "2 running" in shown.out
    assert "start one" not in shown.out
    pilots = say(first, slurm, "status", "first", "--json").json["pilots"]
    assert {each["job"] for each in pilots} == {job}
    refused = say(first, slurm, "stop", "first", "--cancel-jobs")
    assert (refused.code, len(slurm.jobs())) == (1, 5), "it asks first"
    assert "3 pending pilots" in refused.out
    until(lambda: first.status("first")["running"] == 2)
    stopped = say(first, slurm, "stop", "first", "--cancel-jobs", "--yes")
    assert stopped.code == 0, stopped.err
    assert all("PENDING" not in line for line in slurm.jobs())
    wait.unlink()
    slurm.until_jobs(lambda jobs: not jobs, "the end of the running pilots, after their tasks")
    assert first.status("first")["done"] == 2


def test_the_status_of_several_sweeps_asks_no_cluster(first: Project, slurm: Cluster) -> None:
    submit(first, slurm, "--slurm", "hold")
    squeue = shutil.which("squeue", path=slurm.environ["PATH"])
    own = first.write("bin/squeue", f'#!/bin/sh\ntouch {first.root}/asked\nexec {squeue} "$@"\n')
    own.chmod(0o755)
    path = f"{first.root}/bin:{slurm.environ['PATH']}"
    assert "1 pending (JobHeldUser)" in say(first, slurm, "status", "first", PATH=path).out
    (first.root / "asked").unlink()
    first.declare("other", "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1]}}")
    assert say(first, slurm, "status", PATH=path).code == 0
    assert not (first.root / "asked").exists()


@pytest.mark.parametrize(
    "program",
    ["a function", pytest.param("a program that catches SIGTERM", marks=pytest.mark.slow)],
)
def test_scancel_gives_back_the_tasks_and_costs_them_no_attempt(
    first: Project, slurm: Cluster, program: str
) -> None:
    hold(first)
    if program != "a function":
        first.declare(
            "second",
            "method: grid\nprogram: fit.py\nparameters: {x: {values: [1, 2]}}\n",
            "import pathlib, time, signal, sys\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
            "pathlib.Path('started').touch()\nwhile True: time.sleep(0.02)\n",
        )
    name = "first" if program == "a function" else "second"
    (job,) = submit(first, slurm, sweep=name)
    until_running(first)
    slurm.run("scancel", job)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilot")
    assert first.events(name, "failed") == []
    status = first.status(name)
    assert (status["pending"], status["failed"]) == (status["total"], 0)
    assert first.events(name, "end")[0]["reason"] == "interrupted"


def test_a_requeued_pilot_says_so_and_goes_on_with_the_sweep(
    first: Project, slurm: Cluster
) -> None:
    wait = hold(first)
    (job,) = submit(first, slurm)
    until_running(first)
    slurm.run("scontrol", "requeue", job)
    slurm.until_jobs(lambda jobs: any("PENDING" in line for line in jobs), "the pilot in the queue")
    (ended,) = first.events("first", "end")
    assert ended["reason"] == "interrupted"
    wait.unlink()
    slurm.start_again(job)
    slurm.until_jobs(lambda jobs: not jobs, "the end of the pilot")
    assert first.status("first")["done"] == 8
    assert first.events("first", "failed") == []
    assert len({event["writer"] for event in first.events("first", "done")}) == 1
    assert len(first.events("first", "start")) == 2
    (log,) = logs(first)
    assert "this pilot was started again by SLURM (1)\n" in log


def test_a_pre_empted_pilot_gives_back_its_task(first: Project, slurm: Cluster) -> None:
    hold(first)
    (job,) = submit(first, slurm)
    until_running(first)
    slurm.run("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null",
              "--wrap=sleep 60")  # fmt: skip
    slurm.until_jobs(
        lambda jobs: any(line.startswith(job) and "PENDING" in line for line in jobs),
        "the pilot in the queue",
    )
    assert len(first.events("first", "end")) == 1
    assert first.events("first", "failed") == []
    assert first.status("first")["pending"] == 8


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
    assert list(_pilots(first).glob("*.json")) == []


def test_a_lease_below_slurmd_timeout_is_told(first: Project, slurm: Cluster) -> None:
    configure(first, "heartbeat: 1s\nlease: 4s")
    said = say(first, slurm, "work", "first", "--on", "slurm", "--slurm", "hold")
    assert "the lease of 4 s is shorter than this cluster's SlurmdTimeout of 10 s" in said.err
    assert "write lease: 70s into colabctl.yaml" in said.err
    config = first.root / "colabctl.yaml"
    config.write_text(config.read_text().replace("lease: 4s", "lease: 70s"))
    said = say(first, slurm, "work", "first", "--on", "slurm", "--slurm", "hold")
    assert "SlurmdTimeout" not in said.err


def test_there_are_no_more_pilots_than_tasks(first: Project, slurm: Cluster) -> None:
    said = say(first, slurm, "work", "first", "--on", "slurm", "-n", "50", "-j", "3", "--dry-run")
    assert "8 tasks left, for which 3 pilots will do" in said.err
    assert "--array=0-2" in said.out


def test_jobs_that_others_wrote_into_the_record_are_not_taken_for_pilots(
    first: Project, slurm: Cluster
) -> None:
    mine = slurm.run("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true").strip()
    (job,) = submit(first, slurm, "--slurm", "hold")
    record = next(_pilots(first).glob("*.json"))
    forged = {**json.loads(record.read_text()), "jobs": [mine, job, "1;true", "--help"]}
    record.write_text(json.dumps(forged))
    said = say(first, slurm, "stop", "first", "--cancel-jobs", "--yes")
    assert "cancelled 1 pending pilot" in said.err
    assert [line.partition("|")[0] for line in slurm.jobs()] == [mine]


def _pilots(project: Project) -> Path:
    return project.root / "sweeps" / "first" / "pilots"
