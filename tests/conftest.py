"""Fixtures for all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.processes import Project, clean, new_project

# No deadlines: the machine may be busy. CI gives each change the same examples; a run by hand looks
# for new ones.
settings.register_profile("untimed", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))


@pytest.fixture(scope="session", autouse=True)
def _own_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's settings out of the tests, and what the tests leave out of the home folder."""
    for name in os.environ.keys() - clean(os.environ).keys():
        del os.environ[name]
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """Let SIGINT and SIGHUP end what tests start, even where pytest itself ignores them.

    A shell starts background jobs ignoring SIGINT, and nohup lets them ignore SIGHUP.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            # pytest still ignores it. A new process inherits that it is ignored, not a handler.
            signal.signal(number, lambda *_: None)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Yield a project for processes, and kill those that outlive the test."""
    project = new_project(tmp_path / "churn")
    yield project
    project.end_all()
