"""The plan of a sweep, plan.json: how its tasks are run, fixed when it is declared."""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from colabctl.errors import UserError
from colabctl.ledger.plan_checks import check_plan
from colabctl.metrics import number_in
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.repeat import Repeat
from colabctl.repeat import decode as decode_repeat
from colabctl.sharedfs.droppings import original_of
from colabctl.sharedfs.mounts import Consistency
from colabctl.sharedfs.records import damaged, read_record

if TYPE_CHECKING:
    from colabctl.ledger.extensions.record import Extension

_LONGEST_NAME = 64  # characters, as in sharedfs/names.py
_DIGITS = (6, 12, 64)  # of a digest in a name
FORMAT = 1

# A folder on Drive gets slow with thousands of entries, and a file with its size.
_SMALLEST_FILE = 1000
_MOST_FILES = 200

_LARGEST = 1 << 28  # bytes of a plan

_NOT_COVERED = frozenset({"declared_by", "declared_at", "made_with", "title", "format"})
"""The keys of a plan that say who declared it, when and how it is called, not what runs."""

NOT_IN_FILE = frozenset({"declared_as", "extensions", "declared"})
"""What a plan has when it is in memory."""

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
        budget, patience: end it too, as colabctl/budget.py reads them.
        sampler, seed: propose the parameters of deferred tasks.
        scheduler: the functions by which Optuna chooses parameters, as run/optuna/scheduler.py
            reads them; "source" is a path in code/.
        learn_from: the run digests of earlier sweeps, by name, whose trials a search learns from.
        early_terminate: the rule that stops tasks early, as search/learn/stopping.py reads it.
        notify: where workers send messages, and when, as colabctl/notify.py reads it.
        stage: {"path": from the project's root, "digest": of the manifest's records, or ""} of what
            workers copy to their own disk, by name.
        repeat: how often each configuration runs, as colabctl/repeat.py reads it.
        needs: what a machine must have to run the tasks, as colabctl/needs.py reads it.
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
        extensions: what was added to the sweep later, in order; not in the file.
        declared: the plan without them, None if there are none; not in the file.

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
    budget: Mapping[str, Any] | None = None
    patience: Mapping[str, Any] | None = None
    sampler: str | None = None
    seed: int = 0
    scheduler: Mapping[str, Any] | None = None
    learn_from: Mapping[str, Any] | None = None
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
    needs: tuple[Mapping[str, Any], ...] = ()
    cells: tuple[Mapping[str, Any], ...] = ()
    format: int = FORMAT
    declared_as: str = ""
    extensions: "tuple[Extension, ...]" = ()
    declared: "Plan | None" = None

    def known_as(self, name: str) -> "Plan":
        """Return the same plan, of a sweep that is found under `name`."""
        return self if name == self.sweep else replace(self, sweep=name, declared_as=self.sweep)

    @property
    def _in_files(self) -> int:
        return self.declared.total if self.declared else self.total

    @property
    def per_file(self) -> int:
        """Number of tasks in each task file except the last; those of extensions are apart."""
        return max(_SMALLEST_FILE, -(-self._in_files // _MOST_FILES))

    @property
    def files(self) -> int:
        """Number of task files."""
        return -(-self._in_files // self.per_file)

    def tasks_in(self, number: int) -> range:
        """Return the tasks in a task file, from 0."""
        start = number * self.per_file
        return range(start, min(start + self.per_file, self._in_files))

    @property
    def approved(self) -> "Plan":
        """The plan of what a worker runs now, which a member approves.

        It is the one that was declared, with the latest version of its program. More tasks alone
        need no approval.
        """
        if self.declared is None:
            return self
        version = next((each.version for each in self.extensions[::-1] if each.version), {})
        return replace(self.declared, **version)

    @property
    def covered(self) -> dict[str, Any]:
        """The keys that a member approves, as JSON values: all but who declared it and when.

        A key with its default value is left out. So a later version can add a key without changing
        what earlier sweeps cover.
        """
        keys = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in _NOT_COVERED | NOT_IN_FILE
            and getattr(self, field.name) != field.default
        }
        if self.kernels is not None:
            keys["kernels"] = self.kernels.chosen
        if self.declared_as:
            keys["sweep"] = self.declared_as
        covered: dict[str, Any] = json.loads(json.dumps(keys))
        return covered

    @property
    def run_digest(self) -> str:
        """SHA-256 of everything that decides what a worker runs, as it was declared.

        A member approves that of `approved`.
        """
        if self.declared is not None:
            return self.declared.run_digest
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
        keys = asdict(replace(self, extensions=(), declared=None))
        keys = {name: value for name, value in keys.items() if name not in NOT_IN_FILE}
        return json.dumps(keys, indent=2).encode() + b"\n"


def read_plan(file: Path) -> Plan:
    """Return the plan in `file`.

    Raises FileNotFoundError if there is none; UserError if it is damaged, has a newer format, or
    belongs to another sweep than its folder.
    """
    record = read_record(file, _LARGEST, FORMAT)
    names = {field.name for field in fields(Plan)} - NOT_IN_FILE
    try:
        parts = {name: value for name, value in record.items() if name in names}
        parts["cells"] = tuple(parts["cells"])
        for name in ("metrics", "needs"):
            parts[name] = tuple(parts.get(name, ()))
        if parts.get("command") is not None:
            parts["command"] = tuple(str(part) for part in parts["command"])
        if parts.get("code_files") is not None:
            parts["code_files"] = tuple(str(file) for file in parts["code_files"])
        parts["import_path"] = tuple(str(part) for part in parts.get("import_path", ()))
        parts["task_digests"] = tuple(str(part) for part in parts.get("task_digests", ()))
        if type(parts.get("kernels")) is dict:
            parts["kernels"] = KernelOptions.decode(parts["kernels"])
        plan = Plan(**parts)
        check_plan(plan, NOT_IN_FILE)
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
