"""A program is frozen with what it imports, however its project is laid out."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.code.trees import files, frozen, lay_out

# What the program says, the files around it, and those that are frozen with it.
IMPORTS: dict[str, tuple[str, list[str], list[str]]] = {
    "a module beside it": ("import a", ["a.py", "b.py"], ["a.py"]),
    "a package": ("import p.m", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "a folder without __init__.py": ("import p.m", ["p/m.py", "p/n.py"], ["p/m.py"]),
    "a module from a package": ("from p import m", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "a package before a module": ("import a", ["a.py", "a/__init__.py"], ["a/__init__.py"]),
    "a module before a folder": ("import a", ["a.py", "a/b.py"], ["a.py"]),
    "in a function": ("def f():\n  import a", ["a.py"], ["a.py"]),
    "in try": ("try:\n  import a\nexcept ImportError:\n  import b", ["a.py", "b.py"], ["a.py", "b.py"]),
    "for types": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import a", ["a.py"], ["a.py"]),
    "by import_module": ("import importlib\nimportlib.import_module('p.m')", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "by __import__": ("__import__('a')", ["a.py"], ["a.py"]),
    "a computed name": ("n='x'\nimport importlib\ndef f(n): importlib.import_module(f'p.{n}')", ["p/__init__.py", "p/m.py", "p/n.py"], ["p/__init__.py", "p/m.py", "p/n.py"]),
    "a computed name with +": ("from importlib import import_module\ndef f(n): import_module('p.' + n)", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "a computed name with %": ("from importlib import import_module\ndef f(n): import_module('p.%s' % n)", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "src layout": ("import p.m", ["src/p/__init__.py", "src/p/m.py"], ["src/p/__init__.py", "src/p/m.py"]),
    "sys.path of a constant": ("import sys\nsys.path.append('lib2')\nimport a", ["lib2/a.py"], ["lib2/a.py"]),
    "sys.path of __file__": ("import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'code'))\nimport a", ["code/a.py"], ["code/a.py"]),
    "sys.path of a name": ("import sys\nfrom pathlib import Path\nROOT = Path(__file__).resolve().parent\nsys.path.append(str(ROOT / 'code'))\nimport a", ["code/a.py"], ["code/a.py"]),
    "sys.path in a loop": ("import sys\nfor p in ['x', 'y']:\n  sys.path.append(p)\nimport a, b", ["x/a.py", "y/b.py"], ["x/a.py", "y/b.py"]),
    "sys.path by +=": ("import sys\nsys.path += ['x']\nimport a", ["x/a.py"], ["x/a.py"]),
    "sys.path as a new list": ("import sys\nsys.path = ['x'] + sys.path\nimport a", ["x/a.py"], ["x/a.py"]),
    "addsitedir": ("import site\nsite.addsitedir('x')\nimport a", ["x/a.py"], ["x/a.py"]),
    "the current folder": ("import os, sys\nsys.path.append(os.getcwd() + '/x')\nimport a", ["x/a.py"], ["x/a.py"]),
    "a script in a subprocess": ("import subprocess\nsubprocess.run(['python', 'other.py'])", ["other.py"], ["other.py"]),
    "a command line": ("import os\nos.system('bash run.sh --x 1')", ["run.sh"], ["run.sh"]),
    "a module in a subprocess": ("import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'p.m'])", ["p/__init__.py", "p/m.py"], ["p/__init__.py", "p/m.py"]),
    "a class in a text": ("gym.register(entry_point='envs.grid:Grid')", ["envs/__init__.py", "envs/grid.py"], ["envs/__init__.py", "envs/grid.py"]),
    "a folder of data that is a package": ("from data.loader import x", ["data/loader.py", "data/raw.json"], ["data/loader.py"]),
    "an extension module": ("import fast", ["fast.cpython-311-x86_64-linux-gnu.so"], ["fast.cpython-311-x86_64-linux-gnu.so"]),
    "two modules of one name": ("import sys\nsys.path.insert(0, 'b')\nimport a", ["a.py", "b/a.py"], ["a.py", "b/a.py"]),
    "a name of the standard library": ("import json, logging", ["src/json.py", "src/logging/__init__.py"], []),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPORTS)
def test_a_program_is_frozen_with_what_it_imports(case: str, tmp_path: Path) -> None:
    program, around, expected = IMPORTS[case]
    lay_out(tmp_path, dict.fromkeys(around, "") | {"train.py": program})
    assert files(tmp_path) == sorted([*expected, "train.py"])


def test_what_the_program_writes_is_not_frozen(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "train.py": (
                "import json, logging, os\nfrom pathlib import Path\nH = Path(__file__).parent\n"
                "BEST = H / 'best.json'\nbest = json.loads(BEST.read_text())\n"
                "BEST.write_text('1')\nopen('log.txt').read()\nopen('log.txt', 'a')\n"
                "os.makedirs('kept')\nopen('kept/x.txt').read()\nopen('configs/a.yaml').read()\n"
            ),
            "best.json": "{}", "log.txt": "", "kept/x.txt": "", "configs/a.yaml": "",
        },
    )  # fmt: skip
    assert files(tmp_path) == ["configs/a.yaml", "train.py"]
    (note,) = [note for note in frozen(tmp_path, "train.py").notes if "writes" in note]
    assert note.startswith("not frozen, because the program writes them: best.json (train.py)")


def test_the_packages_around_a_module_are_frozen_with_relative_imports(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/q/__init__.py": "from .. import top",
            "p/top.py": "",
            "p/q/m.py": "from . import n\nfrom ..other import x",
            "p/q/n.py": "",
            "p/other.py": "",
            "p/unused.py": "",
            "train.py": "import p.q.m",
        },
    )
    assert files(tmp_path) == [
        "p/__init__.py", "p/other.py", "p/q/__init__.py", "p/q/m.py", "p/q/n.py", "p/top.py",
        "train.py",
    ]  # fmt: skip


def test_a_package_that_lists_its_modules_is_frozen_whole(tmp_path: Path) -> None:
    listing = (
        "import glob, os\n"
        "__all__ = [os.path.basename(f)[:-3] for f in glob.glob(os.path.dirname(__file__) + '/*.py')]"
    )
    lay_out(tmp_path, {"p/__init__.py": listing, "p/a.py": "", "train.py": "from p import *"})
    assert files(tmp_path) == ["p/__init__.py", "p/a.py", "train.py"]


def test_packages_that_are_walked_are_named_by_any_text(tmp_path: Path) -> None:
    walking = "import importlib, pkgutil\ndef walk(name):\n  for m in pkgutil.walk_packages(name):\n    importlib.import_module(m)"
    lay_out(
        tmp_path,
        {
            "registry.py": walking,
            "models/__init__.py": "",
            "models/net.py": "",
            "train.py": "from registry import walk\nwalk('models')",
        },
    )
    assert files(tmp_path) == ["models/__init__.py", "models/net.py", "registry.py", "train.py"]


def test_a_folder_that_a_later_file_adds_counts_for_earlier_ones(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "train.py": "import late\nimport paths",
            "paths.py": "import sys\nsys.path.append('far/away')",
            "far/away/late.py": "import later",
            "far/away/later.py": "",
        },
    )
    made = frozen(tmp_path)
    assert {"far/away/late.py", "far/away/later.py"} < made.code.files.keys()
    assert made.import_path == (".", "far/away")


def test_shell_scripts_r_and_julia_bring_what_they_name(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "run.sh": "#!/bin/bash\nsource env.sh\ncd sub && python -u work.py --config base.yaml\n",
            "env.sh": "export PYTHONPATH=$PWD/lib2\n",
            "sub/work.py": "import tool",
            "sub/base.yaml": "a: 1",
            "lib2/tool.py": "",
            "main.R": 'source("more.R")',
            "more.R": "",
            "main.jl": 'include("more.jl")',
            "more.jl": "",
        },
    )
    expected = ["env.sh", "lib2/tool.py", "run.sh", "sub/base.yaml", "sub/work.py"]
    assert files(tmp_path, "run.sh") == expected
    assert files(tmp_path, "main.R") == ["main.R", "more.R"]
    assert files(tmp_path, "main.jl") == ["main.jl", "more.jl"]


def test_a_notebook_brings_what_its_cells_import_and_run(tmp_path: Path) -> None:
    sources = ["# parameters\nx = 1", "%run other.ipynb\n!python tool.py --x 1", "import m"]
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "source": text,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for text in sources
    ]
    book = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    empty = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []})
    lay_out(tmp_path, {"m.py": "", "tool.py": "", "main.ipynb": book, "other.ipynb": empty})
    lay_out(tmp_path, {"someone.ipynb": empty})
    assert files(tmp_path, "main.ipynb") == ["m.py", "main.ipynb", "other.ipynb", "tool.py"]


def test_classes_in_configurations_are_found(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "train.py": "import hydra\n@hydra.main(config_path='conf')\ndef main(c): pass",
            "conf/config.yaml": "defaults: [model: net]",
            "conf/model/net.yaml": "_target_: src.models.net.Net",
            "src/models/net.py": "",
            "src/models/__init__.py": "",
        },
    )
    assert files(tmp_path) == [
        "conf/config.yaml", "conf/model/net.yaml", "src/models/__init__.py", "src/models/net.py",
        "train.py",
    ]  # fmt: skip


def test_what_cannot_be_followed_is_told_with_its_place(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "train.py": "import importlib, no_such_module\nimport old\nfrom p import gone\n"
            "def f(name):\n  return importlib.import_module(name)",
            "old.py": "print 'Python 2'\nimport older",
            "older.py": "",
            "p/__init__.py": "from .missing import x",
        },
    )
    made = frozen(tmp_path)
    assert sorted(made.code.files) == ["old.py", "older.py", "p/__init__.py", "train.py"]
    notes = "\n".join(made.notes)
    assert "no_such_module (train.py:1)" in notes
    assert ".missing (p/__init__.py:1)" in notes
    assert "train.py:5: the module that is imported here is chosen when it runs" in notes
    assert "old.py is not valid Python" in notes


@pytest.mark.skipif(sys.platform == "win32", reason="has no links")
def test_links_are_followed_inside_the_project_only(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "project", {"train.py": "import a, b", "lib/a.py": ""})
    secret = lay_out(tmp_path / "outside", {"b.py": "token = 1"})
    (project / "a.py").symlink_to(project / "lib/a.py")
    (project / "b.py").symlink_to(secret / "b.py")
    (project / "loop").symlink_to(project)
    made = frozen(project)
    assert sorted(made.code.files) == ["a.py", "train.py"]
    assert "links that lead out of the project were not followed: b.py" in made.notes


def test_what_was_read_is_what_is_frozen(tmp_path: Path) -> None:
    lay_out(tmp_path, {"train.py": "import a", "a.py": "x = 1"})
    made = frozen(tmp_path)
    digest = made.code.digest
    (tmp_path / "a.py").write_text("x = 2")
    assert made.code.digest == digest
    assert made.code.files["a.py"] == b"x = 1"


def test_a_package_installed_elsewhere_keeps_its_name(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {"src/train.py": "from yaml import safe_load", "yaml/__init__.py": "def other(): pass"},
    )
    assert files(tmp_path, "src/train.py") == ["src/train.py"]
    lay_out(tmp_path, {"yaml/__init__.py": "def safe_load(): pass"})
    assert files(tmp_path, "src/train.py") == ["src/train.py", "yaml/__init__.py"]


NAMES = [f"m{number}" for number in range(6)]
graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(graph=graphs, seed=st.randoms(use_true_random=False))
def test_the_closure_is_what_can_be_reached_in_any_order_and_with_cycles(
    graph: dict[str, list[str]], seed: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("graph")
    shuffle = getattr(seed, "shuffle")  # noqa: B009 - hypothesis gives a Random
    for name in NAMES:
        imports = list(graph.get(name, []))
        shuffle(imports)
        (root / f"{name}.py").write_text("".join(f"import {each}\n" for each in imports))
    reached, todo = set(), ["m0"]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += graph.get(name, [])
    found = files(root, "m0.py")
    assert found == sorted(f"{name}.py" for name in reached)
    # What is frozen needs nothing else: the closure of the closure is itself.
    for path in root.iterdir():
        if path.name not in found:
            path.unlink()
    assert files(root, "m0.py") == found
