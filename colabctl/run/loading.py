"""Loads the code of a sweep and returns what runs a task of it."""

import importlib.util
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.run.failure import TaskError
from colabctl.run.function import Run, call
from colabctl.run.settings import Settings


def load(settings: Settings) -> Run:
    """Return what runs a task: a function or objective "file.py:name", or a program's file.

    Raises whatever the file raises when it is imported, TaskError if it has no such function.
    """
    code, root, scratch = Path(settings.code), Path(settings.root), Path(settings.log).parent
    file, _, name = settings.program.partition(":")
    path = code / file
    if settings.kind == "notebook":
        from colabctl.run.notebook.kernel_lifecycle import KernelOptions  # noqa: PLC0415 - as above
        from colabctl.run.notebook.runner import runner as notebook_runner  # noqa: PLC0415 - it needs Jupyter

        options = KernelOptions(**settings.kernels or {}, secrets=tuple(settings.secrets))
        notebook = notebook_runner(path, root, options, settings.kill_after, scratch)
        notebook.set_up()
        return notebook
    if not name:
        from colabctl.run.program import runner as program_runner  # noqa: PLC0415 - functions do not need it

        return program_runner(path, settings.command, root, settings.kill_after, scratch)
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    # Under its own name, as the program's own pickles and sub-processes will look for it.
    known = path.stem if path.stem not in sys.modules else f"{path.stem}_{code.name}"
    spec = importlib.util.spec_from_file_location(known, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"program: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    with _imported_for(settings.kind):
        spec.loader.exec_module(module)
    run: Any = getattr(module, name, None)
    if not callable(run):
        raise TaskError(f"program: {file} has no function {name}")
    if settings.kind == "objective":
        from colabctl.run.optuna import objective  # noqa: PLC0415 - it needs Optuna

        return objective.runner(run)
    if "wandb" in sys.modules or b"wandb" in path.read_bytes():
        from colabctl.run.wandb.runs import logging_by_wandb  # noqa: PLC0415 - few need it

        return partial(call, logging_by_wandb(run))
    return partial(call, run)


def _imported_for(kind: str) -> AbstractContextManager[None]:
    """Return what a file is imported within: an objective's up to its own Study.optimize."""
    if kind != "objective":
        return nullcontext()
    from colabctl.run.optuna.objective import until_optimize  # noqa: PLC0415 - it needs Optuna

    return until_optimize()
