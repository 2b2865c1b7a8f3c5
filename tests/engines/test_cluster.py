"""The cluster of the tests: several at once on a machine, and what happens where SLURM is missing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.engines import cluster as clusters
from tests.engines.cluster import Cluster, cluster, why_not


def test_two_clusters_run_side_by_side(slurm: Cluster) -> None:
    with cluster(cpus=1) as other:
        for each in (slurm, other):
            each.run("sbatch", "--output=/dev/null", "--wrap=true")
        for each in (slurm, other):
            each.until_jobs(lambda jobs: not jobs, "the end of the job")
        job = other.run("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true")
        assert other.jobs("%i") == [job.strip()]
        assert slurm.jobs() == []
    assert slurm.node() == "idle"


@pytest.mark.slow  # it starts a cluster three times
def test_a_cluster_whose_port_was_taken_takes_another(
    monkeypatch: pytest.MonkeyPatch, slurm: Cluster
) -> None:
    free = clusters._free_ports
    with ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("", 0))).getsockname()[1]
        ports: Iterator[list[int]] = iter([[taken, free()[0]], [free()[0], taken], free()])
        monkeypatch.setattr(clusters, "_free_ports", lambda: next(ports))
        with cluster(cpus=1) as running:
            assert running.node() == "idle"
    assert slurm.node() == "idle"


def test_without_slurm_a_test_skips_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(clusters, "_SBIN", "/nowhere")
    why = "needs munged, .*: apt-get install slurmctld slurmd munge slurm-client"
    assert "sbatch" in str(why_not())
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=why), cluster():
        pass
    monkeypatch.setenv("CI", "true")
    with pytest.raises(AssertionError, match=why), cluster():
        pass
