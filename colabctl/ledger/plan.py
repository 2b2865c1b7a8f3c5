"""The plan of a sweep, plan.json: how its tasks are run, fixed when it is declared."""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from colabctl.errors import UserError
from colabctl.metrics import number_in
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.notify import decode as decode_notify
from colabctl.repeat import Repeat
from colabctl.repeat import decode as decode_repeat
from colabctl.sharedfs.droppings import original_of
from colabctl.sharedfs.mounts import Consistency
from colabctl.sharedfs.records import damaged, read_record

_LONGEST_NAME = 64  # characters, as in sharedfs/names.py
_DIGITS = (6, 12, 64)  # of a digest in a name
FORMAT = 1
MOST_TASKS = 1_000_000
"""In a sweep, because their folders are named by six digits."""

# A folder on Drive gets slow with thousands of entries, and a file with its size.
_SMALLEST_FILE = 1000
_MOST_FILES = 200

_LARGEST = 1 << 28  # bytes of a plan
_LATEST = 4.1e9  # seconds since 1970: the year 2099, as in events

_NOT_COVERED = frozenset(
    {"declared_by", "declared_at", "made_with", "title", "format", "declared_as"}
)
"""The keys of a plan that say who declared it, when and how it is called, not what runs."""

Goal = Literal["minimize", "maximize"]
Kind = Literal["function", "objective", "program", "notebook", "loop"]


