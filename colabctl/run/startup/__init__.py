"""Prepares every Python process of a task: no imports from the current folder, and some patches.

`environ` puts this folder on PYTHONPATH. So Python runs sitecustomize.py from here when it starts:
in the process that runs tasks, in programs, in kernels, and in everything that these start. Their
current folder is the project, where others write. By default, Python would import from there with
`python -m` and `python -c`, which joblib and %pip use.

This does not reach a process that is started with another PYTHONPATH, or with `python -S` or `-I`.
Python before 3.11 imports from the current folder all the same.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_HERE = str(Path(__file__).parent)


def importing_from(folders: Sequence[str], before: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python also imports from these folders."""
    paths = [*folders, *before.get("PYTHONPATH", "").split(os.pathsep)]
    # Absolute, because a process may start in another folder.
    absolute = dict.fromkeys(str(Path(path).absolute()) for path in paths if path)
    return {**before, "PYTHONPATH": os.pathsep.join(absolute)}


def environ(before: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the variables that a task's Python processes need."""
    paths = [path for path in before.get("PYTHONPATH", "").split(os.pathsep) if path]
    if _HERE not in paths:
        paths.insert(0, _HERE)
    return {**before, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
