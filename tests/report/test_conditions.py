"""Conditions mean on the page what they mean in `results --where`: two parsers, one language."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from colabctl.errors import UserError
from colabctl.views.results.names import Names
from colabctl.views.results.query import Query, choose
from colabctl.views.results.rows import Results
from colabctl.views.results.where import parse_where
from tests.processes import Project
from tests.report.chromium import Tab
from tests.report.conftest import needs_browser
from tests.report.histories import opened

pytestmark = needs_browser

CONDITIONS = [
    "lr < 0.001",
    "0.0001 <= lr < .01",
    "0.01 > lr > 1e-4",
    "not lr > 0.001",
    "!(lr > 0.001) && dataset = 'iris'",
    'lr > 0.01 or dataset == "wine" and accuracy > 0.5',
    "lr > 0.01 | dataset == 'wine' & accuracy > 0.5",
    "(lr > 0.01 | dataset == 'wine') & accuracy > 0.5",
    "dataset in ['iris', 'wine',]",
    "dataset not in ('iris', 'wine')",
    "dataset == 'iris' OR dataset StartsWith 'dig'",
    "dataset contains 'a' and 'ine' in dataset",
    "model is not None",
    "model == None",
    "kernel is null",
    "kernel != 'rbf'",
    "kernel not in ['rbf']",
    "kernel",
    "not kernel",
    "C > 1 or batch_size >= 64",
    "batch_size in [16, 32, 64.0]",
    "batch_size == '16'",
    "batch_size < 'x'",
    "batch_size contains 1",
    "batch_size > -inf",
    "batch_size < inf",
    "params.lr < 0.001",
    "metrics.accuracy > 0.6",
    "params['lr'] < 0.001",
    "`lr` < 0.001",
    "lr == params.lr",
    "accuracy > loss",
    "batch_size < 1_00",
    "task in ['t000003', 't000010']",
    "status == 'done'",
    "status is 'pruned' or status <> 'done'",
    "false",
    "true and accuracy > 0.5",
]

FAULTS = [
    "lr <",
    "lr < and accuracy > 1",
    "lr < 0.01 dataset == 'iris'",
    "(lr < 0.01",
    "lr < 0.01)",
    "dataset in ['a' 'b']",
    "dataset == 'iris",
    "`lr < 1",
    "lr * 2 < 1",
    "lr + 2 < 1",
    "lr < 1e",
    "3d > 1",
    "dataset == 'iris' or 'wine'",
    "0.5",
    "not",
    "lr not 3",
    "(lr < 1) < 2",
    "lr('os')",
    "lr ; 1",
    "params['lr' < 3",
    "lr < -dataset",
]


@pytest.fixture(scope="module")
def page(bench_page: Path, tab: Tab) -> Tab:
    """Return the tab with the page of the sweep `bench`."""
    tab.open(bench_page)
    return tab


def choose_on(page: Tab, condition: str) -> None:
    """Put a condition into the address, and wait until the page has read it."""
    address = f"#where={quote(condition)}"
    page.run(f"location.hash = {json.dumps(address)}")
    page.until(f"document.getElementById('where').value === {json.dumps(condition)}")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_chooses_as_many_tasks_on_the_page(
    condition: str, bench_project: Project, page: Tab
) -> None:
    sweep = opened(bench_project, "bench")
    sweep.ledger.refresh()
    results = Results(sweep.plan, sweep.ledger.state, sweep.tasks)
    names = Names(sweep.plan, sweep.tasks, results)
    chosen = choose(Query(condition), results, names, sweep.plan, sweep.ledger.state)
    choose_on(page, condition)
    assert page.run("document.getElementById('where-error').textContent") == ""
    shown = page.run("document.getElementById('count').textContent")
    assert shown == f"{len(chosen)} of 240 tasks"


@pytest.mark.parametrize("condition", FAULTS)
def test_a_mistake_has_the_same_place_on_the_page(condition: str, page: Tab) -> None:
    with pytest.raises(UserError) as refused:
        parse_where(condition)
    choose_on(page, condition)
    said = page.run("document.getElementById('where-error').textContent")
    places = re.findall(r"^At character (\d+):", said)
    assert [str(refused.value).splitlines()[-1]] == [" " * (int(n) + 1) + "^" for n in places]
