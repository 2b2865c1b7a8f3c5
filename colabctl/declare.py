"""Declares a sweep: freezes its code, writes its task files, and finally its plan."""

import hashlib
import json
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colabctl import differences, notify
from colabctl.code import frozen, signature
from colabctl.code.freeze import Asked, Frozen, freeze, texts_in
from colabctl.code.frozen import Code
from colabctl.code.places import Places
from colabctl.errors import UserError
from colabctl.ledger import Kind, Plan, TaskLine
from colabctl.notebook import parameters, reading
from colabctl.notebook.reading import Notebook
from colabctl.project.approvals import Approval, Approvals
from colabctl.project.config import HEARTBEATS, Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.search import Declaration, Expansion, expand, read
from colabctl.search.language.command import interpreter_of, refuse_code
from colabctl.search.language.command_words import hydra_notes
from colabctl.search.language.stopping_rules import Median
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.mounts import guard_for
from colabctl.sharedfs.names import check_name, safe_name
from colabctl.sweeps import check_links, every_sweep, namesakes, plan_of, whole_of
from colabctl.version import VERSION
from colabctl.written import LATE, existing, restore, write
from colabctl.yamlfile.problems import shown

# In seconds. A Drive mount takes few writes and shows them late.
_HEARTBEAT_AND_LEASE = {"coherent": (10.0, 60.0), "eventual": (60.0, 600.0)}
# Characters in JSON that YAML refuses, or reads as the end of a line.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Declared:
    """A declared sweep and its program; `new` if it was not declared before.

    Attributes:
        damage: a sentence for each task file that is not as declared.
    """

    layout: SweepLayout
    plan: Plan
    program: "Preview"
    notes: tuple[str, ...]
    new: bool
    damage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A sweep file, read and checked, with the options of the command line.

    Attributes:
        content: the bytes of sweep.yaml.

    """

    declaration: Declaration
    expansion: Expansion
    content: bytes

    def tasks(self, some: range | None = None) -> Iterator[TaskLine]:
        """Yield all tasks, in order, or `some` without gaps."""
        for task in self.expansion.tasks(some):
            yield TaskLine(task.index, task.cell, task.trial, task.params)

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
        text = json.dumps(declaration.content, indent=1, ensure_ascii=False)
        content = _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()
    return Draft(declaration, expansion, content)


def declare(
    draft: Draft,
    layout: Layout,
    config: Config,
    *,
    name: str,
    member: str,
    now: float,
    approvals: Approvals,
    file: Path | None = None,
    here: Path | None = None,
) -> Declared:
    """Write a sweep into the project, or return the same sweep if it is declared already.

    The program is looked up `here` (the user's current folder), next to the sweep `file` and above
    it, and in the project. This member's approval goes into `approvals`; `now` is in seconds since
    1970. Raises UserError, with nothing written or approved, if preview does, and if a sweep with
    this name differs in any way from what is declared here.
    """
    program = preview(draft, name, places_in(layout, file, here))
    plain, code = layout.sweep(name), program.code
    sweeps = namesakes(layout, name) or [
        each for each in every_sweep(layout) if each.name == plain.name
    ]
    sweep = sweeps[0] if sweeps else plain
    check_links(layout.root, sweep)
    plan = planned(draft, program, layout, config, name=plain.name, member=member, now=now)
    written = None
    if existing(sweep) is None:
        written = write(sweep, plan, draft.content, draft.tasks(), code)
    if written:
        notes = (*draft.notes, *program.how, *program.notes)
        declared = Declared(sweep, written, program, notes, new=True)
    else:
        declared = _declared_before(sweeps or [sweep], plan, draft, program)
    if declared.plan.program is None:
        return declared
    try:
        approvals.add(approval_of(declared.plan, code, draft.content, config, now))
    except OSError as error:
        note = (
            f"your approval cannot be saved in {approvals.folder} ({error.strerror}); set "
            f"COLABCTL_APPROVALS to a folder of your own, then run colabctl trust {name}"
        )
        return replace(declared, notes=(*declared.notes, note))
    return declared


def approval_of(plan: Plan, code: Code, declaration: bytes, config: Config, now: float) -> Approval:
    """Return the approval of a sweep at the time `now`, in seconds since 1970."""
    assert plan.program is not None, "there is nothing to approve"
    return Approval(
        digest=plan.run_digest,
        project=config.name,
        sweep=plan.sweep,
        program=plan.program,
        command=plan.command or (),
        approved_at=now,
        files=code.files,
        plan=plan.covered,
        declaration=declaration,
    )


def planned(
    draft: Draft,
    program: "Preview",
    layout: Layout,
    config: Config,
    *,
    name: str,
    member: str,
    now: float,
) -> Plan:
    """Return the plan of a draft whose code is frozen; `now` is in seconds since 1970."""
    declaration, expansion = draft.declaration, draft.expansion
    kind, result = program.kind, program.frozen
    guard = guard_for(layout.root, config.consistency)
    heartbeat, lease = _HEARTBEAT_AND_LEASE[guard.consistency]
    if config.heartbeat is not None:
        heartbeat = config.heartbeat
        lease = max(lease, HEARTBEATS * heartbeat)
    if config.lease is not None:
        lease = config.lease
        heartbeat = min(heartbeat, lease / HEARTBEATS)
    metric = declaration.metric
    runs_loop = kind == "loop" and result.program is not None
    return Plan(
        sweep=name,
        total=expansion.total,
        kind=kind,
        method=declaration.method,
        consistency=guard.consistency,
        heartbeat=heartbeat,
        lease=lease,
        declared_by=member,
        declared_at=now,
        title=_title(declaration),
        program=result.program,
        command=result.command,
        cwd=result.cwd,
        import_path=result.import_path,
        code_digest=result.code.digest,
        code_files=tuple(sorted(result.code.files)),
        code_origin="." if result.code.origin == layout.root.resolve() else None,
        metric=metric.name if metric else None,
        goal=metric.goal if metric else "minimize",
        max_retries=declaration.max_retries,
        task_timeout=declaration.task_timeout,
        claims=declaration.claims,
        target=metric.target if metric else None,
        sampler=declaration.sampler if declaration.method in ("bayes", "optuna") else None,
        seed=declaration.seed,
        early_terminate=_early_terminate(declaration),
        notify=notify.encode(declaration.notify),
        parameters=expansion.parameters,
        process_tasks=declaration.process_tasks,
        kernels=declaration.kernels if kind == "notebook" or runs_loop else None,
        keep_wandb=declaration.keep_wandb,
        made_with=VERSION,
        declaration_digest=hashlib.sha256(draft.content).hexdigest(),
        cells=tuple({"values": cell.values, "tasks": cell.tasks} for cell in expansion.cells),
    )


def _title(declaration: Declaration) -> str | None:
    """Return the `name:` of a file on one line if no folder can have it, else None."""
    name = declaration.name
    title = " ".join(name.split()) if name is not None else None
    return title if title and safe_name(title) != unicodedata.normalize("NFC", title) else None


def _early_terminate(declaration: Declaration) -> Mapping[str, Any] | None:
    """Return the rule for early stopping; the default for Optuna is that of Optuna itself."""
    rule = declaration.early_terminate
    if rule is None and declaration.method == "optuna":
        rule = Median()
    return rule.to_json() if rule else None


@dataclass(frozen=True)
class Preview:
    """The program of a draft: what is frozen, its kind, notes for the author, its notebook."""

    frozen: Frozen
    kind: Kind
    notes: tuple[str, ...] = ()
    notebook: Notebook | None = None

    @property
    def code(self) -> Code:
        """The frozen code."""
        return self.frozen.code

    @property
    def how(self) -> tuple[str, ...]:
        """A note on how a notebook is run."""
        if self.notebook is None:
            return ()
        name = self.notebook.name
        if self.kind == "loop":
            return (f"{name} loops over its tasks: each worker runs it once",)
        return (f"{name} has a parameters cell: it runs once for each task",)


def places_in(layout: Layout, file: Path | None, here: Path | None) -> Places:
    """Return where a sweep's program is looked up in a project."""
    if file is not None:
        check_inside(file.absolute(), layout.root)
    own = (layout.data, layout.results, layout.checkpoints, layout.sweeps, layout.records)
    never = tuple(layout.relative(folder) for folder in (*own, layout.worker_notebooks))
    return Places(layout.root, here or layout.root, file and file.absolute(), never)


def preview(draft: Draft, name: str, places: Places) -> Preview:
    """Check a sweep's name and program, and write nothing.

    Raises UserError for a name that is not allowed, a program that cannot be frozen or run, and a
    notebook that does not use the parameters; NoProgramError if the program is not found.
    """
    check_name(name, "sweep")
    declaration = draft.declaration
    keys = (declaration.program, declaration.command, declaration.code, declaration.cwd)
    asked = Asked(*keys, tuple(texts_in(declaration.content.get("parameters"))))
    result = freeze(asked, places, lambda file: interpreter_of(file) is not None)
    no_timeout = ("task_timeout has no effect in a loop: its tasks cannot be interrupted",)
    loop_notes = no_timeout if declaration.task_timeout else ()
    if result.program is None:
        return Preview(result, "loop", loop_notes)
    if ":" in result.program:
        return Preview(result, _kind_of_function(draft, result.program, result.code), result.notes)
    if result.program.endswith(".ipynb") and declaration.command is None:
        book = reading.read(result.code.files[result.program], result.program)
        names = sorted({name for cell in draft.expansion.cells for name in cell.space.every_name})
        notes = (*parameters.check(book, names, warm=not declaration.kernels.fresh), *result.notes)
        if book.kind == "loop":
            return Preview(result, "loop", (*notes, *loop_notes), book)
        return Preview(result, "notebook", notes, book)
    refuse_code(result.command or (), declaration.parameters.every_name)
    notes = (
        hydra_notes(declaration.command, declaration.parameters) if _uses_hydra(result.code) else ()
    )
    return Preview(result, "program", (*notes, *result.notes))


def _uses_hydra(code: frozen.Code) -> bool:
    """Return whether frozen Python code imports Hydra."""
    return any(
        path.endswith(".py") and re.search(rb"^\s*(?:import|from)\s+hydra\b", content, re.MULTILINE)
        for path, content in code.files.items()
    )


def _kind_of_function(draft: Draft, program: str, code: frozen.Code) -> Kind:
    """Check that tasks can call the function of `program`, and return its kind."""
    file = program.partition(":")[0]
    tree = frozen.parse(file, code.files[file])
    if draft.declaration.method == "optuna":
        signature.check_objective(program, tree)
        return "objective"
    uses_wandb = any(b"wandb" in source for source in code.files.values())
    signature.check_function(program, tree, draft.expansion.parameters, uses_wandb=uses_wandb)
    return "function"


def _declared_before(
    sweeps: list[SweepLayout], new: Plan, draft: Draft, program: Preview
) -> Declared:
    """Return the sweep that is the same, of those with this name; raise as `_same` of the first."""
    errors = []
    for sweep in sweeps:
        try:
            return _same(plan_of(sweep), new, draft, program, sweep)
        except UserError as error:
            errors.append(error)
    raise errors[0]


def _same(old: Plan, new: Plan, draft: Draft, program: Preview, sweep: SweepLayout) -> Declared:
    """Return the declared sweep if it is the same; else raise UserError with the differences."""
    if new.title and new.title != old.title and safe_name(new.title) == new.sweep:
        raise UserError(
            f"a different sweep, {shown(old.title or old.sweep)}, already has the name "
            f"{new.sweep}, which {shown(new.title)} would get too; choose another name "
            f"(--name {new.sweep}-2)"
        )
    whole = whole_of(sweep, old) if sweep.twins else sweep
    outcome = differences.find(
        whole,
        old,
        new=new,
        content=draft.content,
        declaration=draft.declaration,
        code=program.code,
        tasks=draft.tasks,
    )
    if outcome.lines:
        lines = "\n".join(f"  {line}" for line in outcome.lines)
        raise UserError(
            f"sweep {new.sweep} is already declared with different content, by {old.declared_by}; "
            f"look at it (colabctl trust {shlex.quote(new.sweep)}), or choose another name "
            f"(--name {shlex.quote(f'{new.sweep}-2')}). Differences:\n{lines}"
        )
    notes = (*draft.notes, *outcome.notes)
    if missing := outcome.missing:
        is_late = old.consistency == "eventual" and new.declared_at - old.declared_at < LATE
        if is_late:
            what = f"not here yet: {differences.listed(missing)}; others may still be writing"
        else:
            restore(whole, missing, plan=old, content=draft.content, tasks=draft.tasks,
                    code=program.code)  # fmt: skip
            what = f"restored what was missing: {differences.listed(missing)}"
        notes = (*notes, what)
    damage = tuple(differences.damage(whole, old, draft.tasks))
    return Declared(sweep, old, program, notes, new=False, damage=damage)
