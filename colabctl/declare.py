"""Declares a sweep: freezes its code, writes its task files, and finally its plan."""

import difflib
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from colabctl.code import frozen
from colabctl.errors import UserError
from colabctl.ledger import Kind, Plan, TaskLine, read_plan, write_tasks
from colabctl.notebook import parameters, reading
from colabctl.notebook.cells import written_files
from colabctl.notebook.reading import Notebook
from colabctl.project.approvals import Approval, Approvals
from colabctl.project.config import HEARTBEATS, Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.search import Declaration, Expansion, expand, read, read_declared
from colabctl.search.language.command import interpreter_of
from colabctl.search.language.stopping_rules import Median
from colabctl.sharedfs.files import holds_part, read_file, write_new, write_whole
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.names import check_folder, check_name
from colabctl.version import VERSION

# In seconds. A Drive mount takes few writes and shows them late.
_HEARTBEAT_AND_LEASE = {"coherent": (10.0, 60.0), "eventual": (60.0, 600.0)}
_LARGEST = 1 << 28  # bytes of a sweep.yaml; a million values need less
_CHECKS, _BETWEEN_CHECKS = 50, 0.02  # of a plan that is being written; seconds


@dataclass(frozen=True)
class Declared:
    """A declared sweep; `new` if it was not declared before."""

    layout: SweepLayout
    plan: Plan
    code: frozen.Code
    notes: tuple[str, ...]
    new: bool


