"""Writes a declared sweep in W&B's own form: a sweep for each cell, and for each branch in it.

W&B knows neither `foreach` nor `choices`. With the values of a cell and the names of its branches
fixed, what is left is as plain as W&B's form, and draws and enumerates the same there.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from operator import methodcaller
from typing import Any

from colabctl.errors import UserError
from colabctl.export.flatten import Plain, count, plain_spaces
from colabctl.search.language.declaration import Declaration
from colabctl.search.language.problems import listed
from colabctl.search.space.cells import Cell
from colabctl.search.space.continuous import (
    InvLogUniform,
    InvLogUniformValues,
    Law,
    LogUniform,
    LogUniformValues,
    Quantized,
)
from colabctl.search.space.discrete import Constant, Distribution
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space, Values
from colabctl.yamlfile.problems import shown

MOST_SWEEPS = 10_000
"""W&B sweeps that one sweep may become."""

_METHODS = ("grid", "random", "bayes")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")  # of a parameter, by W&B's schema
_MACRO = re.compile(r"\$\{([^}]*)\}")
_MACROS = re.compile(r"env|interpreter|program|args(_[a-z_]+)?|envvar:.*")  # that its agent expands
_OURS = ("sampler", "seed", "max_retries", "task_timeout", "code", "claims")
_THEIRS = ("project", "entity")  # which mean nothing here, and are kept
_LONGEST_WORD = 60


@dataclass(frozen=True)
class WandbSweep:
    """One sweep in W&B's form.

    fixed   the values of its cell, and after them the branch of each choice by the choice's name,
            where that is nested with dots before it
    config  what its file says
    """

    name: str
    fixed: Values
    tasks: int
    config: Mapping[str, Any]


def wandb_sweeps(
    declaration: Declaration, cells: Sequence[Cell], name: str
) -> tuple[list[WandbSweep], list[str]]:
    """Return the sweep `name` as W&B sweeps, and notes on what W&B has no form for.

    A cell's number of tasks becomes `run_cap`, shared out over its branches as its tasks are drawn:
    evenly at each choice, no branch more than it has points. A grid's is shared out by points.
    What gets no task is left out. Raises UserError for a sweep that has no such form.
    """
    _refuse_what_has_no_form(declaration, cells)
    common, notes = _common(declaration)
    sweeps: list[WandbSweep] = []
    without_tasks = 0
    for cell in cells:
        branches = list(plain_spaces(cell.space))
        shares = _shared_out(cell, branches, declaration.method)
        for (fixed, _, space), tasks in zip(branches, shares, strict=True):
            if not tasks:
                without_tasks += 1
                continue
            every = {**cell.values, **fixed}
            config = {
                "name": " ".join((name, *assignments(every))),
                **common,
                "method": _method(declaration, space),
                "run_cap": tasks,
                "parameters": _parameters(space),
            }
            sweeps.append(WandbSweep(config["name"], every, tasks, config))
    if len(sweeps) + without_tasks > len(cells):
        notes.append(
            "choices: W&B has none, so each branch is a sweep of its own with its share of the "
            "tasks as run_cap"
        )
    if without_tasks:
        notes.append(f"run_cap: {without_tasks} cells or branches have no task, and no sweep")
    if declaration.method == "random" and any(_runs_each_point_once(cell) for cell in cells):
        notes.append("trials: where each point runs once here, W&B may draw one several times")
    return sweeps, notes


def assignments(values: Mapping[str, Any]) -> list[str]:
    """Return values as people read them, each short and on one line: `model=xgb`, `lr=0.1`."""
    return [f"{name}={_word(value)}" for name, value in values.items()]


def _refuse_what_has_no_form(declaration: Declaration, cells: Sequence[Cell]) -> None:
    source = declaration.source
    if declaration.method not in _METHODS:
        raise UserError(
            f"{source}: method {declaration.method} suggests its parameters in code, and W&B needs "
            "a list of them; export the trials with --to optuna or --to csv"
        )
    names = {parameter.name for parameter in _every(declaration.parameters)}
    odd = sorted(name for name in names if not _NAME.fullmatch(name))
    if odd:
        raise UserError(
            f"{source}: W&B takes no parameter named {listed(map(shown, odd))}; a name there has "
            "letters, digits, _ . and - only, and begins with a letter or _"
        )
    total = sum(count(cell.space) for cell in cells)
    if total > MOST_SWEEPS:
        raise UserError(
            f"{source}: its cells and branches make {total:,} W&B sweeps, and {MOST_SWEEPS:,} is "
            "the limit; give foreach or choices: fewer of them"
        )


def _every(space: Space) -> Iterator[Parameter]:
    """Yield all parameters of a space, those in nests and branches included."""
    for parameter in space.parameters:
        yield parameter
        match parameter:
            case Nest(_, inner):
                yield from _every(inner)
            case Choice(_, branches):
                for branch in branches.values():
                    yield from _every(branch)


def _common(declaration: Declaration) -> tuple[dict[str, Any], list[str]]:
    """Return what all sweeps of a declaration have in common, and notes on what is left out."""
    given = _given(declaration.content)
    notes = []
    ours = [key for key in _OURS if key in given]
    if ours:
        notes.append(f"{listed(ours)}: W&B has no form for that; left out")
    program, rule = declaration.program, declaration.early_terminate
    if program is not None and ":" in program:
        notes.append(
            f"program: {program} is a function, and W&B starts programs; left out, so call it "
            "through wandb.agent(ID, function=...)"
        )
        program = None
    macros = {m[1] for word in declaration.command or () for m in _MACRO.finditer(word)}
    dropped = sorted(macro for macro in macros if not _MACROS.fullmatch(macro))
    if dropped:
        spelled = listed(f"${{{macro}}}" for macro in dropped)
        notes.append(f"command: W&B's agent does not put in the value of {spelled}")
    if rule is not None and rule.get("type") != "hyperband":
        notes.append(f"early_terminate: W&B knows no {rule.get('type')}; left out")
        rule = None
    theirs = {key: declaration.content.get(key) for key in _THEIRS}
    common = {
        "description": declaration.description,
        **{key: value for key, value in theirs.items() if isinstance(value, str)},
        "program": program,
        "command": list(declaration.command) if declaration.command else None,
        "method": declaration.method,
        "metric": _given(asdict(declaration.metric)) if declaration.metric else None,
        "early_terminate": dict(rule) if rule else None,
    }
    return _given(common), notes


def _given(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}


def _shared_out(cell: Cell, branches: Sequence[Plain], method: str) -> list[int]:
    """Return the number of tasks of each branch of a cell."""
    if len(branches) == 1:
        return [cell.tasks]
    most = [_size(space, method) for _, _, space in branches]
    weights = [
        Fraction(size or 0) if method == "grid" else share
        for (_, share, _), size in zip(branches, most, strict=True)
    ]
    limits = [cell.tasks if size is None else min(size, cell.tasks) for size in most]
    tasks = [0] * len(branches)
    left, weight_left = cell.tasks, sum(weights)
    # What is full soonest comes first, so that the others get what it cannot take.
    for i in sorted(range(len(branches)), key=lambda i: limits[i] / weights[i]):
        tasks[i] = min(limits[i], math.floor(left * weights[i] / weight_left + Fraction(1, 2)))
        left -= tasks[i]
        weight_left -= weights[i]
    return tasks


def _size(space: Space, method: str) -> int | None:
    points = space.points(methodcaller("grid" if method == "grid" else "support"))
    return None if points is None else points.size


def _runs_each_point_once(cell: Cell) -> bool:
    size = _size(cell.space, "random")
    return size is not None and 1 < size <= cell.tasks


def _method(declaration: Declaration, space: Space) -> str:
    """Return the method of the sweep; W&B's bayes refuses a space that has one point only."""
    only_constants = all(
        isinstance(each.distribution, Constant) for each in _every(space) if isinstance(each, Leaf)
    )
    return "grid" if declaration.method == "bayes" and only_constants else declaration.method


