"""The uniform numbers behind random draws: each depends on its own place in the sweep, nothing else.

A number is keyed by the sweep's seed, the values of its cell, the path of its parameter among a task's
parameters, and the number of the trial. So a data set, a parameter or more trials added later move
no draw that was there before. The key is a promise: sweeps that were declared are drawn again by it.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from colabctl.search.distributions import same

Path = tuple[str, ...]
"""The names that lead to a parameter: ("lr",), or ("optimizer", "lr") in a nested map."""

Uniform = Callable[[int], float]
"""Trial number to number in (0, 1)."""


def uniforms(seed: int, cell: Mapping[str, Any]) -> Callable[[Path], Uniform]:
    """Return what gives each parameter of a cell its uniform numbers, one for each trial."""
    values = sorted((name, same(value)) for name, value in cell.items())

    def of_parameter(path: Path) -> Uniform:
        key = blake2b(json.dumps([seed, values, path]).encode(), digest_size=8)

        def of_trial(trial: int) -> float:
            keyed = key.copy()
            keyed.update(b"%d" % trial)
            # 52 bits and a half: never 0, where many laws have no value, and never 1
            return ((int.from_bytes(keyed.digest()) >> 12) + 0.5) * 2.0**-52

        return of_trial

    return of_parameter
