"""What tests of the whole program share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Project, made


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Give a project in which processes run; none of them outlives the test."""
    project = made(tmp_path / "churn")
    yield project
    project.end_all()
