"""Lines of columns and paragraphs fit a terminal, whatever they hold."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.cli.see.bars import bar
from colabctl.cli.see.line import Line, aligned, joined

texts = st.text(st.sampled_from("ab  \t\n漢é\u0301\x1b[0m-"), max_size=80)


@given(texts, st.integers(12, 60))
def test_a_paragraph_fits_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    line = Line("  ").add(text, "red").add(" and more", "bold")
    lines = line.paragraph(width)
    assert all(each.width <= width for each in lines)
    shown = "".join(each.text for each in lines)
    assert re.sub(" ", "", shown) == re.sub(" ", "", line.text)


def test_a_paragraph_breaks_between_words_and_indents_the_rest() -> None:
    lines = Line("  ").add("one two three four", "dim").paragraph(12)
    assert [line.text for line in lines] == ["  one two", "    three", "    four"]
    assert lines[1].coded() == "    \x1b[2mthree\x1b[0m"


def test_a_long_word_is_broken() -> None:
    assert [line.text for line in Line("abcdefghijklm").paragraph(8)] == ["abcdefgh", "  ijklm"]


def test_a_pipe_gets_a_paragraph_in_one_line() -> None:
    line = Line("a " * 1000)
    assert line.paragraph(None) == [line]


@given(texts, st.integers(0, 30))
def test_a_shortened_line_fits(text: str, width: int) -> None:
    assert Line(text).shortened(width).width <= width


def test_a_shortened_line_says_so() -> None:
    assert Line("random_forest", "red").shortened(9).coded() == "\x1b[31mrandom\x1b[0m..."
    assert Line("random").shortened(6).text == "random"


def test_wide_characters_take_two_columns() -> None:
    assert Line("漢字").width == 4
    assert Line("e\u0301").width == 1
    assert Line("漢字漢字").shortened(6).text == "漢..."


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    rows = [[Line("name"), Line(), Line("done")], [Line("漢"), Line(), Line("7")]]
    assert [line.text for line in aligned(rows, None, right=(2,))] == [
        "  name  done",
        "  漢       7",
    ]


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5), st.integers(30, 80))
def test_a_table_fits_if_its_columns_may_lose_characters(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    lines = aligned([list(map(Line, row)) for row in rows], width, shorten=(0, 1, 2))
    assert all(line.width <= width for line in lines)


def test_empty_lines_are_not_joined() -> None:
    assert joined("  ", [Line(), Line("a"), Line(), Line("b")]).text == "a  b"


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5), st.integers(5, 60))
def test_a_bar_has_its_width_and_shows_every_count(counts: list[int], width: int) -> None:
    drawn = bar(counts, width).text
    assert len(drawn) == (width if sum(counts) else 0)
    for count, blocks in zip(counts, ("█#", "▚x", "▒>", "░.", "·-"), strict=True):
        assert any(block in drawn for block in blocks) == (count > 0)


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ([5, 0, 0, 5, 0], "█████░░░░░"),
        ([999, 1, 0, 0, 0], "█████████▚"),
        ([0, 0, 1, 9999, 0], "▒░░░░░░░░░"),
        ([1, 1, 1, 1, 1], "██▚▚▒▒░░··"),
    ],
)
def test_a_bar_is_in_proportion(
    monkeypatch: pytest.MonkeyPatch, counts: list[int], drawn: str
) -> None:
    monkeypatch.setattr("colabctl.cli.see.bars.can_show", lambda _: True)
    assert bar(counts, 10).text == drawn
