"""Large sweeps: the size of the page, what a sample keeps, and that the browser copes."""

from pathlib import Path

import pytest

from colabctl.report.facts import facts
from colabctl.report.sample import MOST
from tests.processes import Project
from tests.report.chromium import Tab
from tests.report.conftest import Made, needs_browser
from tests.report.histories import bench, opened

_MB = 1_000_000


def test_a_page_of_some_hundred_tasks_is_little_more_than_plotly(bench_page: Path) -> None:
    assert bench_page.stat().st_size < 5.5 * _MB


@needs_browser
@pytest.mark.slow
def test_ten_thousand_tasks_are_all_there_and_can_be_brushed(
    tab: Tab, project: Project, made: Made
) -> None:
    bench(project, 833)
    page = made(project, "bench")
    assert page.stat().st_size < 8 * _MB
    tab.open(page)
    assert tab.run("document.getElementById('count').textContent") == "9,996 tasks"
    tab.click("#cells .cell[aria-label^='svm, wine']")
    assert tab.run("document.getElementById('count').textContent") == "833 of 9,996 tasks"
    assert tab.problems == []


@needs_browser
@pytest.mark.slow
def test_a_sample_keeps_what_matters_and_the_page_says_that_it_is_one(
    tab: Tab, project: Project, made: Made
) -> None:
    bench(project, 1500)
    sweep = opened(project, "bench")
    state = sweep.ledger.state
    shown = facts([sweep], project.root)
    assert shown["rows"] == shown["sweeps"][0]["shown"] == MOST < sweep.plan.total
    tasks = set(shown["fixed"]["task"])
    failed = {n for n in range(sweep.plan.total) if state.columns.status(n) == "failed"}
    assert shown["sweeps"][0]["best"]["index"] in tasks
    assert failed <= tasks
    assert sum(cell["total"] for cell in shown["cells"]) == sweep.plan.total
    tab.open(made(project, "bench"))
    text = tab.run("document.getElementById('head').innerText")
    assert f"This page shows 10,000 of {sweep.plan.total:,} tasks" in text
