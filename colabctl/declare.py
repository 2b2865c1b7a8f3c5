"""Declares a sweep: freezes its code, writes its task files, and its plan last of all."""

import difflib
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from colabctl.errors import UserError
from colabctl.ledger import Kind, Plan, TaskLine, read_plan, write_tasks
from colabctl.notebook import parameters, reading
from colabctl.notebook.reading import Notebook
from colabctl.project import frozen_code as frozen
from colabctl.project.approvals import Approval, Approvals
from colabctl.project.config import HEARTBEATS, Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.search import Declaration, Expansion, expand, read
from colabctl.search.language.command import interpreter_of
from colabctl.search.language.stopping_rules import Median
from colabctl.sharedfs.files import holds_part, read_file, write_new, write_whole
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.names import check_folder
from colabctl.version import VERSION

# Seconds. A Drive mount carries few writes and shows them late; elsewhere a sign of life is cheap.
_RHYTHM = {"coherent": (10.0, 60.0), "eventual": (60.0, 600.0)}
_LARGEST = 1 << 28  # bytes of a sweep.yaml; a million values are below
_LOOKS, _BETWEEN_LOOKS = 50, 0.02  # at a plan that is being written; seconds


@dataclass(frozen=True)
class Declared:
    """A sweep that is declared; `new` if it was not before."""

    layout: SweepLayout
    plan: Plan
    code: frozen.Code
    notes: tuple[str, ...]
    new: bool


@dataclass(frozen=True)
class Draft:
    """A sweep file, read and checked, with what the command line adds to it.

    content  the bytes for sweep.yaml
    """

    declaration: Declaration
    expansion: Expansion
    content: bytes
    trials: int | None = None
    run_cap: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the author should know."""
        return (*self.declaration.notes, *self.expansion.notes)


def draft(
    content: bytes | Mapping[str, Any],
    source: str,
    *,
    trials: int | None = None,
    run_cap: int | None = None,
) -> Draft:
    """Read a declaration from a file's bytes or from Python values; nothing is written.

    Raises UserError that names every problem.
    """
    declaration = read(content, source)
    expansion = expand(declaration, trials=trials, run_cap=run_cap)
    if not isinstance(content, bytes):
        # JSON is YAML that leaves no doubt which text is meant as a number.
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
    beside: Path | None = None,
) -> Declared:
    """Write a sweep into the project, or find the same one that is already there.

    approvals  where to note that this member trusts the code, having given it
    beside     folder of the sweep file, where its program is looked up first
    Raises UserError, with nothing written, for a program that cannot be frozen and for a name
    that another sweep has.
    """
    declared = _declare(draft, layout, config, name=name, member=member, now=now, beside=beside)
    if declared.plan.program is None:
        return declared
    try:
        approvals.add(approval_of(declared.plan, declared.code, config, now))
    except OSError as wrong:
        note = (
            f"your approval cannot be kept in {approvals.folder} ({wrong.strerror}); set "
            f"COLABCTL_APPROVALS to a folder of your own, then run colabctl trust {name}"
        )
        return replace(declared, notes=(*declared.notes, note))
    return declared


def approval_of(plan: Plan, code: frozen.Code, config: Config, now: float) -> Approval:
    """Return what a member who trusts a sweep's code at the time `now` approves."""
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


def _declare(
    draft: Draft,
    layout: Layout,
    config: Config,
    *,
    name: str,
    member: str,
    now: float,
    beside: Path | None,
) -> Declared:
    declaration = draft.declaration
    place = layout.sweep(name)
    places = [layout.root] if beside in (None, layout.root) else [beside, layout.root]
    code = frozen.freeze(declaration.program, declaration.code, places)
    found = examined(draft, code)
    plan = _plan(
        draft, code, layout, config, kind=found.kind, name=place.name, member=member, now=now
    )
    old = _existing(place)
    if old is not None:
        return _same(old, plan, draft, code, place)
    _take_place(place, draft.content)
    for folder in (place.code, place.tasks, place.journal, place.runs):
        folder.mkdir(exist_ok=True)
    frozen.write(code, place.code)
    frozen.fetch(place.code, code.digest)  # nothing else may lie there, from an interrupted try
    draws = draft.expansion.tasks()
    write_tasks(
        place.task_file,
        plan,
        (TaskLine(draw.index, draw.cell, draw.trial, draw.params) for draw in draws),
    )
    try:
        write_new(place.plan, plan.encode())  # from here on the sweep is declared
    except FileExistsError:  # by somebody else, in the same moment
        faster = _existing(place)
        assert faster is not None
        return _same(faster, plan, draft, code, place)
    return Declared(place, plan, code, (*draft.notes, *found.how, *found.notes), new=True)


