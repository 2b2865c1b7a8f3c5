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
from tests.worker_notebooks.machine import Machine

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
    words = [*map(str, command)]
    environ = {**os.environ, "PIP_NO_INDEX": "1"}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()  # it ends then
            server.wait()


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
    bucket = urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")
    urllib.request.urlopen(bucket).close()
    yield f"http://{host}:{port}"
    server.stop()


def declare(project: Project, name: str, sweep: str, program: str) -> None:
    """Declare a sweep in a project with a store, for all of its mirrors."""
    project.write("train.py", program)
    project.write(f"{name}.yaml", sweep)
    declared = project.run("sweep", f"{name}.yaml", **KEYS)
    assert declared.code == 0, declared.err


def sync(project: Project) -> str:
    """Carry what is new between a project and its store; return what the command says."""
    done = project.run("sync", **KEYS)
    assert done.code == 0, done.err
    return done.out + done.err


@pytest.fixture
def stored(tmp_path: Path, s3: str) -> Iterator[Project]:
    """Return a project with a declared sweep, in a store that speaks S3."""
    project = new_project(tmp_path / "churn")
    url = f"s3://bucket/{tmp_path.name}?endpoint={s3}"
    added = project.run("remote", "add", url, **KEYS)
    assert added.code == 0, added.err
    declare(project, "first", SWEEP, TRAIN)
    yield project
    project.end_all()


@pytest.fixture
def machine(tmp_path: Path, installed: Path) -> Machine:  # noqa: F811 - the fixture
    """Give a machine of Kaggle, with the store's keys as secrets."""
    machine = Machine(tmp_path / "kaggle", installed, colab=False)
    own = tmp_path / "kaggle" / "tmp"
    own.mkdir()
    machine.environ |= {
        "STAND_IN": str(machine.place),
        "PYTHONPATH": str(Path(__file__).parent / "kaggle_image"),
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "KAGGLE_URL_BASE": "https://www.kaggle.com",
        "KAGGLE_USER_SECRETS_TOKEN": "token",
        "TMPDIR": str(own),
        "XDG_STATE_HOME": str(machine.place / "state"),
    }
    machine.keep_secrets(**KEYS)
    return machine


@dataclass(frozen=True)
class Colab:
    """Google's command line with a stand-in for Colab's server, which notes what it is asked."""

    environ: dict[str, str]
    notes: Path
    home: Path


@pytest.fixture
def colab_account(tmp_path: Path, installed: Path) -> Iterator[Colab]:  # noqa: F811 - the fixture
    """Give an account of Colab whose plan allows two sessions, on this machine."""
    python = tool("colab").resolve().parent / "python"
    here = Path(__file__).parent
    place = tmp_path / "account"
    (place / "bin").mkdir(parents=True)
    (place / "home").mkdir()
    command = place / "bin" / "colab"
    command.write_text(f'#!/bin/sh\nexec "{python}" "{here / "colab_here.py"}" "$@"\n')
    command.chmod(0o755)
    notes = place / "notes"
    notes.touch()
    server = (python, here / "colab_server.py", notes, installed)
    with printing_its_port(*server) as port:
        environ = {
            **KEYS,
            "COLAB_STAND_IN": f"http://127.0.0.1:{port}",
            "HOME": str(place / "home"),
            "PATH": f"{command.parent}:/usr/bin:/bin",
        }
        yield Colab(environ, notes, place / "home")