@dataclass(frozen=True)
class Plan:
    """The content of plan.json.

    Attributes:
        kind: how a task is run: a function or an Optuna objective in a child process, a program,
            a notebook, or the loop of a notebook or script that calls sweep.tasks(). A loop's
            program is a notebook that each worker runs once.
        heartbeat, lease, task_timeout: seconds.
        declared_at: seconds since 1970.
        title: the sweep's name in its file, where that cannot be the name of a folder.
        program: the function or objective as "file.py:name", or the program's file, in code/.
        command: W&B's command with its macros; None for the default.
        cwd: the current folder of every task, as a POSIX path from code/.
        import_path: folders that Python imports from, as POSIX paths from code/.
        code_digest: digest of the frozen code, "" for a loop.
        code_files: the files of the frozen code, which its digest covers; None in older plans.
        code_origin: "." if it was frozen from the project; None for a folder elsewhere.
        metrics: {"name", "goal"} of each of several metrics, of a sweep without a single one.
        target: value of the metric that ends the sweep.
        sampler, seed: propose the parameters of deferred tasks.
        scheduler: the functions by which Optuna chooses parameters, as run/optuna/scheduler.py
            reads them; "source" is a path in code/.
        early_terminate: the rule that stops tasks early, as search/learn/stopping.py reads it.
        notify: where workers send messages, and when, as colabctl/notify.py reads it.
        stage: {"path": from the project's root, "digest": of the manifest's records, or ""} of what
            workers copy to their own disk, by name.
        repeat: how often each configuration runs, as colabctl/repeat.py reads it.
        declaration_digest: SHA-256 of sweep.yaml.
        task_digests: SHA-256 of each task file.
        parameters: the names of the parameters, and whether every task has them.
        process_tasks: number of tasks after which the process that calls a function is replaced;
            0 for never.
        kernels: how a notebook's kernels are used, as run/notebook/kernel_lifecycle.py reads it.
        keep_wandb: whether W&B's own files are kept in the task's folder.
        made_with: version of colabctl that declared the sweep.
        cells: {"values": {...}, "tasks": n} for each combination of `foreach`.
        declared_as: the name in plan.json, if `sweep` is another, under which the sweep is found;
            not in the file.

    """

    sweep: str
    total: int
    kind: Kind
    method: str
    consistency: Consistency
    heartbeat: float
    lease: float
    declared_by: str
    declared_at: float
    title: str | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    cwd: str = "."
    import_path: tuple[str, ...] = ()
    code_digest: str = ""
    code_files: tuple[str, ...] | None = None
    code_origin: str | None = None
    metric: str | None = None
    goal: Goal = "minimize"
    max_retries: int = 1
    task_timeout: float | None = None
    claims: Literal["eager", "careful"] = "eager"
    target: float | None = None
    sampler: str | None = None
    seed: int = 0
    scheduler: Mapping[str, Any] | None = None
    early_terminate: Mapping[str, Any] | None = None
    notify: Mapping[str, Any] | None = None
    stage: Mapping[str, Any] | None = None
    repeat: Mapping[str, Any] | None = None
    declaration_digest: str = ""
    task_digests: tuple[str, ...] = ()
    parameters: Mapping[str, Any] | None = None
    process_tasks: int = 0
    kernels: KernelOptions | None = None
    keep_wandb: bool = False
    made_with: str = ""
    metrics: tuple[Mapping[str, Any], ...] = ()
    cells: tuple[Mapping[str, Any], ...] = ()
    format: int = FORMAT
    declared_as: str = ""

    def known_as(self, name: str) -> "Plan":
        """Return the same plan, of a sweep that is found under `name`."""
        return self if name == self.sweep else replace(self, sweep=name, declared_as=self.sweep)

    @property
    def per_file(self) -> int:
        """Number of tasks in each task file except the last."""
        return max(_SMALLEST_FILE, -(-self.total // _MOST_FILES))

    @property
    def files(self) -> int:
        """Number of task files."""
        return -(-self.total // self.per_file)

    def tasks_in(self, number: int) -> range:
        """Return the tasks in a task file, from 0."""
        start = number * self.per_file
        return range(start, min(start + self.per_file, self.total))

    @property
    def covered(self) -> dict[str, Any]:
        """The keys that a member approves, as JSON values: all but who declared it and when.

        A key with its default value is left out. So a later version can add a key without changing
        what earlier sweeps cover.
        """
        keys = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in _NOT_COVERED and getattr(self, field.name) != field.default
        }
        if self.kernels is not None:
            keys["kernels"] = self.kernels.chosen
        if self.declared_as:
            keys["sweep"] = self.declared_as
        covered: dict[str, Any] = json.loads(json.dumps(keys))
        return covered

    @property
    def run_digest(self) -> str:
        """SHA-256 of everything that decides what a worker runs, which a member approves."""
        return hashlib.sha256(json.dumps(self.covered, sort_keys=True).encode()).hexdigest()

    @property
    def settling(self) -> float:
        """Seconds from a claim to its task's start: a careful claim waits until others see it."""
        careful = self.claims == "careful" and self.consistency == "eventual"
        return self.heartbeat if careful else 0.0

    @property
    def is_notebook(self) -> bool:
        """Whether the program is a notebook."""
        return (self.program or "").endswith(".ipynb")

    @property
    def repeats(self) -> Repeat:
        """How often each configuration runs."""
        return decode_repeat(self.repeat)

    @property
    def goals(self) -> dict[str, Goal]:
        """The goal of each metric by name; none of a sweep without metrics."""
        if self.metric is not None:
            return {self.metric: self.goal}
        return {each["name"]: each["goal"] for each in self.metrics}

    def value_of(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the sweep's metric; None if it is missing, not a number, or NaN."""
        value = self.number_of(metrics)
        return None if value is None or math.isnan(value) else value

    def values_of(self, metrics: Mapping[str, Any]) -> tuple[float, ...] | None:
        """Return all metrics of the sweep; None if one is missing, not a number, or NaN."""
        values = [number_in(metrics, name) for name in self.goals]
        numbers = tuple(value for value in values if value is not None and not math.isnan(value))
        return numbers if len(numbers) == len(values) else None

    def number_of(self, metrics: Mapping[str, Any]) -> float | None:
        """Return the sweep's metric, which may be NaN; None if it is missing or not a number."""
        return number_in(metrics, self.metric)

    def reaches_target(self, values: Sequence[float]) -> bool:
        """Whether the metric of all tasks of a configuration together is as good as its target."""
        if self.target is None or any(map(math.isnan, values)):
            return False
        value = self.repeats.aggregated(values)
        return value <= self.target if self.goal == "minimize" else value >= self.target

    def encode(self) -> bytes:
        """Return the bytes of plan.json."""
        keys = asdict(self)
        del keys["declared_as"]
        return json.dumps(keys, indent=2).encode() + b"\n"


def read_plan(file: Path) -> Plan:
    """Return the plan in `file`.

    Raises FileNotFoundError if there is none; UserError if it is damaged, has a newer format, or
    belongs to another sweep than its folder.
    """
    record = read_record(file, _LARGEST, FORMAT)
    names = {field.name for field in fields(Plan)} - {"declared_as"}
    try:
        parts = {name: value for name, value in record.items() if name in names}
        parts["cells"] = tuple(parts["cells"])
        parts["metrics"] = tuple(parts.get("metrics", ()))
        if parts.get("command") is not None:
            parts["command"] = tuple(str(part) for part in parts["command"])
        if parts.get("code_files") is not None:
            parts["code_files"] = tuple(str(file) for file in parts["code_files"])
        parts["import_path"] = tuple(str(part) for part in parts.get("import_path", ()))
        parts["task_digests"] = tuple(str(part) for part in parts.get("task_digests", ()))
        if type(parts.get("kernels")) is dict:
            parts["kernels"] = KernelOptions.decode(parts["kernels"])
        plan = Plan(**parts)
        _check(plan)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(file, error) from None
    folder = unicodedata.normalize("NFC", file.parent.name)
    folders = {folder, original_of(folder) if plan.consistency == "eventual" else None}
    sweep = unicodedata.normalize("NFC", plan.sweep)
    if sweep not in folders and folders.isdisjoint(names_apart(sweep, plan.run_digest)):
        raise UserError(
            f"{file} is the plan of another sweep, {plan.sweep!r:.70}; rename the folder to that, "
            "or restore the plan from the folder's version history"
        )
    if len(plan.task_digests) != plan.files:
        raise UserError(
            f"{file} does not have a digest for each task file, so it was changed, or an early "
            "version of colabctl wrote it; declare the sweep again under another name"
        )
    return plan


def names_apart(sweep: str, digest: str) -> list[str]:
    """Return the names for a sweep that cannot have the one it was declared with.

    A longer one is for the case that a shorter one is taken. `digest` is what it runs.
    """
    return [f"{sweep[: _LONGEST_NAME - 1 - n]}-{digest[:n]}" for n in _DIGITS]


def _check(plan: Plan) -> None:
    for field in fields(plan):
        value = getattr(plan, field.name)
        if not _fits(value, field.type):
            raise TypeError(f"{field.name} is {value!r:.60}")
    if not 0 <= plan.total <= MOST_TASKS:
        raise ValueError(f"total is not from 0 to {MOST_TASKS:,}")
    for cell in plan.cells:
        if type(cell) is not dict or type(cell.get("values")) is not dict:
            raise TypeError("a cell has no values")
        if type(cell.get("tasks")) is not int or cell["tasks"] < 0:
            raise TypeError("a cell has no number of tasks")
    if plan.cells and sum(cell["tasks"] for cell in plan.cells) != plan.total:
        raise ValueError("the tasks of its cells do not add up to total")
    for name in ("heartbeat", "lease", "task_timeout"):
        seconds = getattr(plan, name)
        if seconds is not None and not 0 < float(seconds) < math.inf:
            raise ValueError(f"{name} is {seconds!r:.60}")
    if not 0 <= plan.declared_at < _LATEST:
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
    _check_repeat(plan)
    _check_metrics(plan)
    _check_staged(plan)
    _check_scheduler(plan)


def _check_scheduler(plan: Plan) -> None:
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


def _check_metrics(plan: Plan) -> None:
    for each in plan.metrics:
        match each:
            case {"name": str(), "goal": "minimize" | "maximize"}:
                continue
        raise TypeError(f"metrics has {each!r:.60}")
    if plan.metrics and (plan.metric is not None or plan.early_terminate is not None):
        raise ValueError("it has several metrics, and keys for one")


def _check_repeat(plan: Plan) -> None:
    count = decode_repeat(plan.repeat).count
    if any(cell["tasks"] % count for cell in plan.cells):
        raise ValueError("a cell has only some of the repeats of a configuration")


def _check_staged(plan: Plan) -> None:
    """Raise ValueError or TypeError for an entry of `stage` that no declaration gives."""
    for name, entry in (plan.stage or {}).items():
        if not (name.isidentifier() and name.isascii()):
            raise ValueError(f"stage has the name {name!r:.60}")
        match entry:
            case {"path": str(path), "digest": str()} if not {"\0", "\n", "\\"} & set(path):
                if not {"", ".", ".."} & set(path.split("/")):
                    continue
        raise TypeError(f"stage has {entry!r:.60}")


def _check_function(plan: Plan) -> None:
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


def _check_program(program: str, kind: Kind) -> None:
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
