"""Clusters that are empty, grow and shrink, have GPUs, another version or TLS."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.engines.dask.clusters import Cluster
from tests.engines.dask.test_faults import SAYS_WHERE, add
from tests.engines.dask.test_work import grid, on
from tests.processes import Project, clean, end, until

pytestmark = pytest.mark.slow  # each starts a cluster of its own


def test_it_waits_for_a_first_worker_and_uses_those_that_come_later(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    project.declare("grow", grid(6), SAYS_WHERE)
    worker = project.start("work", "grow", *on(cluster))
    assert worker.stderr is not None
    lines = iter(worker.stderr.readline, "")
    assert any("has no workers yet" in line for line in lines)
    add(cluster, "one", marks)
    until((marks / "t000000-1").exists)
    add(cluster, "two", marks)
    until((marks / "t000001-1").exists, "a task in the second worker")
    (marks / "go").touch()
    assert end(worker).code == 0
    where = {file.read_text() for file in marks.glob("t*-1")}
    assert where == {"one", "two"}


def test_a_slot_for_each_gpu(project: Project, cluster: Cluster, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    cluster.add(
        "gpus", "--nthreads", "4", "--resources", "GPU=2", MARKS=str(marks), DASK_NAME="gpus",
        CUDA_VISIBLE_DEVICES="5,7",
    )  # fmt: skip
    program = """
import os, time
def train(params, task):
    open(f"{os.environ['MARKS']}/{task.name}", "w").close()
    while len(os.listdir(os.environ["MARKS"])) < 2:
        time.sleep(0.01)
    return {"gpu": int(os.environ["CUDA_VISIBLE_DEVICES"])}
"""
    project.declare("gpu", grid(2), program)
    worked = project.run("work", "gpu", *on(cluster))
    assert worked.code == 0, worked.err
    assert sorted(row["metrics"]["gpu"] for row in project.results("gpu")) == [5, 7]


def test_a_worker_with_too_little_for_the_tasks_is_not_used(
    project: Project, cluster: Cluster
) -> None:
    cluster.add("small", "--nthreads", "2", "--memory-limit", "300MB")
    cluster.add("large", "--nthreads", "1", "--memory-limit", "300MB")
    program = "from distributed import get_worker\ndef train(params):\n    return {'y': 1}\n"
    project.declare("needs", f"{grid(3)}needs: {{memory: 200MB}}\n", program)
    until(lambda: all("Registered to" in cluster.log(name) for name in ("small", "large")))
    worked = project.run("work", "needs", *on(cluster))
    assert worked.code == 0, worked.err
    assert (
        "is not used: tasks need 200 MB of memory, and each of its 2 slots has 150 MB of memory"
    ) in worked.err
    assert "3 done" in worked.err
    [start] = project.events("needs", "start")
    assert start["elsewhere"] is True


def test_a_worker_of_another_version_is_not_used(project: Project, cluster: Cluster) -> None:
    other = cluster.folder / "other"
    other.mkdir()
    info = other / "colabctl_drive-0.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colabctl-drive\nVersion: 0.0.1\n")
    cluster.add("old", PYTHONPATH=str(other))
    project.declare("old", grid(1), "def train(params, task):\n    return {'y': 1}\n")
    until(lambda: "Registered to" in cluster.log("old"))
    worked = project.run("work", "old", *on(cluster))
    assert worked.code == 1
    assert "it has colabctl 0.0.1, and this machine" in worked.err
    assert project.status("old")["done"] == 0


def test_an_adaptive_cluster_grows_from_nothing_and_shrinks_again(
    project: Project, tmp_path: Path
) -> None:
    program = """
import os, time
def train(params, task):
    open(f"seen-{os.getppid()}", "w").close()
    while len([name for name in os.listdir() if name.startswith("seen-")]) < 2:
        time.sleep(0.05)
    return {"y": 1}
"""
    project.declare("adapt", grid(4), program)
    with _adaptive(tmp_path) as (address, workers):
        worked = project.run("work", "adapt", "--on", f"dask://{address}")
        assert worked.code == 0, worked.err
        assert "has no workers yet" in worked.err
        rows = project.results("adapt")
        assert [row["attempt"] for row in rows] == [1] * 4
        until(lambda: workers() == 0, "the end of idle workers")


ADAPTIVE = """
import json, os, sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=0, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    )
    cluster.adapt(minimum=0, maximum=2, interval="200ms", wait_count=5)
    while True:
        state = {"address": cluster.scheduler_address, "workers": len(cluster.workers)}
        with open("state.part", "w") as file:
            json.dump(state, file)
        os.replace("state.part", "state.json")
        time.sleep(0.1)
"""


@contextmanager
def _adaptive(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """Yield the address of an adaptive cluster in another process, and what counts its workers."""
    (folder / "adaptive.py").write_text(ADAPTIVE)
    with (folder / "adaptive.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "adaptive.py"], cwd=folder, stdin=subprocess.PIPE, stdout=log,
            stderr=log, env=clean(os.environ),
        )  # fmt: skip
    state = folder / "state.json"
    try:
        until(state.exists, "the start of the cluster")
        yield (
            json.loads(state.read_text())["address"],
            lambda: int(json.loads(state.read_text())["workers"]),
        )
    finally:
        process.kill()
        process.wait()


def test_tls_takes_the_certificates_of_dasks_own_configuration(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    certificate, key = _certificate(tmp_path)
    cluster.end()
    cluster.more = (
        "--protocol", "tls", "--tls-ca-file", str(certificate), "--tls-cert", str(certificate),
        "--tls-key", str(key),
    )  # fmt: skip
    cluster.start()
    cluster.add("one")
    project.declare("tls", grid(2), "def train(params, task):\n    return {'y': 1}\n")
    address = json.loads(cluster.file.read_text())["address"]
    assert address.startswith("tls://")
    without = project.run("work", "tls", "--on", f"dask://{address}")
    assert without.code == 1
    assert "TLS needs certificates in Dask's own configuration" in without.err
    plain = project.run("work", "tls", "--on", f"dask://{address.removeprefix('tls://')}")
    assert plain.code == 1
    assert "a scheduler with TLS has an address such as dask://tls://HOST:PORT" in plain.err
    configured = {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(certificate),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": str(certificate),
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": str(key),
    }
    worked = project.run("work", "tls", "--on", f"dask://{address}", **configured)
    assert worked.code == 0, worked.err
    assert project.status("tls")["done"] == 2


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate that signs itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dask")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))  # fmt: skip
    return files
