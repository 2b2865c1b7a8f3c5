"""Declares a sweep: freezes its code, writes its task files, and finally its plan."""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from colabctl.code.frozen import Code
from colabctl.declare import differences
from colabctl.declare.planned import planned, stage_notes
from colabctl.declare.preview import Draft, Preview, places_in, preview
from colabctl.declare.written import LATE, existing, restore, write
from colabctl.declared_tasks import DeclaredTasks
from colabctl.errors import UserError
from colabctl.ledger import Plan, cell_key, contents, same_limits
from colabctl.project.approvals import Approval, Approvals
from colabctl.project.archive import write_record
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.search import additions
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import safe_name
from colabctl.sweeps import (
    check_links,
    every_sweep,
    folder_apart,
    namesakes,
    plan_of,
    whole_of,
)
from colabctl.yamlfile.problems import shown


@dataclass(frozen=True)
class Declared:
    """A declared sweep and its program; `new` if it was not declared before.

    Attributes:
        damage: a sentence for each task file that is not as declared.
        replaced: the names that the sweeps have now which had this name before.
        is_compared: whether all that was declared first has been compared, so that it is approved.
    """

    layout: SweepLayout
    plan: Plan
    program: Preview
    notes: tuple[str, ...]
    new: bool
    damage: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    is_compared: bool = True


class DifferentError(UserError):
    """A sweep with this name is declared already, with different content."""


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
    replace_old: Callable[[Sequence[SweepLayout]], None] | None = None,
) -> Declared:
    """Write a sweep into the project, or return the same sweep if it is declared already.

    With `replace_old`, a different sweep with this name is archived and gives its name to this one.
    It is called with all such sweeps before anything is written, and may raise an error.

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
    for each in sweeps or [sweep]:
        check_links(layout.root, each)
    plan = planned(draft, program, layout, config, name=plain.name, member=member, now=now)
    written = None
    if existing(sweep) is None:
        written = write(sweep, plan, draft.content, draft.tasks(), code)
    if written:
        notes = (*draft.notes, *program.how, *program.notes, *stage_notes(plan))
        declared = Declared(sweep, written, program, notes, new=True)
    elif replace_old is None:
        declared = _declared_before(sweeps or [sweep], plan, draft, program)
    else:
        old = sweeps or [sweep]
        declared = _declared_anew(
            layout, old, plan, draft=draft, program=program, replace_old=replace_old
        )
        declared = _replacing(declared, layout, member, now)
    if declared.plan.program is None or not declared.is_compared:
        return declared
    plan = declared.plan.declared or declared.plan
    try:
        approvals.add(approval_of(plan, code, draft.content, config, now))
    except OSError as error:
        note = (
            f"your approval cannot be saved in {approvals.folder} ({error.strerror}); set "
            f"COLABCTL_APPROVALS to a folder of your own, then run colabctl trust {name}"
        )
        return replace(declared, notes=(*declared.notes, note))
    return declared


def _declared_anew(
    layout: Layout,
    old: Sequence[SweepLayout],
    plan: Plan,
    *,
    draft: Draft,
    program: Preview,
    replace_old: Callable[[Sequence[SweepLayout]], None],
) -> Declared:
    """Return the same sweep of the `old` ones with a name, or declare it in a folder of its own."""
    try:
        same = _declared_before(old, plan, draft, program)
    except DifferentError:
        same = None
    check_inside(layout.archive, layout.root)
    if same is None:  # before the old ones are stopped
        digests = (hashlib.sha256(each).hexdigest() for each in contents(plan, draft.tasks()))
        sweep = folder_apart(layout, replace(plan, task_digests=tuple(digests)))
    replaced = [each for each in old if not each.replaced and (same is None or each != same.layout)]
    if replaced:
        replace_old(replaced)
    if same is not None:
        return same
    written = write(sweep, plan, draft.content, draft.tasks(), program.code)
    if written is None:
        return _declared_before([sweep], plan, draft, program)
    notes = (*draft.notes, *program.how, *program.notes, *stage_notes(plan))
    return Declared(sweep, written, program, notes, new=True)


def _replacing(declared: Declared, layout: Layout, member: str, now: float) -> Declared:
    """Record that a sweep has its name, and that all others have given it away."""
    name = declared.plan.declared_as or declared.plan.sweep
    own, old = declared.plan.run_digest, []
    for each in namesakes(layout, name):
        digest = plan_of(each).run_digest
        if digest == own and (each.replaced or each.archived_at is not None):
            write_record(
                layout, name, digest, member=member, now=now, archived=False, replaced_by=""
            )
        elif digest != own and not each.replaced:
            old.append(digest)
            write_record(
                layout, name, digest, member=member, now=now, archived=True, replaced_by=own
            )
    after = {plan_of(each).run_digest: each for each in namesakes(layout, name)}
    return replace(
        declared,
        layout=after.get(own, declared.layout),
        replaced=tuple(after[digest].name for digest in old),
    )


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


def _declared_before(
    sweeps: Sequence[SweepLayout], new: Plan, draft: Draft, program: Preview
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
    if old.declared is not None and _is_extended(whole, old, new, draft):
        return Declared(sweep, old, program, draft.notes, new=False, is_compared=False)
    outcome = differences.find(
        whole,
        old.declared or old,
        new=new,
        content=draft.content,
        declaration=draft.declaration,
        code=program.code,
        tasks=draft.tasks,
    )
    if outcome.lines:
        lines = "\n".join(f"  {line}" for line in outcome.lines)
        add = "add what is new to it (--extend), " if _only_adds(whole, old, new, draft) else ""
        raise DifferentError(
            f"sweep {new.sweep} is already declared with different content, by {old.declared_by}; "
            f"look at it (colabctl trust {shlex.quote(new.sweep)}), {add}choose another name "
            f"(--name {shlex.quote(f'{new.sweep}-2')}), or replace it (--replace). Differences:\n"
            f"{lines}"
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


def _only_adds(sweep: SweepLayout, plan: Plan, new: Plan, draft: Draft) -> bool:
    """Whether a changed sweep file changes nothing but what an extension can add or change."""
    try:
        content = DeclaredTasks(sweep, plan).declaration().content
        extra = additions(content, draft.declaration.content, draft.declaration.source)
    except (UserError, OSError):
        return False
    total, declared = draft.expansion.total, (plan.declared or plan).total
    more = bool(extra) or not same_limits(plan, new)
    return total > declared or (total == declared and more)


def _is_extended(sweep: SweepLayout, plan: Plan, new: Plan, draft: Draft) -> bool:
    """Whether a sweep file has what a sweep has with its extensions, or a part of that."""
    try:
        content = DeclaredTasks(sweep, plan).declaration().content
        extra = additions(content, draft.declaration.content, draft.declaration.source)
    except (UserError, OSError):
        return False
    tasks = {cell_key(cell["values"]): cell["tasks"] for cell in plan.cells}
    has_all = all(
        cell.tasks <= tasks.get(cell_key(cell.values), 0) for cell in draft.expansion.cells
    )
    is_same = new.code_digest == plan.code_digest and same_limits(plan, new)
    return has_all and not extra and is_same
