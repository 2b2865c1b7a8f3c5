"""A project whose folder is on the tests' Google Drive, and the installed command."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from colabctl.drive.account import Drive, Pace, connect
from tests.drive_api import certificates
from tests.drive_api.cloud import Cloud, Item
from tests.drive_api.server import Server, environ
from tests.processes import COMMAND, Finished, Project, clean

pytest.importorskip("googleapiclient")

ANA, BEN, CLEO = "ana@example.org", "ben@example.org", "cleo@example.org"


@dataclass(frozen=True)
class Group:
    """A project, its folder on Drive, and the people who share it; ana owns the folder."""

    project: Project
    cloud: Cloud
    server: Server
    authorities: Path
    credentials: Path

    @property
    def folder(self) -> Item:
        """The project's folder."""
        return self.cloud["churn"]

    @property
    def raw(self) -> Item:
        """The folder of raw data."""
        return self.cloud["churn/data/raw"]

    def put(self, name: str, content: str, owner: str = ANA) -> Item:
        """Add a file of raw data, here and on the server."""
        self.project.write(f"data/raw/{name}", content)
        drive = self.raw.drive
        return self.cloud.add(f"churn/data/raw/{name}", owner, content.encode(), drive=drive)

    def environ(self, who: str | None = ANA) -> Mapping[str, Any]:
        """Return the environment of a person who is signed in, or of one who is not."""
        credentials = None
        if who:
            credentials = self.credentials / f"{who}.json"
            account = {"client_id": "x", "client_secret": "x", "refresh_token": who}
            credentials.write_text(json.dumps({"type": "authorized_user", **account}))
        variables = environ(self.server, self.authorities, credentials)
        home = {"HOME": str(self.credentials), "COLABCTL_MEMBER": "ana"}
        return {**clean(os.environ), **variables, **home}

    def run(
        self, *arguments: str, who: str | None = ANA, cwd: Path | None = None, **more: str
    ) -> Finished:
        """Run `colabctl ARGUMENTS` as a person, without a terminal."""
        process = subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd or self.project.root,
            env={**self.environ(who), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Finished(process.returncode, process.stdout, process.stderr)

    def __call__(self, *arguments: str, who: str | None = ANA, **more: Any) -> Finished:
        """Run a command of which the project's folder on Drive is said."""
        return self.run(*arguments, "--folder-id", self.folder.id, who=who, cwd=None, **more)


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


NewGroup = Callable[..., Group]


@pytest.fixture
def new_group(
    project: Project, tmp_path: Path, authorities: tuple[Path, Path]
) -> Iterator[NewGroup]:
    """Return a function that puts the project's folder on Drive, or on a shared one."""
    servers = []

    def new(drive: str = "") -> Group:
        cloud = Cloud()
        folder = cloud.add("churn", ANA, drive=drive)
        folder.roles |= {BEN: "writer", CLEO: "writer"} | ({ANA: "organizer"} if drive else {})
        cloud.add("churn/data/raw", ANA, drive=drive)
        servers.append(Server(cloud, authorities[1]))
        credentials = tmp_path / "home"
        credentials.mkdir()
        return Group(project, cloud, servers[-1], authorities[0], credentials)

    yield new
    for server in servers:
        server.stop()
        assert server.violations == []


@pytest.fixture
def group(new_group: NewGroup) -> Group:
    """Return a group in My Drive with two files of raw data."""
    group = new_group()
    group.put("a.csv", "1,2\n")
    group.put("deep/b.csv", "3,4\n")
    return group


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def drive(group: Group, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> Drive:
    """Return ana's Drive in this process; it waits for nothing."""
    for name, value in group.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("httplib2.CA_CERTS", str(group.authorities))
    return connect(Pace(waits.append, lambda: 0.5))
