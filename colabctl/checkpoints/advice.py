"""Says why a value cannot be saved without a pickle, and what to save instead."""

import dataclasses
import enum
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_INSTEAD: tuple[tuple[str, str], ...] = (  # what a value has, and what to save of it
    ("state_dict", "save its .state_dict()"),
    ("get_weights", "save its .get_weights()"),
    ("bit_generator", "save its .bit_generator.state"),
    ("get_state", "save its .get_state()"),
    ("getstate", "save its .getstate()"),
    ("to_parquet", "save it by itself, or with project.checkpoint()"),
    ("isoformat", "save its .isoformat()"),
    ("__array__", "save numpy.asarray(...) of it"),
)


def advice(value: Any) -> str:
    """Return what a value is, and what to save instead, to follow its name in a message."""
    name = getattr(value, "__name__", "")
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        what = "a lambda" if name == "<lambda>" else f"the function {name}"
        return f"is {what}, which cannot be saved; leave it out"
    if isinstance(value, types.ModuleType | type):
        return f"is {name} itself, which cannot be saved; leave it out"
    kind = type(value)
    called = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"is of type {called}, which cannot be saved; {_instead(value)}"


def _instead(value: Any) -> str:
    if hasattr(value, "fileno") or hasattr(value, "__next__"):
        return "leave it out"
    if isinstance(value, enum.Enum):
        return "save its .value"
    if isinstance(value, PurePath):
        return "save str(...) of it"
    if isinstance(value, Mapping):
        return "save dict(...) of it"
    if isinstance(value, tuple):
        return "save tuple(...) of it"
    for attribute, instead in _INSTEAD:
        if hasattr(value, attribute):
            return instead
    if dataclasses.is_dataclass(value):
        return "save dataclasses.asdict(...) of it"
    return "save plain values, arrays or tensors instead"
