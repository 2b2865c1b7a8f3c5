"""The libraries that the samplers need, which an installation may lack."""

from collections.abc import Sequence
from importlib.util import find_spec

_LIBRARIES = {"gp": ("scipy",), "cmaes": ("cmaes",), "qmc": ("scipy",)}
_OF_OBJECTIVES = {"gp": ("torch",)}  # of Optuna objectives only, whose sampler is Optuna's own
_IN_EXTRA = ("optuna", "cmaes", "scipy")  # of the extra `bayes` in pyproject.toml


def missing(sampler: str, *, objective: bool = False) -> list[str]:
    """Return the libraries of a sampler, perhaps of an Optuna objective, that are not installed."""
    more = _OF_OBJECTIVES.get(sampler, ()) if objective else ()
    names = ("optuna", *more, *_LIBRARIES.get(sampler, ()))
    return [name for name in names if find_spec(name) is None]


def command(libraries: Sequence[str]) -> str:
    """Return the command that installs libraries of samplers, with the extra that has them."""
    install = f"pip install {' '.join(libraries)}"
    in_extra = all(library in _IN_EXTRA for library in libraries)
    return f"{install} (or install colabctl with the extra bayes)" if in_extra else install
