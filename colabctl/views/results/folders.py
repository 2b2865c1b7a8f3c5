"""Finds the folders with the files of attempts."""

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from colabctl.errors import UserError
from colabctl.ledger import Numbering
from colabctl.project.layout import SweepLayout
from colabctl.views.results.rows import FolderOf


def folders(
    root: Path, sweep: SweepLayout, homes: Iterable[Path], numbering: Numbering
) -> FolderOf:
    """Return a function that finds the folder of an attempt, as a POSIX path from `root`.

    A folder is listed once, not asked for each of its hundred attempts: a Drive answers slowly.

    Args:
        root: the project's folder.
        sweep: the paths of the sweep.
        homes: all its folders with files of attempts (see `sweeps.run_folders`).
        numbering: gives the numbers of tasks in the names of a worker's folders.

    """
    starts = [str(home) for home in homes]
    inside = len(str(sweep.runs))

    @lru_cache(maxsize=1000)
    def names(folder: str) -> frozenset[str]:
        above, name = os.path.split(folder)
        if folder not in starts and name not in names(above):
            return frozenset()
        try:
            return frozenset(os.listdir(folder))  # noqa: PTH208 - a Drive is slow
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    @lru_cache(maxsize=1000)
    def path_of(worker: str) -> Callable[[int, int], str] | None:
        try:
            return sweep.attempts(worker)
        except UserError:  # someone may have created a journal with an invalid name
            return None

    def folder_of(index: int, attempt: int, worker: str) -> str | None:
        path = path_of(worker)
        if path is None:
            return None
        own = path(numbering.number(index, worker), attempt)[inside:]
        for start in starts:
            above, name = os.path.split(start + own)
            if name in names(above):
                return Path(above, name).relative_to(root).as_posix()
        return None

    return folder_of
