"""Loads a sweep's code and returns the function that runs one task of it."""

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from colabctl.run import startup
from colabctl.run.failures.failure import TaskError
from colabctl.run.function import Run, bind, call
from colabctl.run.settings import Settings
from colabctl.run.wandb.runs import following_wandb, wandb_outside_tasks
from colabctl.task import Task


def load(settings: Settings) -> Run:
    """Return the function that runs a task, for a program of any kind.

    Raises whatever the sweep's file raises when it is imported, and TaskError if the file does not
    have the function.
    """
    if settings.scheduler is None:
        return _load(settings)
    from colabctl.run.optuna.scheduler import scheduled  # noqa: PLC0415 - Optuna

    source = Path(settings.code, settings.scheduler["source"])
    sys.path[:0] = [str(source.parent), *settings.python_path]
    module = _import(source, settings)
    return scheduled(_load(settings), module, settings.scheduler, settings.parameters)


def _load(settings: Settings) -> Run:
    code, scratch = Path(settings.code), Path(settings.log).parent
    file, _, name = settings.program.partition(":")
    path = code / file
    if settings.kind == "notebook":
        from colabctl.run.notebook.runner import Runner  # noqa: PLC0415 - Jupyter

        notebook = Runner(
            path,
            Path(settings.root),
            settings.kernels,
            cwd=Path(settings.cwd),
            python_path=settings.python_path,
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
            Path(settings.cwd),
            settings.kill_after,
            scratch,
            python_path=settings.python_path,
            keep_wandb=settings.keep_wandb,
            foreground=settings.foreground,
        )
    environ = dict(os.environ)
    os.environ |= wandb_outside_tasks(scratch, environ)
    sys.path[:0] = settings.python_path
    # For the processes that a task starts.
    os.environ.update(startup.importing_from(settings.python_path, os.environ))
    sys.argv[:] = [str(path)]
    module = _import(path, settings)
    run: Any = getattr(module, name, None)
    if not callable(run):
        raise TaskError(f"program: {file} has no function {name}")
    if settings.kind == "objective":
        from colabctl.run.optuna import objective  # noqa: PLC0415 - Optuna

        runner = objective.runner(run)
    else:
        uses_wandb = "wandb" in sys.modules or b"wandb" in path.read_bytes().lower()

        def bound(parameters: Mapping[str, bool]) -> Run:
            try:
                function = bind(run, name, parameters, uses_wandb=uses_wandb)
            except TaskError as error:
                raise TaskError(f"program: {file}: {error}") from None
            more = {"metric": settings.metric, "source": run, "uses_wandb": uses_wandb}
            return partial(call, function, **more)

        def run_chosen(params: dict[str, Any], task: Task) -> dict[str, Any]:
            try:
                chosen = bound(dict.fromkeys(params, True))
            except TaskError as error:
                raise TaskError(f"{_choice(settings, params)}{error}") from None
            return chosen(params, task)

        # A scheduler chooses the parameters later, and only then are their names known.
        runner = bound(settings.parameters) if settings.scheduler is None else run_chosen
    return following_wandb(runner, scratch, environ, keep=settings.keep_wandb)


def _choice(settings: Settings, params: Mapping[str, Any]) -> str:
    """Return which function of the user chose the parameters of a task; "" without one."""
    if settings.scheduler is None or not settings.scheduler["search_space"]:
        return ""
    from colabctl.run.optuna.scheduler import named  # noqa: PLC0415 - Optuna

    return f"{named(settings.scheduler, 'search_space')} chose {', '.join(params) or 'nothing'}; "


def _import(path: Path, settings: Settings) -> ModuleType:
    """Import the sweep's file, under the name that its pickles and child processes refer to.

    A file with relative imports is imported as a part of its package, from the nearest folder that
    Python imports from.
    """
    if _has_relative_imports(path):
        name = _dotted_name(path, settings)
        if package := name.rpartition(".")[0]:
            importlib.import_module(package)
        if name in sys.modules:  # its package imports it
            return sys.modules[name]
    else:
        name = path.stem if path.stem not in sys.modules else f"{path.stem}_code"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"program: {path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importing(settings.kind):
        spec.loader.exec_module(module)
    return module


def _has_relative_imports(path: Path) -> bool:
    try:
        nodes = ast.walk(ast.parse(path.read_bytes()))
    except (SyntaxError, ValueError):  # the import says it better
        return False
    return any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)


def _dotted_name(path: Path, settings: Settings) -> str:
    """Return the name of a module in a package, from the folder that the package is imported from.

    That is the first folder above it without `__init__.py`, or for a package without that file, the
    nearest folder of the import path.
    """
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    if root == path.parent:
        folders = {Path(folder) for folder in (*settings.import_path, settings.code)}
        root = next((folder for folder in root.parents if folder in folders), root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _importing(kind: str) -> AbstractContextManager[None]:
    """Return the context for an import: an objective's file stops at its own Study.optimize."""
    if kind != "objective":
        return nullcontext()
    from colabctl.run.optuna.objective import until_optimize  # noqa: PLC0415 - Optuna

    return until_optimize()
