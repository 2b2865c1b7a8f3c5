"""Cells find their other version, and what differs is shown without noise."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from colabctl.notebook.versions.alignment import align, moved
from colabctl.notebook.versions.differences import compare
from colabctl.notebook.versions.saved import SavedCell, SavedNotebook
from colabctl.notebook.versions.shown_outputs import output_lines, same_outputs, summary
from tests.notebook.versions.cells import code, keys, notebook, notebooks, versions

ESCAPE = "\x1b"
CELLS = tuple(code(f"line {n} of {word}", word) for n, word in enumerate(("ab", "cd", "ef", "gh")))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[SavedNotebook, SavedNotebook]:
    old = draw(notebooks())
    return old, draw(versions(old))


# -- which cell is which --------------------------------------------------------------------------


@given(pairs())
def test_a_cell_has_one_other_version_and_all_that_stay_keep_their_order(
    pair: tuple[SavedNotebook, SavedNotebook],
) -> None:
    old, new = pair
    old_of = align(old.cells, new.cells)
    used = [index for index in old_of if index is not None]
    assert len(used) == len(set(used))
    places = moved(old_of)
    stay = [index for n, index in enumerate(old_of) if index is not None and n not in places]
    assert all(one < other for one, other in pairwise(stay))


@given(notebooks())
def test_a_notebook_is_aligned_with_itself(drawn: SavedNotebook) -> None:
    assert align(drawn.cells, drawn.cells) == list(range(len(drawn.cells)))
    assert compare(drawn, drawn, everything=True).is_same


def test_an_id_finds_a_cell_that_was_written_again_elsewhere() -> None:
    again = replace(CELLS[0], source="nothing of it is left")
    assert align(CELLS, [*CELLS[1:], again]) == [1, 2, 3, 0]


def test_ids_that_only_number_the_cells_find_nothing() -> None:
    old = [code("import os", "cell-1"), code("fit(x)", "cell-2")]
    new = [code("import os", "cell-1"), code("plot(y)", "cell-2"), code("fit(x)", "cell-3")]
    assert align(old, new) == [0, None, 1]


def test_an_edited_cell_is_found_without_ids() -> None:
    old = [code("lr = 0.1"), code("model.fit(x, y, epochs=3)"), code("plot()")]
    new = [code("import os"), code("lr = 0.2"), code("model.fit(x, y, epochs=4)")]
    assert align(old, new) == [None, 0, 1]


def test_the_fewest_cells_are_moved() -> None:
    assert moved([3, 0, 1, 2]) == {0}
    assert moved([1, 2, 3, 0]) == {3}
    assert moved([0, None, 1, 2]) == set()
    assert moved([]) == set()


# -- what differs ---------------------------------------------------------------------------------


@given(pairs())
def test_every_cell_of_both_is_in_the_comparison(pair: tuple[SavedNotebook, SavedNotebook]) -> None:
    old, new = pair
    cells = compare(old, new).cells
    assert sorted(c.new_number for c in cells if c.new_number) == list(range(1, len(new.cells) + 1))
    assert sorted(c.old_number for c in cells if c.old_number) == list(range(1, len(old.cells) + 1))
    if compare(old, new).is_same:
        assert keys(old.cells) == keys(new.cells)


def test_a_moved_cell_is_shown_as_moved() -> None:
    cells = compare(notebook(*CELLS), notebook(CELLS[3], *CELLS[:3])).cells
    assert [(cell.change, cell.moved, cell.old_number) for cell in cells] == [
        ("same", True, 4), ("same", False, 1), ("same", False, 2), ("same", False, 3),
    ]  # fmt: skip
    assert cells[0].first_line == "line 3 of gh"


def test_kind_tags_and_attachments_count_and_counts_and_ids_do_not() -> None:
    old = SavedCell("markdown", "x", id="a")
    for new, lines in (
        (replace(old, kind="raw"), ("-kind: markdown", "+kind: raw")),
        (replace(old, tags=("t",)), ("-tags: none", "+tags: t")),
        (replace(old, attachments={"a.png": {}}), ("-attachments: none", "+attachments: a.png")),
    ):
        assert compare(notebook(old), notebook(new)).cells[0].lines == lines
    new = replace(old, id="b", count=3, metadata={"executionInfo": {}})
    assert compare(notebook(old), notebook(new)).is_same
    [cell] = compare(notebook(old), notebook(new), everything=True).cells
    assert (cell.change, cell.lines[:4]) == (
        "metadata", ("-id: a", "-execution count: None", "-{}", "+id: b"),
    )  # fmt: skip


def test_a_line_end_at_the_end_of_a_cell_is_no_difference() -> None:
    assert compare(notebook(code("a = 1\n", "a")), notebook(code("a = 1", "a"))).is_same


def test_only_the_lines_around_a_difference_are_shown() -> None:
    lines = [f"a{n} = {n}" for n in range(30)]
    old, new = (
        code("\n".join(lines), "a"),
        code("\n".join(["x", *lines[1:25], "y", *lines[26:]]), "a"),
    )
    [cell] = compare(notebook(old), notebook(new)).cells
    assert cell.lines == (
        "-a0 = 0", "+x", " a1 = 1", " a2 = 2", "@",
        " a23 = 23", " a24 = 24", "-a25 = 25", "+y", " a26 = 26", " a27 = 27",
    )  # fmt: skip


# -- outputs --------------------------------------------------------------------------------------

STREAM = {
    "output_type": "stream",
    "name": "stdout",
    "text": [f"{ESCAPE}[31mred{ESCAPE}[0m\n", "x\n"],
}
PICTURE = {
    "output_type": "display_data", "metadata": {},
    "data": {"image/png": "iVBOR" * 10_000, "text/plain": "<Figure>"},
}  # fmt: skip
ERROR = {
    "output_type": "error", "ename": "ValueError", "evalue": "too large",
    "traceback": [f"{ESCAPE}[0;31mValueError{ESCAPE}[0m: too large"],
}  # fmt: skip


def test_outputs_are_described_in_a_few_words() -> None:
    assert summary([]) == "none"
    assert summary([STREAM]) == "2 lines of text"
    assert summary([STREAM, PICTURE]) == "2 lines of text, 1 image/png (49 kB)"
    assert summary([ERROR]) == "1 line of text, error ValueError"
    assert summary([PICTURE] * 6) == ", ".join(["1 image/png (49 kB)"] * 4) + " and 2 more"


def test_outputs_as_text_have_no_escape_codes_and_no_base64() -> None:
    lines = output_lines([STREAM, PICTURE, ERROR])
    assert lines[:3] == ["red", "x", "<Figure>"]
    assert lines[3].startswith("[image/png, 49 kB, SHA-256 ")
    assert lines[4:] == ["ValueError: too large"]
    assert not any(ESCAPE in line for line in lines)


def test_a_stream_in_pieces_and_execution_counts_are_the_same() -> None:
    pieces = [{**STREAM, "text": text} for text in STREAM["text"]]
    assert same_outputs([STREAM], pieces)
    result = {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": "1"},
    }
    assert same_outputs([result], [{**result, "execution_count": 2, "data": {"text/plain": ["1"]}}])
    assert not same_outputs([PICTURE], [{**PICTURE, "data": {"image/png": "iVBOR"}}])


def test_outputs_of_nonsense_are_described_too() -> None:
    for output in (
        {},
        {"data": 3},
        {"text": {"a": 1}},
        {"output_type": "error", "ename": 3, "traceback": "x"},
    ):
        assert isinstance(summary([output]), str)
        assert isinstance(output_lines([output]), list)
        assert same_outputs([output], [output])
