"""Reading a notebook: which kind it is, and the error for a file that cannot be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.notebook.cells import parse, written_files
from colabctl.notebook.reading import read
from tests.notebook.notebooks import content, notebook


@pytest.mark.parametrize(
    "marked",
    [
        ("lr = 0.1", "parameters"),
        "# parameters\nlr = 0.1",
        "#parameters\nlr = 0.1",
        "\n  # Parameters:\nlr = 0.1",
        "#@title Parameters\nlr = 0.1",
        '# @title parameters { run: "auto" }\nlr = 0.1',
    ],
)
def test_the_parameters_cell_is_found_by_its_tag_or_its_first_line(
    marked: str | tuple[str, str],
) -> None:
    document = notebook("import os", marked, "print(lr)")
    assert document.kind == "parameters"
    assert document.parameters is not None
    assert document.parameters.number == 2


@pytest.mark.parametrize("other", ["# parameters of the tokenizer\nlr = 1", "lr = 1 # parameters"])
def test_a_cell_that_only_mentions_parameters_is_not_the_parameters_cell(other: str) -> None:
    with pytest.raises(UserError, match=r"MAIN\.ipynb has no parameters cell; write `# param"):
        notebook(other)


@pytest.mark.parametrize(
    "loop",
    [
        "for task in sweep.tasks():\n    with task: pass",
        "%matplotlib inline\nfor task in project.sweep('a', {}).tasks(): pass",
        "def run():\n    for i, task in enumerate(tqdm(sweep.tasks())): pass\nrun()",
        "[train(task) for task in sweep.tasks()]",
    ],
)
def test_a_loop_over_tasks_is_seen(loop: str) -> None:
    document = notebook("!pip list", loop)
    assert (document.kind, document.parameters) == ("loop", None)


def test_two_parameters_cells_are_both_named() -> None:
    with pytest.raises(UserError) as raised:
        notebook("# parameters\na = 1", "b = 2", ("c = 3", "parameters"))
    assert str(raised.value) == (
        "MAIN.ipynb has 2 parameters cells: cell 1 (# parameters) and cell 3 (tag parameters); "
        "keep one"
    )


def test_one_cell_with_both_marks_is_one() -> None:
    assert notebook(("# parameters\na = 1", "parameters")).kind == "parameters"


def test_a_notebook_of_both_kinds_is_refused_with_the_choice() -> None:
    with pytest.raises(UserError, match=r"parameters cell \(cell 1\) and a loop .*\(cell 2\)"):
        notebook("# parameters\na = 1", "for task in sweep.tasks(): pass")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b"", "is not a notebook: it is not JSON"),
        (b"\xff\xfe", "is not a notebook: it is not JSON"),
        (b"[" * 100_000, "is not a notebook: it is not JSON"),
        (b"print('hello')", "is not a notebook: it is not JSON"),
        (b"[]", "is not a notebook: it has no cells"),
        (b'{"nbformat": "4"}', "is not a notebook: it has no cells"),
        (b'{"nbformat": 3, "worksheets": []}', "has no code"),
        (b'{"nbformat": 5}', "which this colabctl does not know"),
        (b'{"nbformat": 4, "nbformat_minor": 5}', "it has no cells"),
        (b'{"nbformat": 4, "cells": {}}', "it has no cells"),
        (b'{"nbformat": 4, "cells": [3]}', "is a damaged notebook (cell 1 has no cell_type)"),
        (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": {}}]}',
            "is a damaged notebook (the source of cell 1 is not text)",
        ),
        (b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{}]}', "is a damaged"),
        (content(), "has no code"),
        (content("", "  \n"), "has no code"),
        (content("x", kernelspec={"name": "ir", "display_name": "R"}), "is written in R (kernel"),
        (content("x", language_info={"name": "julia"}), "is written in julia"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(damage: bytes, words: str) -> None:
    with pytest.raises(UserError) as raised:
        read(damage, "M")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_the_kernel_that_a_python_notebook_was_written_with_does_not_matter() -> None:
    kernel = {"name": "my-env", "display_name": "My env", "language": "python"}
    assert read(content("# parameters\na = 1", kernelspec=kernel), "M").kind == "parameters"


def test_a_cell_that_papermill_inserted_is_ignored() -> None:
    document = notebook("# parameters\nlr = 1", ("lr = 2", "injected-parameters"), "print(lr)")
    assert [cell.number for cell in document.code] == [1, 3]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("%matplotlib inline\na = 1", ["a"]),
        ("!echo it's\na = 1", ["a"]),
        ("!ls \\\n  -l\na = 1", ["a"]),
        ("if True:\n    !ls\n    a = 1", ["a"]),
        ("files = !ls\nb = %pwd", ["files", "b"]),
        ("len?\na = 1", ["a"]),
        ("?len\na = 1", ["a"]),
        ("%%time\na = 1", ["a"]),
        ("%%bash\na=1", []),
        ("%%writefile x.py\na = 1", []),
        ('text = """\n%d !ls\n"""\n%time\na = 1', ["text", "a"]),
        ("a = (3\n  % 2)\n!ls", ["a"]),
        ("await f()\na = 1", ["a"]),
        ("!echo (\na = 1", ["a"]),
    ],
)
def test_magics_and_shell_lines_do_not_hide_the_python_around_them(
    source: str, names: list[str]
) -> None:
    tree, unparsed = parse(source)
    assert unparsed == ()
    bound = [
        target.id
        for node in tree.body
        for part in (node, *getattr(node, "body", []))
        for target in getattr(part, "targets", [])
    ]
    assert bound == names


def test_a_line_that_is_neither_python_nor_magic_is_reported() -> None:
    tree, unparsed = parse("a = 1\ngit add x\nb = 2")
    assert unparsed == (2,)
    assert len(tree.body) == 3


def test_ipython_knows_a_magic_without_its_sign_if_it_is_the_only_line() -> None:
    assert parse("pip install x\n")[1] == ()
    assert parse("a = 1\npip install x")[1] == (2,)


@given(st.text(alphabet="a=1 \n%!?('\"\\[:\x00é\r", max_size=60))
def test_any_text_can_be_a_cell(source: str) -> None:
    _, unparsed = parse(source)
    assert all(line >= 1 for line in unparsed)


def test_a_thousand_lines_of_prose_in_a_code_cell_take_no_time() -> None:
    prose = "this is (no code at all\n" * 5000
    assert parse(prose)[1] == tuple(range(1, 5002))


def test_files_that_cells_write_are_known() -> None:
    cells = (
        "%%writefile a.py\n1",
        "%%writefile -a 'b.py'\n2",
        "%%file c.txt\n",
        "%writefile d",
        "%%bash\n",
    )
    assert written_files(notebook("# parameters\nx = 1", *cells).code) == {"a.py", "b.py", "c.txt"}
