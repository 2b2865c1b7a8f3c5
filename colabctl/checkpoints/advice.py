"""Says why a value cannot be saved without a pickle, and what to save instead."""

import dataclasses
import enum
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_INSTEAD: tuple[tuple[str, str], ...] = (  # what a value has, and what to save of it
    ("state_dict", "use its .state_dict()"),
    ("get_weights", "use its .get_weights()"),
    ("bit_generator", "use its .bit_generator.state"),
    ("get_state", "use its .get_state()"),
    ("getstate", "use its .getstate()"),
    ("to_parquet", "use it by itself, or with project.checkpoint()"),
    ("isoformat", "use its .isoformat()"),
    ("__array__", "use numpy.asarray(...) of it"),
)


def advice(value: Any, problem: str = "cannot be saved") -> str:
    """Return what a value is, and what to give instead, to follow its name in a message."""
    name = getattr(value, "__name__", "")
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        what = "a lambda" if name == "<lambda>" else f"the function {name}"
        return f"is {what}, which {problem}; leave it out"
    if isinstance(value, types.ModuleType | type):
        return f"is {name} itself, which {problem}; leave it out"
    kind = type(value)
    called = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"is of type {called}, which {problem}; {_instead(value)}"


def _instead(value: Any) -> str:
    if hasattr(value, "fileno") or hasattr(value, "__next__"):
        return "leave it out"
    if isinstance(value, enum.Enum):
        return "use its .value"
    if isinstance(value, PurePath):
        return "use str(...) of it"
    if isinstance(value, Mapping):
        return "use dict(...) of it"
    if isinstance(value, tuple):
        return "use tuple(...) of it"
    for attribute, instead in _INSTEAD:
        if hasattr(value, attribute):
            return instead
    if dataclasses.is_dataclass(value):
        return "use dataclasses.asdict(...) of it"
    return "use plain values, arrays or tensors instead"
