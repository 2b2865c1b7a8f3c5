"""`notebook diff`: what differs between two notebooks, on terminals and for scripts."""

import re
from pathlib import Path

import nbformat
import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project
from tests.screen import Screen, shown

LONG = "model.fit(x_train, y_train, learning_rate=lr, epochs=epochs, callbacks=[stopping, logging])"


def write(path: Path, *sources: str, text: str = "", ids: str = "c") -> None:
    """Write a notebook; its last cell printed `text`."""
    outputs = [nbformat.v4.new_output("stream", text=text)] if text else []  # type: ignore[no-untyped-call]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    for number, cell in enumerate(cells):
        cell["id"] = f"{ids}{number}"
    cells[-1]["outputs"] = outputs
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]


@pytest.fixture
def pair(project: Project) -> Project:
    first = ("import os", "lr = 0.1\nepochs = 3", "def build():\n    pass", LONG)
    second = ("import os", "import json", "lr = 0.2\nepochs = 3", f"{LONG}  # slow")
    write(project.root / "a.ipynb", *first, text="\x1b[31mloss\x1b[0m 1\n")
    write(project.root / "b c [1].ipynb", *second, text="loss 1\nloss 2\n", ids="d")
    return project


def test_each_cell_that_differs_is_shown_with_its_lines(pair: Project, say: Say) -> None:
    said = say("notebook", "diff", "a.ipynb", "b c [1].ipynb")
    assert said.code == 3
    assert said.out.splitlines()[:3] == [
        "- a.ipynb",
        "+ b c [1].ipynb",
        "2 changed, 1 added, 1 removed; 1 cell the same",
    ]
    assert "cell 2 (code) added\n+ import json\n" in said.out
    assert "cell 3 (code) changed\n- lr = 0.1\n+ lr = 0.2\n  epochs = 3\n" in said.out
    assert "cell 3 of the first (code) removed\n- def build():\n-     pass\n" in said.out
    assert said.out.endswith("outputs: 1 line of text -> 2 lines of text\n")
    assert "\x1b" not in said.out


def test_the_same_notebook_exits_with_0_whatever_its_ids(pair: Project, say: Say) -> None:
    write(pair.root / "x.ipynb", "a = 1", ids="x")
    write(pair.root / "y.ipynb", "a = 1", ids="y")
    said = say("notebook", "diff", "x.ipynb", "y.ipynb")
    assert (said.code, said.out.splitlines()[-1]) == (0, "no cell differs (1 cell)")
    said = say("notebook", "diff", "x.ipynb", "y.ipynb", "--all")
    assert (said.code, "- id: x0\n+ id: y0" in said.out) == (3, True)


def test_a_script_gets_the_differences(pair: Project, say: Say) -> None:
    said = say("notebook", "diff", "a.ipynb", "b c [1].ipynb", "--json")
    assert (said.code, said.json["same"]) == (3, False)
    assert [
        (cell["change"], cell["old_number"], cell["new_number"]) for cell in said.json["cells"]
    ] == [
        ("added", None, 2),
        ("changed", 2, 3),
        ("removed", 3, None),
        ("changed", 4, 4),
    ]
    assert said.json["cells"][1]["lines"] == ["-lr = 0.1", "+lr = 0.2", " epochs = 3"]


@pytest.mark.parametrize("columns", [40, 80])
def test_long_lines_break_within_their_column(pair: Project, columns: int) -> None:
    lines = shown(pair, "notebook", "diff", "a.ipynb", "b c [1].ipynb", columns=columns)
    assert all(len(line) <= columns for line in lines)
    start = next(n for n, line in enumerate(lines) if line.startswith("- model.fit("))
    assert all(line.startswith("  ") for line in lines[start + 1 : start + 2])
    joined = re.sub(r"\n  ", "", "\n".join(lines)).replace(" ", "")
    assert f"-{LONG}".replace(" ", "") in joined
    assert f"+{LONG}  # slow".replace(" ", "") in joined


def test_colours_are_for_terminals(pair: Project) -> None:
    arguments = ("notebook", "diff", "a.ipynb", "b c [1].ipynb")
    with Screen(pair, *arguments) as screen, Screen(pair, *arguments, NO_COLOR="1") as plain:
        assert (screen.end(), plain.end()) == (3, 3)
        assert "\x1b[31m" in screen.written
        assert "\x1b[3" not in plain.written
    assert "\x1b" not in pair.run(*arguments).out


def test_hostile_cells_cannot_command_the_terminal(project: Project) -> None:
    trick = "\x1b[2J\x1b]0;t\x07漢\u202e"
    write(project.root / "a.ipynb", f"x = '{trick}'", text=trick)
    write(project.root / "b.ipynb", f"x = '{trick}' + ''", text=trick * 2)
    arguments = ("notebook", "diff", "a.ipynb", "b.ipynb", "--all")
    with Screen(project, *arguments, rows=60) as screen:
        assert screen.end() == 3
        assert not re.search(r"\x1b\[2J|\x1b\]|\x07|\u202e", screen.written)
    assert not re.search(r"[\x1b\x07\u202e]", project.run(*arguments).out)  # as in `| head`


def test_what_is_not_a_notebook_is_refused_by_name(pair: Project, say: Say) -> None:
    pair.write("text.ipynb", "{")
    pair.write("newer.ipynb", '{"nbformat": 9, "cells": []}')
    pair.write("damaged.ipynb", '{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}')
    (pair.root / "folder.ipynb").mkdir()
    for name, problem in {
        "none.ipynb": "none.ipynb: No such file or directory; give the path of a notebook",
        "text.ipynb": "text.ipynb is not a notebook: it is not JSON",
        "newer.ipynb": "newer.ipynb is a notebook of format 9",
        "damaged.ipynb": "damaged.ipynb is a damaged notebook (the source of cell 1 is not text)",
        "folder.ipynb": "folder.ipynb: ",
    }.items():
        refused(say("notebook", "diff", "a.ipynb", name), problem)
