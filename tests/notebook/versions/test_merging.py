"""Two versions of a notebook become one, and nothing of either is lost silently."""

import json
from dataclasses import replace

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from colabctl.notebook.versions.history import CONFLICT
from colabctl.notebook.versions.merging import Merged, merge
from colabctl.notebook.versions.saved import SavedNotebook, read_saved, write_saved
from tests.notebook.versions.cells import code, keys, notebook, notebooks, versions

BASE = notebook(code("import os", "a"), code("lr = 0.1", "b"), code("fit(lr)", "c"))


def sources(merged: Merged | SavedNotebook) -> list[str]:
    of = merged.notebook if isinstance(merged, Merged) else merged
    return ["CONFLICT" if CONFLICT in cell.tags else cell.source for cell in of.cells]


def changed(number: int, source: str, of: SavedNotebook = BASE) -> SavedNotebook:
    cells = list(of.cells)
    cells[number] = replace(cells[number], source=source)
    return replace(of, cells=tuple(cells))


# -- laws -----------------------------------------------------------------------------------------


@st.composite
def three(draw: st.DrawFn) -> tuple[SavedNotebook, SavedNotebook, SavedNotebook]:
    base = draw(notebooks())
    return base, draw(versions(base)), draw(versions(base))


@given(three())
def test_a_notebook_merged_with_itself_is_itself(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, _ = drawn
    for ancestor in (None, base):
        merged = merge(first, first, ancestor)
        assert (merged.notebook.cells, merged.conflicts) == (first.cells, 0)


@given(three())
def test_if_only_one_version_has_changed_it_is_the_result(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, _ = drawn
    assert merge(base, first, base).notebook.cells == first.cells
    assert merge(first, base, base).notebook.cells == first.cells


@given(three())
def test_no_cell_is_lost_unless_one_version_left_it_as_it_was(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, second = drawn
    merged = keys(merge(first, second, base).notebook.cells)
    for version in (first, second):
        assert keys(version.cells).keys() - merged.keys() <= keys(base.cells).keys()


@given(three())
def test_without_a_certain_base_no_cell_is_lost_at_all(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    _, first, second = drawn
    merged = keys(merge(first, second).notebook.cells)
    assert keys(first.cells) <= merged
    assert keys(second.cells) <= merged


@given(three())
def test_an_uncertain_base_deletes_nothing(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, second = drawn
    merged = merge(first, second, base, is_certain=False)
    gone = (keys(first.cells) | keys(second.cells)).keys() - keys(merged.notebook.cells).keys()
    assert merged.dropped == ()
    assert gone <= keys(base.cells).keys()  # replaced by a change of the other version


@given(three())
def test_the_two_sides_are_equal_up_to_order(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, second = drawn
    for ancestor in (None, base):
        one, two = merge(first, second, ancestor), merge(second, first, ancestor)
        assert keys(one.notebook.cells).keys() == keys(two.notebook.cells).keys()


@given(three())
def test_the_result_is_a_valid_notebook(
    drawn: tuple[SavedNotebook, SavedNotebook, SavedNotebook],
) -> None:
    base, first, second = drawn
    merged = merge(first, second, base)
    content = write_saved(merged.notebook)
    nbformat.validate(json.loads(content))
    again = read_saved(content, "again").cells
    assert [cell.key for cell in again] == [cell.key for cell in merged.notebook.cells]
    ids = [cell.id for cell in again if cell.id]
    assert len(ids) == len(set(ids))
    assert sum(CONFLICT in cell.tags for cell in again) == merged.conflicts
