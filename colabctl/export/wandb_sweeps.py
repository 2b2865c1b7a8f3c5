"""Turns a declared sweep into W&B sweeps: one for each cell, and for each branch in it.

W&B has neither `foreach` nor `choices`. With the values of a cell and its branches fixed, W&B can
express the rest, and draws and lists it in the same way.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from typing import Any

from colabctl.errors import UserError
from colabctl.export.flatten import FlatSpace, count, flat_spaces
from colabctl.repeat import ONCE
from colabctl.search.language.declaration import Declaration
from colabctl.search.language.problems import listed
from colabctl.search.language.stopping.stopping_rules import Hyperband
from colabctl.search.space.cells import Cell
from colabctl.search.space.continuous import (
    Continuous,
    InvLogUniform,
    InvLogUniformValues,
    LogUniform,
    LogUniformValues,
    Quantized,
)
from colabctl.search.space.discrete import Categorical, Constant, Distribution
from colabctl.search.space.space import Leaf, Nest, Parameter, Space, Values
from colabctl.yamlfile.problems import shown

MOST_SWEEPS = 10_000
"""The most W&B sweeps from one sweep."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")  # of a parameter, in W&B's schema
_MACRO = re.compile(r"\$\{([^}]*)\}")
_MACROS = re.compile(r"env|interpreter|program|args(_[a-z_]+)?|envvar:.*")  # W&B's
_COLABCTL_KEYS = (
    *("sampler", "start_with", "learn_from", "seed", "budget", "patience", "needs"),
    *("max_retries", "task_timeout", "code", "claims", "keep_wandb"),
)
_WANDB_KEYS = ("project", "entity")  # ignored here, but exported
_LONGEST_WORD = 60


@dataclass(frozen=True)
class WandbSweep:
    """One sweep in W&B's format.

    Attributes:
        fixed: the values of its cell, then the branch of each choice, by name; dots join the names
            of nested maps
        config: the content of its file
    """

    name: str
    fixed: Values
    tasks: int
    config: Mapping[str, Any]


