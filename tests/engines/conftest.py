"""A cluster for all tests of this folder, and a project with a sweep for it."""

import getpass
from collections.abc import Iterator

import pytest

from tests.engines.cluster import Cluster, cluster
from tests.engines.slurm import declare
from tests.processes import Project


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """Yield a cluster of 2 CPUs, which starts with the first test that needs it."""
    with cluster(cpus=2) as running:
        yield running


@pytest.fixture
def first(project: Project, slurm: Cluster) -> Iterator[Project]:
    """Yield a project with a sweep of 8 tasks, which wait while the file `wait` is there."""
    declare(project)
    yield project
    slurm.run("scancel", f"--user={getpass.getuser()}")
    slurm.until_jobs(lambda jobs: not jobs, "the end of all jobs")
