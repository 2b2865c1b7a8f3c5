"""The uniform numbers behind random draws, each a hash of its place in the sweep.

The hash is of the sweep's seed, the values of the cell, the path of the parameter, and the number
of the trial. So adding a data set, a parameter or trials changes no earlier draw. The hash must
never change: declared sweeps draw their tasks from it again.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from struct import unpack
from typing import Any

from colabctl.search.space.discrete import grid_key

Path = tuple[str, ...]
"""The names that lead to a parameter: ("lr",), or ("optimizer", "lr") in a nested map."""

Uniform = Callable[[int], float]
"""Trial number to a number in (0, 1)."""


def uniforms(seed: int, cell: Mapping[str, Any]) -> Callable[[Path], Uniform]:
    """Return the uniform numbers of a cell: by parameter, then by trial."""
    values = sorted((name, grid_key(value)) for name, value in cell.items())

    def of_parameter(path: Path) -> Uniform:
        key = blake2b(json.dumps([seed, values, path]).encode())
        latest: tuple[int, tuple[int, ...]] = (-1, ())

        def of_trial(trial: int) -> float:
            nonlocal latest
            block, words = latest
            if block != trial >> 3:  # one hash holds the numbers of eight trials
                block = trial >> 3
                keyed = key.copy()
                keyed.update(b"%d" % block)
                words = unpack(">8Q", keyed.digest())
                latest = (block, words)
            # 52 random bits and a half: never 0 or 1, where many quantiles are infinite
            return ((words[trial & 7] >> 12) + 0.5) * 2.0**-52

        return of_trial

    return of_parameter
