"""Pilots on SLURM against one array index for each task: `python -m tests.bench.slurm`.

Both run 200 tasks of one second on a cluster of 4 CPUs, one after the other. It needs SLURM.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.engines.cluster import Cluster, cluster
from tests.processes import Project, end, new_project, until

_CPUS = 4
_TRAIN = "import time\ndef train(params):\n    time.sleep(1)\n    return params['x']\n"


def main() -> None:
    """Print a table of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    tasks = parser.parse_args().tasks
    with (
        tempfile.TemporaryDirectory(prefix="bench-slurm-") as folder,
        cluster(cpus=_CPUS, max_array=10_001) as slurm,
    ):
        for name in ("STATE", "CONFIG", "CACHE"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"
        project = new_project(Path(folder, "churn"))
        ideal = tasks / _CPUS
        print(f"{tasks} tasks of 1 s on {_CPUS} CPUs: {ideal:.0f} s are ideal\n")
        print(f"{'':34} {'seconds':>8} {'of ideal':>9}")
        submitted, seconds = _pilots(project, slurm, tasks)
        print(f"{'colabctl work --on slurm -n 4':34} {seconds:8.1f} {ideal / seconds:9.0%}")
        seconds = _array(slurm, tasks)
        print(f"{'sbatch --array, an index per task':34} {seconds:8.1f} {ideal / seconds:9.0%}")
        print(f"\n20 pilots were submitted in {submitted:.2f} s")


def _pilots(project: Project, slurm: Cluster, tasks: int) -> tuple[float, float]:
    """Return the seconds that submitting 20 pilots takes, and those that 4 pilots take."""
    for name in ("twenty", "first"):
        project.declare(
            name,
            f"method: grid\nprogram: train.py:train\nmetric: {{name: y}}\n"
            f"parameters: {{x: {{values: {list(range(tasks))}}}}}\n",
            _TRAIN,
        )
    environ = {"SLURM_CONF": slurm.environ["SLURM_CONF"]}
    start = time.monotonic()
    said = end(
        project.start("work", "twenty", "--on", "slurm", "-n", "20", "--slurm", "hold", **environ)
    )
    submitted = time.monotonic() - start
    assert said.code == 0, said.err
    slurm.run("scancel", *said.out.split())
    until(lambda: not slurm.jobs())
    start = time.monotonic()
    said = end(project.start("work", "first", "--on", "slurm", "-n", str(_CPUS), **environ))
    assert said.code == 0, said.err
    until(lambda: not slurm.jobs())
    seconds = time.monotonic() - start
    assert project.status("first")["done"] == tasks
    return submitted, seconds


def _array(slurm: Cluster, tasks: int) -> float:
    start = time.monotonic()
    slurm.run(
        "sbatch", f"--array=0-{tasks - 1}", "--output=/dev/null", "--wrap=sleep 1"
    )  # a job with nothing to load
    until(lambda: not slurm.jobs())
    return time.monotonic() - start


if __name__ == "__main__":
    main()
