"""Fixtures for the remote room: one S3 server for all tests, and mirrors with their own settings."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import COMMAND, Finished, Project, end, new_project
from tests.remote.servers import CREDENTIALS, S3Server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Yield a running server that speaks S3, with credentials in the environment."""
    server = S3Server()
    server.start()
    os.environ.update(CREDENTIALS, AWS_ENDPOINT_URL=server.endpoint)
    yield server
    server.stop()
    for name in (*CREDENTIALS, "AWS_ENDPOINT_URL"):
        del os.environ[name]


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """Return the URL of a folder in a bucket of its own."""
    return s3.bucket(f"lab-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a user without credentials, on a machine that is in no cloud."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    for name in tuple(os.environ):
        if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_PROFILE", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    return home


@dataclass
class Mirrors:
    """A project and the mirrors of it, all on this machine but in folders of their own."""

    origin: Project
    url: str
    all: list[Project] = field(default_factory=list)

    def clone(self, *, member: str = "ben") -> Project:
        """Make one more mirror."""
        folder = self.origin.root.with_name(f"mirror{len(self.all)}")
        cloned = self.run("clone", self.url, str(folder))
        assert cloned.code == 0, cloned.err
        mirror = Project(folder)
        self.all.append(mirror)
        return mirror

    def run(self, *arguments: str) -> Finished:
        """Run the command outside of all projects."""
        outside = Project(self.origin.root.parent)
        return end(outside.start_python(*COMMAND[1:], *arguments))


@pytest.fixture
def mirrors(tmp_path: Path, bucket: str) -> Iterator[Mirrors]:
    """Yield a project that was put into a bucket."""
    mirrors = Mirrors(new_project(tmp_path / "churn"), bucket)
    mirrors.all.append(mirrors.origin)
    added = mirrors.origin.run("remote", "add", bucket)
    assert added.code == 0, added.err
    yield mirrors
    for each in mirrors.all:
        each.end_all()