@dataclass(frozen=True)
class Draft:
    """A sweep file, read and checked, with the options of the command line.

    Attributes:
        content: the bytes of sweep.yaml.
        trials: tasks in each search, if an option sets it.
        run_cap: maximum number of tasks, if an option sets it.

    """

    declaration: Declaration
    expansion: Expansion
    content: bytes
    trials: int | None = None
    run_cap: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the author."""
        return (*self.declaration.notes, *self.expansion.notes)


def draft(
    content: bytes | Mapping[str, Any],
    source: str,
    *,
    trials: int | None = None,
    run_cap: int | None = None,
) -> Draft:
    """Read a declaration from a file's bytes or from Python values.

    Raises a UserError that lists every problem.
    """
    declaration = read(content, source)
    expansion = expand(declaration, trials=trials, run_cap=run_cap)
    if not isinstance(content, bytes):
        # JSON is YAML in which strings and numbers cannot be confused.
        content = json.dumps(declaration.content, indent=1, ensure_ascii=False).encode()
    return Draft(declaration, expansion, content, trials, run_cap)


def declare(
    draft: Draft,
    layout: Layout,
    config: Config,
    *,
    name: str,
    member: str,
    now: float,
    approvals: Approvals,
    program_folder: Path | None = None,
) -> Declared:
    """Write a sweep into the project, or return the same sweep if it is declared already.

    The program is looked up in `program_folder` (the sweep file's), then in the project. This
    member's approval of the code goes into `approvals`; `now` is in seconds since 1970. Raises
    UserError, with nothing written, if preview does or if another sweep has the name.
    """
    program = preview(draft, name, [program_folder or layout.root, layout.root])
    sweep, code = layout.sweep(name), program.code
    plan = _plan(
        draft, code, layout, config, kind=program.kind, name=sweep.name, member=member, now=now
    )
    old = _existing(sweep) or _write(sweep, plan, draft, code)
    if old is None:
        notes = (*draft.notes, *program.how, *program.notes)
        declared = Declared(sweep, plan, code, notes, new=True)
    else:
        declared = _same(old, plan, draft, code, sweep)
    if declared.plan.program is None:
        return declared
    try:
        approvals.add(approval_of(declared.plan, code, config, now))
    except OSError as error:
        note = (
            f"your approval cannot be saved in {approvals.folder} ({error.strerror}); set "
            f"COLABCTL_APPROVALS to a folder of your own, then run colabctl trust {name}"
        )
        return replace(declared, notes=(*declared.notes, note))
    return declared


def approval_of(plan: Plan, code: frozen.Code, config: Config, now: float) -> Approval:
    """Return the approval of a sweep's code at the time `now`, in seconds since 1970."""
    assert plan.program is not None, "there is nothing to approve"
    return Approval(
        digest=plan.run_digest,
        project=config.name,
        sweep=plan.sweep,
        program=plan.program,
        command=plan.command or (),
        approved_at=now,
        files=code.files,
    )


def _write(sweep: SweepLayout, plan: Plan, draft: Draft, code: frozen.Code) -> Plan | None:
    """Write a sweep; if someone else has just declared it, return their plan."""
    _write_declaration(sweep, draft.content)
    for folder in (sweep.code, sweep.tasks, sweep.journal, sweep.runs):
        folder.mkdir(exist_ok=True)
    frozen.write(code, sweep.code)
    # An interrupted declaration may have left other files.
    frozen.fetch(sweep.code, code.digest)
    draws = draft.expansion.tasks()
    write_tasks(
        sweep.task_file,
        plan,
        (TaskLine(draw.index, draw.cell, draw.trial, draw.params) for draw in draws),
    )
    try:
        write_new(sweep.plan, plan.encode())  # from here on, the sweep is declared
    except FileExistsError:
        return _existing(sweep)
    return None


def _write_declaration(sweep: SweepLayout, content: bytes) -> None:
    """Write sweep.yaml, or complete it if the same declaration was interrupted.

    Raises UserError if there is another one without a plan, which someone may be declaring.
    """
    sweep.root.mkdir(parents=True, exist_ok=True)
    try:
        write_new(sweep.declaration, content)
    except FileExistsError:
        if not holds_part(sweep.declaration, content):
            raise UserError(
                f"{sweep.root} holds the unfinished declaration of another sweep; choose another "
                f"name (--name {sweep.name}-2), or delete that folder if no one is declaring it"
            ) from None
        write_whole(sweep.declaration, content)


def _plan(
    draft: Draft,
    code: frozen.Code,
    layout: Layout,
    config: Config,
    *,
    kind: Kind,
    name: str,
    member: str,
    now: float,
) -> Plan:
    declaration, expansion = draft.declaration, draft.expansion
    guard = guard_for(layout.root, config.consistency)
    heartbeat, lease = _HEARTBEAT_AND_LEASE[guard.consistency]
    if config.heartbeat is not None:
        heartbeat = config.heartbeat
        lease = max(lease, HEARTBEATS * heartbeat)
    if config.lease is not None:
        lease = config.lease
        heartbeat = min(heartbeat, lease / HEARTBEATS)
    metric = declaration.metric
    runs_loop = kind == "loop" and declaration.program is not None
    return Plan(
        sweep=name,
        total=expansion.total,
        kind=kind,
        method=declaration.method,
        consistency=guard.consistency,
        heartbeat=heartbeat,
        lease=lease,
        source_digest=_source_digest(draft, code),
        declared_by=member,
        declared_at=now,
        program=declaration.program,
        command=declaration.command,
        code_digest=code.digest,
        code_origin=_origin(code, layout.root),
        metric=metric.name if metric else None,
        goal=metric.goal if metric else "minimize",
        max_retries=declaration.max_retries,
        task_timeout=declaration.task_timeout,
        claims=declaration.claims,
        target=metric.target if metric else None,
        sampler=declaration.sampler if declaration.method in ("bayes", "optuna") else None,
        seed=declaration.seed,
        early_terminate=_early_terminate(declaration),
        kernels=declaration.kernels if kind == "notebook" or runs_loop else None,
        made_with=VERSION,
        declaration_digest=hashlib.sha256(draft.content).hexdigest(),
        cells=tuple({"values": cell.values, "tasks": cell.tasks} for cell in expansion.cells),
    )


def _origin(code: frozen.Code, root: Path) -> str | None:
    if code.origin is None or not code.origin.resolve().is_relative_to(root.resolve()):
        return None
    return code.origin.resolve().relative_to(root.resolve()).as_posix()


def _early_terminate(declaration: Declaration) -> Mapping[str, Any] | None:
    """Return the rule for early stopping; the default for Optuna is that of Optuna itself."""
    rule = declaration.early_terminate
    if rule is None and declaration.method == "optuna":
        rule = Median()
    return rule.to_json() if rule else None


def _source_digest(draft: Draft, code: frozen.Code) -> str:
    """Return the digest of everything that the sweep's tasks depend on."""
    content = {
        key: value
        for key, value in draft.declaration.content.items()
        if key not in ("name", "description")
    }
    text = json.dumps(
        [content, draft.trials, draft.run_cap, code.digest], sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Preview:
    """The program of a draft: its code, its kind, notes for the author, and its notebook."""

    code: frozen.Code
    kind: Kind
    notes: tuple[str, ...] = ()
    notebook: Notebook | None = None

    @property
    def how(self) -> tuple[str, ...]:
        """A note on how a notebook is run."""
        if self.notebook is None:
            return ()
        name = self.notebook.name
        if self.kind == "loop":
            return (f"{name} loops over its tasks: each worker runs it once",)
        return (f"{name} has a parameters cell: it runs once for each task",)


def preview(draft: Draft, name: str, folders: Sequence[Path]) -> Preview:
    """Check a sweep's name and program, and write nothing.

    The program is looked up in `folders`, in turn. Raises UserError for a name that is not
    allowed, a program that cannot be frozen or run, and a notebook that does not use the
    parameters or imports a module that is not frozen; NoProgramError if the program is not found.
    """
    check_name(name, "sweep")
    declaration = draft.declaration
    program = declaration.program
    code = frozen.freeze(program, declaration.code, list(dict.fromkeys(folders)))
    no_timeout = ("task_timeout has no effect in a loop: its tasks cannot be interrupted",)
    loop_notes = no_timeout if declaration.task_timeout else ()
    if program is None:
        return Preview(code, "loop", loop_notes)
    if declaration.method == "optuna":
        return Preview(code, "objective")
    if ":" in program:
        return Preview(code, "function")
    if program.endswith(".ipynb") and declaration.command is None:
        book = reading.read(code.files[check_folder(program, "program")], program)
        trees = (cell.tree for cell in book.code)
        frozen.check_imports(code, program, trees, written_files(book.code))
        names = sorted({name for cell in draft.expansion.cells for name in cell.space.every_name})
        notes = parameters.check(book, names, warm=not declaration.kernels.fresh)
        if book.kind == "loop":
            return Preview(code, "loop", (*notes, *loop_notes), book)
        return Preview(code, "notebook", notes, book)
    if declaration.command is None and interpreter_of(program) is None:
        raise UserError(
            f"program: no interpreter is known for {program}; "
            'say how to run it, for example `command: ["bash", "${program}", "${args}"]`'
        )
    return Preview(code, "program")


def _existing(sweep: SweepLayout) -> Plan | None:
    try:
        for _ in range(_CHECKS):
            if sweep.plan.stat().st_size:  # otherwise someone is writing it
                break
            time.sleep(_BETWEEN_CHECKS)
        return read_plan(sweep.plan)
    except FileNotFoundError:
        return None


def _same(old: Plan, new: Plan, draft: Draft, code: frozen.Code, sweep: SweepLayout) -> Declared:
    """Return the declared sweep if it is the same; else raise UserError with the differences."""
    if old.source_digest == new.source_digest:
        return Declared(sweep, old, code, draft.notes, new=False)
    declared = read_declared(read_file(sweep.declaration, _LARGEST), "sweep.yaml")
    before, after = (yaml.safe_dump(each.content) for each in (declared, draft.declaration))
    differences = list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), "declared", "new", n=1, lineterm=""
        )
    )
    if old.code_digest != code.digest:
        files = frozen.fetch(sweep.code, old.code_digest).files
        changed = sorted(
            path for path in files.keys() | code.files if files.get(path) != code.files.get(path)
        )
        differences.append(f"code: {', '.join(changed)} changed")
    if old.total != new.total:
        differences.append(f"tasks: {old.total} declared, {new.total} new")
    lines = "\n".join(f"  {line}" for line in differences)
    raise UserError(
        f"sweep {new.sweep} is already declared with different content; choose another name "
        f"(--name {new.sweep}-2). Differences:\n{lines}"
    )