def _take_place(place: SweepLayout, content: bytes) -> None:
    """Write the sweep's file into its folder; complete one that was interrupted.

    Raises UserError where another one lies there without a plan: it may be on its way.
    """
    place.root.mkdir(parents=True, exist_ok=True)
    try:
        write_new(place.declaration, content)
    except FileExistsError:
        if not holds_part(place.declaration, content):
            raise UserError(
                f"{place.root} holds the unfinished declaration of another sweep; choose another "
                f"name (--name {place.name}-2), or delete that folder if nobody is at it"
            ) from None
        write_whole(place.declaration, content)


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
    heartbeat, lease = _RHYTHM[guard.consistency]
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
        source_digest=_meaning(draft, code),
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
    """Return the rule to stop early; an objective that asks expects Optuna's usual pruner."""
    rule = declaration.early_terminate
    if rule is None and declaration.method == "optuna":
        rule = Median()
    return rule.to_json() if rule else None


def _meaning(draft: Draft, code: frozen.Code) -> str:
    """Return the digest of all that decides what the sweep's tasks are."""
    content = {
        key: value
        for key, value in draft.declaration.content.items()
        if key not in ("name", "description")
    }
    whole = json.dumps(
        [content, draft.trials, draft.run_cap, code.digest], sort_keys=True, default=str
    )
    return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True)
class Examined:
    """How a sweep's program is run, and what its author should know; its notebook if it is one."""

    kind: Kind
    notes: tuple[str, ...] = ()
    notebook: Notebook | None = None

    @property
    def how(self) -> tuple[str, ...]:
        """What is told of a notebook's kind."""
        if self.notebook is None:
            return ()
        name = self.notebook.name
        if self.kind == "loop":
            return (f"{name} loops over its tasks: each worker runs it once",)
        return (f"{name} has a parameters cell: it runs once for each task",)


def examined(draft: Draft, code: frozen.Code) -> Examined:
    """Find out how the program of a draft is run.

    Raises UserError for a program that nobody knows how to run, and for a notebook that the
    parameters would not reach or that imports what is not frozen.
    """
    declaration = draft.declaration
    program = declaration.program
    unheeded = ("task_timeout is of no use here: nobody can end a single task of a loop",)
    loop_notes = unheeded if declaration.task_timeout else ()
    if program is None:
        return Examined("loop", loop_notes)
    if declaration.method == "optuna":
        return Examined("objective")
    if ":" in program:
        return Examined("function")
    if program.endswith(".ipynb") and declaration.command is None:
        found = reading.read(code.files[check_folder(program, "program")], program)
        frozen.check_imports(code, program, (cell.tree for cell in found.code))
        names = sorted({name for cell in draft.expansion.cells for name in cell.space.every_name})
        notes = parameters.check(found, names, warm=not declaration.kernels.fresh)
        if found.kind == "loop":
            return Examined("loop", (*notes, *loop_notes), found)
        return Examined("notebook", notes, found)
    if declaration.command is None and interpreter_of(program) is None:
        raise UserError(
            f"program: no interpreter is known for {program}; "
            'say how to run it, for example `command: ["bash", "${program}", "${args}"]`'
        )
    return Examined("program")


def _existing(place: SweepLayout) -> Plan | None:
    try:
        for _ in range(_LOOKS):
            if place.plan.stat().st_size:  # else somebody is about to write it
                break
            time.sleep(_BETWEEN_LOOKS)
        return read_plan(place.plan)
    except FileNotFoundError:
        return None


def _same(old: Plan, new: Plan, draft: Draft, code: frozen.Code, place: SweepLayout) -> Declared:
    """Return the sweep that is there if it is the same; else show what differs."""
    if old.source_digest == new.source_digest:
        return Declared(place, old, code, draft.notes, new=False)
    differences: list[str] = []
    before = yaml.safe_dump(read(read_file(place.declaration, _LARGEST), "sweep.yaml").content)
    after = yaml.safe_dump(draft.declaration.content)
    differences += difflib.unified_diff(
        before.splitlines(), after.splitlines(), "declared", "given", n=1, lineterm=""
    )
    if old.code_digest != code.digest:
        there = frozen.fetch(place.code, old.code_digest).files
        changed = sorted(
            path for path in there.keys() | code.files if there.get(path) != code.files.get(path)
        )
        differences.append(f"code: {', '.join(changed)} changed")
    if old.total != new.total:
        differences.append(f"tasks: {old.total} declared, {new.total} given")
    shown = "\n".join(f"  {line}" for line in differences)
    raise UserError(
        f"sweep {new.sweep} is already declared with another content; give this one another "
        f"name (--name {new.sweep}-2). What differs:\n{shown}"
    )
