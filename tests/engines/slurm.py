"""Projects on a SLURM cluster: pilots that are submitted, and tasks that wait for the test."""

import os
from pathlib import Path

from tests.engines.cluster import Cluster
from tests.processes import Finished, Project, end, until

TRAIN = """
import pathlib, time

def train(params, task):
    pathlib.Path("started").touch()
    while pathlib.Path("wait").exists():
        time.sleep(0.02)
    return {"y": params["x"]}
"""


def declare(project: Project, tasks: int = 8, name: str = "first") -> None:
    """Declare a sweep whose tasks wait while the file `wait` is there."""
    project.declare(
        name,
        "method: grid\nprogram: train.py:train\n"
        f"parameters: {{x: {{values: {list(range(tasks))}}}}}\n",
        TRAIN,
    )


def say(project: Project, slurm: Cluster, *arguments: str, **environ: str) -> Finished:
    """Run `colabctl ARGUMENTS` where it finds the cluster."""
    found = {name: slurm.environ[name] for name in ("SLURM_CONF", "PATH")}
    return end(project.start(*arguments, **{**found, **environ}))


def submit(
    project: Project, slurm: Cluster, *options: str, number: int = 1, sweep: str = "first"
) -> list[str]:
    """Submit pilots, and return their jobs."""
    said = say(project, slurm, "work", sweep, "--on", "slurm", "-n", str(number), *options)
    assert said.code == 0, said.err
    return said.out.split()


def logs(project: Project, sweep: str = "first") -> list[str]:
    """Return what the pilots have printed, which are of one submission."""
    (record,) = (project.root / "sweeps" / sweep / "pilots").glob("*.json")
    folder = Path(os.environ["XDG_STATE_HOME"], "colabctl", "log", "pilots", record.stem)
    return [file.read_text() for file in sorted(folder.glob("*.log"))]


def hold(project: Project) -> Path:
    """Let tasks wait until the file that is returned is removed."""
    return project.write("wait", "")


def until_running(project: Project) -> None:
    """Wait until a task runs."""
    until((project.root / "started").exists, "the start of a task")


def configure(project: Project, line: str) -> None:
    """Add a line to colabctl.yaml."""
    config = project.root / "colabctl.yaml"
    config.write_text(f"{config.read_text()}\n{line}\n")
