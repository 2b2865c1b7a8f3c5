"""Finds the engine that `--on` names: a built-in one, or one of an installed package."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from colabctl.engines.contract import Engine, MakeEngine
from colabctl.errors import UserError, nearest

GROUP = "colabctl.engines"
BUILT_IN = {"slurm": "colabctl.engines.slurm.engine", "dask": "colabctl.engines.dask.engine"}
"""The modules of the built-in engines; each has a function `engine`."""


def find_engine(on: str, options: Mapping[str, str]) -> Engine:
    """Return the engine that `on` names: NAME or NAME://ADDRESS.

    `options` are those that the user gave for this engine. Raises UserError for a name that is
    unknown, for a package that cannot be imported, and for what the engine itself refuses.
    """
    name, _, address = on.partition("://")
    if name in BUILT_IN:
        try:
            module = import_module(BUILT_IN[name])
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.partition(".")[0] != "colabctl":
                raise UserError(f"--on {name} needs {error.name}, which is not installed; install "
                                f"it with: pip install {error.name}") from None  # fmt: skip
            raise UserError(f"--on {name} is not in this version of colabctl") from None
        engine: Engine = module.engine(address, options)
        return engine
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name in others:
        return _load(others[name])(address, options)
    names = sorted({*BUILT_IN, *others})
    like = nearest(name, names)
    guess = f"did you mean {like}? " if like else ""
    raise UserError(
        f"--on {name!r:.70}: there is no such engine; {guess}The engines here are "
        f"{', '.join(names)}; see: colabctl guide engines"
    )


def _load(point: EntryPoint) -> MakeEngine:
    """Return the function that an entry point names."""
    try:
        make: MakeEngine = point.load()
    except Exception as error:  # a package of others: whatever its import raises
        package = point.dist.name if point.dist else point.value
        raise UserError(
            f"--on {point.name}: the package {package} cannot be loaded: {error}; repair it, or "
            "install it again"
        ) from error
    return make
