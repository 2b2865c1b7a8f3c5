"""Writes the files of a sweep that is declared: sweep.yaml first, its plan last; restores some."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from colabctl.code import frozen
from colabctl.code.frozen import Code
from colabctl.errors import UserError
from colabctl.ledger import Plan, TaskLine, read_plan, write_tasks
from colabctl.project.layout import SweepLayout
from colabctl.sharedfs.files import holds_part, write_new, write_whole
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.rights import make_folder

LATE = 3600.0
"""Seconds after which what is missing on an eventual folder counts as gone, not as late."""

_CHECKS, _BETWEEN_CHECKS = 50, 0.02  # of a plan that is being written; seconds


def write(
    sweep: SweepLayout, plan: Plan, content: bytes, tasks: Iterator[TaskLine], code: Code
) -> Plan | None:
    """Write a sweep and return its plan; None if someone else has just declared one.

    `content` is that of sweep.yaml, and `plan` has no digests of task files yet. Raises UserError
    if another declaration is in the folder, or may be on its way there.
    """
    _write_declaration(sweep, content, plan)
    for folder in (sweep.code, sweep.tasks, sweep.journal, sweep.runs):
        make_folder(folder)
    names = tuple(code.files)
    if frozen.files_in(sweep.code, names) != code.files:
        frozen.write(code, sweep.code)
    frozen.fetch(sweep.code, code.digest, names=names)
    plan = replace(plan, task_digests=write_tasks(sweep.task_file, plan, tasks))
    try:
        write_new(sweep.plan, plan.encode())  # from here on, the sweep is declared
    except FileExistsError:
        existing(sweep)  # wait until it is whole
        return None
    return plan


def _write_declaration(sweep: SweepLayout, content: bytes, plan: Plan) -> None:
    """Write sweep.yaml, or complete it if the same declaration was interrupted.

    Raises UserError if there is another one without a plan, which someone may be declaring, and on
    an eventual folder, if this one may be arriving from another machine.
    """
    if plan.consistency == "eventual" and sweep.root.exists() and not sweep.declaration.exists():
        raise UserError(
            f"{sweep.root} has no sweep.yaml: another machine may be declaring this sweep, and its "
            "files are on their way; wait some minutes, and try again. If it stays so, choose "
            f"another name (--name {shlex.quote(f'{sweep.name}-2')}), and leave that folder"
        )
    make_folder(sweep.root, parents=True)
    try:
        write_new(sweep.declaration, content)
    except FileExistsError:
        if not holds_part(sweep.declaration, content):
            raise UserError(
                f"{sweep.root} holds the unfinished declaration of another sweep; choose another "
                f"name (--name {shlex.quote(f'{sweep.name}-2')}), and leave that folder"
            ) from None
        write_whole(sweep.declaration, content)


def restore(
    sweep: SweepLayout,
    names: Sequence[str],
    *,
    plan: Plan,
    content: bytes,
    tasks: Callable[[range], Iterator[TaskLine]],
    code: Code,
) -> None:
    """Write files of a sweep that are missing, and leave alone those that are not.

    `names` are as in `differences.Differences`; `content` is that of sweep.yaml. They must be what
    the digests in the plan say. Raises UserError for a link in the folder that leads out of it.
    """
    for name in names:
        path = sweep.root / name
        if path == sweep.declaration:
            data = content
        elif path.is_relative_to(sweep.code):
            data = code.files[path.relative_to(sweep.code).as_posix()]
        else:
            data = b"".join(task.encode() for task in tasks(plan.tasks_in(int(path.stem))))
        check_inside(path.parent, sweep.root)
        make_folder(path.parent, parents=True)
        with suppress(FileExistsError):  # it has just arrived
            write_new(path, data)


def existing(sweep: SweepLayout) -> Plan | None:
    """Return the plan in a folder, None if it has none; one that is being written is waited for."""
    try:
        for _ in range(_CHECKS):
            if sweep.plan.stat().st_size:  # otherwise someone is writing it
                break
            time.sleep(_BETWEEN_CHECKS)
        return read_plan(sweep.plan)
    except FileNotFoundError:
        return None
