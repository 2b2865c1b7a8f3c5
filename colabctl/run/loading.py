"""Loads a sweep's code and returns the function that runs one task of it."""

import importlib.util
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.run.failure import TaskError
from colabctl.run.function import Run, call
from colabctl.run.settings import Settings
from colabctl.run.wandb.runs import following_wandb, wandb_outside_tasks


def load(settings: Settings) -> Run:
    """Return the function that runs a task, for a program of any kind.

    Raises whatever the sweep's file raises when it is imported, and TaskError if the file does not
    have the function.
    """
    code, root, scratch = Path(settings.code), Path(settings.root), Path(settings.log).parent
    file, _, name = settings.program.partition(":")
    path = code / file
    if settings.kind == "notebook":
        from colabctl.run.notebook.runner import Runner  # noqa: PLC0415 - Jupyter

        notebook = Runner(
            path,
            root,
            settings.kernels,
            secrets=settings.secrets,
            kill_after=settings.kill_after,
            scratch=scratch,
            keep_wandb=settings.keep_wandb,
        )
        notebook.set_up()
        return notebook
    if not name:
        from colabctl.run.program import runner as program_runner  # noqa: PLC0415 - not for functions

        return program_runner(
            path,
            settings.command,
            root,
            settings.kill_after,
            scratch,
            keep_wandb=settings.keep_wandb,
        )
    environ = dict(os.environ)
    os.environ |= wandb_outside_tasks(scratch, environ)
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    # Import it under the file's own name, which its pickles and child processes refer to.
    module_name = path.stem if path.stem not in sys.modules else f"{path.stem}_{code.name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"program: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    with _importing(settings.kind):
        spec.loader.exec_module(module)
    run: Any = getattr(module, name, None)
    if not callable(run):
        raise TaskError(f"program: {file} has no function {name}")
    if settings.kind == "objective":
        from colabctl.run.optuna import objective  # noqa: PLC0415 - Optuna

        runner = objective.runner(run)
    else:
        runner = partial(call, run)
    return following_wandb(runner, scratch, environ, keep=settings.keep_wandb)


def _importing(kind: str) -> AbstractContextManager[None]:
    """Return the context for an import: an objective's file stops at its own Study.optimize."""
    if kind != "objective":
        return nullcontext()
    from colabctl.run.optuna.objective import until_optimize  # noqa: PLC0415 - Optuna

    return until_optimize()
