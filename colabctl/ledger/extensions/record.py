"""The extensions of a sweep, extension.json: more tasks, and perhaps a new version of its program.

An extension is a folder of its own next to plan.json, with its writer's name in it, and
extension.json is written last. So it is there as a whole or not at all, and no one else writes
there. It names those that its writer knew. Every reader puts them in the same order: after those
that they name, then by date, member and name. Tasks are numbered in this order, so an extension
that is written after another moves none of its tasks.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger.plan import NOT_IN_FILE, Plan
from colabctl.ledger.plan_checks import LATEST, MOST_TASKS, check_plan
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.records import damaged, read_record

START = "extension-"
"""The start of the name of an extension's folder."""

RECORD = "extension.json"
_FORMAT = 1
_LARGEST = 1 << 28  # bytes of a record
_LONGEST_NAME = 255  # characters of a folder's name

_NOT_IN_FILE = frozenset({"name", "keys", "dropped"})

VERSION_KEYS = (
    "kind", "program", "command", "cwd", "import_path", "code_digest", "code_files", "code_origin",
)  # fmt: skip
"""The keys of a plan that a new version of the program gives."""

LIMITS = ("budget", "patience")
"""The keys of a plan that an extension can change, because they do not decide what a task is."""


@dataclass(frozen=True)
class Extension:
    """The content of extension.json.

    Attributes:
        name: the name of its folder.
        sweep: the run digest of the sweep, as it was declared.
        at: seconds since 1970.
        after: the names of the extensions that its writer knew.
        values: values that parameters got, each as [path, values]; a path is a list of names.
        cells: {"values": {...}, "tasks": n, "first": number of the first draw} for its tasks, in
            order; a new cell may have "starts", the number of its points of `start_with`.
        task_digests: SHA-256 of each of its task files.
        version: the keys of the plan that a changed program gives; {} for the same program.
        limits: the keys of the plan that a changed budget or patience gives.
        keys: what tells its tasks apart, where another one was written at the same time; not in
            the file.
        dropped: its tasks that such a one has too, by their numbers here; not in the file.

    """

    name: str
    sweep: str
    member: str
    at: float
    after: tuple[str, ...] = ()
    values: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = ()
    cells: tuple[Mapping[str, Any], ...] = ()
    task_digests: tuple[str, ...] = ()
    version: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = field(default=(), repr=False)
    dropped: frozenset[int] = frozenset()

    @property
    def total(self) -> int:
        """Number of its tasks that count."""
        return int(sum(cell["tasks"] for cell in self.cells)) - len(self.dropped)

    @cached_property
    def counting(self) -> Sequence[int]:
        """The numbers of its tasks that count, in order."""
        every = range(sum(cell["tasks"] for cell in self.cells))
        return [each for each in every if each not in self.dropped] if self.dropped else every

    def counted(self) -> Iterator[Mapping[str, Any]]:
        """Yield its cells with the numbers of tasks that count."""
        first = 0
        for cell in self.cells:
            own = range(first, first + cell["tasks"])
            first = own.stop
            lost = sum(each in own for each in self.dropped)
            starts = {"starts": cell["starts"]} if "starts" in cell else {}
            yield {"values": cell["values"], "tasks": cell["tasks"] - lost, **starts}

    def encode(self) -> bytes:
        """Return the bytes of extension.json."""
        names = [each.name for each in fields(self) if each.name not in _NOT_IN_FILE]
        keys = {"format": _FORMAT, **{name: getattr(self, name) for name in names}}
        return json.dumps(keys, indent=1).encode() + b"\n"

    def plan(self, declared: Plan) -> Plan:
        """Return the plan of its tasks alone, which are numbered from 0."""
        total = sum(cell["tasks"] for cell in self.cells)
        return replace(declared, total=total, cells=self.cells, task_digests=self.task_digests)


