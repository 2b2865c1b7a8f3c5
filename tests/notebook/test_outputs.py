"""Short outputs of a cell are kept completely, of long ones the beginning and the end."""

import itertools
import re
from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from colabctl.notebook import nodes
from colabctl.notebook.outputs import Outputs, apply_carriage_returns

NOTE = re.compile(r"\n\[([\d,]+) characters of output are left out\]\n")
Node = nbformat.NotebookNode


def display(**data: Any) -> Node:
    names = {name.replace("_", "/"): value for name, value in data.items()}
    return nbformat.v4.new_output("display_data", data=names)  # type: ignore[no-untyped-call, no-any-return]


def keep(arriving: list[Node], most: int) -> list[Node]:
    """Let outputs arrive one by one; return those that are kept."""
    outputs: list[Node] = []
    shortened = Outputs(outputs, most)
    for output in arriving:
        outputs.append(output)
        shortened.update()
    shortened.close()
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    return outputs


def text(outputs: list[Node]) -> str:
    return "".join(output.text for output in outputs)


lines = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("ab \n", min_size=1, max_size=30)),
    max_size=40,
)


@given(lines)
def test_short_outputs_stay_as_they_are(printed: list[tuple[str, str]]) -> None:
    outputs = keep([nodes.stream(*chunk) for chunk in printed], most=10_000)
    assert text(outputs) == "".join(chunk for _, chunk in printed)
    names = [output.name for output in outputs]
    assert all(left != right for left, right in itertools.pairwise(names))


@given(lines, st.integers(16, 400))
def test_long_outputs_are_cut_in_the_middle(printed: list[tuple[str, str]], most: int) -> None:
    original = "".join(chunk for _, chunk in printed)
    result = text(keep([nodes.stream(*chunk) for chunk in printed], most))
    beginning, note, end = (*NOTE.split(result, maxsplit=1), "", "")[:3]
    if not note:
        assert result == original
        return
    assert len(original) > most // 2
    assert original.startswith(beginning)
    assert original.endswith(end)
    assert len(beginning) + len(end) == len(original) - int(note.replace(",", "")) <= most
    assert len(end) >= most // 4


def test_the_note_counts_what_is_missing() -> None:
    outputs = keep([nodes.stream("stdout", f"{n:09}\n") for n in range(1000)], most=800)
    result = text(outputs)
    assert result.startswith("000000000\n")
    assert result.endswith("000000999\n")
    beginning, left_out, end = NOTE.split(result)
    assert len(beginning) + int(left_out.replace(",", "")) + len(end) == 10_000


def test_a_progress_bar_is_one_line() -> None:
    bar = [nodes.stream("stderr", f"\r{n:3}%|{'#' * (n // 10)}") for n in range(101)]
    (output,) = keep([*bar, nodes.stream("stderr", "\n")], most=200)
    assert output.text == "100%|##########\n"


@given(st.text("ab\r\n", max_size=40))
def test_carriage_returns_apply_to_parts_as_to_the_complete_text(printed: str) -> None:
    parts = ""
    for letter in printed:
        parts = apply_carriage_returns(parts + letter)
    assert parts.replace("\r", "") == apply_carriage_returns(printed).replace("\r", "")


def test_a_plot_that_is_too_large_leaves_its_text() -> None:
    outputs = keep([display(text_html="x" * 5000, text_plain="Figure")], most=2000)
    assert "5,000 characters of output are left out" in outputs[0].text
    assert outputs[1].data == {"text/plain": "Figure"}


def test_many_plots_keep_the_first_and_the_last() -> None:
    outputs = keep([display(text_plain=f"{n:0100}") for n in range(100)], most=1000)
    shown = [int(o.data["text/plain"]) for o in outputs if o.output_type == "display_data"]
    assert shown == [0, 1, 98, 99]


def test_an_exception_is_never_left_out_but_may_be_shortened() -> None:
    error = nbformat.v4.new_output(  # type: ignore[no-untyped-call]
        "error", ename="E", evalue="v" * 10_000, traceback=["first\n" * 1000, "x" * 100, "last"]
    )
    outputs = keep([nodes.stream("stdout", "y" * 5000), error], most=4000)
    result = outputs[-1]
    assert result.traceback[-1] == "last"
    assert len(result.evalue) == 1000
    assert sum(map(len, result.traceback)) <= 1000


def test_cleared_outputs_are_forgotten() -> None:
    outputs: list[Node] = []
    shortened = Outputs(outputs, 1000)
    for n in range(100):
        outputs[:] = [nodes.stream("stdout", f"{n:0400}")]
        shortened.update()
    shortened.close()
    assert text(outputs) == f"{99:0400}"


def test_outputs_do_not_move_while_others_arrive() -> None:
    outputs: list[Node] = []
    shortened = Outputs(outputs, 400)
    outputs.append(display(text_plain="bar"))
    shortened.update()
    for n in range(50):
        outputs.append(display(text_plain=f"{n:0100}"))
        shortened.update()
    assert outputs[0].data["text/plain"] == "bar"
    assert len(outputs) == 51
