"""Creates notebooks for tests."""

from typing import Any

import nbformat

from colabctl.notebook.reading import Notebook, read


def content(*cells: str | tuple[str, str], **metadata: Any) -> bytes:
    """Return a notebook's file with these code cells; a cell may come with a tag."""
    nodes = []
    for cell in cells:
        source, *tags = (cell,) if isinstance(cell, str) else cell
        nodes.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags} if tags else {}))  # type: ignore[no-untyped-call]
    node = nbformat.v4.new_notebook(cells=nodes, metadata=metadata)  # type: ignore[no-untyped-call]
    written: str = nbformat.writes(node)  # type: ignore[no-untyped-call]
    return written.encode()


def notebook(*cells: str | tuple[str, str]) -> Notebook:
    """Return a notebook with these code cells, called MAIN.ipynb."""
    return read(content(*cells), "MAIN.ipynb")