def _parameters(space: Space) -> dict[str, Any]:
    return {parameter.name: _parameter(parameter) for parameter in space.parameters}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Nest(_, Space(())):  # W&B has no empty nest
            return _leaf(Constant({}))
        case Nest(_, space):
            return {"parameters": _parameters(space)}
        case Leaf(_, distribution):
            return _leaf(distribution)
    raise AssertionError(parameter)  # a choice: its branch is fixed


def _leaf(distribution: Distribution) -> dict[str, Any]:
    """Return W&B's spelling of a distribution; nothing is left to be inferred."""
    if isinstance(distribution, Quantized):
        law = _with_bounds(distribution.law)
        return {**_leaf(law), "distribution": f"q_{law.kind}", "q": distribution.q}
    if isinstance(distribution, Law):
        distribution = _with_bounds(distribution)
    keys: dict[str, Any] = {"distribution": distribution.kind}
    for field in fields(distribution):  # type: ignore[arg-type]  # each is a dataclass
        value = getattr(distribution, field.name)
        keys[field.name] = list(value) if field.name in ("values", "probabilities") else value
    return keys


def _with_bounds(law: Law) -> Law:
    """Return a law between exponents of e as the one between bounds; W&B has given up the former.

    The draws are the same but for the last digits.
    """
    try:
        match law:
            case LogUniform(low, high):
                return LogUniformValues(math.exp(low), math.exp(high))
            case InvLogUniform(low, high):
                return InvLogUniformValues(math.exp(-high), math.exp(-low))
    except ValueError:  # exponents so near to each other that the bounds are the same
        pass
    return law


def _word(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_WORD
    return str(value) if plain else shown(value)
