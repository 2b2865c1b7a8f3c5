"""Keeps the values of a function by its arguments."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, ParamSpec, TypeVar

from colabctl.checkpoints import records
from colabctl.checkpoints.code import code_of
from colabctl.checkpoints.formats import STATES, Format, ending_for
from colabctl.checkpoints.inputs import inputs_of
from colabctl.checkpoints.origin import Origin, Owner
from colabctl.checkpoints.places import RECORD
from colabctl.checkpoints.stored import Stored
from colabctl.checkpoints.values import digest_of
from colabctl.errors import UserError, nearest
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_name

P = ParamSpec("P")
T = TypeVar("T")

_FOLDER = "cached"
_LENGTH = 24  # hexadecimal digits of the digest of the arguments


def cached(
    function: Callable[P, T], owner: Owner, name: str | None = None, form: str | None = None
) -> Callable[P, T]:
    """Return a function that keeps its values; see Project.cached."""
    if not inspect.isfunction(function):
        raise UserError("project.cached is for functions; write @project.cached above a def")
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise UserError(
            f"{function.__name__} yields its values or is async, so they cannot be saved; let it "
            "return a list"
        )
    called = check_name(name or function.__name__.replace("<lambda>", ""), "cached function")
    ending = None if form is None else _ending(form)
    folder = owner.folder / _FOLDER / called
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        digests = [
            (argument, digest_of(value, f"argument {argument!r} of {called}()"))
            for argument, value in bound.arguments.items()
        ]
        key = digest_of(digests, called)[:_LENGTH]
        # Thousands of arguments: no folder may hold more than some hundred files.
        base = folder / key[:2] / key
        check_inside(base, owner.root)
        paths = {n: v for n, v in bound.arguments.items() if isinstance(v, PurePath)}
        inputs = inputs_of({n: v for n, v in paths.items() if Path(v).exists()}, owner.root)
        stored = Stored(owner, base.with_name(base.name + RECORD), f"{called}({_shown(bound)})")

        def place(value: Any) -> tuple[Path, Format]:
            chosen = ending or ending_for(value)
            return base.with_name(base.name + chosen), STATES[chosen]

        there = _there(base, ending)
        value: T = stored.value(
            there, lambda: function(*args, **kwargs), Origin(code_of(function), inputs), place
        )
        return value

    return call


def _ending(form: str) -> str:
    ending = f".{form.lower().removeprefix('.')}"
    if ending not in STATES:
        near = nearest(ending, STATES)
        mean = f"did you mean {near}?" if near else f"use one of {', '.join(STATES)}"
        raise UserError(f"format {form!r} is not known; {mean}")
    STATES[ending].check_installed(f"format {form!r}")
    return ending


def _there(base: Path, ending: str | None) -> tuple[Path, Format] | None:
    """Return where a value with these arguments is, by its record; None if there is none."""
    saved = records.load(base.with_name(base.name + RECORD))
    if saved is None:
        return None
    name, dot, last = saved.file.rpartition(".")
    if name != base.name or dot + last not in STATES or (ending and dot + last != ending):
        return None
    form = STATES[dot + last]
    # Only a pickle that was asked for is loaded.
    return None if form.pickles and ending is None else (base.with_name(saved.file), form)


def _shown(bound: inspect.BoundArguments) -> str:
    text = ", ".join(f"{name}={value!r:.20}" for name, value in bound.arguments.items())
    return " ".join(text.split())[:80]
