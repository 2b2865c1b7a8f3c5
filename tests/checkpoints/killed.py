"""Saves again and again until it is killed: `python killed.py FOLDER task|checkpoint|folder`.

It prints the number of each save before and after it.
"""

import itertools
import os
import sys
from pathlib import Path

import numpy as np

from colabctl.checkpoints.checkpoint import checkpoint
from colabctl.checkpoints.origin import Owner
from colabctl.checkpoints.saves import Saves

PARTS = 20_000


def value_of(number: int) -> dict[str, object]:
    """Return a value from whose parts one can see whether they belong together."""
    return {"n": number, "x": np.full(PARTS, number), "y": np.full(PARTS, -number)}


def run(folder: Path, what: str, first: int) -> None:
    """Save for ever."""
    owner = Owner(folder, folder.parent.parent, "ana")
    saves = Saves(folder / str(os.getpid()))
    for number in itertools.count(first):
        print("begins", number, flush=True)
        if what == "task":
            saves.save(value_of(number), number, print)
        elif what == "checkpoint":
            checkpoint(owner, "x.npz", lambda n=number: value_of(n), depends=number)
        else:
            checkpoint(owner, "x/", lambda at, n=number: write(at, n), depends=number)
        print("saved", number, flush=True)


def write(folder: Path, number: int) -> None:
    """Write a folder of files that belong together."""
    for part in range(5):
        (folder / f"{part}.txt").write_text(f"{number}\n" * 2000)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
