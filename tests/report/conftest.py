"""The browser and the pages that the tests look at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colabctl.report.write import write_page
from tests.processes import Project, new_project
from tests.report.chromium import Tab, chromium
from tests.report.histories import bench, opened
from tests.worker_notebooks.browser import browser

needs_browser = pytest.mark.skipif(
    browser() is None and "CI" not in os.environ, reason="needs Chromium"
)
Made = Callable[..., Path]


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Yield a tab of the browser."""
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(autouse=True)
def _clean_tab(request: pytest.FixtureRequest) -> None:
    """Give each test a laptop's window that prefers the light theme, and no old problems."""
    if "tab" in request.fixturenames:
        shown: Tab = request.getfixturevalue("tab")
        shown.size(1280)
        shown.prefer("light")
        shown.problems.clear()
        shown.requests.clear()


@pytest.fixture(scope="session")
def made() -> Made:
    """Return a function that writes the page of some sweeps of a project."""

    def make(project: Project, *names: str) -> Path:
        file = project.root / f"{'-'.join(names)}.html"
        write_page([opened(project, name) for name in names], file, replace=True)
        return file

    return make


@pytest.fixture(scope="session")
def bench_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose sweep `bench` has 240 tasks, which have all run."""
    project = new_project(tmp_path_factory.mktemp("bench") / "churn")
    bench(project, 20)
    return project


@pytest.fixture(scope="session")
def bench_page(bench_project: Project, made: Made) -> Path:
    """Return the page of the sweep `bench`."""
    return made(bench_project, "bench")
