"""The document of a run."""

import nbformat

from colabctl.notebook.executed import ExecutedNotebook, prepare
from colabctl.notebook.reading import read
from tests.notebook.notebooks import notebook

CELLS = ("import os", "# parameters\nlr = 1", "print(lr)")


def reopen(document: ExecutedNotebook) -> nbformat.NotebookNode:
    """Read a document's file as Jupyter does, and check that it is valid."""
    text = document.encode().decode()
    node: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return node


def sources(document: ExecutedNotebook) -> list[str]:
    return [cell.source for cell in reopen(document).cells]


def test_parameters_are_inserted_right_after_their_cell() -> None:
    document = prepare(notebook(*CELLS), "lr = 2")
    assert sources(document) == [CELLS[0], CELLS[1], "lr = 2", CELLS[2]]
    tags = [cell.metadata.get("tags", []) for cell in document.node.cells]
    assert tags == [[], ["parameters"], ["injected-parameters"], []]


def test_cells_keep_the_numbers_of_the_declared_notebook() -> None:
    document = prepare(notebook(*CELLS), "lr = 2")
    assert [document.where(index) for index in range(4)] == [
        "cell 1",
        "cell 2",
        "the cell with the parameters",
        "cell 3",
    ]
    assert document.body == 1


def test_a_cell_that_papermill_inserted_is_replaced() -> None:
    cells = (CELLS[0], CELLS[1], ("lr = 7", "injected-parameters"), CELLS[2])
    document = prepare(notebook(*cells), "lr = 2")
    assert sources(document) == [CELLS[0], CELLS[1], "lr = 2", CELLS[2]]
    assert document.where(3) == "cell 4"


def test_an_executed_notebook_can_be_run_again() -> None:
    document = prepare(notebook(*CELLS), "lr = 2")
    document.mark({}, "failed", 3)
    again = prepare(read(document.encode(), "MAIN.ipynb"), "lr = 3")
    assert sources(again) == [CELLS[0], CELLS[1], "lr = 3", CELLS[2]]
    assert "colabctl-failed" not in again.encode().decode()


def test_the_notebook_itself_stays_as_it_was() -> None:
    original = notebook(*CELLS)
    before = repr(original.cells)
    document = prepare(original, "lr = 2")
    document.node.cells[0].outputs.append("x")
    document.mark({}, "failed", 0)
    assert repr(original.cells) == before


def test_the_failed_cell_is_marked_and_linked_to() -> None:
    document = prepare(notebook(*CELLS), "lr = 2")
    document.mark({"task": "t000001"}, "cell 3: ValueError: <b>1 & 2</b>", 3)
    node = reopen(document)
    assert node.metadata["colabctl"] == {"task": "t000001"}
    assert [cell.cell_type for cell in node.cells] == [
        "markdown",
        *["code"] * 3,
        "markdown",
        "code",
    ]
    top, failed = node.cells[0].source, node.cells[-1]
    assert "Task t000001 failed: cell 3: ValueError: &lt;b&gt;1 &amp; 2&lt;/b&gt;" in top
    assert '<a href="#colabctl-failed">Go to cell 3.</a>' in top
    assert '<span id="colabctl-failed">' in node.cells[-2].source
    assert failed.metadata["tags"] == ["colabctl-failed"]


def test_a_successful_run_has_no_banner() -> None:
    document = prepare(notebook(*CELLS), "lr = 2")
    document.mark({"task": "t000001"}, None, None)
    assert len(reopen(document).cells) == 4


def test_a_lone_surrogate_can_be_written() -> None:
    document = prepare(notebook(*CELLS), "x = '\ud800'")
    assert b"ud800" in document.encode()
    reopen(document)
