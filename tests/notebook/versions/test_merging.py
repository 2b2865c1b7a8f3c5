"""Two versions of a notebook become one, and nothing of either is lost silently."""

import json
from dataclasses import replace

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from colabctl.notebook.versions.history import CONFLICT
from colabctl.notebook.versions.merging import Merged, merge, nearest_ancestor
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


# -- what a person sees ---------------------------------------------------------------------------


def test_changes_of_different_cells_are_joined() -> None:
    merged = merge(changed(1, "lr = 0.2"), changed(2, "fit(lr, 1)"), BASE)
    assert sources(merged) == ["import os", "lr = 0.2", "fit(lr, 1)"]
    assert (merged.conflicts, merged.from_first, merged.from_second) == (0, 1, 1)


def test_a_cell_that_both_changed_is_there_twice_under_a_marker() -> None:
    first = replace(changed(1, "lr = 0.2"), name="a`b.ipynb")
    merged = merge(first, changed(1, "lr = 0.3"), BASE)
    assert sources(merged) == ["import os", "CONFLICT", "lr = 0.2", "lr = 0.3", "fit(lr)"]
    marker = merged.notebook.cells[1]
    assert marker.kind == "markdown"
    assert marker.source.startswith("**Conflict 1 of 1.** Both changed this cell.")
    assert "The next cell is from `a'b.ipynb`, the one after it from `n.ipynb`" in marker.source


def test_a_cell_that_one_deleted_and_the_other_changed_stays_under_a_marker() -> None:
    deleted = replace(BASE, cells=BASE.cells[:2])
    merged = merge(changed(2, "fit(lr, 1)"), deleted, BASE)
    assert sources(merged) == ["import os", "lr = 0.1", "CONFLICT", "fit(lr, 1)"]


def test_a_deleted_cell_is_left_out_and_named_unless_the_base_is_uncertain() -> None:
    deleted = replace(BASE, cells=BASE.cells[:2])
    merged = merge(changed(1, "lr = 0.2"), deleted, BASE)
    assert sources(merged) == ["import os", "lr = 0.2"]
    assert [cell.source for cell in merged.dropped] == ["fit(lr)"]
    merged = merge(changed(1, "lr = 0.2"), deleted, BASE, is_certain=False)
    assert sources(merged) == ["import os", "lr = 0.2", "CONFLICT", "fit(lr)"]


def test_what_both_added_at_one_place_follows_in_their_order() -> None:
    first = replace(BASE, cells=(*BASE.cells[:2], code("plot()", "x"), *BASE.cells[2:]))
    second = replace(BASE, cells=(*BASE.cells[:2], code("save()", "y"), *BASE.cells[2:]))
    assert sources(merge(first, second, BASE)) == [
        "import os",
        "lr = 0.1",
        "plot()",
        "save()",
        "fit(lr)",
    ]


def test_a_moved_cell_is_moved_and_a_change_elsewhere_stays() -> None:
    moved = replace(BASE, cells=(BASE.cells[2], *BASE.cells[:2]))
    for first, second in ((moved, changed(2, "fit(lr, 1)")), (changed(2, "fit(lr, 1)"), moved)):
        assert sources(merge(first, second, BASE)) == ["fit(lr, 1)", "import os", "lr = 0.1"]


def test_of_two_runs_of_a_cell_the_later_is_kept() -> None:
    def ran(at: int, text: str) -> SavedNotebook:
        output = {"output_type": "stream", "name": "stdout", "text": text}
        info = {"executionInfo": {"timestamp": at}}
        return notebook(replace(BASE.cells[0], outputs=(output,), metadata=info))

    early, late = ran(1_700_000_000_000, "early"), ran(1_700_000_100_000, "late")
    for first, second in ((early, late), (late, early)):
        [cell] = merge(first, second).notebook.cells
        assert cell.outputs[0]["text"] == "late"


def test_metadata_follows_who_changed_it() -> None:
    base = replace(BASE, metadata={"a": 1, "b": 1, "c": 1, "d": 1})
    first = replace(BASE, metadata={"a": 2, "b": 1, "d": 2})
    second = replace(BASE, metadata={"a": 1, "b": 2, "c": 1, "d": 3, "e": 1})
    assert merge(first, second, base).notebook.metadata == {"a": 2, "b": 2, "d": 2, "e": 1}


# -- which earlier version ------------------------------------------------------------------------


def test_the_version_between_both_is_nearest() -> None:
    first, second = changed(1, "lr = 0.2"), changed(2, "fit(lr, 1)")
    older = replace(BASE, cells=BASE.cells[:1])
    other = notebook(code("nothing", "zz"))
    assert nearest_ancestor(first, second, [other, BASE, older]) is BASE
    assert nearest_ancestor(first, second, [other]) is None


def test_a_version_with_the_cells_of_one_of_them_is_no_ancestor() -> None:
    first = replace(BASE, cells=(*BASE.cells, code("plot()", "x")))
    second = replace(BASE, cells=BASE.cells[:2])
    assert nearest_ancestor(first, second, [first, second]) is None


def test_of_equally_near_versions_the_oldest_is_taken() -> None:
    first, second = changed(1, "lr = 0.2"), changed(1, "lr = 0.3")
    newer, older = replace(BASE, name="newer"), replace(BASE, name="older")
    assert nearest_ancestor(first, second, [newer, older]) is older
