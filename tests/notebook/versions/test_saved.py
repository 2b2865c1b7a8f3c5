"""Notebooks of every format are read whole, and written as valid ones."""

import json
from typing import Any

import nbformat
import pytest

from colabctl.errors import UserError
from colabctl.notebook.versions.differences import compare
from colabctl.notebook.versions.merging import merge
from colabctl.notebook.versions.saved import SavedNotebook, read_saved, write_saved

OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["1\n"]}


def raw(*cells: dict[str, Any], minor: int = 5, **metadata: Any) -> bytes:
    parts = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}
    return json.dumps(parts).encode()


def code(source: Any, **parts: Any) -> dict[str, Any]:
    own = {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    return {**own, **parts}


def sources(notebook: SavedNotebook) -> list[str]:
    return [cell.source for cell in notebook.cells]


def written(notebook: SavedNotebook) -> Any:
    parts = json.loads(write_saved(notebook))
    nbformat.validate(parts)
    return parts


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    plain = read_saved(raw(code("a = 1\nb = 2", id="a")), "plain")
    text = json.dumps(json.loads(raw(code("a = 1\r\nb = 2", id="a"))), indent=1)
    windows = read_saved(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "windows")
    assert compare(plain, windows).is_same
    assert merge(plain, windows).conflicts == 0


def test_format_3_is_converted() -> None:
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "heading", "level": 2, "source": ["Title"], "metadata": {}},
            {"cell_type": "code", "input": ["a = 1"], "language": "python", "collapsed": False,
             "prompt_number": 1, "metadata": {}, "outputs": [
                 {"output_type": "stream", "stream": "stdout", "text": ["1\n"]}]},
        ]}],
    }  # fmt: skip
    notebook = read_saved(json.dumps(old).encode(), "old")
    assert sources(notebook) == ["## Title", "a = 1"]
    assert written(notebook)["cells"][1]["outputs"][0]["text"] == "1\n"


def test_attachments_raw_cells_and_outputs_survive() -> None:
    picture = {"a.png": {"image/png": "iVBORw0K"}}
    cells = (
        {"cell_type": "markdown", "source": "![](attachment:a.png)", "metadata": {}, "id": "m", "attachments": picture},
        {"cell_type": "raw", "source": "\\newpage", "metadata": {"format": "text/latex"}, "id": "r"},
        code("1", id="c", outputs=[OUTPUT], execution_count=7, metadata={"tags": ["x"]}),
    )  # fmt: skip
    content = raw(*cells, kernelspec={"name": "python3", "display_name": "Python 3"})
    notebook = read_saved(content, "n")
    again = written(merge(notebook, notebook).notebook)
    assert nbformat.reads(json.dumps(again), 4) == nbformat.reads(content.decode(), 4)  # type: ignore[no-untyped-call]


def test_repeated_and_forbidden_ids_are_replaced() -> None:
    content = raw(code("1", id="a"), code("2", id="a"), code("3", id="b c"), code("4"))
    ids = [cell["id"] for cell in written(read_saved(content, "n"))["cells"]]
    assert ids == ["a", "a-2", "cell-3", "cell-4"]


def test_colabs_own_ids_are_kept_once() -> None:
    cells = [code(text, metadata={"id": "XU0o_w7y2BQa"}) for text in "12"]
    first, second = written(read_saved(raw(*cells, minor=0), "n"))["cells"]
    assert (first["metadata"], second["metadata"]) == ({"id": "XU0o_w7y2BQa"}, {})
    assert "id" not in first


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "source": "x"},
        {"cell_type": "code", "source": ["x"], "metadata": None, "outputs": None},
        {"cell_type": "unknown", "source": "x", "attachments": 3, "id": 7},
        {"cell_type": "markdown", "source": "x", "outputs": [OUTPUT], "extra": 1},
        {"cell_type": "code", "source": "x", "execution_count": "*", "outputs": [3, OUTPUT]},
    ],
)
def test_a_cell_that_is_not_quite_valid_is_repaired(cell: dict[str, Any]) -> None:
    [again] = written(read_saved(raw(cell), "n"))["cells"]
    assert again["source"] == ["x"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"3", b"{}", b'{"cells": {}}', b"\xff", raw({"source": ""}), b"[" * 100_000],
)
def test_what_is_not_a_notebook_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^n\.ipynb is .*open it in Jupyter or Colab and save it"):
        read_saved(content, "n.ipynb")


def test_a_notebook_that_cannot_be_repaired_is_not_written() -> None:
    notebook = read_saved(raw(code("x", outputs=[{"output_type": "nonsense"}])), "n.ipynb")
    with pytest.raises(UserError, match=r"n\.ipynb would not be a valid notebook"):
        write_saved(notebook)
