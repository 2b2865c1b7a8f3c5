"""What every Python process of a task runs at its start, on a machine that has google.colab.

`environ` puts this folder on PYTHONPATH, where Python finds sitecustomize.py by itself: in the
process that serves a worker, in programs, in kernels, and in whatever these start.
"""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

_HERE = str(Path(__file__).parent)


def environ(before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables under which Python processes start as tasks need it."""
    after = dict(before)
    places = [place for place in before.get("PYTHONPATH", "").split(os.pathsep) if place]
    if _HERE not in places and _in_colab():
        after["PYTHONPATH"] = os.pathsep.join([_HERE, *places])
    return after


def _in_colab() -> bool:
    try:
        return importlib.util.find_spec("google.colab") is not None
    except (ImportError, ValueError):
        return False
