"""`workers`: notebooks for machines."""

import json
import os

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project
from tests.project.conftest import everything

LOOP = "method: grid\nparameters: {x: {values: [1]}}\n"


def test_worker_notebooks_are_printed_one_to_a_line(declared: Project, say: Say) -> None:
    made = say("workers", "first", "-n", "2", "--member", "ana")
    names = [f"notebooks/workers/first-ana-{n}.ipynb" for n in (1, 2)]
    assert (made.code, made.out.splitlines()) == (0, names)
    assert made.err.startswith(
        "2 created, 0 already existed\nColab's terms forbid distributed computing"
    )
    assert made.err.count("\n") == 2
    again = say("workers", "first", "-n", "2", "--member", "ana")
    assert again.out == made.out
    assert again.err.startswith("0 created, 2 already existed\n")


def test_a_notebook_with_other_cells_is_reported_and_unchanged(declared: Project, say: Say) -> None:
    declared.write("notebooks/workers/first-ana-1.ipynb", "mine")
    made = say("workers", "first")
    assert made.out == "notebooks/workers/first-ana-2.ipynb\n"
    assert (
        "notebooks/workers/first-ana-1.ipynb exists with other cells; it stays unchanged\n"
        in made.err
    )
    assert (declared.root / "notebooks/workers/first-ana-1.ipynb").read_text() == "mine"


def test_a_script_can_read_the_created_notebooks_and_their_links(
    declared: Project, say: Say
) -> None:
    say("workers", "first")
    path = declared.root / "notebooks/workers/first-ana-1.ipynb"
    try:
        os.setxattr(path, "user.drive.id", b"1aB")
    except (AttributeError, OSError):
        pytest.skip("needs extended attributes")
    link = "https://colab.research.google.com/drive/1aB"
    assert say("workers", "first").out == f"notebooks/workers/first-ana-1.ipynb  {link}\n"
    assert say("workers", "first", "-n", "2", "--json").json == [
        {"notebook": "notebooks/workers/first-ana-1.ipynb", "new": False, "link": link},
        {"notebook": "notebooks/workers/first-ana-2.ipynb", "new": True, "link": None},
    ]


def test_options_reach_the_form(declared: Project, say: Say) -> None:
    [name] = say("workers", "first", "--max-time", "90m", "--release").out.splitlines()
    cells = json.loads((declared.root / name).read_text())["cells"]
    form = "".join(cells[1]["source"])
    assert 'max_time = "90m"' in form
    assert "release_machine = True" in form


def test_an_impossible_request_is_refused_and_nothing_is_written(
    declared: Project, say: Say
) -> None:
    declared.declare("loop", LOOP)
    before = everything(declared.root)
    refused(say("workers", "frist"), "sweep 'frist' does not exist; did you mean first?")
    refused(say("workers", "first", "-n", "0"), "-n is 0; give a number")
    refused(
        say("workers", "first", "--member", "eve"), "'eve' is not a member", "colabctl member add"
    )
    refused(say("workers", "first", "--max-time", "soon"), "--max-time", "write 90s, 10m")
    refused(say("workers", "loop"), "sweep loop has no `program:`")
    assert everything(declared.root) == before


def test_a_worker_notebook_needs_approved_code(
    declared: Project, say: Say, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = {"COLABCTL_APPROVALS": str(tmp_path_factory.mktemp("approvals"))}
    refused(
        say("workers", "first", **elsewhere),
        "neither declared nor approved (declared by ana,",
        "colabctl trust first",
    )
    assert say("trust", "first", "--yes", **elsewhere).code == 0
    assert say("workers", "first", **elsewhere).code == 0