def wandb_sweeps(
    declaration: Declaration, cells: Sequence[Cell], name: str
) -> tuple[list[WandbSweep], list[str]]:
    """Return the sweep `name` as W&B sweeps, with notes on what W&B cannot express.

    The tasks of a cell become `run_cap`, which its branches share as they share its draws: evenly
    at each choice, with at most one task for each point of a branch; in a grid, by points. Branches
    without tasks are skipped. Raises UserError for a sweep that W&B cannot express.
    """
    _check_expressible(declaration, cells)
    common, notes = _common(declaration)
    repeat = declaration.repeat or ONCE
    own = {name: _distribution(Categorical(repeat.values)) for name in repeat.params(0)}
    sweeps: list[WandbSweep] = []
    without_tasks = 0
    for cell in cells:
        cell = replace(cell, tasks=cell.tasks // repeat.count)  # noqa: PLW2901 - its configurations
        branches = list(flat_spaces(cell.space))
        shares = _shares(cell, branches, declaration.method)
        for (fixed, _, space), tasks in zip(branches, shares, strict=True):
            if not tasks:
                without_tasks += 1
                continue
            values = {**cell.values, **fixed}
            config = {
                "name": " ".join((name, *assignments(values))),
                **common,
                "method": _method(declaration, space),
                "run_cap": tasks * repeat.count if own else tasks,
                "parameters": _parameters(space) | own,
            }
            sweeps.append(WandbSweep(config["name"], values, config["run_cap"], config))
    if len(sweeps) + without_tasks > len(cells):
        notes.append(
            "choices: W&B has none, so each branch is a sweep of its own with its share of the "
            "tasks as run_cap"
        )
    if without_tasks:
        notes.append(f"run_cap: {without_tasks} cells or branches without tasks are skipped")
    if repeat.count > 1:
        notes.append(
            f"repeat: {next(iter(own))} is a parameter there"
            + ("" if declaration.method == "grid" else ", which W&B draws for each run")
            if own
            else "repeat: W&B has none; each configuration runs once there"
        )
    if declaration.method == "random" and any(
        _runs_each_point_once(cell, repeat.count) for cell in cells
    ):
        notes.append("trials: each point runs once here, but W&B may draw one several times")
    return sweeps, notes


def assignments(values: Mapping[str, Any]) -> list[str]:
    """Return each value as short text on one line: `model=xgb`, `lr=0.1`."""
    return [f"{name}={_word(value)}" for name, value in values.items()]


def _check_expressible(declaration: Declaration, cells: Sequence[Cell]) -> None:
    source = declaration.source
    if declaration.method == "optuna":
        raise UserError(
            f"{source}: with method {declaration.written_method}, code suggests the parameters, "
            "but W&B needs a list of them; export the trials with --to optuna or --to csv"
        )
    if declaration.metrics and declaration.method == "bayes":
        raise UserError(
            f"{source}: W&B's bayes searches for one metric, and this sweep has several; export "
            "the trials with --to optuna or --to csv"
        )
    if skipped := [key for key in ("zip", "where") if declaration.content.get(key)]:
        raise UserError(
            f"{source}: W&B cannot express {' and '.join(skipped)}:, and would run other "
            "parameters; write what goes together as choices:, or export the tasks with --to csv"
        )
    names = {parameter.name for _, parameter in declaration.parameters.walk()}
    odd = sorted(name for name in names if not _NAME.fullmatch(name))
    if odd:
        raise UserError(
            f"{source}: W&B does not allow a parameter named {listed(map(shown, odd))}; use "
            "letters, digits, _ . and - only, and start with a letter or _"
        )
    total = sum(count(cell.space) for cell in cells)
    if total > MOST_SWEEPS:
        raise UserError(
            f"{source}: its cells and branches make {total:,} W&B sweeps, and {MOST_SWEEPS:,} is "
            "the limit; use fewer values in foreach or branches in choices:"
        )


def _common(declaration: Declaration) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that all W&B sweeps have in common, and notes on the skipped ones."""
    notes = []
    skipped = [key for key in _COLABCTL_KEYS if declaration.content.get(key) is not None]
    if skipped:
        notes.append(f"{listed(skipped)}: W&B has no such key; skipped")
    if declaration.metrics:
        notes.append("metrics: W&B takes several only from other optimisers; skipped")
    program, rule = declaration.program, declaration.early_terminate
    if program is not None and ":" in program:
        notes.append(
            f"program: {program} is a function, but W&B starts programs; skipped, so run it with "
            "wandb.agent(ID, function=...)"
        )
        program = None
    macros = {m[1] for word in declaration.command or () for m in _MACRO.finditer(word)}
    dropped = sorted(macro for macro in macros if not _MACROS.fullmatch(macro))
    if dropped:
        macros_text = listed(f"${{{macro}}}" for macro in dropped)
        notes.append(f"command: W&B's agent does not expand {macros_text}")
    if rule is not None and not isinstance(rule, Hyperband):
        notes.append(f"early_terminate: W&B does not have {rule.type}; skipped")
        rule = None
    wandb_keys = {key: declaration.content.get(key) for key in _WANDB_KEYS}
    common = {
        "description": declaration.description,
        **{key: value for key, value in wandb_keys.items() if isinstance(value, str)},
        "program": program,
        "command": list(declaration.command) if declaration.command else None,
        "method": declaration.method,
        "metric": _without_nulls(asdict(declaration.metric)) if declaration.metric else None,
        "early_terminate": rule.to_json() if rule else None,
    }
    return _without_nulls(common), notes


def _without_nulls(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}


def _shares(cell: Cell, branches: Sequence[FlatSpace], method: str) -> list[int]:
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
    # Branches that reach their limit first come first, so that the others get the rest.
    for i in sorted(range(len(branches)), key=lambda i: limits[i] / weights[i]):
        tasks[i] = min(limits[i], math.floor(left * weights[i] / weight_left + Fraction(1, 2)))
        left -= tasks[i]
        weight_left -= weights[i]
    return tasks


def _size(space: Space, method: str) -> int | None:
    points = space.points(grid=method == "grid")
    return None if points is None else points.size


def _runs_each_point_once(cell: Cell, repeats: int) -> bool:
    size = _size(cell.space, "random")
    return size is not None and 1 < size <= cell.tasks // repeats


def _method(declaration: Declaration, space: Space) -> str:
    """Return the method of a W&B sweep; W&B's bayes refuses a space with a single point."""
    only_constants = all(
        isinstance(parameter.distribution, Constant)
        for _, parameter in space.walk()
        if isinstance(parameter, Leaf)
    )
    return "grid" if declaration.method == "bayes" and only_constants else declaration.method


def _parameters(space: Space) -> dict[str, Any]:
    return {parameter.name: _parameter(parameter) for parameter in space.parameters}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    match parameter:
        case Nest(_, Space(())):  # W&B has no empty nest
            return _distribution(Constant({}))
        case Nest(_, space):
            return {"parameters": _parameters(space)}
        case Leaf(_, distribution):
            return _distribution(distribution)
    raise AssertionError(parameter)  # a choice: its branch is fixed


def _distribution(distribution: Distribution) -> dict[str, Any]:
    """Return a distribution in W&B's format, with its name."""
    if isinstance(distribution, Quantized):
        base = _with_bounds(distribution.base)
        return {**_distribution(base), "distribution": f"q_{base.kind}", "q": distribution.q}
    if isinstance(distribution, Continuous):
        distribution = _with_bounds(distribution)
    keys: dict[str, Any] = {"distribution": distribution.kind}
    for field in fields(distribution):  # type: ignore[arg-type]  # each is a dataclass
        value = getattr(distribution, field.name)
        keys[field.name] = list(value) if field.name in ("values", "probabilities") else value
    return keys


def _with_bounds(distribution: Continuous) -> Continuous:
    """Replace bounds that are exponents of e, which W&B deprecates, by bounds that are values.

    Only the last digits of draws change.
    """
    try:
        match distribution:
            case LogUniform(low, high):
                return LogUniformValues(math.exp(low), math.exp(high))
            case InvLogUniform(low, high):
                return InvLogUniformValues(math.exp(-high), math.exp(-low))
    except ValueError:  # exponents so close that the bounds are equal
        pass
    return distribution


def _word(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_WORD
    return str(value) if plain else shown(value)
