"""`notebook merge`: both versions in a third file, and neither is ever changed."""

import json
import os
import subprocess
from pathlib import Path

import nbformat
import pytest

from tests.cli.conftest import Say, refused
from tests.cli.notebook.test_diff import write
from tests.processes import Project
from tests.project.conftest import everything

BASE = ("import os", "lr = 0.1", "fit(lr)")


@pytest.fixture
def pair(project: Project) -> Project:
    write(project.root / "a.ipynb", "import os", "lr = 0.2", "fit(lr)", "plot()")
    write(project.root / "b.ipynb", "import os", "lr = 0.3", "fit(lr, 1)")
    write(project.root / "base.ipynb", *BASE)
    return project


def sources(path: Path) -> list[str]:
    made = json.loads(path.read_text())
    nbformat.validate(made)
    return ["".join(cell["source"]) for cell in made["cells"]]


def test_what_one_of_them_changed_is_taken_and_the_rest_is_marked(pair: Project, say: Say) -> None:
    before = everything(pair.root)
    said = say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.ipynb", "--base", "base.ipynb")
    assert (said.code, said.out) == (3, "c.ipynb\n")
    assert said.err.splitlines() == [
        "base: base.ipynb (another: --base FILE; none: --no-base)",
        "5 cells; only from A: 1; only from B: 1",
        "1 conflict: open c.ipynb, decide at each cell that starts with Conflict, and delete that cell",
    ]
    first, marker, *rest = sources(pair.root / "c.ipynb")
    assert (first, rest) == ("import os", ["lr = 0.2", "lr = 0.3", "fit(lr, 1)", "plot()"])
    assert marker.startswith(
        "**Conflict 1 of 1.** Both changed this cell. The next cell is from `a.ipynb`"
    )
    assert {**before, "c.ipynb": None}.keys() == everything(pair.root).keys()
    assert all(everything(pair.root)[name] == each for name, each in before.items())


def test_without_a_conflict_the_exit_code_is_0(pair: Project, say: Say) -> None:
    write(pair.root / "b.ipynb", "import os", "lr = 0.1", "fit(lr)", "save()")
    said = say(
        "notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.ipynb", "--base", "base.ipynb", "--json"
    )
    assert said.code == 0
    assert said.json == {
        "output": "c.ipynb", "base": "base.ipynb", "cells": 5,
        "from_a": 2, "from_b": 1, "left_out": 0, "conflicts": 0,
    }  # fmt: skip
    assert sources(pair.root / "c.ipynb") == [
        "import os",
        "lr = 0.2",
        "fit(lr)",
        "plot()",
        "save()",
    ]


def test_a_deleted_cell_is_named(pair: Project, say: Say) -> None:
    write(pair.root / "b.ipynb", "import os", "lr = 0.1")
    write(pair.root / "a.ipynb", *BASE)
    said = say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.ipynb", "--base", "base.ipynb")
    assert "left out, deleted in A or B and unchanged in the other: fit(lr)\n" in said.err
    assert sources(pair.root / "c.ipynb") == ["import os", "lr = 0.1"]


def test_neither_of_them_is_overwritten_by_any_name(pair: Project, say: Say) -> None:
    os.link(pair.root / "a.ipynb", pair.root / "hard.ipynb")
    (pair.root / "soft.ipynb").symlink_to("b.ipynb")
    (pair.root / "loop").symlink_to(".")
    before = everything(pair.root)
    for name in (
        "a.ipynb",
        "A.ipynb",
        "./b.ipynb",
        "loop/a.ipynb",
        "hard.ipynb",
        "soft.ipynb",
        "base.ipynb",
    ):
        said = say(
            "notebook", "merge", "a.ipynb", "b.ipynb", "-o", name, "--base", "base.ipynb", "--force"
        )
        refused(said, "which a merge never changes; choose another name for -o")
    refused(say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.txt"), "has to end with .ipynb")
    refused(say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "no/c.ipynb"), "does not exist")
    assert everything(pair.root) == before
    (pair.root / "dangling.ipynb").symlink_to("nowhere")
    refused(say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "dangling.ipynb"), "is a link")
    assert not (pair.root / "nowhere").exists()


def test_an_existing_file_is_replaced_only_by_force_and_what_is_lost_is_shown(
    pair: Project, say: Say
) -> None:
    arguments = ("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.ipynb", "--no-base")
    write(pair.root / "c.ipynb", "my own work")
    refused(say(*arguments), "c.ipynb exists and holds something else", "--force")
    assert sources(pair.root / "c.ipynb") == ["my own work"]
    said = say(*arguments, "--force")
    assert (said.code, "- my own work\n" in said.err) == (3, True)
    before = (pair.root / "c.ipynb").stat()
    assert say(*arguments).code == 3  # the file has this content already
    after = (pair.root / "c.ipynb").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_version_in_git_tells_who_changed_a_cell(pair: Project, say: Say) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=ana", "-c", "user.email=ana@lab.org")
        subprocess.run(
            ["git", *identity, *arguments], cwd=pair.root, check=True, capture_output=True
        )

    git("init")
    write(pair.root / "x.ipynb", *BASE)
    git("add", "x.ipynb")
    git("commit", "-m", "start")
    write(pair.root / "x.ipynb", "import os", "lr = 0.2", "fit(lr)")
    write(pair.root / "x (1).ipynb", "import os", "lr = 0.1", "fit(lr, 1)")
    said = say("notebook", "merge", "x.ipynb", "x (1).ipynb", "-o", "c.ipynb")
    assert (said.code, "base: x.ipynb of commit " in said.err) == (0, True)
    assert sources(pair.root / "c.ipynb") == ["import os", "lr = 0.2", "fit(lr, 1)"]
    said = say("notebook", "merge", "x.ipynb", "x (1).ipynb", "-o", "d.ipynb", "--no-base")
    assert said.code == 3


def test_a_starter_notebook_is_known_as_it_was_created(project: Project, say: Say) -> None:
    assert say("notebook", "new", "x").code == 0
    file = project.root / "notebooks/ana/x.ipynb"
    created = json.loads(file.read_text())
    copy = {**created, "cells": created["cells"][:1]}  # without the example
    file.with_name("x (1).ipynb").write_text(json.dumps(copy))
    created["cells"].append({**created["cells"][1], "id": "mine", "source": ["plot()"]})
    file.write_text(json.dumps(created))
    said = say("notebook", "merge", str(file), str(file.with_name("x (1).ipynb")), "-o", "c.ipynb")
    assert (said.code, "base: x.ipynb as it was created" in said.err) == (0, True)
    assert sources(project.root / "c.ipynb")[1:] == ["plot()"]


def test_nothing_is_merged_into_raw_data_final_results_or_sweeps(pair: Project, say: Say) -> None:
    for folder in ("data/raw", "results/final", "sweeps"):
        said = say("notebook", "merge", "a.ipynb", "b.ipynb", "-o", f"{folder}/c.ipynb")
        refused(said, f"would be in {folder}")
        assert not (pair.root / folder / "c.ipynb").exists()
