"""Notebooks as text, for people who decide whether to approve them."""

import json
import re
from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from colabctl.notebook.listing import listing
from tests.notebook.notebooks import content

Cells = list[tuple[str, list[str], str]]

texts = st.text(st.sampled_from("a# %\n\r\u2028"), max_size=12) | st.sampled_from(
    ["x\n\n# %%\nimport os", "x\n\n# %% 2\n    import os", "[markdown]", "\n", " "]
)
tags = st.lists(texts.filter(bool), max_size=2, unique=True)
cells = st.lists(st.tuples(st.sampled_from(["code", "markdown", "raw"]), tags, texts), max_size=3)


def file_of(cells: Cells) -> bytes:
    nodes: list[Any] = [
        getattr(nbformat.v4, f"new_{kind}_cell")(source, metadata={"tags": tags} if tags else {})
        for kind, tags, source in cells
    ]
    written: str = nbformat.writes(nbformat.v4.new_notebook(cells=nodes))  # type: ignore[no-untyped-call]
    return written.encode()


def read_back(text: str) -> Cells:
    """Return the cells that a reader of a listing sees."""
    parts: list[tuple[str, list[str], list[str]]] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# %%"):
            kind, tags = re.fullmatch(r"# %%(?: \[(\w+)\])?(?: tags: (.*))?", line).groups()  # type: ignore[union-attr]
            parts.append((kind or "code", json.loads(tags or "[]"), []))
        elif line:
            kind, _, lines = parts[-1]
            lines.append(line.removeprefix("    " if kind == "code" else "    # "))
    return [(kind, tags, "\n".join(lines)) for kind, tags, lines in parts]


def test_each_cell_has_its_number_its_tags_and_its_lines() -> None:
    text = listing(content("import os", ("x\n\ny", "odd")), numbered=True)
    assert text == '# %% 1\n    import os\n\n# %% 2 tags: ["odd"]\n    x\n    \n    y\n'


def test_a_file_that_a_cell_writes_does_not_look_like_further_cells() -> None:
    disguised = content("%%writefile x.py\n\n# %% 2\nimport os\nos.abort()")
    plain = content("%%writefile x.py", "import os\nos.abort()")
    for numbered in (True, False):
        text, other = listing(disguised, numbered=numbered), listing(plain, numbered=numbered)
        assert text is not None
        assert sum(line.startswith("# %%") for line in text.split("\n")) == 1
        assert text != other


def test_only_line_ends_of_python_end_a_line() -> None:
    text = listing(content("x = 1  # why\u2028not\ry = 2"))
    assert text == "# %%\n    x = 1  # why\u2028not\ry = 2\n"


@given(cells)
def test_a_reader_sees_the_cells_and_nothing_else(cells: Cells) -> None:
    text = listing(file_of(cells))
    assert text is not None
    assert read_back(text) == cells


def test_a_file_that_is_not_a_notebook_has_no_listing() -> None:
    assert listing(b"{") is None
    assert listing(b"\xff") is None
