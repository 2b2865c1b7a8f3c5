"""Writes the notebooks that colabctl makes for people."""

import glob
import json
from typing import Any

from colabctl.project.layout import Layout, check_member

_SETUP = """\
# Run this cell first. In Colab it mounts the Drive and installs colabctl from the project's folder.
import os

os.environ.setdefault("COLABCTL_MEMBER", MEMBER)
try:
    from google.colab import drive
except ImportError:
    pass  # not in Colab: nothing to mount
else:
    from pathlib import Path

    drive.mount("/content/drive")
    places = ("MyDrive", "Shareddrives/*", ".shortcut-targets-by-id/*")
    found = [root for place in places for root in Path("/content/drive").glob(f"{place}/" + FOLDER)]
    assert found, "the project is not in this Drive: put a shortcut to it into My Drive, run again"
    os.environ.setdefault("COLABCTL_ROOT", str(found[0]))
    %pip install -q "{found[0]}"/.colabctl/*.whl

import colabctl

project = colabctl.open()
raw, mine, final = project.raw, project.mine, project.final
mine"""

_SAVE = """\
# Slow work is done once. Run this cell again, or tomorrow on another machine: it loads the file.
def build():
    import pandas as pd

    return pd.DataFrame({"x": range(10)})


frame = project.checkpoint("features.parquet", build)
frame"""


def start(layout: Layout, member: str) -> bytes:
    """Return the notebook that `member` begins with: mount and open, then save and resume.

    Its setup cell finds the project by the name of its folder, since the Drive of every member
    may hold it in another place. The same members and folders give the same bytes.
    """
    folder = glob.escape(layout.root.absolute().name)
    setup = _SETUP.replace("MEMBER)", f"{check_member(member)!r})").replace("FOLDER", repr(folder))
    return _notebook({"setup": setup, "save-and-resume": _SAVE})


def _notebook(cells: dict[str, str]) -> bytes:
    """Return a Python notebook of format 4.5 with these code cells, by id."""
    import nbformat  # noqa: PLC0415 - only those who make a notebook wait for it

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": [_cell(name, source) for name, source in cells.items()],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(notebook)
    return f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode()


def _cell(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }
