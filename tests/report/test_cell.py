"""What a notebook draws in its cells, run by a real kernel and shown in a real browser."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from colabctl.report.cell import drawn
from colabctl.views.status import status
from tests.processes import Project
from tests.report.chromium import Tab
from tests.report.conftest import needs_browser
from tests.report.histories import bench, hostile, opened

CELLS = """import colabctl
sweep = colabctl.open({root!r}, member="ana").sweep("bench")
sweep.show()
sweep.report()"""


def outputs(project: Project) -> list[dict[str, Any]]:
    source = CELLS.format(root=str(project.root))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])  # type: ignore[no-untyped-call]
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    [cell] = notebook.cells
    return [output["data"] for output in cell["outputs"] if "data" in output]


@needs_browser
def test_a_notebook_draws_the_status_and_the_page(
    tab: Tab, project: Project, tmp_path: Path
) -> None:
    pytest.importorskip("ipykernel")
    bench(project, 2)
    shown, page = outputs(project)
    assert set(shown) == set(page) == {"text/plain", "text/html"}
    file = tmp_path / "cells.html"
    # Without its encoding, as some viewers of notebooks show it.
    file.write_text(f"<!DOCTYPE html>{shown['text/html']}{page['text/html']}", encoding="utf-8")
    tab.send("Page.navigate", url="about:blank")
    tab.send("Page.navigate", url=file.as_uri())
    frame = "document.querySelector('iframe')?.contentDocument"
    tab.until(f"{frame}?.documentElement?.dataset.ready === '1'")
    assert tab.run(f"{frame}.getElementById('count').textContent") == "24 tasks"
    tab.run(f"{frame}.querySelector('#cells .cell').click()")
    tab.settle()
    assert tab.run(f"{frame}.getElementById('count').textContent") == "2 of 24 tasks"
    text = tab.run("document.body.innerText")
    assert "bench" in text
    assert "24 of 24 finished" in text
    assert "mlp, iris" in text
    assert (tab.problems, tab.foreign_requests) == ([], [])


def test_the_status_in_a_cell_shows_texts_as_they_are(project: Project) -> None:
    hostile(project)
    sweep = opened(project, "hostile")
    html = drawn(status(sweep.plan, sweep.ledger, sweep.tasks))
    tags = {tag.lower() for tag in re.findall(r"<(\w+)", html)}
    assert tags <= {"div", "b", "span", "table", "tr", "td"}
    assert "&lt;/script&gt;" in html
    assert "\x1b" not in html
    json.dumps(html)


def test_outside_a_notebook_the_error_names_what_to_use(project: Project) -> None:
    bench(project, 2)
    said = project.python(
        "import colabctl\n"
        "sweep = colabctl.open(member='ana').sweep('bench')\n"
        "sweep.report('results/ana/page.html')\n"
        "sweep.report()\n",
        COLABCTL_ROOT=str(project.root),
    )
    assert said.code == 1
    assert "draws in a cell of a notebook" in said.err.splitlines()[-1]
    assert (project.root / "results/ana/page.html").stat().st_size > 4e6
