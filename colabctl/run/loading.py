"""Loads a sweep's code and returns the function that runs one task of it."""

import importlib.util
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.run.failure import TaskError
from colabctl.run.function import Run, bind, call
from colabctl.run.settings import Settings


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
        )
        notebook.set_up()
        return notebook
    if not name:
        from colabctl.run.program import runner as program_runner  # noqa: PLC0415 - not for functions

        return program_runner(path, settings.command, root, settings.kill_after, scratch)
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    sys.argv[:] = [str(path)]
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

        return objective.runner(run)
    uses_wandb = "wandb" in sys.modules or b"wandb" in path.read_bytes()
    try:
        function = bind(run, name, settings.parameters, uses_wandb=uses_wandb)
    except TaskError as error:
        raise TaskError(f"program: {file}: {error}") from None
    if uses_wandb:
        from colabctl.run.wandb.runs import logging_by_wandb  # noqa: PLC0415 - rarely needed

        function = logging_by_wandb(function)
    return partial(call, function, metric=settings.metric, source=run, uses_wandb=uses_wandb)


def _importing(kind: str) -> AbstractContextManager[None]:
    """Return the context for an import: an objective's file stops at its own Study.optimize."""
    if kind != "objective":
        return nullcontext()
    from colabctl.run.optuna.objective import until_optimize  # noqa: PLC0415 - Optuna

    return until_optimize()
