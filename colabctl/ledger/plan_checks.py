"""Checks a plan, because others can write to the folder: it decides what workers run."""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import fields
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from colabctl.budget import decode_budget, decode_patience
from colabctl.needs import decode as decode_needs
from colabctl.notify import decode as decode_notify
from colabctl.repeat import decode as decode_repeat

if TYPE_CHECKING:
    from colabctl.ledger.plan import Plan

MOST_TASKS = 1_000_000
"""In a sweep, because their folders are named by six digits."""

MOST_EARLIER = 100
"""Sweeps that one sweep learns from."""

_LONGEST_NAME = 255  # characters of a folder's name
_DIGEST = re.compile("[0-9a-f]{64}")
LATEST = 4.1e9  # seconds since 1970: the year 2099, as in events


def check_plan(plan: "Plan", unchecked: Collection[str] = ()) -> None:
    """Raise ValueError or TypeError for a plan that no declaration gives."""
    for field in (each for each in fields(plan) if each.name not in unchecked):
        value = getattr(plan, field.name)
        if not _fits(value, field.type):
            raise TypeError(f"{field.name} is {value!r:.60}")
    if not 0 <= plan.total <= MOST_TASKS:
        raise ValueError(f"total is not from 0 to {MOST_TASKS:,}")
    _check_cells(plan)
    for name in ("heartbeat", "lease", "task_timeout"):
        seconds = getattr(plan, name)
        if seconds is not None and not 0 < float(seconds) < math.inf:
            raise ValueError(f"{name} is {seconds!r:.60}")
    if not 0 <= plan.declared_at < LATEST:
        raise ValueError(f"declared_at is {plan.declared_at!r:.60}")
    for key, folder in (("cwd", plan.cwd), *(("import_path", path) for path in plan.import_path)):
        if folder != ".":
            _check_path(key, folder)
    for file in plan.code_files or ():
        _check_path("code_files", file)
    if plan.program is not None:
        _check_program(plan.program, plan.kind)
    _check_function(plan)
    decode_notify(plan.notify)
    decode_budget(plan.budget)
    if decode_patience(plan.patience) is not None and plan.metric is None:
        raise ValueError("it has patience, and no metric")
    decode_needs(plan.needs)
    _check_repeat(plan)
    _check_metrics(plan)
    _check_staged(plan)
    _check_scheduler(plan)
    _check_learn_from(plan)


def _check_cells(plan: "Plan") -> None:
    for cell in plan.cells:
        if type(cell) is not dict or type(cell.get("values")) is not dict:
            raise TypeError("a cell has no values")
        if type(cell.get("tasks")) is not int or cell["tasks"] < 0:
            raise TypeError("a cell has no number of tasks")
        starts = cell.get("starts", 0)
        if type(starts) is not int or starts < 0:
            raise TypeError("a cell has no number of starts")
    if plan.cells and sum(cell["tasks"] for cell in plan.cells) != plan.total:
        raise ValueError("the tasks of its cells do not add up to total")


def _check_repeat(plan: "Plan") -> None:
    count = decode_repeat(plan.repeat).count
    for cell in plan.cells:
        if cell["tasks"] % count:
            raise ValueError("a cell has only some of the repeats of a configuration")
        if cell.get("starts", 0) * count > cell["tasks"]:
            raise ValueError("a cell has more starts than configurations")


def _check_metrics(plan: "Plan") -> None:
    for each in plan.metrics:
        match each:
            case {"name": str(), "goal": "minimize" | "maximize"}:
                continue
        raise TypeError(f"metrics has {each!r:.60}")
    if plan.metrics and (plan.metric is not None or plan.early_terminate is not None):
        raise ValueError("it has several metrics, and keys for one")


def _check_scheduler(plan: "Plan") -> None:
    """Raise ValueError or TypeError for functions that no declaration gives."""
    if plan.scheduler is None:
        return
    _check_path("scheduler", str(plan.scheduler.get("source")))
    for key in ("optimizer", "search_space"):
        name = plan.scheduler.get(key)
        if name is not None and not (type(name) is str and name.isidentifier()):
            raise ValueError(f"scheduler has {name!r:.60}")
    if type(plan.scheduler.get("config")) is not dict:
        raise TypeError("scheduler has no config")


def _check_learn_from(plan: "Plan") -> None:
    """Raise ValueError or TypeError for earlier sweeps that no declaration names."""
    earlier = plan.learn_from or {}
    if len(earlier) > MOST_EARLIER:
        raise ValueError(f"learn_from has more than {MOST_EARLIER} sweeps")
    for name, digest in earlier.items():
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or "/" in name:
            raise ValueError(f"learn_from has the name {name!r:.60}")
        if not (type(digest) is str and _DIGEST.fullmatch(digest)):
            raise TypeError(f"learn_from has {digest!r:.60}")


def _check_staged(plan: "Plan") -> None:
    """Raise ValueError or TypeError for an entry of `stage` that no declaration gives."""
    for name, entry in (plan.stage or {}).items():
        if not (name.isidentifier() and name.isascii()):
            raise ValueError(f"stage has the name {name!r:.60}")
        match entry:
            case {"path": str(path), "digest": str()} if not {"\0", "\n", "\\"} & set(path):
                if not {"", ".", ".."} & set(path.split("/")):
                    continue
        raise TypeError(f"stage has {entry!r:.60}")


def _check_function(plan: "Plan") -> None:
    if plan.process_tasks < 0:
        raise ValueError(f"process_tasks is {plan.process_tasks}")
    if not all(type(always) is bool for always in (plan.parameters or {}).values()):
        raise TypeError(f"parameters is {plan.parameters!r:.60}")


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value from JSON has the type of a field, exactly: True is not an int."""
    if isinstance(annotation, UnionType):
        return any(_fits(value, each) for each in get_args(annotation))
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    kind = get_origin(annotation) or annotation
    return type(value) in {float: (int, float), Mapping: (dict,)}.get(kind, (kind,))


def _check_program(program: str, kind: str) -> None:
    file, colon, function = program.partition(":")
    if colon and not (kind in ("function", "objective") and function.isidentifier()):
        raise ValueError(f"program is {program!r:.60}")
    _check_path("program", file)


def _check_path(key: str, path: str) -> None:
    """Raise ValueError for a path that leads out of the frozen code."""
    parts = path.split("/")
    if (
        "\\" in path
        or "\0" in path
        or any(part in ("", ".", "..") or ":" in part for part in parts)
    ):
        raise ValueError(f"{key} is {path!r:.60}")
