"""How every Python process of a task starts: not from the current folder, some modules changed.

`environ` puts this folder on PYTHONPATH, where Python finds sitecustomize.py by itself: in the
process that serves a worker, in programs, in kernels, and in whatever these start. The current
folder of them all is the project, where others write: of itself Python would look there for the
modules of `python -m` and `python -c`, such as those by which joblib and %pip work.

A process that is started with another PYTHONPATH, or as `python -S` or `-I`, is not reached, and
Python before 3.11 looks into the current folder nevertheless.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_HERE = str(Path(__file__).parent)


def environ(before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables under which Python processes start as tasks need it."""
    places = [place for place in before.get("PYTHONPATH", "").split(os.pathsep) if place]
    if _HERE not in places:
        places.insert(0, _HERE)
    return {**before, "PYTHONPATH": os.pathsep.join(places), "PYTHONSAFEPATH": "1"}