def read_extension(file: Path) -> Extension:
    """Return the extension in a file; raises as `read_record` does, UserError if it is damaged."""
    record = read_record(file, _LARGEST, _FORMAT)
    try:
        extension = Extension(
            file.parent.name,
            _text(record["sweep"]),
            _text(record["member"]),
            float(record["at"]),
            tuple(map(_text, record["after"])),
            tuple((tuple(map(_text, path)), tuple(values)) for path, values in record["values"]),
            tuple(map(_cell, record["cells"])),
            tuple(map(_text, record["task_digests"])),
            dict(map(_version_key, dict(record["version"]).items())),
            dict(map(_limit, dict(record.get("limits", {})).items())),
        )
        _check(extension)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(file, error) from None
    return extension


def _check(extension: Extension) -> None:
    """Raise ValueError for an extension that no one could have written."""
    if not 0 <= extension.at < LATEST:
        raise ValueError(f"at is {extension.at!r:.60}")
    if extension.version and extension.version.keys() != set(VERSION_KEYS):
        raise ValueError("version has not all keys of a program")
    if not all(path for path, _ in extension.values):
        raise ValueError("values has a parameter without a name")


def _version_key(item: tuple[str, Any]) -> tuple[str, Any]:
    key, value = item
    if key not in VERSION_KEYS:
        raise ValueError(f"{key:.60} is not a key of a program")
    return key, tuple(map(_text, value)) if isinstance(value, list) else value


def _limit(item: tuple[str, Any]) -> tuple[str, Any]:
    if item[0] not in LIMITS:
        raise ValueError(f"{item[0]:.60} does not limit a sweep")
    return item


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r:.60} is not text")
    return value


def _cell(cell: Any) -> Mapping[str, Any]:
    match cell:
        case {"values": dict(), "tasks": int(tasks), "first": int(first)}:
            if 0 < tasks <= MOST_TASKS and first >= 0:
                keys = ("values", "tasks", "first", "starts")
                return {key: cell[key] for key in keys if key in cell}
    raise TypeError(f"{cell!r:.60} is not a cell")


