"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.processes import Project, new_project

# No deadlines: the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _own_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the approvals of the tests apart from those of the person who runs them."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Yield a project for processes, and kill those that outlive the test."""
    project = new_project(tmp_path / "churn")
    yield project
    project.end_all()
