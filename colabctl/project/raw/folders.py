"""Finds the folders that are protected."""

import os
from collections.abc import Iterator
from pathlib import Path

from colabctl.project.layout import Layout
from colabctl.sharedfs.droppings import is_dropping

_DEEPEST = 4  # folders below the project's, so that this takes no time on a Drive


def protected_folders(layout: Layout) -> Iterator[Path]:
    """Yield each folder of the project that has a manifest, down to a depth of four.

    Sweeps, colabctl's own files and hidden folders are not searched.
    """
    passed = {layout.sweeps, layout.records}
    for here, folders, files in os.walk(layout.root):
        parent = Path(here)
        names = frozenset(files)
        protected = {name for name in folders if layout.manifest(parent / name).name in names}
        yield from (parent / name for name in sorted(protected))
        depth = len(parent.relative_to(layout.root).parts)
        folders[:] = [
            name
            for name in sorted(folders)
            if depth < _DEEPEST
            and name not in protected
            and not name.startswith(".")
            and not is_dropping(name)
            and parent / name not in passed
        ]