def names_in(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the extensions in folders of a sweep: their folders, by name."""
    folders_of: dict[str, Path] = {}
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(folder):  # noqa: PTH208 - a Drive is slow
                if name.startswith(START) and len(name) <= _LONGEST_NAME and name.isprintable():
                    folders_of.setdefault(name, folder / name)
    return folders_of


def extensions_in(folders: Iterable[Path], plan: Plan) -> list[Extension]:
    """Return the extensions of a sweep that have arrived, in order.

    One that names another counts once that is here too. A record that is damaged, or belongs to
    another sweep, has no effect.
    """
    extensions: list[Extension] = []
    places: dict[str, Path] = {}
    for path in names_in(folders).values():
        with suppress(OSError, UserError):
            extension = read_extension(path / RECORD)
            if extension.sweep == plan.run_digest and _fits(plan, extension):
                extensions.append(extension)
                places[extension.name] = path
    result = ordered(extensions)
    meeting = {name for pair in concurrent(result) for name in pair}
    result = [
        replace(each, keys=_keys(places[each.name], each, plan)) if each.name in meeting else each
        for each in result
    ]
    return without_repeats(result)


def _keys(folder: Path, extension: Extension, plan: Plan) -> tuple[str, ...]:
    """Return what tells the tasks of an extension apart; () if its files have not arrived.

    These are the parameters in a grid, and the number of the draw otherwise; and the repeat.
    """
    own, keys = extension.plan(plan), list[str]()
    try:
        for number in range(own.files):
            content = read_file(folder / "tasks" / f"{number:05d}.jsonl", _LARGEST)
            for line in content.splitlines():
                task = json.loads(line)
                values = extension.cells[task["cell"]]["values"]
                what = task["params"] if plan.method == "grid" else task["trial"]
                repeat = len(keys) % plan.repeats.count
                keys.append(json.dumps([values, what, repeat], sort_keys=True))
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ()
    return tuple(keys)


def concurrent(extensions: Sequence[Extension]) -> Iterator[tuple[str, str]]:
    """Yield the pairs whose writers did not know of each other; `extensions` are in order."""
    above: dict[str, set[str]] = {}
    for each in extensions:
        own = above[each.name] = set(each.after).union(*(above[name] for name in each.after))
        yield from ((name, each.name) for name in above if name not in own and name != each.name)


def without_repeats(extensions: Sequence[Extension]) -> list[Extension]:
    """Return extensions, in order, without the tasks that an earlier one has too."""
    seen: set[str] = set()
    result = []
    for each in extensions:
        dropped = frozenset(number for number, key in enumerate(each.keys) if key in seen)
        seen.update(each.keys)
        result.append(each if dropped == each.dropped else replace(each, dropped=dropped))
    return result


def _fits(plan: Plan, extension: Extension) -> bool:
    try:
        check_plan(extension.plan(plan), NOT_IN_FILE)
        check_plan(replace(plan, **extension.version, **extension.limits), NOT_IN_FILE)
    except (TypeError, ValueError, OverflowError):
        return False
    return len(extension.task_digests) == extension.plan(plan).files


def ordered(extensions: Iterable[Extension]) -> list[Extension]:
    """Return extensions in the order in which they count, which that of reading does not change."""
    left = sorted(extensions, key=lambda each: (each.at, each.member, each.name))
    result: list[Extension] = []
    names: set[str] = set()
    while free := next((each for each in left if names.issuperset(each.after)), None):
        left.remove(free)
        names.add(free.name)
        result.append(free)
    return result


def extended(plan: Plan, extensions: Sequence[Extension]) -> Plan:
    """Return the plan of a sweep with its extensions, which are in order."""
    extensions = _at_most(plan, extensions)
    if not extensions:
        return plan
    merged: dict[str, dict[str, Any]] = {}
    for cell in (*cells_of(plan), *(cell for each in extensions for cell in each.counted())):
        own = merged.setdefault(cell_key(cell["values"]), {**cell, "tasks": 0})
        if not own["tasks"]:
            own |= {**cell, "tasks": 0}
        own["tasks"] += cell["tasks"]
    version = next((each.version for each in reversed(extensions) if each.version), {})
    limits = {key: value for each in extensions for key, value in each.limits.items()}
    return replace(
        plan,
        total=plan.total + sum(each.total for each in extensions),
        cells=tuple(merged.values()),
        extensions=tuple(extensions),
        declared=plan,
        **version,
        **limits,
    )


def _at_most(plan: Plan, extensions: Sequence[Extension]) -> list[Extension]:
    """Return the extensions up to the limit of tasks; no later one counts."""
    left, result = MOST_TASKS - plan.total, []
    for each in extensions:
        left -= each.total
        if left < 0:
            break
        result.append(each)
    return result


def same_limits(plan: Plan, other: Plan) -> bool:
    """Whether two plans have the same budget and patience."""
    return all(getattr(plan, key) == getattr(other, key) for key in LIMITS)


def cells_of(plan: Plan) -> Sequence[Mapping[str, Any]]:
    """Return the cells of a plan; one for all tasks where it has none."""
    return plan.cells or ({"values": {}, "tasks": plan.total},)


def cell_key(values: Mapping[str, Any]) -> str:
    """Return what two cells with the same values have in common."""
    return json.dumps(values, sort_keys=True)


def latest_version(plan: Plan) -> tuple[int, Extension] | None:
    """Return the number of the latest version of a sweep's program, and the extension with it.

    None for a program with one version.
    """
    with_version = [each for each in plan.extensions if each.version]
    return (1 + len(with_version), with_version[-1]) if with_version else None


def versions(plan: Plan) -> Iterator[str]:
    """Yield the digests of the versions of a sweep's program, the first one as declared."""
    yield (plan.declared or plan).code_digest
    yield from (each.version["code_digest"] for each in plan.extensions if each.version)
