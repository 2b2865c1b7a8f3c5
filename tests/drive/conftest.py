"""Drives for the drive's own tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drive.drive import Drive
from tests.drive.fixtures import drive_or_skip, drives

__all__ = ["drives"]


@pytest.fixture(scope="package")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    """Yield three machines for all tests that leave them intact, as mounting is slow."""
    folder = tmp_path_factory.mktemp("drive")
    with drive_or_skip(folder, machines=3, manual=True) as drive:
        yield drive


@pytest.fixture
def places(drive: Drive, request: pytest.FixtureRequest) -> list[Path]:
    """Create a folder on the drive and return its path on each machine."""
    name = request.node.name.replace("/", "-")
    (drive.machine(0).path / name).mkdir()
    drive.deliver()
    return [machine.path / name for machine in drive.machines]
