"""Notebooks, and versions of them, for tests of what differs and of merging."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st

from colabctl.notebook.document import CellKind
from colabctl.notebook.versions.history import CONFLICT
from colabctl.notebook.versions.saved import SavedCell, SavedNotebook

# Few words, so that cells are often alike, equal or empty.
_SOURCES = st.lists(st.sampled_from(["lr = 1", "lr = 2", "fit(x)", "", "import os"]), max_size=3)
_KINDS: list[CellKind] = ["code", "code", "markdown", "raw"]


@st.composite
def cells(draw: st.DrawFn) -> SavedCell:
    """Draw a cell without an id; code may have outputs."""
    kind = draw(st.sampled_from(_KINDS))
    tags = draw(st.sampled_from([(), (), ("parameters",)]))
    text = draw(st.sampled_from(["", "1\n", "2\n"]))
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return SavedCell(
        kind,
        "\n".join(draw(_SOURCES)),
        tags,
        outputs=(output,) if kind == "code" and text else (),
        metadata={"tags": list(tags)} if tags else {},
    )


@st.composite
def notebooks(draw: st.DrawFn) -> SavedNotebook:
    """Draw a notebook whose cells have ids, or none."""
    drawn = draw(st.lists(cells(), max_size=8))
    if draw(st.booleans()):
        return notebook(*drawn, minor=4)
    return notebook(*(with_id(cell, f"id-{number}") for number, cell in enumerate(drawn)))


@st.composite
def versions(draw: st.DrawFn, of: SavedNotebook) -> SavedNotebook:
    """Draw another version of a notebook: cells deleted, changed, added and moved."""
    drawn = list(of.cells)
    for number in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, max(len(drawn) - 1, 0)))
        match draw(st.sampled_from(["delete", "change", "add", "move"])):
            case "add":
                new = draw(cells())
                own = f"new-{draw(st.integers(0, 999))}-{number}" if of.minor == 5 else ""
                drawn.insert(place, with_id(new, own))
            case "delete" if drawn:
                del drawn[place]
            case "change" if drawn:
                drawn[place] = with_id(draw(cells()), drawn[place].id)
            case "move" if drawn:
                drawn.insert(draw(st.integers(0, len(drawn))), drawn.pop(place))
    return notebook(*drawn, minor=of.minor)


def notebook(*drawn: SavedCell, name: str = "n.ipynb", minor: int = 5) -> SavedNotebook:
    """Return a notebook with these cells."""
    return SavedNotebook(name, drawn, {}, minor)


def code(source: str, id_: str = "") -> SavedCell:
    """Return a cell of code."""
    return SavedCell("code", source, id=id_)


def with_id(cell: SavedCell, id_: str) -> SavedCell:
    """Return a cell with another id."""
    return SavedCell(
        cell.kind, cell.source, cell.tags, id_, outputs=cell.outputs, metadata=cell.metadata
    )


def keys(of: Sequence[SavedCell]) -> Counter[tuple[str, ...]]:
    """Return how often each cell occurs, without the cells that mark conflicts."""
    return Counter(cell.key for cell in of if CONFLICT not in cell.tags)
