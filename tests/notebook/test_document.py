"""A notebook's file reduced to what runs of it, whatever wrote the rest."""

import json
from typing import Any

import nbformat
import pytest

from colabctl.notebook.document import Cell, decode, encode, normal_form
from colabctl.notebook.reading import read
from tests.notebook.notebooks import content

SOURCE = "# parameters\na = 1"
SPECS: tuple[Any, ...] = ({"name": "x"}, {"name": 3}, {}, None, [])


def changed(**parts: Any) -> bytes:
    """Return a notebook's file with other parts; those of its only cell are in `cell`."""
    node = json.loads(content(SOURCE))
    node["cells"][0] |= parts.pop("cell", {})
    return json.dumps(node | parts).encode()


def without(*names: str) -> bytes:
    """Return a notebook's file without these keys, of the file and of its cell."""
    node = json.loads(content(SOURCE))
    for name in names:
        node.pop(name, None)
        node["cells"][0].pop(name, None)
    return json.dumps(node).encode()


@pytest.mark.parametrize(
    "file",
    [
        *(changed(metadata={"kernelspec": each}) for each in SPECS),
        changed(metadata={"kernelspec": {"display_name": "Python 3"}}),
        changed(metadata={"language_info": None}),
        changed(metadata=None),
        *(changed(nbformat_minor=minor) for minor in (0, 1, 2, 3, 4, 5, 9, "5", None)),
        changed(nbformat=None),
        *(without(name) for name in ("id", "outputs", "execution_count", "metadata", "nbformat")),
        without("id", "outputs", "execution_count", "metadata", "nbformat_minor"),
        *(changed(cell={"id": name}) for name in ("", "a b", 3, "x" * 100)),
        changed(
            cell={"outputs": [{"output_type": "stream", "text": "no name"}, {"no": "type"}, 3]}
        ),
        changed(cell={"outputs": "x"}),
        changed(cell={"execution_count": "seven"}),
        changed(cell={"metadata": {"tags": "parameters"}}),
        changed(cell={"metadata": {"tags": [3, None]}}),
        changed(
            cell={"metadata": {"colab": {"base_uri": "https://x"}, "cellView": "form", "id": "A"}}
        ),
        changed(cell={"source": ["# parameters\n", "a = 1"]}),
        changed(cell={"attachments": {"image.png": {"image/png": "x"}}}),
        b"\xef\xbb\xbf" + content(SOURCE),
    ],
)
def test_parts_that_play_no_part_in_a_run_change_nothing(file: bytes) -> None:
    assert normal_form(file) == normal_form(content(SOURCE))
    assert read(file, "M").kind == "parameters"


def test_the_normal_form_is_a_valid_notebook_and_its_own_normal_form() -> None:
    text = normal_form(content(("x = 1\n\ny = '\\ud800'", "tag"), SOURCE))
    nbformat.validate(nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]
    assert normal_form(text) == text
    assert [cell.tags for cell in decode(text, "M").cells] == [("tag",), ()]


def test_an_empty_cell_at_the_end_comes_from_running_the_last_one() -> None:
    assert normal_form(content(SOURCE, "", " \n")) == normal_form(content(SOURCE))
    assert normal_form(content("", SOURCE)) != normal_form(content(SOURCE))


def test_sources_and_tags_count() -> None:
    for other in (content(f"{SOURCE} "), content((SOURCE, "skip-execution"))):
        assert normal_form(other) != normal_form(content(SOURCE))


def test_a_notebook_of_format_3_is_read() -> None:
    sheet = {
        "cells": [
            {"cell_type": "heading", "level": 1, "source": ["Title"]},
            {"cell_type": "code", "input": ["# parameters\n", "a = 1"], "language": "python"},
        ]
    }
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]}
    cells = decode(json.dumps(old).encode(), "M").cells
    assert cells == (Cell("markdown", "# Title"), Cell("code", SOURCE))
    assert read(json.dumps(old).encode(), "M").kind == "parameters"


def test_the_kernel_of_another_language_is_kept() -> None:
    spec = {"name": "ir", "display_name": "R", "language": "R"}
    file = content("x <- 1", kernelspec=spec)
    assert decode(encode(decode(file, "M")), "M") == decode(file, "M")
    assert decode(file, "M").kernel == "ir"


def test_what_is_not_a_notebook_stays_as_it_is() -> None:
    for data in (b"", b"\xff", b"{}", b"[]", b"text"):
        assert normal_form(data) == data
