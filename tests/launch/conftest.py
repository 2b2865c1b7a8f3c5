"""Projects in a store that speaks S3, and machines with Kaggle's and Google's command lines."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import Project, new_project
from tests.worker_notebooks.conftest import installed, share  # noqa: F401 - fixtures

SWEEP = "method: grid\nprogram: train.py:train\nmax_retries: 0\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"
KEYS = {"AWS_ACCESS_KEY_ID": "ana", "AWS_SECRET_ACCESS_KEY": "secret"}


def tool(name: str) -> Path:
    """Return where a command line is; without it, skip, but fail where CI is set."""
    found = shutil.which(name)
    if found is None:
        reason = f"needs the command {name}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(found)


@contextmanager
def printing_its_port(*command: object) -> Iterator[int]:
    """Run a server that prints its port first; end it."""
    server = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


@dataclass(frozen=True)
class Kaggle:
    """Kaggle's command line with a stand-in for its server, which keeps kernels in a folder."""

    environ: dict[str, str]
    kept: Path


@pytest.fixture
def kaggle(tmp_path: Path) -> Iterator[Kaggle]:
    """Give Kaggle's command line, logged in as ana."""
    command = tool("kaggle")
    kept = tmp_path / "kaggle"
    kept.mkdir()
    python = command.resolve().parent / "python"
    with printing_its_port(python, Path(__file__).parent / "kaggle_server.py", kept) as port:
        environ = {
            "KAGGLE_USERNAME": "ana",
            "KAGGLE_KEY": "key",
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_CONFIG_DIR": str(tmp_path / "kaggle-config"),
            "http_proxy": f"http://127.0.0.1:{port}",
            "no_proxy": "127.0.0.1",
        }
        yield Kaggle(environ, kept)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Give the address of a server that speaks S3."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    bucket = urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")  # noqa: S310 - ours
    urllib.request.urlopen(bucket).close()  # noqa: S310
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def stored(tmp_path: Path, s3: str) -> Iterator[Project]:
    """Return a project with a declared sweep, in a store that speaks S3."""
    project = new_project(tmp_path / "churn")
    project.declare("first", SWEEP, TRAIN)
    url = f"s3://bucket/{tmp_path.name}?endpoint={s3}"
    added = project.run("remote", "add", url, **KEYS)
    assert added.code == 0, added.err
    yield project
    project.end_all()
